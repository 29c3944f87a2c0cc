/* SPDX-License-Identifier: MIT */

/*
 * Loading XState JSON: the way in, and what every part of the loader needs.
 *
 * Happy path: jansson parses the text, the positions of its values are marked, the first pass
 * builds the tree of states (so that a target may name a state further down), the second reads
 * what each state does, and the arrays that grew become the chart.
 *
 * Failure: the first refusal writes the caller's error and every function up the way returns
 * false; the chart that was half built is freed as a whole.
 */

#include "chart/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os/path.h"
#include "base/status.h"

enum { FILE_MAX_BYTES = 16 * 1024 * 1024, SENTENCE_SIZE = 400 };

/* `NAME:LINE:COLUMN: SENTENCE`. */
static void locate(const struct smew__loader *loader, size_t offset, const char *sentence,
                   char text[SMEW_ERROR_TEXT_SIZE])
{
    struct smew__position position = smew__position_of(loader->text, loader->size, offset);

    (void)snprintf(text, SMEW_ERROR_TEXT_SIZE, "%.160s:%u:%u: %.320s", loader->name, position.line,
                   position.column, sentence);
}

static bool refuse_at(struct smew__loader *loader, enum smew_status status, size_t offset,
                      const char *sentence)
{
    char text[SMEW_ERROR_TEXT_SIZE];

    if (loader->status == SMEW_OK) {
        locate(loader, offset, sentence, text);
        loader->status = smew__fail(loader->error, status, "%s", text);
    }
    return false;
}

bool smew__refuse_offset(struct smew__loader *loader, size_t offset, const char *sentence)
{
    return refuse_at(loader, SMEW_SYNTAX, offset, sentence);
}

static size_t offset_of(const struct smew__loader *loader, struct smew__json where)
{
    const struct smew__mark *mark = &loader->marks.marks[where.mark];

    return where.at_key ? mark->key_offset : mark->offset;
}

bool smew__refuse(struct smew__loader *loader, enum smew_status status, struct smew__json where,
                  const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return refuse_at(loader, status, offset_of(loader, where), sentence);
}

bool smew__missing(struct smew__loader *loader, struct smew__json where, const char *kind,
                   const struct smew__suggestion *near)
{
    const struct smew_behavior *behavior = loader->behavior;
    size_t offset = offset_of(loader, where);
    bool built_in = strncmp(near->typed, "@xstate.", 8) == 0; /* never the program's own */
    char text[SMEW_ERROR_TEXT_SIZE];
    char sentence[SENTENCE_SIZE];
    char hint[SMEW__HINT_SIZE];

    (void)snprintf(sentence, sizeof sentence, "no %s is called \"%.100s\"%s", kind, near->typed,
                   smew__suggest_text(near, hint));
    if (!behavior->ignore_missing || built_in)
        return refuse_at(loader, SMEW_SYNTAX, offset, sentence);
    if (behavior->on_missing) {
        locate(loader, offset, sentence, text);
        behavior->on_missing(text, behavior->user);
    }
    return true;
}

bool smew__no_memory(struct smew__loader *loader)
{
    if (loader->status == SMEW_OK)
        loader->status =
            smew__fail(loader->error, SMEW_NO_MEMORY, "%.80s: out of memory", loader->name);
    return false;
}

bool smew__push(struct smew__loader *loader, struct smew__buffer *array, const void *item,
                size_t size)
{
    smew__buffer_append(array, item, size);
    return !array->failed || smew__no_memory(loader);
}

struct smew__json smew__member(struct smew__loader *loader, struct smew__json json, const char *key)
{
    return smew__json_get(&loader->marks, json, key);
}

bool smew__members(struct smew__loader *loader, struct smew__json json,
                   struct smew__json_member **members, size_t *count)
{
    return smew__json_members(&loader->marks, json, members, count) || smew__no_memory(loader);
}

/* XState 4's names for what XState 5 calls otherwise. */
static const char *const renamed[][2] = {
    {"cond", "guard"},  {"internal", "reenter"},  {"onEntry", "entry"},
    {"onExit", "exit"}, {"activities", "invoke"}, {"in", "guard"},
};

static bool refuse_member(struct smew__loader *loader, struct smew__json where, const char *key,
                          const char *what, const char *const *allowed)
{
    struct smew__suggestion near;
    char hint[SMEW__HINT_SIZE];

    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (strcmp(renamed[i][0], key) == 0)
            return smew__refuse(loader, SMEW_SYNTAX, smew__key(where),
                                "\"%s\" is of XState 4; use \"%s\" in %s", key, renamed[i][1],
                                what);
    smew__suggest_init(&near, key);
    for (size_t i = 0; allowed[i]; i++)
        smew__suggest_offer(&near, allowed[i]);
    return smew__refuse(loader, SMEW_SYNTAX, smew__key(where), "unknown member \"%.60s\" in %s%s",
                        key, what, smew__suggest_text(&near, hint));
}

bool smew__only_members(struct smew__loader *loader, struct smew__json json, const char *what,
                        const char *const *allowed)
{
    struct smew__json_member *members;
    size_t count;
    bool fine = true;

    if (!smew__members(loader, json, &members, &count))
        return false;
    for (size_t i = 0; fine && i < count; i++) {
        size_t known = 0;

        while (allowed[known] && strcmp(allowed[known], members[i].key) != 0)
            known++;
        fine =
            allowed[known] || refuse_member(loader, members[i].json, members[i].key, what, allowed);
    }
    smew__free(members);
    return fine;
}

bool smew__name_of(struct smew__loader *loader, struct smew__json json, const char *what,
                   const char **name)
{
    const char *text = json_string_value(json.value);

    if (!text)
        return smew__refuse(loader, SMEW_SYNTAX, json, "%s is %s, not a string", what,
                            smew__json_kind(json.value));
    if (!*text)
        return smew__refuse(loader, SMEW_SYNTAX, json, "%s is empty", what);
    if (strlen(text) > SMEW__NAME_MAX)
        return smew__refuse(loader, SMEW_LIMIT, json, "%s is longer than %d bytes", what,
                            SMEW__NAME_MAX);
    *name = text;
    return true;
}

const char *smew__intern(struct smew__loader *loader, const char *text, size_t size)
{
    const char *known = smew__table_get(&loader->strings, text, size);

    if (known)
        return known;
    char *copy = smew__arena_text(&loader->chart->arena, text, size);
    if (!copy || !smew__table_put(&loader->strings, copy, size, copy)) {
        (void)smew__no_memory(loader);
        return NULL;
    }
    return copy;
}

/* ---- the way in ---------------------------------------------------------------------- */

/* Held charts are the chart's from the beginning, so that one place lets go of them. */
static void give_actors(struct smew__loader *loader)
{
    if (!loader->chart)
        return;
    loader->chart->actor_count = SMEW__COUNT(loader->actors, struct smew__actor);
    loader->chart->actors = (void *)loader->actors.data;
    smew__buffer_init(&loader->actors);
}

static void loader_fini(struct smew__loader *loader)
{
    smew__marks_fini(&loader->marks);
    smew__arena_fini(&loader->scratch);
    smew__table_fini(&loader->strings);
    smew__table_fini(&loader->ids);
    smew__table_fini(&loader->children);
    smew__buffer_fini(&loader->sources);
    smew__buffer_fini(&loader->messages);
    smew__buffer_fini(&loader->states);
    smew__buffer_fini(&loader->transitions);
    smew__buffer_fini(&loader->rows);
    smew__buffer_fini(&loader->targets);
    smew__buffer_fini(&loader->histories);
    smew__buffer_fini(&loader->guards);
    smew__buffer_fini(&loader->operands);
    smew__buffer_fini(&loader->actions);
    smew__buffer_fini(&loader->invokes);
    smew__buffer_fini(&loader->events);
    smew_chart_unref(loader->chart);
}

/* jansson tells where it stopped reading: behind the token it did not like. */
static bool refuse_syntax(struct smew__loader *loader, const json_error_t *problem)
{
    size_t end = problem->position > 0 ? (size_t)problem->position : 0;

    if (json_error_code(problem) == json_error_out_of_memory)
        return smew__no_memory(loader);
    if (end > loader->size)
        end = loader->size;
    return refuse_at(loader, SMEW_SYNTAX, smew__token_start(loader->text, end), problem->text);
}

static bool load_root(struct smew__loader *loader, const json_t *value)
{
    struct smew__json root = {.value = value, .mark = 0};

    if (!smew__marks_scan(&loader->marks, loader->text, loader->size))
        return smew__no_memory(loader);
    if (!json_is_object(value))
        return smew__refuse(loader, SMEW_SYNTAX, root, "a chart is an object, not %s",
                            smew__json_kind(value));
    struct smew__json context = smew__member(loader, root, "context");
    return smew__load_states(loader, root) && smew__load_behavior(loader) &&
           smew__load_finish(loader) && smew__load_own(loader, context.value ? context : root);
}

static bool read_json(struct smew__loader *loader)
{
    json_error_t problem;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY;
    json_t *value = json_loadb(loader->text, loader->size, flags, &problem);
    bool loaded;

    if (!value)
        return refuse_syntax(loader, &problem);
    loaded = load_root(loader, value);
    json_decref(value);
    return loaded;
}

/* The engine itself needs some memory before it runs anything. */
static void allow_scripts(struct smew_chart *chart, const struct smew_behavior *behavior)
{
    static const size_t least = 256 * 1024;
    static const uint64_t least_steps = 1000000;
    static const uint64_t most = UINT64_C(1) << 48;
    uint64_t steps = behavior->script_steps < most ? behavior->script_steps : most;

    if (steps > 0)
        chart->script_steps = (int64_t)(steps > least_steps ? steps : least_steps);
    if (behavior->script_bytes > 0)
        chart->script_bytes = behavior->script_bytes > least ? behavior->script_bytes : least;
}

enum smew_status smew__load(struct smew__loader *loader, bool (*read)(struct smew__loader *loader),
                            const struct smew_behavior *behavior, struct smew_chart **chart)
{
    struct smew_behavior known = SMEW_BEHAVIOR_INIT;

    if (!loader->text || !chart || (behavior && behavior->size < sizeof behavior->size))
        return smew__fail(loader->error, SMEW_INVALID, "a chart needs a text and a place to go");
    if (loader->size > FILE_MAX_BYTES)
        return smew__fail(loader->error, SMEW_TOO_BIG, "%.80s: a chart is at most 16 MiB",
                          loader->name);
    if (behavior) /* one of an older program is shorter */
        memcpy(&known, behavior, behavior->size < sizeof known ? behavior->size : sizeof known);
    loader->behavior = &known;
    loader->chart = smew__chart_create();
    if (loader->chart)
        allow_scripts(loader->chart, &known);
    bool loaded = loader->chart ? read(loader) : smew__no_memory(loader);
    give_actors(loader);
    if (loaded) {
        *chart = loader->chart;
        loader->chart = NULL;
    }
    loader_fini(loader);
    return loader->status;
}

enum smew_status smew_chart_load_json(const char *text, size_t size_bytes, const char *name,
                                      const struct smew_behavior *behavior,
                                      struct smew_chart **chart, struct smew_error *error)
{
    struct smew__loader loader = {
        .name = name ? name : "chart", .text = text, .size = size_bytes, .error = error};

    return smew__load(&loader, read_json, behavior, chart);
}

/* The first character that is none tells: XML begins with "<", JSON never does. */
static bool is_xml(const char *text, size_t size)
{
    size_t blank = 0;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        blank = 3;
    while (blank < size && strchr(" \t\r\n", text[blank]))
        blank++;
    return blank < size && text[blank] == '<';
}

enum smew_status smew_chart_load_file(const char *path, const struct smew_behavior *behavior,
                                      struct smew_chart **chart, struct smew_error *error)
{
    char *text;
    size_t size;
    enum smew_status status;

    if (!path)
        return smew__fail(error, SMEW_INVALID, "no path was given");
    status = smew__file_read(path, FILE_MAX_BYTES, &text, &size, error);
    if (status != SMEW_OK)
        return status;
    status = is_xml(text, size) ? smew_chart_load_scxml(text, size, path, behavior, chart, error)
                                : smew_chart_load_json(text, size, path, behavior, chart, error);
    smew__free(text);
    return status;
}
