/* SPDX-License-Identifier: MIT */

/*
 * Texts of scripts, numbered for the cache of each machine's session; for both loaders.
 *
 * A JSON literal with expressions in it becomes one expression as a whole: JSON is JavaScript, and
 * each {"@expr": TEXT} in it is replaced by (TEXT).
 */

#include "chart/load.h"

#include <string.h>

#include "base/alloc.h"

bool smew__load_code(struct smew__loader *loader, const char *text, struct smew__code *code)
{
    code->text = smew__intern(loader, text, strlen(text));
    code->number = loader->chart->code_count++;
    return code->text != NULL;
}

const struct smew__script *smew__load_script(struct smew__loader *loader,
                                             const struct smew__script *script)
{
    struct smew__script *kept = smew__arena_alloc(&loader->chart->arena, sizeof *kept);

    if (!kept) {
        (void)smew__no_memory(loader);
        return NULL;
    }
    *kept = *script;
    loader->chart->scripted = true;
    return kept;
}

/* ---- XState's expressions ------------------------------------------------------------ */

/* Recursive: bounded, as values are; one that nests deeper is refused when it is read. */
static bool find(json_t *json, unsigned depth)
{
    json_t *item;
    const char *key;
    size_t index;

    if (depth > SMEW__DEPTH_MAX || json_object_get(json, "@expr"))
        return depth <= SMEW__DEPTH_MAX;
    json_array_foreach(json, index, item)
    {
        if (find(item, depth + 1))
            return true;
    }
    json_object_foreach(json, key, item)
    {
        if (find(item, depth + 1))
            return true;
    }
    return false;
}

bool smew__has_expression(struct smew__json json)
{
    return find((json_t *)(uintptr_t)json.value, 0); /* jansson's iterators want it mutable */
}

static bool write_expression(struct smew__loader *loader, struct smew__json json,
                             struct smew__buffer *text)
{
    static const char *const allowed[] = {"@expr", "@lang", NULL};
    struct smew__json expression = smew__member(loader, json, "@expr");
    struct smew__json language = smew__member(loader, json, "@lang");
    const struct smew__script_engine *engine = smew__script_engine();
    const char *name = json_string_value(language.value);

    if (!smew__only_members(loader, json, "an expression", allowed))
        return false;
    if (!json_is_string(expression.value) || (language.value && !name))
        return smew__refuse(loader, SMEW_SYNTAX, json, "\"@expr\" and \"@lang\" are strings");
    if (!engine)
        return smew__refuse(loader, SMEW_UNSUPPORTED, json,
                            "an expression needs a script engine, which this build does not have: "
                            "install duktape-dev and build smew again");
    if (name && strcmp(name, engine->language) != 0)
        return smew__refuse(loader, SMEW_UNSUPPORTED, language,
                            "there is no engine for the language \"%.60s\", only for \"%s\"", name,
                            engine->language);
    smew__buffer_text(text, "(");
    smew__buffer_text(text, json_string_value(expression.value));
    smew__buffer_text(text, "\n)");
    return true;
}

static int append(const char *text, size_t size, void *buffer)
{
    smew__buffer_append(buffer, text, size);
    return 0;
}

static bool write_literal(struct smew__loader *loader, struct smew__json json, unsigned depth,
                          struct smew__buffer *text)
{
    bool object = json_is_object(json.value);
    struct smew__json_member *members;
    size_t count;
    bool fine = true;

    if (depth > SMEW__DEPTH_MAX)
        return smew__refuse(loader, SMEW_LIMIT, json, "a value is more than %d levels deep",
                            SMEW__DEPTH_MAX);
    if (smew__member(loader, json, "@expr").value)
        return write_expression(loader, json, text);
    if (!object && !json_is_array(json.value)) {
        (void)json_dump_callback(json.value, append, text, JSON_ENCODE_ANY);
        return true;
    }
    if (!smew__members(loader, json, &members, &count))
        return false;
    smew__buffer_text(text, object ? "{" : "[");
    for (size_t i = 0; fine && i < count; i++) {
        smew__buffer_text(text, i > 0 ? "," : "");
        if (object) {
            smew__buffer_json_string(text, members[i].key, strlen(members[i].key));
            smew__buffer_text(text, ":");
        }
        fine = write_literal(loader, members[i].json, depth + 1, text);
    }
    smew__buffer_text(text, object ? "}" : "]");
    smew__free(members);
    return fine;
}

bool smew__load_expression(struct smew__loader *loader, struct smew__json json,
                           struct smew__code *code)
{
    struct smew__buffer text;
    bool fine;

    smew__buffer_init(&text);
    fine = write_literal(loader, json, 0, &text);
    smew__buffer_append(&text, "", 1);
    if (fine && text.failed)
        fine = smew__no_memory(loader);
    fine = fine && smew__load_code(loader, (const char *)text.data, code);
    smew__buffer_fini(&text);
    return fine;
}

const struct smew__script *smew__load_json_script(struct smew__loader *loader,
                                                  struct smew__json json,
                                                  enum smew__script_kind kind,
                                                  const struct smew__action *action)
{
    struct smew__script script = {.kind = kind};
    struct smew__action *kept = NULL;

    if (action) {
        kept = smew__arena_alloc(&loader->chart->arena, sizeof *kept);
        if (!kept) {
            (void)smew__no_memory(loader);
            return NULL;
        }
        *kept = *action;
    }
    script.action = kept;
    return smew__load_expression(loader, json, &script.value.code)
               ? smew__load_script(loader, &script)
               : NULL;
}
