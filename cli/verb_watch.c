/* SPDX-License-Identifier: MIT */
/*
 * `smew watch [PREFIX*]`: a line for each transition, as the hosts publish them under the topic
 * smew.transition:ID while somebody listens.
 *
 * Happy path: subscribe, poll, print until a signal, --count or --for.  Failure modes: what this
 * reader was too slow for is counted by the bus and told; a reader of stdout that left ends it.
 */
#include <inttypes.h>
#include <smew/transport.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/interrupt.h"

static const char topic_prefix[] = "smew.transition:";

struct watching {
    struct smew__command *command;
    uint64_t seen;
    uint64_t most; /* 0: no bound */
};

/* "12:34:56.789" of nanoseconds since 1970, in local time. */
static void format_clock(char *buffer, size_t size, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    char clock[16];
    struct tm local;

    localtime_r(&seconds, &local);
    strftime(clock, sizeof(clock), "%H:%M:%S", &local);
    snprintf(buffer, size, "%s.%03u", clock, (unsigned)(wall_ns / 1000000u % 1000u));
}

static void print_missed(const struct smew__output *output, uint64_t missed)
{
    json_t *object = json_pack("{s:I}", "missed", (json_int_t)missed);

    if (output->format == SMEW__FORMAT_TABLE)
        fprintf(output->stream, "%s… missed %" PRIu64 " transitions%s\n",
                smew__paint(output, SMEW__YELLOW), missed, smew__paint(output, SMEW__PLAIN));
    smew__output_line(output, object);
    json_decref(object);
}

static void clean_member(char buffer[SMEW__CELL_SIZE], const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    smew__output_clean(buffer, SMEW__CELL_SIZE, text != NULL ? text : "?");
}

static void print_transition(const struct smew__output *output, const json_t *transition)
{
    char id[SMEW__CELL_SIZE], event[SMEW__CELL_SIZE], old[SMEW__CELL_SIZE], new[SMEW__CELL_SIZE];
    char clock[32];

    format_clock(clock, sizeof(clock),
                 (uint64_t)json_integer_value(json_object_get(transition, "at")));
    clean_member(id, transition, "id");
    clean_member(event, transition, "event");
    clean_member(old, transition, "old");
    clean_member(new, transition, "new");
    fprintf(output->stream, "%s%s%s  %-24s  %-16s  %s → %s%s%s\n", smew__paint(output, SMEW__DIM),
            clock, smew__paint(output, SMEW__PLAIN), id, event, old,
            smew__paint(output, SMEW__GREEN), new, smew__paint(output, SMEW__PLAIN));
}

static void on_transition(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct watching *watching = user;
    const struct smew__output *output = &watching->command->output;
    json_t *transition =
        json_loadb(smew_message_payload(message), smew_message_payload_size(message), 0, NULL);

    (void)bus;
    if (watching->most > 0 && watching->seen == watching->most) {
        json_decref(transition); /* came in the same turn as the last one that was wanted */
        return;
    }
    if (smew_message_missed(message) > 0)
        print_missed(output, smew_message_missed(message));
    if (transition != NULL) {
        if (output->format == SMEW__FORMAT_TABLE)
            print_transition(output, transition);
        smew__output_line(output, transition);
        watching->seen++;
    }
    json_decref(transition);
}

static uint32_t remaining_ms(uint64_t end_ns)
{
    uint64_t now_ns = smew_now_ns();
    uint64_t left_ms = end_ns > now_ns ? (end_ns - now_ns + 999999u) / 1000000u : 0;

    return left_ms < 1000 ? (uint32_t)left_ms : 1000;
}

static enum smew__exit watch(struct watching *watching, struct smew_bus *bus, uint64_t end_ns)
{
    const struct smew__command *command = watching->command;
    FILE *stream = command->output.stream;

    while (!smew__interrupted() && !ferror(stream) && smew_now_ns() < end_ns &&
           (watching->most == 0 || watching->seen < watching->most)) {
        enum smew_status status = smew_bus_poll(bus, remaining_ms(end_ns), 256);

        if (status != SMEW_OK && status != SMEW_TIMEOUT)
            return smew__complain(command, SMEW__EXIT_FAILED, "cannot watch: %s",
                                  smew_status_text(status));
        fflush(stream);
    }
    if (watching->most > watching->seen && smew_now_ns() >= end_ns)
        return smew__complain(command, SMEW__EXIT_TIMEOUT,
                              "saw %" PRIu64 " of %" PRIu64 " transitions in time", watching->seen,
                              watching->most);
    return SMEW__EXIT_OK;
}

static enum smew__exit subscribe(struct watching *watching, struct smew_bus *bus,
                                 const char *wanted)
{
    const struct smew__command *command = watching->command;
    char topic[sizeof(topic_prefix) + SMEW_ID_MAX + 1];
    struct smew_subscription *subscription;
    enum smew_status status;

    if (strlen(wanted) > SMEW_ID_MAX)
        return smew__complain(command, SMEW__EXIT_USAGE, "an id has at most %d bytes",
                              (int)SMEW_ID_MAX);
    snprintf(topic, sizeof(topic), "%s%s", topic_prefix, wanted);
    status = smew_bus_subscribe(bus, topic, on_transition, watching, &subscription);
    if (status != SMEW_OK)
        return smew__complain(command, SMEW__EXIT_FAILED, "cannot watch \"%s\": %s", wanted,
                              smew_status_text(status));
    fprintf(stderr, "watching %s on %s\n", wanted, command->bus_url);
    return SMEW__EXIT_OK;
}

enum smew__exit smew__verb_watch(struct smew__command *command)
{
    const struct smew__arguments *arguments = &command->arguments;
    struct watching watching = {
        .command = command,
        .most = smew__option_number(arguments, "count", 0),
    };
    uint64_t for_ms = smew__option_number(arguments, "for", 0);
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;
    enum smew__exit code;

    if (smew__interrupt_begin() != SMEW_OK)
        return smew__complain(command, SMEW__EXIT_FAILED, "cannot wait for signals");
    code = smew__join(command, &options, &bus);
    if (code == SMEW__EXIT_OK) {
        smew__interrupt_wakes(bus);
        code = subscribe(&watching, bus, arguments->count > 0 ? arguments->positional[0] : "*");
        if (code == SMEW__EXIT_OK)
            code =
                watch(&watching, bus, for_ms > 0 ? smew_now_ns() + for_ms * 1000000u : UINT64_MAX);
        smew__interrupt_wakes(NULL);
        smew_bus_close(bus, 0, NULL);
    }
    smew__interrupt_end();
    return code;
}
