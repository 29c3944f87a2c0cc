/* SPDX-License-Identifier: MIT */
/*
 * `smew help`: the verb table in words, and two topics.  With `-o json` it is the table itself,
 * which man pages and completions are made from.
 */
#include <string.h>

#include "base/suggest.h"
#include "cli/command.h"

struct topic {
    const char *name;
    void (*print)(const struct smew__command *command);
};

static void print_exit_codes(const struct smew__command *command)
{
    const struct smew__exit_row *row;
    json_t *rows = json_array();
    static const struct smew__column columns[] = {
        {"code", "CODE", SMEW__CELL_COUNT},
        {"meaning", "MEANING", SMEW__CELL_TEXT},
    };

    for (unsigned i = 0; (row = smew__exit_row(i)) != NULL; i++)
        json_array_append_new(rows,
                              json_pack("{s:i, s:s}", "code", row->code, "meaning", row->text));
    smew__output_table(&command->output, rows, columns, 2, "");
    smew__output_json(&command->output, rows);
    json_decref(rows);
}

static void print_environment(const struct smew__command *command)
{
    static const char *const names[][2] = {
        {"SMEW_BUS", "the bus where --bus is not given; else shm://smew"},
        {"SMEW_RUNTIME_DIR", "the directory of all buses; else $XDG_RUNTIME_DIR/smew, else "
                             "/run/smew for root"},
        {"NO_COLOR", "no colours, also on a terminal"},
    };
    static const struct smew__column columns[] = {
        {"name", "VARIABLE", SMEW__CELL_TEXT},
        {"meaning", "MEANING", SMEW__CELL_TEXT},
    };
    json_t *rows = json_array();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        json_array_append_new(rows,
                              json_pack("{s:s, s:s}", "name", names[i][0], "meaning", names[i][1]));
    smew__output_table(&command->output, rows, columns, 2, "");
    smew__output_json(&command->output, rows);
    json_decref(rows);
}

static const struct topic topics[] = {
    {"exit-codes", print_exit_codes},
    {"environment", print_environment},
};
enum { TOPICS = sizeof(topics) / sizeof(topics[0]) };

static void print_options(FILE *stream, const struct smew__option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        const char *value = options->value != NULL ? options->value : "";
        bool bare = options->kind == SMEW__OPTION_NUMBER_OR_BARE;
        char left[64];

        snprintf(left, sizeof(left), "%s%s%s%s", options->name,
                 bare     ? "[="
                 : *value ? " "
                          : "",
                 value, bare ? "]" : "");
        if (options->letter != '\0')
            fprintf(stream, "  -%c, --%-28s %s\n", options->letter, left, options->summary);
        else
            fprintf(stream, "      --%-28s %s\n", left, options->summary);
    }
}

static void print_overview(const struct smew__command *command)
{
    FILE *stream = command->output.stream;
    const struct smew__verb *verb;

    fprintf(stream, "smew: machines of statecharts, events between them, on one bus\n\n"
                    "usage: smew VERB …\n\n");
    for (size_t i = 0; (verb = smew__verb_at(i)) != NULL; i++)
        fprintf(stream, "  %s%-8s%s %s\n", smew__paint(&command->output, SMEW__BOLD), verb->name,
                smew__paint(&command->output, SMEW__PLAIN), verb->summary);
    fprintf(stream, "\noptions of every verb:\n");
    print_options(stream, smew__common_options);
    fprintf(stream, "\n`smew help VERB` explains a verb; topics:");
    for (size_t i = 0; i < TOPICS; i++)
        fprintf(stream, " %s", topics[i].name);
    fputc('\n', stream);
}

static void print_verb(const struct smew__command *command, const struct smew__verb *verb)
{
    FILE *stream = command->output.stream;

    fprintf(stream, "smew %s: %s\n\nusage: smew %s%s%s\n", verb->name, verb->summary, verb->name,
            *verb->usage ? " " : "", verb->usage);
    if (verb->details != NULL)
        fprintf(stream, "\n%s", verb->details);
    fputs("\noptions:\n", stream);
    print_options(stream, verb->options);
    print_options(stream, smew__common_options);
}

static json_t *options_json(const struct smew__option *options)
{
    json_t *rows = json_array();

    for (; options != NULL && options->name != NULL; options++) {
        char letter[2] = {options->letter, '\0'};
        json_t *row = json_pack("{s:s, s:s*, s:s*, s:s}", "name", options->name, "letter",
                                letter[0] != '\0' ? letter : NULL, "value", options->value,
                                "summary", options->summary);

        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *verb_json(const struct smew__verb *verb)
{
    return json_pack("{s:s, s:s, s:s, s:s*, s:o}", "name", verb->name, "summary", verb->summary,
                     "usage", verb->usage, "details", verb->details, "options",
                     options_json(verb->options));
}

static void print_all_json(const struct smew__command *command)
{
    json_t *verbs = json_array(), *document;
    const struct smew__verb *verb;

    for (size_t i = 0; (verb = smew__verb_at(i)) != NULL; i++)
        json_array_append_new(verbs, verb_json(verb));
    document =
        json_pack("{s:o, s:o}", "verbs", verbs, "options", options_json(smew__common_options));
    smew__output_json(&command->output, document);
    json_decref(document);
}

static enum smew__exit refuse_topic(const struct smew__command *command, const char *name)
{
    char text[SMEW__SUGGEST_MAX + 32];
    struct smew__suggestion nearest;
    const struct smew__verb *verb;

    smew__suggest_init(&nearest, name);
    for (size_t i = 0; (verb = smew__verb_at(i)) != NULL; i++)
        smew__suggest_offer(&nearest, verb->name);
    for (size_t i = 0; i < TOPICS; i++)
        smew__suggest_offer(&nearest, topics[i].name);
    return smew__complain(command, SMEW__EXIT_USAGE, "there is no help on \"%s\"%s", name,
                          smew__suggest_text(&nearest, text));
}

static void explain_verb(const struct smew__command *command, const struct smew__verb *verb)
{
    json_t *document;

    if (command->output.format == SMEW__FORMAT_TABLE) {
        print_verb(command, verb);
        return;
    }
    document = verb_json(verb);
    smew__output_json(&command->output, document);
    json_decref(document);
}

enum smew__exit smew__verb_help(struct smew__command *command)
{
    const struct smew__verb *verb = command->verb;
    const char *name;

    if (!command->help && command->arguments.count == 0) {
        if (command->output.format == SMEW__FORMAT_TABLE)
            print_overview(command);
        else
            print_all_json(command);
        return SMEW__EXIT_OK;
    }
    name = command->help ? verb->name : command->arguments.positional[0];
    for (size_t i = 0; i < TOPICS; i++)
        if (strcmp(topics[i].name, name) == 0) {
            topics[i].print(command);
            return SMEW__EXIT_OK;
        }
    verb = smew__verb_find(name);
    if (verb == NULL)
        return refuse_topic(command, name);
    explain_verb(command, verb);
    return SMEW__EXIT_OK;
}
