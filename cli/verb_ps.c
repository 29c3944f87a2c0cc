/* SPDX-License-Identifier: MIT */
/*
 * `smew ps`: who is on the bus, and which machines run there.
 *
 * Happy path: nodes from the directory, then every living node is asked for its counters and its
 * machines; claims of programs that host ids without an orchestrator come from the directory.
 * Bounded: at most --limit machines of each node, with the number that was left out.  Failure
 * modes: a node that does not answer is listed with what the directory knows.  This command's own
 * node is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/command.h"
#include "cli/survey.h"

enum { LIMIT_DEFAULT = 100, TIMEOUT_DEFAULT_MS = 1000 };

struct listing {
    const struct smew__survey *survey;
    json_t *machines;
    json_t *known; /* ids and patterns that have a row: a set */
    json_int_t limit;
    json_int_t claims; /* rows that came from the directory alone */
    json_int_t more;   /* machines without a row */
};

static const char *health(const json_t *node)
{
    if (!json_is_true(json_object_get(node, "alive")))
        return "dead";
    return json_is_true(json_object_get(node, "suspect")) ? "suspect" : "alive";
}

static void complete_node(const struct smew__survey *survey, json_t *node)
{
    const char *address = json_string_value(json_object_get(node, "address"));
    const json_t *stat = smew__survey_answer(survey, "smew.stat", address);

    json_object_set_new(node, "state", json_string(health(node)));
    json_object_set(node, "connections", json_object_get(stat, "connections"));
}

static void add_machine(struct listing *listing, json_t *machine, const char *host)
{
    const char *id = json_string_value(json_object_get(machine, "id"));

    if (!json_is_object(machine) || id == NULL)
        return;
    json_object_set_new(machine, "host", json_string(host));
    json_object_set_new(listing->known, id, json_true());
    json_array_append(listing->machines, machine);
}

static void add_pattern(struct listing *listing, const char *pattern, const char *host)
{
    json_object_set_new(listing->known, pattern, json_true());
    json_array_append_new(listing->machines,
                          json_pack("{s:s, s:b, s:s}", "id", pattern, "pattern", 1, "host", host));
}

/* What an orchestrator told of its machines. */
static void add_answer(struct listing *listing, const char *address)
{
    const json_t *answer = smew__survey_answer(listing->survey, "smew.machines", address);
    size_t index;
    json_t *value;

    json_array_foreach(json_object_get(answer, "patterns"), index, value)
    {
        if (json_is_string(value))
            add_pattern(listing, json_string_value(value), address);
    }
    json_array_foreach(json_object_get(answer, "machines"), index, value)
    {
        add_machine(listing, value, address);
    }
    listing->more += json_integer_value(json_object_get(answer, "more"));
}

/* Claims of programs that answered nothing; an orchestrator's own are known or counted already. */
static bool add_claim(const char *id, const char *node_address, void *user)
{
    struct listing *listing = user;
    bool pattern = id[0] != '\0' && id[strlen(id) - 1] == '*';

    if (json_object_get(listing->known, id) != NULL ||
        smew__survey_answer(listing->survey, "smew.machines", node_address) != NULL)
        return true;
    if (listing->claims >= listing->limit) {
        listing->more++;
        return true;
    }
    listing->claims++;
    json_array_append_new(listing->machines, json_pack("{s:s, s:b, s:s}", "id", id, "pattern",
                                                       (int)pattern, "host", node_address));
    return true;
}

static void print_tables(const struct smew__command *command, const struct listing *listing)
{
    static const struct smew__column node_columns[] = {
        {"address", "NODE", SMEW__CELL_TEXT},
        {"name", "NAME", SMEW__CELL_TEXT},
        {"pid", "PID", SMEW__CELL_COUNT},
        {"state", "HEALTH", SMEW__CELL_TEXT},
        {"silent_ms", "HEARTBEAT", SMEW__CELL_MS},
        {"up_ms", "UP", SMEW__CELL_MS},
        {"connections", "CONNECTIONS", SMEW__CELL_COUNT},
    };
    static const struct smew__column machine_columns[] = {
        {"id", "MACHINE", SMEW__CELL_TEXT},  {"chart", "CHART", SMEW__CELL_TEXT},
        {"state", "STATE", SMEW__CELL_TEXT}, {"events", "EVENTS", SMEW__CELL_COUNT},
        {"host", "NODE", SMEW__CELL_TEXT},
    };
    char empty[320];

    snprintf(empty, sizeof(empty), "no nodes on %s; `smew run CHART` starts one", command->bus_url);
    smew__output_table(&command->output, listing->survey->nodes, node_columns,
                       sizeof(node_columns) / sizeof(node_columns[0]), empty);
    if (json_array_size(listing->survey->nodes) == 0)
        return;
    fputc('\n', command->output.stream);
    smew__output_table(&command->output, listing->machines, machine_columns,
                       sizeof(machine_columns) / sizeof(machine_columns[0]), "no machines");
    if (listing->more > 0)
        fprintf(command->output.stream, "… and %lld more; --limit N lists more of them\n",
                (long long)listing->more);
}

/* Rows that tell what they are. */
static void print_lines(const struct smew__output *output, json_t *rows, const char *type)
{
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row)
    {
        json_object_set_new(row, "type", json_string(type));
        smew__output_line(output, row);
    }
}

static void print(const struct smew__command *command, const struct listing *listing)
{
    const struct smew__output *output = &command->output;
    json_t *document;

    if (output->format == SMEW__FORMAT_TABLE) {
        print_tables(command, listing);
    } else if (output->format == SMEW__FORMAT_JSONL) {
        print_lines(output, listing->survey->nodes, "node");
        print_lines(output, listing->machines, "machine");
    } else {
        document =
            json_pack("{s:s, s:O, s:O, s:I}", "bus", command->bus_url, "nodes",
                      listing->survey->nodes, "machines", listing->machines, "more", listing->more);
        smew__output_json(output, document);
        json_decref(document);
    }
}

static enum smew_status gather(struct smew__survey *survey, struct smew_bus *bus, json_int_t limit,
                               uint32_t timeout_ms)
{
    json_t *bounds = json_pack("{s:I}", "limit", limit);
    enum smew_status status = smew__survey_begin(survey, bus);

    if (status == SMEW_OK)
        status = smew__survey_ask(survey, "smew.stat", NULL, timeout_ms);
    if (status == SMEW_OK)
        status = smew__survey_ask(survey, "smew.machines", bounds, timeout_ms);
    json_decref(bounds);
    smew__survey_wait(survey);
    return status;
}

static int compare_ids(const void *left, const void *right)
{
    const json_t *const *rows[] = {left, right};

    return strcmp(json_string_value(json_object_get(*rows[0], "id")),
                  json_string_value(json_object_get(*rows[1], "id")));
}

/* By id, as people look for them; without memory they stay as they came. */
static void sort_machines(struct listing *listing)
{
    size_t count = json_array_size(listing->machines), index;
    json_t **rows = count > 0 ? smew__calloc(count, sizeof(json_t *)) : NULL;
    json_t *row;

    if (rows == NULL)
        return;
    json_array_foreach(listing->machines, index, row)
    {
        rows[index] = json_incref(row);
    }
    qsort(rows, count, sizeof(json_t *), compare_ids);
    json_array_clear(listing->machines);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(listing->machines, rows[i]);
    smew__free(rows);
}

static enum smew_status list(struct listing *listing, struct smew_bus *bus)
{
    size_t index;
    json_t *node;

    json_array_foreach(listing->survey->nodes, index, node)
    {
        complete_node(listing->survey, node);
        add_answer(listing, json_string_value(json_object_get(node, "address")));
    }
    return smew_bus_each_claim(bus, add_claim, listing);
}

enum smew__exit smew__verb_ps(struct smew__command *command)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew__survey survey;
    struct listing listing = {.survey = &survey};
    enum smew_status status;
    struct smew_bus *bus;
    enum smew__exit code = smew__join(command, &options, &bus);

    if (code != SMEW__EXIT_OK)
        return code;
    listing.machines = json_array();
    listing.known = json_object();
    listing.limit = (json_int_t)smew__option_number(&command->arguments, "limit", LIMIT_DEFAULT);
    status =
        gather(&survey, bus, listing.limit,
               (uint32_t)smew__option_number(&command->arguments, "timeout", TIMEOUT_DEFAULT_MS));
    if (status == SMEW_OK)
        status = list(&listing, bus);
    sort_machines(&listing);
    if (status == SMEW_OK)
        print(command, &listing);
    else
        code = smew__complain(command, SMEW__EXIT_FAILED, "cannot list %s: %s", command->bus_url,
                              smew_status_text(status));
    smew_bus_close(bus, 0, NULL);
    smew__survey_end(&survey);
    json_decref(listing.machines);
    json_decref(listing.known);
    return code;
}
