/* SPDX-License-Identifier: MIT */

/*
 * What evaluates: data, assign, script, foreach, and send, cancel, log and donedata in a chart
 * that evaluates anything at all.  A chart that does not is loaded as one of the null data model,
 * whatever it says of its own, and its machines have no script session.
 *
 * Texts are not compiled here: W3C's errors in them are events, which a chart may handle.
 */

#include "chart/load_scxml.h"

#include <string.h>

#include "base/alloc.h"

static const char blanks[] = " \t\r\n";

/* ---- finding ------------------------------------------------------------------------- */

static bool is_quoted(const char *text)
{
    size_t size = strlen(text);

    return size >= 2 && *text == '\'' && text[size - 1] == '\'' &&
           memchr(text + 1, '\'', size - 2) == NULL && !strchr(text, '\\');
}

/* Params and finalize lie inside, where the search does not look. */
static bool wants_script(const struct smew__element *invoke)
{
    for (const struct smew__element *child = invoke->first; child; child = child->next)
        if (smew__is(child, "param") || smew__is(child, "finalize"))
            return true;
    return smew__xml_attribute(invoke, "autoforward") != NULL;
}

/* The words that only a script understands. */
static bool evaluates(const struct smew__element *element)
{
    static const char *const elements[] = {"data",    "assign", "script",
                                           "foreach", "param",  "finalize"};
    static const char *const attributes[] = {"eventexpr",  "targetexpr", "typeexpr", "delayexpr",
                                             "sendidexpr", "idlocation", "namelist", "srcexpr"};
    const char *expr = smew__xml_attribute(element, "expr");
    const char *cond = smew__xml_attribute(element, "cond");

    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (smew__is(element, elements[i]))
            return true;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (smew__xml_attribute(element, attributes[i]))
            return true;
    if (smew__is(element, "donedata"))
        return element->first != NULL;
    if (smew__is(element, "invoke"))
        return wants_script(element);
    return (expr && !is_quoted(expr)) || (cond && !smew__scxml_is_plain(cond));
}

/* The next element of the document; what an <invoke> holds is another document's. */
static const struct smew__element *next_element(const struct smew__element *at)
{
    if (at->first && !smew__is(at, "invoke"))
        return at->first;
    while (at && !at->next)
        at = at->parent;
    return at ? at->next : NULL;
}

void smew__scxml_find_scripts(struct smew__loader *loader, const struct smew__element *root)
{
    const char *binding = smew__xml_attribute(root, "binding");

    loader->model = smew__xml_attribute(root, "datamodel");
    loader->binds_late = binding && strcmp(binding, "late") == 0;
    if (!smew__script_engine() ||
        (loader->model && strcmp(loader->model, smew__script_engine()->language) != 0))
        return;
    for (const struct smew__element *at = root; at && !loader->chart->scripted;
         at = next_element(at))
        loader->chart->scripted = evaluates(at);
}

/* ---- making -------------------------------------------------------------------------- */

static uint32_t action_count(struct smew__loader *loader)
{
    return SMEW__COUNT(loader->actions, struct smew__action);
}

static bool add_script(struct smew__loader *loader, const struct smew__script *script)
{
    struct smew__action action = {.kind = SMEW__ACTION_SCRIPT,
                                  .script = smew__load_script(loader, script)};

    return action.script && smew__push(loader, &loader->actions, &action, sizeof action);
}

bool smew__scxml_end_block(struct smew__loader *loader, uint32_t first)
{
    static const struct smew__action end = {.kind = SMEW__ACTION_END};

    return !loader->chart->scripted || action_count(loader) == first ||
           smew__push(loader, &loader->actions, &end, sizeof end);
}

static bool intern(struct smew__loader *loader, const char *text, const char **kept)
{
    *kept = text ? smew__intern(loader, text, strlen(text)) : NULL;
    return !text || *kept;
}

/* An expression; people end it like a statement now and then. */
static bool read_code(struct smew__loader *loader, const struct smew__element *element,
                      const char *name, struct smew__code *code)
{
    const char *text = smew__xml_attribute(element, name);
    size_t size = text ? strlen(text) : 0;

    while (size > 0 && strchr(" \t\r\n;", text[size - 1]))
        size--;
    if (text && text[size])
        text = smew__arena_text(&loader->scratch, text, size);
    else if (!text)
        return true;
    return text ? smew__load_code(loader, text, code) : smew__no_memory(loader);
}

/* A text as it is, or an expression; NULL: there is no such attribute. */
static bool read_word(struct smew__loader *loader, const struct smew__element *element,
                      const char *text, const char *code, struct smew__word *word)
{
    return intern(loader, smew__xml_attribute(element, text), &word->text) &&
           read_code(loader, element, code, &word->code);
}

/* W3C's "space-normalized": one blank between words.  In the scratch arena; NULL: no memory. */
static char *normalize(struct smew__loader *loader, const char *text)
{
    char *made = smew__arena_text(&loader->scratch, text, strlen(text));
    char *to = made;

    if (!made)
        return NULL;
    while (*(text += strspn(text, blanks))) {
        size_t size = strcspn(text, blanks);

        if (to > made)
            *to++ = ' ';
        memcpy(to, text, size);
        to += size;
        text += size;
    }
    *to = '\0';
    return made;
}

/* A text of the behaviour's; NULL: refused. */
static const char *find_text(struct smew__loader *loader, const struct smew__element *element,
                             const char *src)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew__suggestion near;

    smew__suggest_init(&near, src);
    for (size_t i = 0; i < behavior->text_count; i++) {
        if (strcmp(behavior->texts[i].name, src) == 0)
            return behavior->texts[i].text;
        smew__suggest_offer(&near, behavior->texts[i].name);
    }
    return smew__missing(loader, smew__place(element), "text", &near) ? "" : NULL;
}

/* JSON or an expression, or where it is neither, words. */
static bool read_words(struct smew__loader *loader, const char *text, struct smew__word *word)
{
    const char *words = normalize(loader, text);

    if (!words)
        return smew__no_memory(loader);
    return !*words ||
           (smew__load_code(loader, text, &word->code) && intern(loader, words, &word->text));
}

/* What lies inside an element: an expression, or where it is none, words. */
static bool read_inside(struct smew__loader *loader, const struct smew__element *element,
                        struct smew__word *word)
{
    if (element->first)
        return smew__refuse(loader, SMEW_UNSUPPORTED, smew__place(element),
                            "<%.40s> holds XML, which no script of smew's can look at",
                            element->name);
    return read_words(loader, element->text, word);
}

static bool read_value(struct smew__loader *loader, const struct smew__element *element,
                       struct smew__word *word)
{
    const char *src = smew__xml_attribute(element, "src");

    if (src) {
        const char *text = find_text(loader, element, src);

        return text && read_words(loader, text, word);
    }
    if (smew__xml_attribute(element, "expr"))
        return read_code(loader, element, "expr", &word->code);
    return read_inside(loader, element, word);
}

static bool need(struct smew__loader *loader, const struct smew__element *element, const char *name,
                 const char **text)
{
    if (!smew__xml_attribute(element, name))
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element), "<%.40s> needs \"%s\"",
                            element->name, name);
    return intern(loader, smew__xml_attribute(element, name), text);
}

/* ---- what is done -------------------------------------------------------------------- */

static bool load_assign(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_ASSIGN};

    return need(loader, element, "location", &script.place) &&
           read_value(loader, element, &script.value) && add_script(loader, &script);
}

static bool load_run(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_RUN};
    const char *src = smew__xml_attribute(element, "src");
    const char *text = src ? find_text(loader, element, src) : element->text;

    return text && smew__load_code(loader, text, &script.value.code) && add_script(loader, &script);
}

static bool load_each(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_EACH, .depth = loader->lists};
    uint32_t first = action_count(loader);
    const char *array = NULL;

    if (++loader->lists > SMEW__DEPTH_MAX)
        return smew__refuse(loader, SMEW_LIMIT, smew__place(element),
                            "<foreach> nests more than %d levels deep", SMEW__DEPTH_MAX);
    if (!need(loader, element, "array", &array) || !need(loader, element, "item", &script.place) ||
        !intern(loader, smew__xml_attribute(element, "index"), &script.index) ||
        !smew__load_code(loader, array, &script.value.code) || !add_script(loader, &script))
        return false;
    for (const struct smew__element *child = element->first; child; child = child->next)
        if (!smew__scxml_one(loader, child))
            return false;
    SMEW__AT(loader->actions, struct smew__action, first)->skip = action_count(loader) - first - 1;
    loader->lists--;
    return true;
}

static bool load_log(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_LOG};

    if (!intern(loader, smew__xml_attribute(element, "label"), &script.index) ||
        !read_code(loader, element, "expr", &script.value.code))
        return false;
    if (!script.value.code.text)
        script.value.text = "";
    return add_script(loader, &script);
}

static bool load_cancel(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_CANCEL};

    if (!read_word(loader, element, "sendid", "sendidexpr", &script.id))
        return false;
    if (!script.id.text && !script.id.code.text)
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                            "<cancel> needs \"sendid\" or \"sendidexpr\"");
    return add_script(loader, &script);
}

/* ---- data of events ------------------------------------------------------------------ */

static uint32_t count_names(const char *list)
{
    uint32_t count = 0;

    while (list && *(list += strspn(list, blanks))) {
        count++;
        list += strcspn(list, blanks);
    }
    return count;
}

static bool add_named(struct smew__loader *loader, const char *list, struct smew__param *params)
{
    while (list && *(list += strspn(list, blanks))) {
        size_t size = strcspn(list, blanks);

        params->name = smew__intern(loader, list, size);
        if (!params->name || !smew__load_code(loader, params->name, &params->code))
            return false;
        params++;
        list += size;
    }
    return true;
}

static bool add_param(struct smew__loader *loader, const struct smew__element *element,
                      struct smew__param *param)
{
    const char *name = smew__xml_attribute(element, "expr") ? "expr" : "location";

    if (!smew__xml_attribute(element, name))
        return smew__refuse(loader, SMEW_SYNTAX, smew__place(element),
                            "<param> needs \"expr\" or \"location\"");
    return need(loader, element, "name", &param->name) &&
           read_code(loader, element, name, &param->code);
}

/* A literal <content> is JSON, or words that become a string. */
static bool read_content(struct smew__loader *loader, const struct smew__element *element,
                         struct smew__word *word)
{
    struct smew__buffer quoted;
    json_t *json;
    bool fine;

    if (smew__xml_attribute(element, "expr"))
        return read_code(loader, element, "expr", &word->code);
    if (element->first)
        return read_inside(loader, element, word);
    json = json_loads(element->text, JSON_DECODE_ANY, NULL);
    json_decref(json);
    if (json || !*element->text)
        return intern(loader, element->text, &word->text);
    const char *words = normalize(loader, element->text);
    if (!words)
        return smew__no_memory(loader);
    smew__buffer_init(&quoted);
    smew__buffer_json_string(&quoted, words, strlen(words));
    smew__buffer_append(&quoted, "", 1);
    fine = quoted.failed ? smew__no_memory(loader)
                         : intern(loader, (const char *)quoted.data, &word->text);
    smew__buffer_fini(&quoted);
    return fine;
}

/* The namelist's come first: without them nothing is sent. */
bool smew__scxml_data(struct smew__loader *loader, const struct smew__element *element,
                      struct smew__script *script)
{
    const char *list = smew__xml_attribute(element, "namelist");
    struct smew__param *params = NULL;
    uint32_t at;

    script->strict_count = count_names(list);
    script->param_count = script->strict_count;
    for (const struct smew__element *child = element->first; child; child = child->next)
        script->param_count += smew__is(child, "param");
    if (script->param_count > 0) {
        params = smew__arena_alloc(&loader->chart->arena, script->param_count * sizeof *params);
        if (!params)
            return smew__no_memory(loader);
        memset(params, 0, script->param_count * sizeof *params);
    }
    script->params = params;
    if (params && !add_named(loader, list, params))
        return false;
    at = script->strict_count;
    for (const struct smew__element *child = element->first; child; child = child->next) {
        if (params && smew__is(child, "param") ? !add_param(loader, child, &params[at++])
            : smew__is(element, "invoke")      ? false
            : smew__is(child, "content")
                ? !read_content(loader, child, &script->value)
                : !smew__refuse(loader, SMEW_SYNTAX, smew__place(child),
                                "<%.40s> is no data of an event", child->name))
            return false;
    }
    return true;
}

static bool load_send(struct smew__loader *loader, const struct smew__element *element)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_SEND};

    return read_word(loader, element, "event", "eventexpr", &script.event) &&
           read_word(loader, element, "target", "targetexpr", &script.target) &&
           read_word(loader, element, "type", "typeexpr", &script.type) &&
           read_word(loader, element, "delay", "delayexpr", &script.delay) &&
           read_word(loader, element, "id", "", &script.id) &&
           intern(loader, smew__xml_attribute(element, "idlocation"), &script.place) &&
           smew__scxml_data(loader, element, &script) && add_script(loader, &script);
}

bool smew__scxml_done_data(struct smew__loader *loader, const struct smew__element *element,
                           uint16_t state)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_VALUE};

    if (!loader->chart->scripted || smew__loader_state(loader, state)->kind != SMEW__FINAL)
        return true;
    for (const struct smew__element *child = element->first; child; child = child->next) {
        if (!smew__is(child, "donedata") || !child->first)
            continue;
        if (!smew__scxml_data(loader, child, &script))
            return false;
        smew__loader_state(loader, state)->done_data = smew__load_script(loader, &script);
        return smew__loader_state(loader, state)->done_data != NULL;
    }
    return true;
}

bool smew__scxml_script(struct smew__loader *loader, const struct smew__element *element)
{
    static const struct {
        const char *name;
        bool (*load)(struct smew__loader *loader, const struct smew__element *element);
    } kinds[] = {{"assign", load_assign}, {"script", load_run}, {"foreach", load_each},
                 {"log", load_log},       {"send", load_send},  {"cancel", load_cancel}};

    if (!loader->chart->scripted)
        return smew__refuse_script(loader, element);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (smew__is(element, kinds[i].name))
            return kinds[i].load(loader, element);
    return smew__refuse_script(loader, element);
}

/* ---- data ---------------------------------------------------------------------------- */

/* One <data>, a block of its own. */
static bool load_data(struct smew__loader *loader, const struct smew__element *element, bool late)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_DATA, .late = late};

    return need(loader, element, "id", &script.place) &&
           read_value(loader, element, &script.value) && add_script(loader, &script) &&
           smew__scxml_end_block(loader, action_count(loader) - 1);
}

bool smew__scxml_prologue(struct smew__loader *loader, const struct smew__element *root)
{
    struct smew__run *prologue = &loader->chart->prologue;

    if (!loader->chart->scripted)
        return true;
    prologue->first = action_count(loader);
    for (const struct smew__element *at = next_element(root); at; at = next_element(at))
        if (smew__is(at, "data") &&
            !load_data(loader, at, loader->binds_late && at->parent->parent != root))
            return false;
    for (const struct smew__element *at = root->first; at; at = at->next)
        if (smew__is(at, "script") &&
            !(load_run(loader, at) && smew__scxml_end_block(loader, action_count(loader) - 1)))
            return false;
    prologue->count = action_count(loader) - prologue->first;
    return true;
}

bool smew__scxml_late_data(struct smew__loader *loader, const struct smew__element *element)
{
    if (!loader->chart->scripted || !loader->binds_late || !element->parent)
        return true;
    for (const struct smew__element *model = element->first; model; model = model->next)
        for (const struct smew__element *data = smew__is(model, "datamodel") ? model->first : NULL;
             data; data = data->next)
            if (smew__is(data, "data") && !load_data(loader, data, true))
                return false;
    return true;
}
