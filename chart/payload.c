/* SPDX-License-Identifier: MIT */

/*
 * Payloads, for callbacks: as a struct, as a document, and out of a callback with an event of its
 * own.
 *
 * A machine keeps the document of one event, the one that a callback asked for last.  It is dropped
 * when the next event is taken or the present one's work is done, and so before the memory of the
 * event, whose address it is known by, can become another event's.
 *
 * Failure: what is no document is kept as NULL, so that nobody parses it twice; without memory the
 * macrostep fails, for a guard's answer would be wrong.
 */

#include "chart/machine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"

struct smew__payload {
    const struct smew_event *event;
    struct smew_value *value; /* or NULL */
};

bool smew_event_read(const struct smew_event *event, void *into, size_t size_bytes)
{
    if (!event || !into || event->content != SMEW_CONTENT_RAW || event->payload_size != size_bytes)
        return false;
    if (size_bytes > 0)
        memcpy(into, event->payload, size_bytes);
    return true;
}

void smew__payload_free(struct smew_machine *machine)
{
    smew__value_release(machine->payload->value);
    smew__free(machine->payload);
    machine->payload = NULL;
}

/* False: no memory. */
static bool parse(struct smew_machine *machine, const struct smew_event *event)
{
    struct smew__payload *payload = smew__calloc(1, sizeof *payload);

    if (!payload)
        return false;
    payload->event = event;
    machine->payload = payload;
    if (smew__value_of_json(event->payload, event->payload_size, &payload->value) != SMEW_NO_MEMORY)
        return true;
    smew__payload_drop(machine);
    return false;
}

const struct smew_value *smew_call_payload(const struct smew_call *call)
{
    struct smew_machine *machine = call->machine;
    const struct smew_event *event = call->event;

    if (event->content != SMEW_CONTENT_JSON || event->payload_size == 0)
        return NULL;
    if (machine->payload && machine->payload->event == event)
        return machine->payload->value;
    smew__payload_drop(machine);
    if (parse(machine, event))
        return machine->payload->value;
    if (!machine->family->still)
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    return NULL;
}

const struct smew_value *smew_machine_input(const struct smew_machine *machine)
{
    return machine->self ? machine->self->input : NULL;
}

/* One that the chart names and that has no payload is there already; others are copied.  NULL: no
 * memory. */
static const struct smew__message *message_of(const struct smew_chart *chart,
                                              const struct smew_event *event)
{
    uint32_t id = smew__chart_event_id(chart, event->type, strlen(event->type));

    if (id != SMEW__NONE && event->payload_size == 0 && event->content == SMEW_CONTENT_RAW &&
        strcmp(chart->events[id]->name, event->type) == 0)
        return &chart->events[id]->bare;
    return smew__message_copy(chart, event);
}

enum smew_status smew_machine_raise_event(struct smew_machine *machine,
                                          const struct smew_event *event)
{
    const struct smew__message *message;

    if (!machine->event || machine->family->still || !event || !event->type || !*event->type ||
        strcmp(event->type, "*") == 0 || !smew__utf8_valid(event->type, strlen(event->type)) ||
        (!event->payload && event->payload_size > 0))
        return SMEW_INVALID;
    message = message_of(machine->chart, event);
    return message ? smew__queue_put(&machine->internal, message, message->event_id)
                   : SMEW_NO_MEMORY;
}

enum smew_status smew_machine_raise(struct smew_machine *machine, const char *event)
{
    return smew_machine_raise_event(machine, &(struct smew_event){.type = event});
}
