/* SPDX-License-Identifier: MIT */

/*
 * Writing snapshots: straight into the caller's buffer, without an allocation, so nothing fails.
 * The document is described in chart/snapshot.h.
 */

#include "chart/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "chart/machine.h"
#include "chart/text.h"

/* ---- pieces -------------------------------------------------------------------------- */

/* `,"name":` within an object that has members already. */
static void write_name(struct smew__text *text, const char *name)
{
    smew__text_string(text, ",\"");
    smew__text_string(text, name);
    smew__text_string(text, "\":");
}

static void write_number(struct smew__text *text, uint64_t number)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
    smew__text_string(text, digits);
}

static void write_hex(struct smew__text *text, const unsigned char *bytes, size_t size)
{
    char digits[4];

    smew__text_string(text, "\"");
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(digits, sizeof digits, "%02x", bytes[i]);
        smew__text_string(text, digits);
    }
    smew__text_string(text, "\"");
}

static bool is_text(const struct smew_event *event)
{
    return !memchr(event->payload, 0, event->payload_size) &&
           smew__utf8_valid(event->payload, event->payload_size);
}

static void write_member(struct smew__text *text, const char *name, const char *value)
{
    if (!value)
        return;
    write_name(text, name);
    smew__text_json(text, value);
}

static void write_origin(struct smew__text *text, const struct smew__origin *origin)
{
    write_member(text, "kind", origin->type);
    write_member(text, "sendid", origin->send_id);
    write_member(text, "origin", origin->origin);
    write_member(text, "invokeid", origin->invoke_id);
}

static void write_event(struct smew__text *text, const struct smew__message *message, bool raised)
{
    const struct smew_event *event = &message->event;

    smew__text_string(text, "{\"type\":");
    smew__text_json(text, event->type);
    if (event->payload_size > 0 && is_text(event)) {
        write_name(text, "text");
        smew__text_json_bytes(text, event->payload, event->payload_size);
    } else if (event->payload_size > 0) {
        write_name(text, "hex");
        write_hex(text, event->payload, event->payload_size);
    }
    if (event->content != SMEW_CONTENT_RAW) {
        write_name(text, "content");
        write_number(text, (uint64_t)event->content);
    }
    if (message->origin)
        write_origin(text, message->origin);
    if (raised)
        smew__text_string(text, ",\"raised\":true");
    smew__text_string(text, "}");
}

/* Paths rather than ids: two states may have the same id. */
static void write_path(struct smew__text *text, const struct smew_chart *chart, uint32_t state)
{
    char path[SMEW__PATH_SIZE];
    struct smew__text inner = smew__text_into(path, sizeof path);

    smew__path_write(chart, state, &inner);
    smew__text_json(text, path);
}

static void write_set(struct smew__text *text, const struct smew_machine *machine,
                      const uint64_t *set)
{
    const char *separator = "[";
    size_t words = smew__words(machine);
    uint32_t at = smew__set_next(set, words, 0);

    if (at == SMEW__SET_END)
        smew__text_string(text, "[");
    for (; at != SMEW__SET_END; at = smew__set_next(set, words, at + 1), separator = ",") {
        smew__text_string(text, separator);
        write_path(text, machine->chart, at);
    }
    smew__text_string(text, "]");
}

/* ---- one machine --------------------------------------------------------------------- */

static const char *life_name(uint8_t life)
{
    static const char *const names[] = {[SMEW_LIFE_NEW] = "new",
                                        [SMEW_LIFE_ACTIVE] = "active",
                                        [SMEW_LIFE_DONE] = "done",
                                        [SMEW_LIFE_FAILED] = "error",
                                        [SMEW_LIFE_STOPPED] = "stopped"};

    return names[life];
}

static void write_line(struct smew__text *text, const struct smew_machine *machine)
{
    if (machine->life != SMEW_LIFE_ACTIVE)
        return;
    write_name(text, "line");
    for (uint32_t i = 0; i < machine->line_count; i++) {
        smew__text_string(text, i > 0 ? "," : "[");
        write_path(text, machine->chart, machine->line[i]);
    }
    smew__text_string(text, machine->line_count > 0 ? "]" : "[]");
}

static void write_history(struct smew__text *text, const struct smew_machine *machine)
{
    const struct smew_chart *chart = machine->chart;
    size_t words = smew__words(machine);
    bool any = false;

    for (uint32_t i = 0; i < chart->history_count; i++) {
        uint16_t history = chart->histories[i];
        const uint64_t *set = smew__remembered(machine, &chart->states[history]);

        if (smew__set_next(set, words, 0) == SMEW__SET_END)
            continue;
        if (any)
            smew__text_string(text, ",");
        else
            smew__text_string(text, ",\"history\":{");
        any = true;
        write_path(text, chart, history);
        smew__text_string(text, ":");
        write_set(text, machine, set);
    }
    if (any)
        smew__text_string(text, "}");
}

/* By the program, behind what is written already. */
static void write_own(struct smew__text *text, const struct smew_machine *machine)
{
    size_t room;

    if (!machine->own)
        return;
    write_name(text, "own");
    room = text->length < text->capacity ? text->capacity - text->length : 0;
    text->length += machine->chart->write_own(machine->own,
                                              room > 0 ? text->buffer + text->length : NULL, room);
}

static void write_failure(struct smew__text *text, const struct smew_machine *machine)
{
    if (machine->life != SMEW_LIFE_FAILED)
        return;
    write_name(text, "failure");
    smew__text_json(text, smew_status_name(machine->failure));
    if (machine->error) {
        write_name(text, "error");
        smew__text_json(text, machine->error);
    }
}

static void write_queue(struct smew__text *text, const struct smew_machine *machine)
{
    const struct smew__queue *queues[] = {&machine->internal, &machine->external};
    const char *separator = "[";

    if (queues[0]->count + queues[1]->count == 0)
        return;
    write_name(text, "queue");
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
        for (uint32_t j = 0; j < queues[i]->count; j++, separator = ",") {
            smew__text_string(text, separator);
            write_event(text, smew__queue_at(queues[i], j), i == 0);
        }
    }
    smew__text_string(text, "]");
}

static void write_machine(struct smew__text *text, const struct smew_machine *machine);

static void write_child(struct smew__text *text, const struct smew__child *child)
{
    smew__text_string(text, "{\"id\":");
    smew__text_json(text, child->id);
    write_name(text, "source");
    smew__text_json(text, child->actor->name);
    write_name(text, "serial");
    write_number(text, child->serial);
    if (child->place == SMEW__ORPHAN)
        smew__text_string(text, ",\"orphan\":true");
    if (child->machine) {
        write_name(text, "machine");
        write_machine(text, child->machine);
    } else {
        write_name(text, "status");
        smew__text_json(text, life_name(child->life));
    }
    smew__text_string(text, "}");
}

static void write_children(struct smew__text *text, const struct smew__children *children)
{
    if (children->count == 0)
        return;
    write_name(text, "children");
    for (uint32_t i = 0; i < children->count; i++) {
        smew__text_string(text, i > 0 ? "," : "[");
        write_child(text, children->items[i]);
    }
    smew__text_string(text, "]");
}

/* Recursive: as deep as the family has generations. */
static void write_machine(struct smew__text *text, const struct smew_machine *machine)
{
    smew__text_string(text, "{\"status\":");
    smew__text_json(text, life_name(machine->life));
    write_name(text, "active");
    write_set(text, machine, machine->active);
    write_line(text, machine);
    if (machine->illegal)
        smew__text_string(text, ",\"illegal\":true");
    write_history(text, machine);
    write_name(text, "context");
    smew__value_write(smew_machine_context(machine), text);
    write_own(text, machine);
    write_failure(text, machine);
    write_queue(text, machine);
    write_children(text, &machine->children);
    smew__text_string(text, "}");
}

/* ---- timers -------------------------------------------------------------------------- */

static void write_target(struct smew__text *text, const struct smew__target *target)
{
    switch (target->to) {
    case SMEW__TO_SELF:
    case SMEW__TO_INTERNAL: /* never delayed */
        smew__text_string(text, "\"self\"");
        break;
    case SMEW__TO_PARENT:
        smew__text_string(text, "\"parent\"");
        break;
    case SMEW__TO_CHILD:
        write_number(text, target->child);
        break;
    case SMEW__TO_NAMED:
        smew__text_string(text, "{\"named\":");
        smew__text_json(text, target->name);
        smew__text_string(text, "}");
        break;
    }
}

static void write_timer(struct smew__text *text, const struct smew__timer *timer)
{
    uint64_t now_ns = timer->machine->family->now_ns;

    smew__text_string(text, "{\"machine\":");
    write_number(text, timer->machine->self ? timer->machine->self->serial : 0);
    write_name(text, "in_ns");
    write_number(text, timer->due_ns > now_ns ? timer->due_ns - now_ns : 0);
    write_name(text, "event");
    write_event(text, timer->message, false);
    write_name(text, "to");
    write_target(text, &timer->target);
    if (timer->send_id) {
        write_name(text, "id");
        smew__text_json(text, timer->send_id);
    }
    if (timer->cancellable)
        smew__text_string(text, ",\"cancellable\":true");
    smew__text_string(text, "}");
}

static void write_timers(struct smew__text *text, const struct smew__timers *timers)
{
    if (timers->count == 0)
        return;
    write_name(text, "timers");
    for (uint32_t i = 0; i < timers->count; i++) {
        smew__text_string(text, i > 0 ? "," : "[");
        write_timer(text, &timers->items[i]);
    }
    smew__text_string(text, "]");
}

/* ---- the whole ----------------------------------------------------------------------- */

/* Is any machine below this one in the middle of something? */
static bool is_busy_below(const struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->children.count; i++) {
        const struct smew_machine *child = machine->children.items[i]->machine;

        if (child && (child->processing || is_busy_below(child)))
            return true;
    }
    return false;
}

static bool is_at_rest(const struct smew_machine *root)
{
    return !root->family->running ||
           (root->family->observing && root->event && !is_busy_below(root));
}

size_t smew_machine_snapshot(const struct smew_machine *machine, char *buffer, size_t size_bytes)
{
    struct smew__text text = smew__text_into(buffer, size_bytes);

    if (machine->parent || machine->life == SMEW_LIFE_NEW || !is_at_rest(machine) ||
        smew__own_is_mute(machine))
        return 0;
    smew__text_string(&text, "{\"smew\":");
    write_number(&text, SMEW__SNAPSHOT_VERSION);
    write_name(&text, "chart");
    smew__text_json(&text, machine->chart->id);
    write_name(&text, "serials");
    write_number(&text, machine->family->serials);
    write_timers(&text, &machine->family->timers);
    write_name(&text, "machine");
    write_machine(&text, machine);
    smew__text_string(&text, "}");
    return text.length;
}
