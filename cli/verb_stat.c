/* SPDX-License-Identifier: MIT */
/*
 * `smew stat`: every node's counters, which the bus itself answers, and its orchestrator's.  The
 * tables show those to look at first; JSON has all.  A node that does not answer in time is
 * listed without numbers.
 */
#include "cli/command.h"
#include "cli/survey.h"

enum { TIMEOUT_DEFAULT_MS = 1000 };

static void print_tables(const struct smew__command *command, const json_t *rows)
{
    static const struct smew__column bus_columns[] = {
        {"address", "NODE", SMEW__CELL_TEXT},
        {"name", "NAME", SMEW__CELL_TEXT},
        {"uptime_ms", "UP", SMEW__CELL_MS},
        {"sent", "SENT", SMEW__CELL_COUNT},
        {"delivered", "DELIVERED", SMEW__CELL_COUNT},
        {"in_flight", "IN FLIGHT", SMEW__CELL_COUNT},
        {"redelivered", "RE-SENT", SMEW__CELL_COUNT},
        {"duplicates", "DUPLICATES", SMEW__CELL_COUNT},
        {"refused", "REFUSED", SMEW__CELL_COUNT},
        {"dead_letters", "DEAD", SMEW__CELL_COUNT},
        {"publish_missed", "MISSED", SMEW__CELL_COUNT},
        {"bad_frames", "BAD", SMEW__CELL_COUNT},
        {"bytes_sent", "BYTES OUT", SMEW__CELL_BYTES},
        {"bytes_received", "BYTES IN", SMEW__CELL_BYTES},
    };
    char empty[320];

    snprintf(empty, sizeof(empty), "no nodes on %s; `smew run CHART` starts one", command->bus_url);
    smew__output_table(&command->output, rows, bus_columns,
                       sizeof(bus_columns) / sizeof(bus_columns[0]), empty);
}

/* Those that have an orchestrator. */
static void print_orchestrators(const struct smew__command *command, const json_t *rows)
{
    static const struct smew__column columns[] = {
        {"address", "NODE", SMEW__CELL_TEXT},
        {"machines", "MACHINES", SMEW__CELL_COUNT},
        {"events", "EVENTS", SMEW__CELL_COUNT},
        {"transitions", "TRANSITIONS", SMEW__CELL_COUNT},
        {"unhandled", "UNHANDLED", SMEW__CELL_COUNT},
        {"started", "STARTED", SMEW__CELL_COUNT},
        {"failed", "FAILED", SMEW__CELL_COUNT},
    };
    json_t *orchestrators = json_array();
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row)
    {
        json_t *counters = json_object_get(row, "orchestrator");

        if (!json_is_object(counters))
            continue;
        counters = json_copy(counters);
        json_object_set(counters, "address", json_object_get(row, "address"));
        json_array_append_new(orchestrators, counters);
    }
    if (json_array_size(orchestrators) > 0) {
        fputc('\n', command->output.stream);
        smew__output_table(&command->output, orchestrators, columns,
                           sizeof(columns) / sizeof(columns[0]), "");
    }
    json_decref(orchestrators);
}

/* The directory's word on a node with the node's own counters beside it. */
static json_t *join_row(const struct smew__survey *survey, const json_t *node)
{
    const char *address = json_string_value(json_object_get(node, "address"));
    const json_t *counters = smew__survey_answer(survey, "smew.stat", address);
    const json_t *machines = smew__survey_answer(survey, "smew.orchestrator", address);
    const json_t *nested = json_object_get(machines, "orchestrator");
    json_t *row = json_copy((json_t *)node);

    if (counters != NULL)
        json_object_update_missing(row, (json_t *)counters);
    if (machines != NULL)
        json_object_set(row, "orchestrator", (json_t *)(nested != NULL ? nested : machines));
    return row;
}

static void print(const struct smew__command *command, const struct smew__survey *survey)
{
    json_t *rows = json_array(), *node, *document;
    size_t index;

    json_array_foreach(survey->nodes, index, node)
    {
        json_t *row = join_row(survey, node);

        json_array_append_new(rows, row);
        if (command->output.format == SMEW__FORMAT_JSONL)
            smew__output_line(&command->output, row);
    }
    if (command->output.format == SMEW__FORMAT_TABLE) {
        print_tables(command, rows);
        print_orchestrators(command, rows);
    } else if (command->output.format == SMEW__FORMAT_JSON) {
        document = json_pack("{s:s, s:O}", "bus", command->bus_url, "nodes", rows);
        smew__output_json(&command->output, document);
        json_decref(document);
    }
    json_decref(rows);
}

enum smew__exit smew__verb_stat(struct smew__command *command)
{
    uint32_t timeout_ms =
        (uint32_t)smew__option_number(&command->arguments, "timeout", TIMEOUT_DEFAULT_MS);
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew__survey survey;
    enum smew_status status;
    struct smew_bus *bus;
    enum smew__exit code = smew__join(command, &options, &bus);

    if (code != SMEW__EXIT_OK)
        return code;
    status = smew__survey_begin(&survey, bus);
    if (status == SMEW_OK)
        status = smew__survey_ask(&survey, "smew.stat", NULL, timeout_ms);
    if (status == SMEW_OK)
        status = smew__survey_ask(&survey, "smew.orchestrator", NULL, timeout_ms);
    smew__survey_wait(&survey);
    if (status == SMEW_OK)
        print(command, &survey);
    else
        code = smew__complain(command, SMEW__EXIT_FAILED, "cannot look at %s: %s", command->bus_url,
                              smew_status_text(status));
    smew_bus_close(bus, 0, NULL);
    smew__survey_end(&survey);
    return code;
}
