/* SPDX-License-Identifier: MIT */

/*
 * Executable content: raise, send, cancel, log, if.  What asks for data is refused.
 *
 * An `if` becomes actions that skip others:
 *
 *     UNLESS cond → B   A…   SKIP → end   B: UNLESS cond → C   …   SKIP → end   C: …   end:
 */

#include <string.h>

#include "base/alloc.h"
#include "chart/load_scxml.h"

bool smew__refuse_script(struct smew__loader *loader, const struct smew__element *element)
{
    if (loader->model && strcmp(loader->model, "ecmascript") != 0)
        return smew__refuse(loader, SMEW_UNSUPPORTED, smew__place(element),
                            "<%.40s> needs the data model \"ecmascript\", not \"%.40s\"",
                            element->name, loader->model);
    if (!smew__script_engine())
        return smew__refuse(loader, SMEW_UNSUPPORTED, smew__place(element),
                            "<%.40s> needs a script engine, which this build does not have: "
                            "install duktape-dev and build smew again",
                            element->name);
    return smew__refuse(loader, SMEW_UNSUPPORTED, smew__place(element),
                        "<%.40s> has something that smew does not do", element->name);
}

static uint32_t action_count(struct smew__loader *loader)
{
    return SMEW__COUNT(loader->actions, struct smew__action);
}

static bool add_action(struct smew__loader *loader, const struct smew__action *action)
{
    return smew__push(loader, &loader->actions, action, sizeof *action);
}

static const char *intern_attribute(struct smew__loader *loader,
                                    const struct smew__element *element, const char *name)
{
    const char *value = smew__xml_attribute(element, name);

    return value ? smew__intern(loader, value, strlen(value)) : NULL;
}

/* Attributes that hold expressions, of any element. */
static bool refuse_expressions(struct smew__loader *loader, const struct smew__element *element)
{
    static const char *const names[] = {"eventexpr",  "targetexpr", "typeexpr", "delayexpr",
                                        "sendidexpr", "idlocation", "namelist"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (smew__xml_attribute(element, names[i]))
            return smew__refuse_script(loader, element);
    return true;
}

/* ---- sending ------------------------------------------------------------------------- */

static bool need_event(struct smew__loader *loader, const struct smew__element *element,
                       const char **event)
{
    *event = smew__xml_attribute(element, "event");
    if (!*event || !**event)
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element), "<%s> needs an \"event\"",
                            element->name);
    return strlen(*event) <= SMEW__NAME_MAX ||
           smew__refuse(loader, SMEW_LIMIT, smew__place(element),
                        "an event's name is longer than %d bytes", SMEW__NAME_MAX);
}

static bool load_raise(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__action action = {.kind = SMEW__ACTION_RAISE};
    const char *event;

    static const struct smew__origin raised = {.type = "internal"};

    if (!need_event(loader, element, &event) ||
        !smew__load_message(loader, event, "", &action.message))
        return false;
    if (loader->chart->scripted)
        ((struct smew__message *)(uintptr_t)action.message)->origin = &raised;
    return add_action(loader, &action);
}

/* CSS2's times: "1.5s", "100ms". */
static bool load_delay(struct smew__loader *loader, const struct smew__element *element,
                       struct smew__delay *delay)
{
    const char *text = smew__xml_attribute(element, "delay");
    const char *end;

    if (!text)
        return true;
    double time = smew__number_read(text, &end);
    if (end != text && strcmp(end, "s") == 0)
        time *= 1000;
    else if (end == text || strcmp(end, "ms") != 0)
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                            "the delay \"%.40s\" is no time, as \"1.5s\" and \"100ms\" are", text);
    return smew__delay_of_number(loader, smew__place(element), time, delay);
}

static bool load_target(struct smew__loader *loader, const struct smew__element *element,
                        struct smew__action *action)
{
    const char *target = smew__xml_attribute(element, "target");

    action->to = SMEW__TO_SELF;
    if (!target)
        return true;
    if (strcmp(target, "#_internal") == 0) {
        action->to = SMEW__TO_INTERNAL;
    } else if (strcmp(target, "#_parent") == 0) {
        action->to = SMEW__TO_PARENT;
    } else {
        action->to = strncmp(target, "#_", 2) == 0 ? SMEW__TO_CHILD : SMEW__TO_NAMED;
        target += action->to == SMEW__TO_CHILD ? 2 : 0;
        action->target = smew__intern(loader, target, strlen(target));
        return action->target != NULL;
    }
    return true;
}

static bool is_known_type(const char *type)
{
    return !type || strcmp(type, "scxml") == 0 ||
           strcmp(type, "http://www.w3.org/TR/scxml/#SCXMLEventProcessor") == 0;
}

/* The literal text of a <content> is the payload. */
static bool load_payload(struct smew__loader *loader, const struct smew__element *element,
                         const char **payload)
{
    *payload = "";
    for (const struct smew__element *child = element->first; child; child = child->next) {
        if (!smew__is(child, "content") || smew__xml_attribute(child, "expr") || child->first)
            return smew__refuse_script(loader, child);
        *payload = smew__intern(loader, child->text, strlen(child->text));
        if (!*payload)
            return false;
    }
    return true;
}

static bool load_send(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__action action = {.kind = SMEW__ACTION_SEND};
    const char *payload;
    const char *event;

    if (!refuse_expressions(loader, element) || !load_payload(loader, element, &payload))
        return false;
    if (!is_known_type(smew__xml_attribute(element, "type"))) {
        action.kind = SMEW__ACTION_RAISE;
        return smew__load_message(loader, "error.execution", "", &action.message) &&
               add_action(loader, &action);
    }
    action.send_id = intern_attribute(loader, element, "id");
    return need_event(loader, element, &event) && load_target(loader, element, &action) &&
           load_delay(loader, element, &action.delay) &&
           smew__load_message(loader, event, payload, &action.message) &&
           add_action(loader, &action);
}

static bool load_cancel(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__action action = {.kind = SMEW__ACTION_CANCEL};

    if (!refuse_expressions(loader, element))
        return false;
    action.send_id = intern_attribute(loader, element, "sendid");
    if (!action.send_id)
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element), "<cancel> needs \"sendid\"");
    return add_action(loader, &action);
}

/* A literal in quotes, or whatever is written. */
static bool load_log(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__action action = {.kind = SMEW__ACTION_LOG};
    const char *text = smew__xml_attribute(element, "expr");
    size_t size = text ? strlen(text) : 0;
    struct smew_value *value;

    if (!text)
        text = smew__xml_attribute(element, "label");
    if (size >= 2 && *text == '\'' && text[size - 1] == '\'') {
        char *inner = smew__arena_text(&loader->scratch, text + 1, size - 2);

        if (!inner)
            return smew__no_memory(loader);
        text = inner;
    }
    value = smew__value_of_text(&loader->chart->arena, text ? text : "");
    action.value = value;
    return value ? add_action(loader, &action) : smew__no_memory(loader);
}

/* ---- if ------------------------------------------------------------------------------ */

static bool add_condition(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__action action = {.kind = SMEW__ACTION_UNLESS};

    if (!smew__xml_attribute(element, "cond"))
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element), "<%s> needs \"cond\"",
                            element->name);
    return smew__scxml_cond(loader, element, &action.guard) && add_action(loader, &action);
}

static void skip_to_here(struct smew__loader *loader, uint32_t from)
{
    struct smew__action *action = SMEW__AT(loader->actions, struct smew__action, from);

    action->skip = action_count(loader) - from - 1;
}

/* Every SKIP of this `if` leads to its end: those that have no length yet. */
static void close_skips(struct smew__loader *loader, uint32_t first)
{
    for (uint32_t i = first; i < action_count(loader); i++) {
        struct smew__action *action = SMEW__AT(loader->actions, struct smew__action, i);

        if (action->kind == SMEW__ACTION_SKIP && action->skip == UINT32_MAX)
            action->skip = action_count(loader) - i - 1;
    }
}

static bool load_if(struct smew__loader *loader, const struct smew__element *element)
{
    static const struct smew__action skip = {.kind = SMEW__ACTION_SKIP, .skip = UINT32_MAX};
    uint32_t first = action_count(loader);
    uint32_t condition = first;
    bool is_open = true; /* the last condition has no end yet */

    if (!add_condition(loader, element))
        return false;
    for (const struct smew__element *child = element->first; child; child = child->next) {
        bool other = smew__is(child, "else");

        if (!other && !smew__is(child, "elseif")) {
            if (!smew__scxml_one(loader, child))
                return false;
            continue;
        }
        if (!is_open)
            return smew__refuse(loader, SMEW_SYNTAX, smew__place(child), "<%s> behind <else>",
                                child->name);
        if (!add_action(loader, &skip))
            return false;
        skip_to_here(loader, condition);
        condition = action_count(loader);
        is_open = !other;
        if (!other && !add_condition(loader, child))
            return false;
    }
    if (is_open)
        skip_to_here(loader, condition);
    close_skips(loader, first);
    return true;
}

/* ---- all of them --------------------------------------------------------------------- */

bool smew__scxml_one(struct smew__loader *loader, const struct smew__element *element)
{
    static const struct {
        const char *name;
        bool (*load)(struct smew__loader *loader, const struct smew__element *element);
    } kinds[] = {{"raise", load_raise},
                 {"send", load_send},
                 {"cancel", load_cancel},
                 {"log", load_log},
                 {"if", load_if},
                 {"assign", smew__scxml_script},
                 {"script", smew__scxml_script},
                 {"foreach", smew__scxml_script}};

    if (loader->chart->scripted &&
        (smew__is(element, "send") || smew__is(element, "cancel") || smew__is(element, "log")))
        return smew__scxml_script(loader, element);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (smew__is(element, kinds[i].name))
            return kinds[i].load(loader, element);
    return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                        "<%.40s> is nothing that can be done", element->name);
}

bool smew__scxml_block(struct smew__loader *loader, const struct smew__element *element,
                       struct smew__run *run)
{
    run->first = action_count(loader);
    for (const struct smew__element *child = element->first; child; child = child->next)
        if (!smew__scxml_one(loader, child))
            return false;
    if (!smew__scxml_end_block(loader, run->first))
        return false;
    run->count = action_count(loader) - run->first;
    return true;
}
