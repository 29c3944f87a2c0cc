/* SPDX-License-Identifier: MIT */
/* Machines as JSON.  A buffer that ran out of memory says so by `failed`; nobody is half told. */

#include "orchestrator/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "diagnostics/log.h"

static void put_text(struct smew__buffer *json, const char *name, const char *text)
{
    smew__buffer_printf(json, "\"%s\":", name);
    smew__buffer_json_string(json, text, strlen(text));
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

void smew__report_state(const struct smew__actor *actor, struct smew__report_state *state)
{
    static const char more[] = "…";
    size_t size = smew_machine_state(actor->machine, state->text, sizeof(state->text));
    size_t cut = sizeof(state->text) - sizeof(more);

    if (size < sizeof(state->text))
        return;
    while (((unsigned char)state->text[cut] & 0xC0) == 0x80) /* not inside a character */
        cut--;
    memcpy(state->text + cut, more, sizeof(more));
}

/* {"old":…,"new":…,"handled":…,"changed":…,"time_ns":… : what both forms share. */
static void put_step(struct smew__buffer *json, const struct smew__actor *actor,
                     const struct smew__report_state *old, const struct smew_step *step,
                     uint64_t time_ns)
{
    struct smew__report_state now;

    smew__report_state(actor, &now);
    put_text(json, "old", old->text);
    smew__buffer_text(json, ",");
    put_text(json, "new", now.text);
    smew__buffer_printf(json, ",\"handled\":%s,\"changed\":%s,\"time_ns\":%" PRIu64,
                        truth(step->handled), truth(step->changed), time_ns);
}

void smew__report_reply(struct smew__buffer *json, const struct smew__actor *actor,
                        const struct smew__report_state *old, const struct smew_step *step,
                        uint64_t time_ns)
{
    smew__buffer_text(json, "{");
    put_step(json, actor, old, step, time_ns);
    smew__buffer_text(json, "}");
}

void smew__report_transition(struct smew__buffer *json, const struct smew__actor *actor,
                             const char *event, const struct smew__report_state *old,
                             const struct smew_step *step, uint64_t time_ns)
{
    smew__buffer_text(json, "{");
    put_text(json, "id", smew__actor_id(actor));
    smew__buffer_text(json, ",");
    put_text(json, "event", event);
    smew__buffer_text(json, ",");
    put_step(json, actor, old, step, time_ns);
    smew__buffer_printf(json, ",\"at\":%" PRIu64 "}", smew__clock_wall_ns());
}

/* Appends what a text writer that works like snprintf gives. */
static void put_written(struct smew__buffer *json,
                        size_t (*write)(const void *from, char *buffer, size_t size_bytes),
                        const void *from)
{
    size_t size = write(from, NULL, 0);
    char *room = smew__buffer_reserve(json, size + 1);

    if (!room)
        return;
    write(from, room, size + 1);
    json->size += size;
}

static size_t write_state(const void *machine, char *buffer, size_t size_bytes)
{
    return smew_machine_state_json(machine, buffer, size_bytes);
}

static size_t write_value(const void *value, char *buffer, size_t size_bytes)
{
    return smew_value_json(value, buffer, size_bytes);
}

/* The chart's events, all or only those that would do something now. */
static void put_events(struct smew__buffer *json, const struct smew__actor *actor, bool now)
{
    const struct smew_chart *chart = smew_machine_chart(actor->machine);
    const char *separator = "";
    const char *name;

    smew__buffer_text(json, "[");
    for (size_t i = 0; (name = smew_chart_event(chart, i)) != NULL; i++) {
        struct smew_event event = {.type = name, .payload = ""};

        if (now && !smew_machine_can(actor->machine, &event))
            continue;
        smew__buffer_text(json, separator);
        smew__buffer_json_string(json, name, strlen(name));
        separator = ",";
    }
    smew__buffer_text(json, "]");
}

/* Who and where: what an inspection and a line of a list share. */
static void put_head(struct smew__buffer *json, const struct smew__actor *actor)
{
    struct smew__report_state state;

    smew__report_state(actor, &state);
    put_text(json, "id", smew__actor_id(actor));
    smew__buffer_text(json, ",");
    put_text(json, "chart", smew_chart_id(smew_machine_chart(actor->machine)));
    smew__buffer_text(json, ",");
    put_text(json, "state", state.text);
    smew__buffer_printf(json, ",\"events\":%" PRIu64 ",\"done\":%s", actor->events,
                        truth(smew_machine_done(actor->machine)));
}

void smew__report_brief(struct smew__buffer *json, const struct smew__actor *actor)
{
    smew__buffer_text(json, "{");
    put_head(json, actor);
    smew__buffer_text(json, "}");
}

void smew__report_inspect(struct smew__buffer *json, const struct smew__actor *actor,
                          uint64_t now_ns)
{
    smew__buffer_text(json, "{");
    put_head(json, actor);
    smew__buffer_text(json, ",\"value\":");
    put_written(json, write_state, actor->machine);
    smew__buffer_text(json, ",\"context\":");
    put_written(json, write_value, smew_machine_context(actor->machine));
    smew__buffer_printf(json,
                        ",\"failed\":%s,\"transitions\":%" PRIu64 ",\"unhandled\":%" PRIu64
                        ",\"since_ms\":%" PRIu64 ",\"accepts\":",
                        truth(actor->failed), actor->transitions, actor->unhandled,
                        (now_ns - actor->started_ns) / SMEW_NS_PER_MS);
    put_events(json, actor, true);
    smew__buffer_text(json, ",\"chart_events\":");
    put_events(json, actor, false);
    smew__buffer_text(json, "}");
}

enum smew_status smew__report_send(struct smew_bus *bus, const struct smew_message *request,
                                   const struct smew__buffer *json)
{
    enum smew_status status = SMEW_NO_MEMORY;

    if (!json->failed)
        status = smew_bus_reply(bus, request, json->data, json->size, SMEW_CONTENT_JSON);
    if (status)
        smew__log(SMEW_LOG_WARN, "the reply to \"%s\" from %s was not sent: %s",
                  smew_message_event(request), smew_message_source(request),
                  smew_status_text(status));
    return status;
}
