/* SPDX-License-Identifier: MIT */

/*
 * What scripts send: <send> with expressions, <cancel>, XState's raise, sendTo and emit.
 *
 * Everything is evaluated first, then the message is made, which holds all texts that belong to
 * it; then it goes the way of any other (chart/act.c).  An error leaves nothing sent.
 */

#include "chart/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static const char session_prefix[] = "#_scxml_";

/* What a send is made of, evaluated. */
struct letter {
    struct smew__buffer event;
    struct smew__buffer target;
    struct smew__buffer type;
    struct smew__buffer id;
    struct smew__buffer delay;
    struct smew__buffer payload;
};

static void letter_init(struct letter *letter)
{
    smew__buffer_init(&letter->event);
    smew__buffer_init(&letter->target);
    smew__buffer_init(&letter->type);
    smew__buffer_init(&letter->id);
    smew__buffer_init(&letter->delay);
    smew__buffer_init(&letter->payload);
}

static void letter_fini(struct letter *letter)
{
    smew__buffer_fini(&letter->event);
    smew__buffer_fini(&letter->target);
    smew__buffer_fini(&letter->type);
    smew__buffer_fini(&letter->id);
    smew__buffer_fini(&letter->delay);
    smew__buffer_fini(&letter->payload);
}

static bool is_said(const struct smew__word *word)
{
    return word->text || word->code.text;
}

/* NULL where nothing is said. */
static const char *text_of(const struct smew__word *word, const struct smew__buffer *buffer)
{
    return is_said(word) ? (const char *)buffer->data : NULL;
}

static bool read(struct smew_machine *machine, const struct smew__word *word,
                 struct smew__buffer *buffer, const char *send_id)
{
    return !is_said(word) || smew__world_text(machine, word, buffer, send_id);
}

static bool refuse(struct smew_machine *machine, const char *reason, const char *send_id)
{
    return smew__world_refuse(machine, SMEW_REJECTED, reason, send_id);
}

/* ---- data ---------------------------------------------------------------------------- */

/* One that is wrong is left out, unless nothing may be sent then. */
static bool add_param(struct smew_machine *machine, const struct smew__param *param, bool strict,
                      struct smew__buffer *text, const char *send_id)
{
    if (!smew__world_value(machine, param->code, send_id))
        return !strict && machine->failure == SMEW_OK;
    if (machine->world->result.type == SMEW__SCRIPT_NOTHING)
        return true;
    smew__buffer_text(text, text->size > 1 ? "," : "");
    smew__buffer_json_string(text, param->name, strlen(param->name));
    smew__buffer_text(text, ":");
    smew__result_json(&machine->world->result, text);
    return true;
}

bool smew__script_payload(struct smew_machine *machine, const struct smew__script *script,
                          struct smew__buffer *text, const char *send_id)
{
    if (script->param_count > 0) {
        smew__buffer_text(text, "{");
        for (uint32_t i = 0; i < script->param_count; i++)
            if (!add_param(machine, &script->params[i], i < script->strict_count, text, send_id))
                return false;
        if (text->size > 1)
            smew__buffer_text(text, "}");
        else
            smew__buffer_clear(text); /* all of them were wrong, or undefined */
    } else if (script->value.code.text) {
        if (!smew__world_value(machine, script->value.code, send_id))
            return false;
        if (machine->world->result.type != SMEW__SCRIPT_NOTHING)
            smew__result_json(&machine->world->result, text);
    } else if (script->value.text) {
        smew__buffer_text(text, script->value.text);
    }
    if (text->failed)
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    return !text->failed;
}

/* ---- where to, and when -------------------------------------------------------------- */

/* A session is named by its machine's id: itself, its parent, a child, or one on the bus. */
static void aim_at_session(const struct smew_machine *machine, const char *id,
                           struct smew__action *action)
{
    if (strcmp(id, machine->id) == 0)
        action->to = SMEW__TO_SELF;
    else if (machine->parent && strcmp(id, machine->parent->id) == 0)
        action->to = SMEW__TO_PARENT;
    else if (smew__child_named(machine, id))
        action->to = SMEW__TO_CHILD;
    else
        action->to = SMEW__TO_NAMED;
    action->target = id;
}

static void aim(const struct smew_machine *machine, const char *target, struct smew__action *action)
{
    action->to = SMEW__TO_SELF;
    if (!target)
        return;
    action->target = target;
    if (strcmp(target, "#_internal") == 0)
        action->to = SMEW__TO_INTERNAL;
    else if (strcmp(target, "#_parent") == 0)
        action->to = SMEW__TO_PARENT;
    else if (strncmp(target, session_prefix, sizeof session_prefix - 1) == 0)
        aim_at_session(machine, target + sizeof session_prefix - 1, action);
    else if (strncmp(target, "#_", 2) == 0)
        action->to = SMEW__TO_CHILD;
    else
        action->to = SMEW__TO_NAMED;
    if (action->to == SMEW__TO_CHILD && strncmp(action->target, "#_", 2) == 0)
        action->target += 2;
}

/* CSS2's times, or a number of milliseconds.  False: it is neither. */
static bool read_time(const char *text, struct smew__delay *delay)
{
    const char *end;
    double ms = smew__number_read(text, &end);

    if (end != text && strcmp(end, "s") == 0)
        ms *= 1000;
    else if (end == text || (*end && strcmp(end, "ms") != 0))
        return false;
    if (!(ms >= 0 && ms <= SMEW__DELAY_MAX_MS))
        return false;
    *delay = (struct smew__delay){.delayed = ms > 0, .ns = (uint64_t)(ms * 1e6 + 0.5)};
    return true;
}

bool smew__script_knows_type(const char *type)
{
    return !type || strcmp(type, "scxml") == 0 ||
           strcmp(type, "http://www.w3.org/TR/scxml/#SCXMLEventProcessor") == 0 ||
           strcmp(type, "http://www.w3.org/TR/scxml/") == 0;
}

/* ---- ids ----------------------------------------------------------------------------- */

/* One of its own, unique in the family; put where the chart wants it. */
static bool make_id(struct smew_machine *machine, const struct smew__script *script,
                    struct smew__buffer *id)
{
    char quoted[32];
    struct smew__world *world = smew__world_ready(machine);

    if (!world)
        return false;
    (void)snprintf(quoted, sizeof quoted, "'send.%" PRIu64 "'", ++machine->family->serials);
    smew__buffer_append(id, quoted + 1, strlen(quoted) - 2);
    smew__buffer_append(id, "", 1);
    if (id->failed) {
        smew__machine_fail(machine, SMEW_NO_MEMORY);
        return false;
    }
    world->dirty = true;
    return smew__world_settle(machine,
                              world->engine->assign(world->session, script->place,
                                                    (struct smew__code){quoted, SMEW__CODE_NONE}),
                              NULL);
}

static bool read_id(struct smew_machine *machine, const struct smew__script *script,
                    struct smew__buffer *id)
{
    return script->place ? make_id(machine, script, id) : read(machine, &script->id, id, NULL);
}

/* ---- sending ------------------------------------------------------------------------- */

/* The message with all that belongs to it.  NULL: no memory. */
static struct smew__message *seal(const struct smew_machine *machine,
                                  const struct smew__action *action, const char *event,
                                  const struct smew__buffer *payload)
{
    char session[sizeof session_prefix + SMEW_ID_MAX];
    struct smew_event it = {.type = event,
                            .payload = payload->size > 0 ? (const char *)payload->data : "",
                            .payload_size = payload->size,
                            .content = payload->size > 0 ? SMEW_CONTENT_JSON : SMEW_CONTENT_RAW};
    struct smew__origin origin = {.send_id = action->send_id, .target = action->target};

    (void)snprintf(session, sizeof session, "%s%.*s", session_prefix, SMEW_ID_MAX, machine->id);
    if (action->to == SMEW__TO_INTERNAL)
        origin.type = "internal";
    else
        origin.origin = session;
    if (action->to == SMEW__TO_PARENT && machine->self)
        origin.invoke_id = machine->self->id;
    return smew__message_from(machine->chart, &it, &origin);
}

static bool post(struct smew_machine *machine, struct smew__action *action, const char *event,
                 const struct smew__buffer *payload)
{
    struct smew__message *message = seal(machine, action, event, payload);

    if (!message) {
        smew__machine_fail(machine, SMEW_NO_MEMORY);
        return false;
    }
    action->message = message;
    action->send_id = message->origin->send_id;
    action->target = message->origin->target;
    if (action->kind == SMEW__ACTION_EMIT)
        smew__effects_put(machine,
                          &(struct smew__effect){.kind = SMEW__EFFECT_EMIT, .message = message});
    else if (!smew__act_send(machine, action))
        return false;
    return machine->failure == SMEW_OK;
}

static bool send_letter(struct smew_machine *machine, const struct smew__script *script,
                        struct letter *letter)
{
    struct smew__action action = {.kind = SMEW__ACTION_SEND};
    const char *id;

    if (!read_id(machine, script, &letter->id))
        return false;
    id = script->place || is_said(&script->id) ? (const char *)letter->id.data : NULL;
    if (!read(machine, &script->event, &letter->event, id) ||
        !read(machine, &script->target, &letter->target, id) ||
        !read(machine, &script->type, &letter->type, id) ||
        !read(machine, &script->delay, &letter->delay, id) ||
        !smew__script_payload(machine, script, &letter->payload, id))
        return false;
    if (!smew__script_knows_type(text_of(&script->type, &letter->type)))
        return refuse(machine, "this type of <send> is unknown", id);
    if (is_said(&script->delay) && !read_time((const char *)letter->delay.data, &action.delay))
        return refuse(machine, "the delay of <send> is no time", id);
    if (letter->event.size == 0 || strcmp((const char *)letter->event.data, "*") == 0)
        return refuse(machine, "<send> has no event", id);
    if (letter->target.size > SMEW_ID_MAX + sizeof session_prefix)
        return refuse(machine, "the target of <send> is too long", id);
    aim(machine, text_of(&script->target, &letter->target), &action);
    action.send_id = id;
    return post(machine, &action, (const char *)letter->event.data, &letter->payload);
}

/* The event's type and, as JSON, its other members; XState's {"type": …, …}. */
static bool send_json(struct smew_machine *machine, const struct smew__script *script,
                      struct letter *letter)
{
    struct smew__action action = *script->action;
    struct smew_value *event;
    bool fine;

    if (is_said(&script->delay)) {
        if (!smew__world_text(machine, &script->delay, &letter->delay, NULL))
            return false;
        if (!read_time((const char *)letter->delay.data, &action.delay))
            return refuse(machine, "the delay is no number of milliseconds from 0 to 24 days",
                          NULL);
    }
    event = smew__world_document(machine, script->value.code);
    if (!event)
        return false;
    const char *type = smew_value_string(smew_value_get(event, "type"), "");
    fine = *type && strcmp(type, "*") != 0;
    for (size_t i = 0; i < smew_value_count(event); i++) {
        const char *key = smew_value_key(event, i);
        const struct smew_value *value = smew_value_at(event, i);

        if (!key || strcmp(key, "type") == 0)
            continue;
        smew__buffer_text(&letter->payload, letter->payload.size > 0 ? "," : "{");
        smew__buffer_json_string(&letter->payload, key, strlen(key));
        smew__buffer_text(&letter->payload, ":");
        size_t size = smew_value_json(value, NULL, 0);
        char *room = smew__buffer_reserve(&letter->payload, size + 1);
        if (room) {
            (void)smew_value_json(value, room, size + 1);
            letter->payload.size += size;
        }
    }
    if (letter->payload.size > 0)
        smew__buffer_text(&letter->payload, "}");
    if (!fine)
        (void)refuse(machine, "an event is an object with a string as its \"type\"", NULL);
    else if (letter->payload.failed)
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    else
        fine = post(machine, &action, type, &letter->payload);
    smew__value_release(event);
    return fine && machine->failure == SMEW_OK;
}

bool smew__script_send(struct smew_machine *machine, const struct smew__script *script)
{
    struct letter letter;
    bool fine;

    letter_init(&letter);
    fine = script->kind == SMEW__SCRIPT_JSON_SEND ? send_json(machine, script, &letter)
                                                  : send_letter(machine, script, &letter);
    letter_fini(&letter);
    return fine;
}

/* The effect holds a message for its id's sake. */
bool smew__script_cancel(struct smew_machine *machine, const struct smew__script *script)
{
    static const struct smew_event nothing = {.type = "cancel", .payload = ""};
    struct smew__origin origin = {.type = NULL};
    struct smew__message *message = NULL;
    struct smew__buffer id;
    bool fine;

    smew__buffer_init(&id);
    fine = smew__world_text(machine, &script->id, &id, NULL);
    origin.send_id = (const char *)id.data;
    if (fine)
        message = smew__message_from(machine->chart, &nothing, &origin);
    if (message)
        smew__effects_put(machine, &(struct smew__effect){.kind = SMEW__EFFECT_CANCEL,
                                                          .message = message,
                                                          .send_id = message->origin->send_id});
    else if (fine)
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    smew__buffer_fini(&id);
    return fine;
}
