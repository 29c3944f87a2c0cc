/* SPDX-License-Identifier: MIT */
/*
 * `smew check CHART…`: loads each chart as `smew run` would, and runs nothing.
 *
 * Names that the command has no C code for are notes: the program that the chart is meant for may
 * well have them.  All charts are looked at, also after one that is not valid.
 */
#include <smew/chart.h>

#include "cli/command.h"

static void add_note(const char *sentence, void *user)
{
    json_array_append_new(user, json_string(sentence));
}

static json_t *chart_json(const char *path, const struct smew_chart *chart, json_t *notes)
{
    struct smew_chart_info info = smew_chart_info(chart);

    return json_pack("{s:s, s:b, s:s, s:I, s:I, s:I, s:O}", "file", path, "valid", 1, "id",
                     smew_chart_id(chart), "states", (json_int_t)info.states, "transitions",
                     (json_int_t)info.transitions, "events", (json_int_t)info.events, "notes",
                     notes);
}

static const char *plural(json_int_t count)
{
    return count == 1 ? "" : "s";
}

static void print_valid(const struct smew__output *output, const char *path, const json_t *row)
{
    json_int_t states = json_integer_value(json_object_get(row, "states"));
    json_int_t transitions = json_integer_value(json_object_get(row, "transitions"));
    json_int_t events = json_integer_value(json_object_get(row, "events"));
    char clean[SMEW_ERROR_TEXT_SIZE];
    size_t index;
    json_t *note;

    smew__output_clean(clean, sizeof(clean), json_string_value(json_object_get(row, "id")));
    fprintf(output->stream, "%s: %sok%s: \"%s\", %lld state%s, %lld transition%s, %lld event%s\n",
            path, smew__paint(output, SMEW__GREEN), smew__paint(output, SMEW__PLAIN), clean,
            (long long)states, plural(states), (long long)transitions, plural(transitions),
            (long long)events, plural(events));
    json_array_foreach(json_object_get(row, "notes"), index, note)
    {
        smew__output_clean(clean, sizeof(clean), json_string_value(note));
        fprintf(output->stream, "%snote:%s %s\n", smew__paint(output, SMEW__YELLOW),
                smew__paint(output, SMEW__PLAIN), clean);
    }
}

/* Adds the chart's row; false when it is not valid. */
static bool check_chart(const struct smew__command *command, const char *path, json_t *rows)
{
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    json_t *notes = json_array(), *row;
    struct smew_chart *chart;
    struct smew_error error;
    bool valid;

    behavior.ignore_missing = true;
    behavior.on_missing = add_note;
    behavior.user = notes;
    valid = smew_chart_load_file(path, &behavior, &chart, &error) == SMEW_OK;
    if (valid) {
        row = chart_json(path, chart, notes);
        if (command->output.format == SMEW__FORMAT_TABLE)
            print_valid(&command->output, path, row);
        smew_chart_unref(chart);
    } else {
        row = json_pack("{s:s, s:b, s:s}", "file", path, "valid", 0, "error", error.text);
        smew__complain(command, SMEW__EXIT_CHART, "%s", error.text);
    }
    json_array_append_new(rows, row);
    json_decref(notes);
    return valid;
}

enum smew__exit smew__verb_check(struct smew__command *command)
{
    enum smew__exit code = SMEW__EXIT_OK;
    json_t *rows = json_array(), *row;
    size_t index;

    for (size_t i = 0; i < command->arguments.count; i++)
        if (!check_chart(command, command->arguments.positional[i], rows))
            code = SMEW__EXIT_CHART;
    if (command->output.format == SMEW__FORMAT_JSON)
        smew__output_json(&command->output, rows);
    json_array_foreach(rows, index, row)
    {
        if (command->output.format == SMEW__FORMAT_JSONL)
            smew__output_line(&command->output, row);
    }
    json_decref(rows);
    return code;
}
