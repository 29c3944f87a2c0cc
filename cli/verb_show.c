/* SPDX-License-Identifier: MIT */
/*
 * `smew show ID`: one machine as its host sees it, by the reserved request smew.inspect.  Failure
 * modes: no such machine, no answer, a program that hosts the id and is no orchestrator.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/claims.h"
#include "cli/command.h"

enum { TIMEOUT_DEFAULT_MS = 5000 };

static void print_line(const struct smew__output *output, const char *name, const char *text)
{
    char clean[4 * SMEW__CELL_SIZE];

    smew__output_clean(clean, sizeof(clean), text);
    fprintf(output->stream, "%s%-12s%s %s\n", smew__paint(output, SMEW__DIM), name,
            smew__paint(output, SMEW__PLAIN), clean);
}

static void print_document(const struct smew__output *output, const char *name, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    if (text != NULL)
        print_line(output, name, text);
    free(text);
}

static void print_names(const struct smew__output *output, const char *name, const json_t *array)
{
    char text[4 * SMEW__CELL_SIZE] = "";
    size_t index, length = 0;
    json_t *value;

    json_array_foreach(array, index, value)
    {
        const char *event = json_string_value(value);

        if (event == NULL || length + strlen(event) + 3 > sizeof(text))
            continue;
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
                                   length > 0 ? ", " : "", event);
    }
    print_line(output, name, *text != '\0' ? text : "–");
}

static void print_counters(const struct smew__output *output, const json_t *machine)
{
    char text[160];

    snprintf(text, sizeof(text), "%lld events, %lld transitions, %lld unhandled",
             (long long)json_integer_value(json_object_get(machine, "events")),
             (long long)json_integer_value(json_object_get(machine, "transitions")),
             (long long)json_integer_value(json_object_get(machine, "unhandled")));
    print_line(output, "counted", text);
    snprintf(text, sizeof(text), "%.1f s",
             (double)json_integer_value(json_object_get(machine, "since_ms")) / 1e3);
    print_line(output, "runs for", text);
}

static void print_machine(const struct smew__output *output, const json_t *machine)
{
    const char *chart = json_string_value(json_object_get(machine, "chart"));
    const char *state = json_string_value(json_object_get(machine, "state"));
    const char *id = json_string_value(json_object_get(machine, "id"));

    print_line(output, "machine", id != NULL ? id : "–");
    print_line(output, "chart", chart != NULL ? chart : "–");
    print_line(output, "state", state != NULL ? state : "–");
    print_document(output, "value", json_object_get(machine, "value"));
    print_document(output, "context", json_object_get(machine, "context"));
    print_names(output, "accepts", json_object_get(machine, "accepts"));
    print_names(output, "of events", json_object_get(machine, "chart_events"));
    print_counters(output, machine);
    if (json_is_true(json_object_get(machine, "done")))
        print_line(output, "done", "it is in a final state and takes no more events");
    if (json_is_true(json_object_get(machine, "failed")))
        print_line(output, "failed", "it was stopped by a limit or by want of memory");
}

static enum smew__exit show(const struct smew__command *command, struct smew_bus *bus)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    const char *id = command->arguments.positional[0];
    struct smew_message *reply;
    enum smew_status status;
    json_t *machine;

    options.timeout_ms =
        (uint32_t)smew__option_number(&command->arguments, "timeout", TIMEOUT_DEFAULT_MS);
    status = smew_bus_request(bus, id, "smew.inspect", NULL, 0, &options, &reply);
    if (status != SMEW_OK)
        return smew__complain_request(command, bus, id, status, options.timeout_ms);
    machine = json_loadb(smew_message_payload(reply), smew_message_payload_size(reply), 0, NULL);
    smew_message_free(reply);
    if (machine == NULL || json_object_get(machine, "state") == NULL) {
        json_decref(machine);
        return smew__complain(command, SMEW__EXIT_FAILED,
                              "\"%s\" is hosted by a program that does not tell its state", id);
    }
    if (command->output.format == SMEW__FORMAT_TABLE)
        print_machine(&command->output, machine);
    smew__output_json(&command->output, machine);
    json_decref(machine);
    return SMEW__EXIT_OK;
}

enum smew__exit smew__verb_show(struct smew__command *command)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;
    enum smew__exit code;

    options.linger_ms = SMEW__TAKEOVER_MS;
    code = smew__join(command, &options, &bus);
    if (code != SMEW__EXIT_OK)
        return code;
    code = show(command, bus);
    smew_bus_close(bus, 0, NULL); /* it only looked */
    return code;
}
