/* SPDX-License-Identifier: MIT */
/*
 * `smew send ID EVENT [JSON]`: a request, and what the machine did with it.
 *
 * Happy path: the payload is checked, the request answered with old and new state, one line
 * printed with the round trip's time.  Failure modes: no such machine (with the nearest id), no
 * answer in time, an event without a transition (with the nearest event of the chart, and what
 * the machine accepts now, which smew.inspect tells).  A program that answers something else than
 * a machine does gets its answer printed as it is.
 */
#include <smew/transport.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/claims.h"
#include "cli/command.h"

enum {
    CLOSE_MS = 1000,
    WAIT_DEFAULT_MS = 60000,
    TIMEOUT_DEFAULT_MS = 5000,
    INSPECT_MS = 1000,
};

/* What the command line asks for. */
struct sending {
    const char *id;
    const char *event;
    const char *payload; /* "" for none */
    uint32_t wait_ms;
    uint32_t timeout_ms;
};

static enum smew__exit check_payload(const struct smew__command *command, const char *payload)
{
    json_error_t error;
    json_t *value;

    if (*payload == '\0')
        return SMEW__EXIT_OK;
    value = json_loads(payload, JSON_DECODE_ANY, &error);
    if (value == NULL)
        return smew__complain(command, SMEW__EXIT_USAGE,
                              "payload:%d:%d: %s; quote JSON for the shell: '{\"key\": 1}'",
                              error.line, error.column, error.text);
    json_decref(value);
    return SMEW__EXIT_OK;
}

/* The strings of an array as `"A", "B"`, cut with "…" where they do not fit. */
static void list_strings(const json_t *array, char *buffer, size_t size)
{
    size_t index, length = 0;
    json_t *value;

    buffer[0] = '\0';
    json_array_foreach(array, index, value)
    {
        const char *text = json_string_value(value);

        if (text == NULL)
            continue;
        if (length + strlen(text) + 10 > size) {
            snprintf(buffer + length, size - length, " …");
            return;
        }
        length += (size_t)snprintf(buffer + length, size - length, "%s\"%s\"",
                                   length > 0 ? ", " : "", text);
    }
}

static json_t *inspect(struct smew_bus *bus, const char *id)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_message *reply;
    json_t *answer;

    options.timeout_ms = INSPECT_MS;
    if (smew_bus_request(bus, id, "smew.inspect", NULL, 0, &options, &reply) != SMEW_OK)
        return NULL;
    answer = json_loadb(smew_message_payload(reply), smew_message_payload_size(reply), 0, NULL);
    smew_message_free(reply);
    return answer;
}

static enum smew__exit refuse_event(const struct smew__command *command, struct smew_bus *bus,
                                    const struct sending *sending, const char *state)
{
    json_t *machine = inspect(bus, sending->id);
    const json_t *events = json_object_get(machine, "chart_events");
    char accepts[400], suggested[SMEW__SUGGEST_MAX + 32];
    struct smew__suggestion nearest;
    const char *between;
    bool known = false;
    size_t index;
    json_t *value;

    smew__suggest_init(&nearest, sending->event);
    json_array_foreach(events, index, value)
    {
        const char *event = json_string_value(value);

        known = known || (event != NULL && strcmp(event, sending->event) == 0);
        if (event != NULL)
            smew__suggest_offer(&nearest, event);
    }
    list_strings(json_object_get(machine, "accepts"), accepts, sizeof(accepts));
    json_decref(machine);
    if (known) /* the right word at the wrong time: no other word is meant */
        suggested[0] = '\0';
    else
        smew__suggest_text(&nearest, suggested);
    between = *suggested != '\0' ? " Possible now: " : "; possible now: ";
    return smew__complain(command, SMEW__EXIT_NO_TRANSITION,
                          "%s: no transition for \"%s\" in %s%s%s%s", sending->id, sending->event,
                          state, suggested, *accepts != '\0' ? between : "", accepts);
}

/* The line for people, and the reply with what the requester knows for scripts. */
static void print_step(const struct smew__command *command, const struct sending *sending,
                       json_t *answer, uint64_t round_trip_ns)
{
    const struct smew__output *output = &command->output;
    const char *old = json_string_value(json_object_get(answer, "old"));
    const char *new = json_string_value(json_object_get(answer, "new"));
    char old_clean[SMEW__CELL_SIZE], new_clean[SMEW__CELL_SIZE], time[32];

    json_object_set_new(answer, "id", json_string(sending->id));
    json_object_set_new(answer, "event", json_string(sending->event));
    json_object_set_new(answer, "round_trip_ns", json_integer((json_int_t)round_trip_ns));
    smew__output_json(output, answer);
    if (output->format != SMEW__FORMAT_TABLE)
        return;
    smew__output_clean(old_clean, sizeof(old_clean), old);
    smew__output_clean(new_clean, sizeof(new_clean), new);
    smew__format_ns(time, sizeof(time), round_trip_ns);
    fprintf(output->stream, "%s: %s → %s%s%s  (%s)\n", sending->id, old_clean,
            smew__paint(output, SMEW__GREEN), new_clean, smew__paint(output, SMEW__PLAIN), time);
}

/* The answer of a program that is no orchestrator. */
static void print_other(const struct smew__command *command, const struct sending *sending,
                        const struct smew_message *reply, const json_t *answer)
{
    char text[4 * SMEW__CELL_SIZE], clean[4 * SMEW__CELL_SIZE];
    size_t size = smew_message_payload_size(reply);

    if (command->output.format != SMEW__FORMAT_TABLE && answer != NULL) {
        smew__output_json(&command->output, answer);
        return;
    }
    if (size >= sizeof(text))
        size = sizeof(text) - 1;
    memcpy(text, smew_message_payload(reply), size);
    text[size] = '\0';
    smew__output_clean(clean, sizeof(clean), text);
    fprintf(command->output.stream, "%s: %s\n", sending->id, clean);
}

static enum smew__exit report(const struct smew__command *command, struct smew_bus *bus,
                              const struct sending *sending, const struct smew_message *reply,
                              uint64_t round_trip_ns)
{
    json_t *answer = json_loadb(smew_message_payload(reply), smew_message_payload_size(reply),
                                JSON_DECODE_ANY, NULL);
    const char *old = json_string_value(json_object_get(answer, "old"));
    const char *new = json_string_value(json_object_get(answer, "new"));
    enum smew__exit code = SMEW__EXIT_OK;

    if (old == NULL || new == NULL)
        print_other(command, sending, reply, answer);
    else if (json_is_false(json_object_get(answer, "handled")))
        code = refuse_event(command, bus, sending, new);
    else
        print_step(command, sending, answer, round_trip_ns);
    json_decref(answer);
    return code;
}

static enum smew__exit send_event(const struct smew__command *command, struct smew_bus *bus,
                                  const struct sending *sending)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_message *reply;
    enum smew_status status;
    enum smew__exit code;
    uint64_t begin_ns;

    options.wait_ms = sending->wait_ms;
    options.timeout_ms = sending->wait_ms + sending->timeout_ms; /* it bounds the whole */
    options.content = *sending->payload != '\0' ? SMEW_CONTENT_JSON : SMEW_CONTENT_RAW;
    begin_ns = smew_now_ns();
    status = smew_bus_request(bus, sending->id, sending->event, sending->payload,
                              strlen(sending->payload), &options, &reply);
    if (status != SMEW_OK)
        return smew__complain_request(command, bus, sending->id, status, options.timeout_ms);
    code = report(command, bus, sending, reply, smew_now_ns() - begin_ns);
    smew_message_free(reply);
    return code;
}

enum smew__exit smew__verb_send(struct smew__command *command)
{
    const struct smew__arguments *arguments = &command->arguments;
    bool waits = smew__option_given(arguments, "wait");
    struct sending sending = {
        .id = arguments->positional[0],
        .event = arguments->positional[1],
        .payload = arguments->count > 2 ? arguments->positional[2] : "",
        .wait_ms = waits ? (uint32_t)smew__option_number(arguments, "wait", WAIT_DEFAULT_MS) : 0,
        .timeout_ms = (uint32_t)smew__option_number(arguments, "timeout", TIMEOUT_DEFAULT_MS),
    };
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;
    enum smew__exit code = check_payload(command, sending.payload);

    options.linger_ms = sending.wait_ms > SMEW__TAKEOVER_MS ? sending.wait_ms : SMEW__TAKEOVER_MS;
    if (code == SMEW__EXIT_OK)
        code = smew__join(command, &options, &bus);
    if (code != SMEW__EXIT_OK)
        return code;
    code = send_event(command, bus, &sending);
    /* After a timeout there is nothing more to wait for. */
    smew_bus_close(bus, code == SMEW__EXIT_TIMEOUT ? 0 : CLOSE_MS, NULL);
    return code;
}
