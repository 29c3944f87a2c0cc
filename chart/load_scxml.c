/* SPDX-License-Identifier: MIT */

/*
 * Loading SCXML: states, transitions, what is initial.
 *
 * Happy path: the text becomes a tree of elements; the first pass numbers the states in document
 * order, so that a target may name a state further down; the second reads what each state does.
 * The rest is the same as for JSON (chart/load_finish.c).
 *
 * W3C's habits are lowered here.  An initial transition that is no plain child becomes a pseudo
 * history state which never remembers anything.  Descriptors are prefixes: "a.b" is the wildcard
 * "a.b.*"; and since the first match in document order wins, the row of a descriptor holds the
 * transitions of all wider ones of its state too, in that order.
 */

#include "chart/load_scxml.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

enum { COPIES_MAX = 1000000 }; /* transitions in rows: descriptors may repeat each other */

static const char blanks[] = " \t\r\n";

/* ---- states -------------------------------------------------------------------------- */

/* Pass 2 finds a state's element here, by the state's number. */
struct scxml {
    struct smew__loader *loader;
    struct smew__buffer elements; /* const struct smew__element *; NULL for a pseudo state */
};

static bool is_state(const struct smew__element *element, uint8_t *kind)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } kinds[] = {{"state", SMEW__ATOMIC},
                 {"parallel", SMEW__PARALLEL},
                 {"final", SMEW__FINAL},
                 {"history", SMEW__HISTORY}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (smew__is(element, kinds[i].name)) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

static const struct smew__element *find_child(const struct smew__element *element, const char *name)
{
    for (const struct smew__element *child = element->first; child; child = child->next)
        if (smew__is(child, name))
            return child;
    return NULL;
}

static bool add_state(struct scxml *scxml, const struct smew__element *element,
                      struct smew__state *state, const struct smew__element *place)
{
    struct smew__loader *loader = scxml->loader;
    struct smew__source source = {.json = smew__place(place)};
    uint32_t number = SMEW__COUNT(loader->states, struct smew__state);
    char name[32];

    if (number >= SMEW__STATES_MAX)
        return smew__refuse(loader, SMEW_LIMIT, source.json, "a chart has at most %d states",
                            SMEW__STATES_MAX);
    if (!state->id) {
        (void)snprintf(name, sizeof name, "(%u)", number);
        state->id = smew__intern(loader, name, strlen(name));
    }
    state->key = state->id;
    state->initial = SMEW__NO_STATE;
    state->end = (uint16_t)(number + 1);
    if (state->parent != SMEW__NO_STATE)
        state->depth = (uint16_t)(smew__loader_state(loader, state->parent)->depth + 1);
    if (state->depth > SMEW__DEPTH_MAX)
        return smew__refuse(loader, SMEW_LIMIT, source.json,
                            "state \"%.60s\" is more than %d levels deep", state->id,
                            SMEW__DEPTH_MAX);
    source.path_id = state->id;
    return state->id && smew__push(loader, &loader->states, state, sizeof *state) &&
           smew__push(loader, &loader->sources, &source, sizeof source) &&
           smew__push(loader, &scxml->elements, &element, sizeof(void *)) &&
           smew__register_state(loader, (uint16_t)number);
}

static bool read_id(struct smew__loader *loader, const struct smew__element *element,
                    const char **id)
{
    const char *text = smew__xml_attribute(element, "id");

    if (!text)
        return true;
    if (!*text || strlen(text) > SMEW__NAME_MAX)
        return smew__refuse(loader, SMEW_LIMIT, smew__place(element),
                            "a state's id has from 1 to %d bytes", SMEW__NAME_MAX);
    if (smew__state_of_id(loader, text, strlen(text)) != SMEW__NO_STATE)
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                            "the id \"%.100s\" is taken already", text);
    *id = smew__intern(loader, text, strlen(text));
    return *id != NULL;
}

/* What a state says of its beginning: an attribute, or an element with a transition. */
static const char *initial_of(const struct smew__element *element,
                              const struct smew__element **transition)
{
    const struct smew__element *initial = find_child(element, "initial");

    *transition = initial ? find_child(initial, "transition") : NULL;
    if (*transition)
        return smew__xml_attribute(*transition, "target");
    return smew__xml_attribute(element, "initial");
}

/* Is it one child's id? */
static bool is_plain(const struct smew__element *element, const char *initial)
{
    uint8_t kind;

    for (const struct smew__element *child = element->first; child; child = child->next) {
        const char *id = is_state(child, &kind) ? smew__xml_attribute(child, "id") : NULL;

        if (id && strcmp(id, initial) == 0)
            return kind != SMEW__HISTORY;
    }
    return false;
}

static bool load_state(struct scxml *scxml, const struct smew__element *element, uint16_t parent,
                       uint8_t kind);

/* Recursive: the depth of states is bounded. */
static bool load_children(struct scxml *scxml, const struct smew__element *element, uint16_t number)
{
    struct smew__loader *loader = scxml->loader;
    const struct smew__element *transition;
    const char *initial = initial_of(element, &transition);
    uint8_t kind = smew__loader_state(loader, number)->kind;

    if (initial && kind != SMEW__COMPOUND && kind != SMEW__PARALLEL)
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                            "what has no states has no initial one: \"%.100s\"", initial);
    if (initial && !is_plain(element, initial)) {
        struct smew__state pseudo = {.kind = SMEW__HISTORY, .pseudo = true, .parent = number};

        if (!add_state(scxml, NULL, &pseudo, element))
            return false;
    }
    for (const struct smew__element *child = element->first; child; child = child->next)
        if (is_state(child, &kind) && !load_state(scxml, child, number, kind))
            return false;
    smew__loader_state(loader, number)->end =
        (uint16_t)SMEW__COUNT(loader->states, struct smew__state);
    return true;
}

static bool load_state(struct scxml *scxml, const struct smew__element *element, uint16_t parent,
                       uint8_t kind)
{
    struct smew__loader *loader = scxml->loader;
    struct smew__state state = {.parent = parent, .kind = kind};
    const char *type = smew__xml_attribute(element, "type");
    uint32_t number = SMEW__COUNT(loader->states, struct smew__state);
    uint8_t below;

    for (const struct smew__element *child = element->first; child; child = child->next)
        if (kind == SMEW__ATOMIC && is_state(child, &below) && below != SMEW__HISTORY)
            state.kind = SMEW__COMPOUND;
    state.deep = kind == SMEW__HISTORY && type && strcmp(type, "deep") == 0;
    return read_id(loader, element, &state.id) && add_state(scxml, element, &state, element) &&
           load_children(scxml, element, (uint16_t)number);
}

/* ---- targets ------------------------------------------------------------------------- */

static bool load_targets(struct smew__loader *loader, const struct smew__element *element,
                         const char *text, struct smew__run *run)
{
    run->first = SMEW__COUNT(loader->targets, uint16_t);
    while (*(text += strspn(text, blanks))) {
        size_t size = strcspn(text, blanks);
        uint16_t target = smew__state_of_id(loader, text, size);

        if (target == SMEW__NO_STATE || smew__loader_state(loader, target)->pseudo)
            return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                                "target \"%.*s\" does not exist", (int)(size < 100 ? size : 100),
                                text);
        if (!smew__push_target(loader, run->first, target))
            return false;
        text += size;
    }
    run->count = SMEW__COUNT(loader->targets, uint16_t) - run->first;
    return true;
}

/* Defaults lie inside the parent, so that entering by default only leads further down. */
static bool load_defaults(struct smew__loader *loader, const struct smew__element *element,
                          const char *text, uint16_t number)
{
    uint16_t parent = smew__loader_state(loader, number)->parent;
    struct smew__run run;

    if (!load_targets(loader, element, text, &run))
        return false;
    for (uint32_t i = 0; i < run.count; i++) {
        uint16_t target = *SMEW__AT(loader->targets, uint16_t, run.first + i);
        bool many = run.count > 1 && smew__loader_state(loader, target)->kind == SMEW__HISTORY;

        if (target <= parent || target >= smew__loader_state(loader, parent)->end || many)
            return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                                "the default lies in \"%.100s\", and several are no history states",
                                smew__loader_state(loader, parent)->id);
    }
    smew__loader_state(loader, number)->defaults = run;
    return run.count > 0 ||
           smew__refuse(loader, SMEW_SYNTAX, smew__place(element), "a default needs a target");
}

/* The first child that is no history state. */
static uint16_t first_child(struct smew__loader *loader, uint16_t state)
{
    uint16_t end = smew__loader_state(loader, state)->end;

    for (uint16_t child = (uint16_t)(state + 1); child < end;
         child = smew__loader_state(loader, child)->end)
        if (smew__loader_state(loader, child)->kind != SMEW__HISTORY)
            return child;
    return SMEW__NO_STATE;
}

static bool load_initial(struct smew__loader *loader, const struct smew__element *element,
                         uint16_t number)
{
    const struct smew__element *transition;
    const char *initial = initial_of(element, &transition);
    struct smew__run run = {0};
    uint16_t child = (uint16_t)(number + 1);

    if (smew__loader_state(loader, number)->kind != SMEW__COMPOUND)
        return true;
    if (!initial)
        child = first_child(loader, number);
    else if (is_plain(element, initial))
        child = smew__state_of_id(loader, initial, strlen(initial));
    else if (!load_defaults(loader, transition ? transition : element, initial, child))
        return false;
    smew__loader_state(loader, number)->initial = child;
    if (transition && !smew__scxml_block(loader, transition, &run))
        return false;
    smew__loader_state(loader, number)->initial_actions = run;
    return true;
}

/* ---- transitions --------------------------------------------------------------------- */

/* A transition of the state that is being read, with what it waits for. */
struct read {
    struct smew__transition transition;
    const char *events; /* NULL: eventless */
};

static bool read_transition(struct smew__loader *loader, const struct smew__element *element,
                            uint16_t state, struct read *read)
{
    const char *type = smew__xml_attribute(element, "type");
    const char *target = smew__xml_attribute(element, "target");

    *read = (struct read){.events = smew__xml_attribute(element, "event")};
    read->transition.source = state;
    read->transition.reenter = !type || strcmp(type, "internal") != 0;
    if (!smew__scxml_cond(loader, element, &read->transition.guard) ||
        (target && !load_targets(loader, element, target, &read->transition.targets)))
        return false;
    read->transition.has_target = read->transition.targets.count > 0;
    return smew__scxml_block(loader, element, &read->transition.actions);
}

/* The next descriptor of a list, without what says no more than itself: "a.*" and "a." are "a". */
static bool next_descriptor(const char **list, const char **descriptor, size_t *size)
{
    *descriptor = *list + strspn(*list, blanks);
    *size = strcspn(*descriptor, blanks);
    *list = *descriptor + *size;
    if (*size > 2 && memcmp(*descriptor + *size - 2, ".*", 2) == 0)
        *size -= 2;
    else if (*size > 1 && (*descriptor)[*size - 1] == '.')
        *size -= 1;
    return *size > 0;
}

/* Does one of a list's descriptors match everything that this one does? */
static bool is_covered(const char *list, const char *descriptor, size_t size)
{
    const char *wider;
    size_t wider_size;

    while (next_descriptor(&list, &wider, &wider_size)) {
        if (wider_size == 1 && *wider == '*')
            return true;
        if (wider_size <= size && memcmp(wider, descriptor, wider_size) == 0 &&
            (wider_size == size || descriptor[wider_size] == '.'))
            return true;
    }
    return false;
}

static bool has_row(struct smew__loader *loader, uint32_t first, uint32_t event)
{
    for (uint32_t i = first; i < SMEW__COUNT(loader->rows, struct smew__row); i++)
        if (SMEW__AT(loader->rows, struct smew__row, i)->event == event)
            return true;
    return false;
}

static bool add_row(struct smew__loader *loader, const struct smew__buffer *reads,
                    const char *descriptor, size_t size, uint32_t event)
{
    struct smew__row row = {.event = event};

    row.transitions.first = SMEW__COUNT(loader->transitions, struct smew__transition);
    for (uint32_t i = 0; i < SMEW__COUNT(*reads, struct read); i++) {
        const struct read *read = SMEW__AT(*reads, struct read, i);

        if (read->events && is_covered(read->events, descriptor, size) &&
            !smew__push(loader, &loader->transitions, &read->transition, sizeof read->transition))
            return false;
    }
    row.transitions.count =
        SMEW__COUNT(loader->transitions, struct smew__transition) - row.transitions.first;
    return smew__push(loader, &loader->rows, &row, sizeof row);
}

/* The rows of one transition's descriptors, as far as the state has none for them yet. */
static bool add_rows(struct smew__loader *loader, const struct smew__buffer *reads,
                     const char *list, uint32_t first)
{
    char name[SMEW__NAME_MAX + 3];
    const char *descriptor;
    uint32_t event;
    uint32_t exact;
    size_t size;

    while (next_descriptor(&list, &descriptor, &size)) {
        bool any = size == 1 && *descriptor == '*';
        bool system = strncmp(descriptor, "done.", 5) == 0 || strncmp(descriptor, "error", 5) == 0;

        if (size > SMEW__NAME_MAX)
            return smew__refuse(loader, SMEW_LIMIT, (struct smew__json){0},
                                "an event's name is longer than %d bytes", SMEW__NAME_MAX);
        (void)snprintf(name, sizeof name, "%.*s", (int)size, descriptor);
        if (!any && !smew__load_event(loader, name, !system, &exact))
            return false;
        if (!any)
            memcpy(name + size, ".*", 3);
        if (!smew__load_event(loader, name, false, &event) ||
            (!has_row(loader, first, event) && !add_row(loader, reads, descriptor, size, event)))
            return false;
    }
    return true;
}

static bool add_transitions(struct smew__loader *loader, const struct smew__buffer *reads,
                            uint16_t state)
{
    uint32_t first = SMEW__COUNT(loader->rows, struct smew__row);
    struct smew__run always = {.first = SMEW__COUNT(loader->transitions, struct smew__transition)};

    for (uint32_t i = 0; i < SMEW__COUNT(*reads, struct read); i++) {
        const struct read *read = SMEW__AT(*reads, struct read, i);

        if (!read->events &&
            !smew__push(loader, &loader->transitions, &read->transition, sizeof read->transition))
            return false;
        always.count += !read->events;
    }
    loader->chart->has_always = loader->chart->has_always || always.count > 0;
    smew__loader_state(loader, state)->always = always;
    for (uint32_t i = 0; i < SMEW__COUNT(*reads, struct read); i++) {
        const char *events = SMEW__AT(*reads, struct read, i)->events;

        if (events && !add_rows(loader, reads, events, first))
            return false;
        if (SMEW__COUNT(loader->transitions, struct smew__transition) > COPIES_MAX)
            return smew__refuse(loader, SMEW_LIMIT, (struct smew__json){0},
                                "the chart has more than %d transitions by event", COPIES_MAX);
    }
    smew__loader_state(loader, state)->rows =
        (struct smew__run){first, SMEW__COUNT(loader->rows, struct smew__row) - first};
    return true;
}

static bool load_transitions(struct smew__loader *loader, const struct smew__element *element,
                             uint16_t state)
{
    struct smew__buffer reads;
    struct read read;
    bool fine = true;

    smew__buffer_init(&reads);
    for (const struct smew__element *child = element->first; fine && child; child = child->next)
        if (smew__is(child, "transition"))
            fine = read_transition(loader, child, state, &read) &&
                   smew__push(loader, &reads, &read, sizeof read);
    fine = fine && add_transitions(loader, &reads, state);
    smew__buffer_fini(&reads);
    return fine;
}

/* ---- what a state does --------------------------------------------------------------- */

/* All blocks of that name, one after the other. */
static bool load_blocks(struct smew__loader *loader, const struct smew__element *element,
                        uint16_t state, const char *name, struct smew__run *all)
{
    struct smew__run run;

    all->first = SMEW__COUNT(loader->actions, struct smew__action);
    if (strcmp(name, "onentry") == 0 &&
        !(smew__scxml_late_data(loader, element) && smew__scxml_id_places(loader, element, state)))
        return false;
    for (const struct smew__element *child = element->first; child; child = child->next)
        if (smew__is(child, name) && !smew__scxml_block(loader, child, &run))
            return false;
    all->count = SMEW__COUNT(loader->actions, struct smew__action) - all->first;
    return true;
}

static bool refuse_unknown(struct smew__loader *loader, const struct smew__element *element)
{
    static const char *const known[] = {"state",   "parallel",   "final",   "history", "invoke",
                                        "initial", "transition", "onentry", "onexit",  "donedata"};
    enum { BELOW_FINAL = 7 }; /* the first ones are nothing for a final state */

    for (const struct smew__element *child = element->first; child; child = child->next) {
        size_t at = 0;

        if (smew__is(child, "datamodel") || (smew__is(child, "script") && !element->parent)) {
            if (!loader->chart->scripted && (child->first || smew__is(child, "script")))
                return smew__refuse_script(loader, child);
            continue;
        }
        while (at < sizeof known / sizeof *known && !smew__is(child, known[at]))
            at++;
        if (at < BELOW_FINAL && smew__is(element, "final"))
            return smew__refuse(loader, SMEW_SYNTAX, smew__place(child),
                                "<final> cannot have a <%s> of its own", known[at]);
        if (at == sizeof known / sizeof *known)
            return smew__refuse(loader, SMEW_SYNTAX, smew__place(child),
                                "unknown element <%.40s> in <%.40s>", child->name, element->name);
        if (smew__is(child, "donedata") && child->first && !loader->chart->scripted)
            return smew__refuse_script(loader, child);
    }
    return true;
}

static bool load_history(struct smew__loader *loader, const struct smew__element *element,
                         uint16_t number)
{
    const struct smew__element *transition = find_child(element, "transition");
    const char *target = transition ? smew__xml_attribute(transition, "target") : NULL;
    struct smew__run run;

    if (!target)
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                            "a history state needs a transition with a target");
    if (!load_defaults(loader, transition, target, number) ||
        !smew__scxml_block(loader, transition, &run))
        return false;
    smew__loader_state(loader, number)->initial_actions = run;
    return true;
}

static bool load_one(struct smew__loader *loader, const struct smew__element *element,
                     uint16_t number)
{
    struct smew__run entry;
    struct smew__run leave;

    if (smew__loader_state(loader, number)->kind == SMEW__HISTORY)
        return load_history(loader, element, number);
    if (!refuse_unknown(loader, element) || !smew__scxml_invokes(loader, element, number) ||
        !load_blocks(loader, element, number, "onentry", &entry) ||
        !load_blocks(loader, element, number, "onexit", &leave))
        return false;
    smew__loader_state(loader, number)->entry = entry;
    smew__loader_state(loader, number)->exit = leave;
    return smew__scxml_done_data(loader, element, number) &&
           load_initial(loader, element, number) && load_transitions(loader, element, number);
}

/* ---- the way in ---------------------------------------------------------------------- */

/* Each element's place, by its number. */
static bool mark_all(struct smew__loader *loader, const struct smew__element *root, uint32_t count)
{
    const struct smew__element *at = root;

    loader->marks.marks = smew__calloc(count, sizeof *loader->marks.marks);
    if (!loader->marks.marks)
        return smew__no_memory(loader);
    loader->marks.count = count;
    while (at) {
        loader->marks.marks[at->number] = (struct smew__mark){at->offset, at->offset, 0};
        if (at->first) {
            at = at->first;
            continue;
        }
        while (at && !at->next)
            at = at->parent;
        at = at ? at->next : NULL;
    }
    return true;
}

static bool load_document(struct scxml *scxml, const struct smew__element *root)
{
    struct smew__loader *loader = scxml->loader;
    const char *name = smew__xml_attribute(root, "name");

    if (!smew__is(root, "scxml"))
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(root), "a chart is an <scxml>");
    if (!load_state(scxml, root, SMEW__NO_STATE, SMEW__ATOMIC))
        return false;
    name = name ? name : loader->name;
    loader->chart->id = smew__intern(loader, name, strlen(name));
    smew__scxml_find_scripts(loader, root);
    if (!loader->chart->id || !smew__scxml_prologue(loader, root))
        return false;
    for (uint32_t i = 0; i < SMEW__COUNT(loader->states, struct smew__state); i++) {
        const struct smew__element *element =
            *SMEW__AT(scxml->elements, const struct smew__element *, i);

        if (element && !load_one(loader, element, (uint16_t)i))
            return false;
    }
    return smew__load_finish(loader) && smew__load_own(loader, (struct smew__json){0});
}

/* One that lies in another document has been read with it. */
static bool read_scxml(struct smew__loader *loader)
{
    struct smew__xml_problem problem = {0};
    struct scxml scxml = {.loader = loader};
    bool fine;

    loader->chart->scxml = true;
    if (!loader->root)
        loader->root = smew__xml_parse(&loader->scratch, loader->text, loader->size,
                                       &loader->element_count, &problem);
    if (!loader->root)
        return problem.text ? smew__refuse_offset(loader, problem.offset, problem.text)
                            : smew__no_memory(loader);
    smew__buffer_init(&scxml.elements);
    fine = mark_all(loader, loader->root, loader->element_count) &&
           load_document(&scxml, loader->root);
    smew__buffer_fini(&scxml.elements);
    return fine;
}

/* For that while the element is the root of a document of its own. */
bool smew__scxml_inside(struct smew__loader *around, struct smew__element *root,
                        struct smew_chart **chart)
{
    struct smew__loader loader = {.name = around->name,
                                  .text = around->text,
                                  .size = around->size,
                                  .error = around->error,
                                  .root = root,
                                  .element_count = around->element_count,
                                  .generation = around->generation + 1};
    struct smew__element *parent = root->parent;
    struct smew__element *next = root->next;

    if (loader.generation > SMEW__HEIGHT_MAX)
        return smew__refuse(around, SMEW_LIMIT, smew__place(root),
                            "machines are invoked more than %d generations deep", SMEW__HEIGHT_MAX);
    root->parent = NULL;
    root->next = NULL;
    around->status = smew__load(&loader, read_scxml, around->behavior, chart);
    root->parent = parent;
    root->next = next;
    return around->status == SMEW_OK;
}

enum smew_status smew_chart_load_scxml(const char *text, size_t size_bytes, const char *name,
                                       const struct smew_behavior *behavior,
                                       struct smew_chart **chart, struct smew_error *error)
{
    struct smew__loader loader = {
        .name = name ? name : "chart", .text = text, .size = size_bytes, .error = error};

    return smew__load(&loader, read_scxml, behavior, chart);
}
