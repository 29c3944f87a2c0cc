/* SPDX-License-Identifier: MIT */

/*
 * Invokes: a name of the program's, or a document that lies in this one.
 *
 *     <invoke src="NAME">…   <invoke><content><scxml>…</scxml></content>…
 *
 * With scripts: `type` by expression, namelist and params as the child's input, idlocation,
 * <finalize>, autoforward.  What is to be invoked is known when the chart is loaded, so `srcexpr`
 * and a content that is an expression are refused.
 */

#include "chart/load_scxml.h"

#include <stdio.h>

static const struct smew__element *child_of(const struct smew__element *element, const char *name)
{
    for (const struct smew__element *child = element->first; child; child = child->next)
        if (smew__is(child, name))
            return child;
    return NULL;
}

/* The id that it is given, or one of its state's. */
static bool read_id(struct smew__loader *loader, const struct smew__element *element,
                    uint16_t state, uint32_t index, const char **id)
{
    const char *text = smew__xml_attribute(element, "id");
    char name[SMEW__NAME_MAX + 32];

    (void)snprintf(name, sizeof name, "%s.%u", smew__loader_state(loader, state)->id, index);
    text = text ? text : name;
    if (strlen(text) > SMEW__NAME_MAX)
        return smew__refuse(loader, SMEW_LIMIT, smew__place(element),
                            "an invoke's id is longer than %d bytes", SMEW__NAME_MAX);
    *id = smew__intern(loader, text, strlen(text));
    return *id != NULL;
}

/* A document inside has its invoke's id for a name. */
static bool load_inside(struct smew__loader *loader, const struct smew__element *content,
                        const char *id, uint32_t *number)
{
    struct smew__element *root = content->first;
    struct smew__actor actor = {.name = id};

    if (!root || !smew__is(root, "scxml") || smew__xml_attribute(content, "expr"))
        return smew__refuse(loader, SMEW_UNSUPPORTED, smew__place(content),
                            "the <content> of an <invoke> is an <scxml>, known when it is loaded");
    *number = SMEW__COUNT(loader->actors, struct smew__actor);
    if (!smew__scxml_inside(loader, root, &actor.chart))
        return false;
    if (actor.chart->height + 1 > loader->chart->height)
        loader->chart->height = actor.chart->height + 1;
    if (loader->chart->height <= SMEW__HEIGHT_MAX &&
        smew__push(loader, &loader->actors, &actor, sizeof actor))
        return true;
    smew_chart_unref(actor.chart);
    return loader->status == SMEW_OK
               ? smew__refuse(loader, SMEW_LIMIT, smew__place(content),
                              "machines are invoked more than %d generations deep",
                              SMEW__HEIGHT_MAX)
               : false;
}

static bool load_what(struct smew__loader *loader, const struct smew__element *element,
                      struct smew__invoke *invoke)
{
    const struct smew__element *content = child_of(element, "content");
    const char *src = smew__xml_attribute(element, "src");

    if (content && !src)
        return load_inside(loader, content, invoke->id, &invoke->actor);
    if (!src || content || smew__xml_attribute(element, "srcexpr"))
        return smew__refuse(
            loader, SMEW_UNSUPPORTED, smew__place(element),
            "<invoke> needs \"src\", a name of the program's, or a document inside");
    return smew__load_actor(loader, smew__place(element), src, &invoke->actor);
}

/* What is evaluated when it begins. */
static bool load_script(struct smew__loader *loader, const struct smew__element *element,
                        struct smew__invoke *invoke)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_VALUE};
    const char *type = smew__xml_attribute(element, "typeexpr");

    if (!smew__scxml_data(loader, element, &script) ||
        (type && !smew__load_code(loader, type, &script.type.code)))
        return false;
    if (script.param_count > 0 || type)
        invoke->script = smew__load_script(loader, &script);
    return invoke->script || (script.param_count == 0 && !type);
}

static bool load_finalize(struct smew__loader *loader, const struct smew__element *element,
                          struct smew__invoke *invoke)
{
    const struct smew__element *finalize = child_of(element, "finalize");
    const char *forward = smew__xml_attribute(element, "autoforward");

    invoke->forwards = forward && strcmp(forward, "true") == 0;
    if (finalize && !smew__scxml_block(loader, finalize, &invoke->finalize))
        return false;
    loader->chart->receives =
        loader->chart->receives || invoke->forwards || invoke->finalize.count > 0;
    return true;
}

static bool load_invoke(struct smew__loader *loader, const struct smew__element *element,
                        uint16_t state, uint32_t index)
{
    static const char *const scripted[] = {"param", "finalize"};
    struct smew__invoke invoke = {.id = NULL};

    for (size_t i = 0; i < 2 && !loader->chart->scripted; i++)
        if (child_of(element, scripted[i]))
            return smew__refuse_script(loader, child_of(element, scripted[i]));
    return read_id(loader, element, state, index, &invoke.id) &&
           load_what(loader, element, &invoke) &&
           (!loader->chart->scripted || load_script(loader, element, &invoke)) &&
           load_finalize(loader, element, &invoke) &&
           smew__push(loader, &loader->invokes, &invoke, sizeof invoke);
}

bool smew__scxml_invokes(struct smew__loader *loader, const struct smew__element *element,
                         uint16_t state)
{
    struct smew__run run = {.first = SMEW__COUNT(loader->invokes, struct smew__invoke)};

    for (const struct smew__element *child = element->first; child; child = child->next)
        if (smew__is(child, "invoke") && !load_invoke(loader, child, state, run.count++))
            return false;
    smew__loader_state(loader, state)->invokes = run;
    return true;
}

/* Ids are known before anything runs, so a place for one is an assignment. */
bool smew__scxml_id_places(struct smew__loader *loader, const struct smew__element *element,
                           uint16_t state)
{
    uint32_t index = 0;

    for (const struct smew__element *child = element->first; child; child = child->next) {
        struct smew__script script = {.kind = SMEW__SCRIPT_ASSIGN};
        struct smew__action action = {.kind = SMEW__ACTION_SCRIPT};
        const char *place;

        if (!smew__is(child, "invoke"))
            continue;
        place = smew__xml_attribute(child, "idlocation");
        if (!read_id(loader, child, state, index++, &script.value.text))
            return false;
        if (!place || !loader->chart->scripted)
            continue;
        script.place = smew__intern(loader, place, strlen(place));
        action.script = script.place ? smew__load_script(loader, &script) : NULL;
        if (!action.script || !smew__push(loader, &loader->actions, &action, sizeof action) ||
            !smew__scxml_end_block(loader, SMEW__COUNT(loader->actions, struct smew__action) - 1))
            return false;
    }
    return true;
}
