/* SPDX-License-Identifier: MIT */

/*
 * tests_chart_scxml_suite DIRECTORY LEAST: SCION's SCXML tests, each a chart beside a script of
 * events and of the atomic states that must be active after each.
 *
 * A chart that needs a script engine is counted as out of scope; any other refusal and any
 * difference fails.  So does it when fewer than LEAST pass: the loader then accepts less than it
 * did.  Answers 77 when there is nothing at that place.
 */

#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smew/chart.h>

enum { SKIPPED = 77, PATH_SIZE = 1024 };

/* What smew does not do, or does otherwise, each with its reason: they must not pass. */
static const struct {
    const char *path;
    const char *reason;
} listed[] = {
    {"error/error.scxml", "asks for SCION's own members of an error's data"},
    {"w3c-ecma/test216.txml", "invokes by an expression: what a chart starts is known at its load"},
    {"w3c-ecma/test530.txml", "invokes a document that is a value of the script"},
    {"w3c-ecma/test557.txml", "wants XML as a DOM in the script"},
    {"w3c-ecma/test561.txml", "wants XML as a DOM in the script"},
    {"w3c-ecma/test230.txml",
     "a manual test: it ends in \"final\", which its script calls \"pass\""},
    {"w3c-ecma/test250.txml",
     "a manual test: it ends in \"final\", which its script calls \"pass\""},
    {"w3c-ecma/test201.txml", "wants the Basic HTTP event processor, which W3C calls optional"},
    {"w3c-ecma/test307.txml",
     "a manual test: it ends in \"final\", which its script calls \"pass\""},
};

static struct {
    unsigned passed;
    unsigned listed;
    unsigned failed;
    unsigned out_of_scope;
} total;

/*
 * W3C's tests have a verdict of their own, the final state "pass".  Many of SCION's scripts for
 * them look at the states before that, for SCION gives what a chart sends to its next tick; smew
 * handles it at once and is in "pass" already when the script looks.
 */
static bool has_verdict(const char *path, const struct smew_machine *machine)
{
    return strstr(path, "/w3c-ecma/") && smew_machine_done(machine) &&
           smew_machine_in(machine, "pass");
}

static bool is_wanted(const struct smew_state *state, json_t *wanted)
{
    json_t *item;
    size_t index;

    json_array_foreach(wanted, index, item)
    {
        if (strcmp(json_string_value(item), state->id) == 0)
            return true;
    }
    return false;
}

/* Are exactly these leaves active? */
static bool matches(const struct smew_machine *machine, json_t *wanted)
{
    const struct smew_chart *chart = smew_machine_chart(machine);
    struct smew_state state;
    size_t active = 0;

    for (size_t i = 0; smew_chart_state(chart, i, &state); i++) {
        if (!smew_machine_active(machine, i) || state.kind == SMEW_STATE_COMPOUND ||
            state.kind == SMEW_STATE_PARALLEL)
            continue;
        if (!is_wanted(&state, wanted))
            return false;
        active++;
    }
    return active == json_array_size(wanted);
}

/* The suite waits for what is due later; so time passes here until it matches, or ten seconds. */
static bool comes_to(struct smew_machine *machine, json_t *wanted, uint64_t *now_ns)
{
    uint64_t end_ns = *now_ns + UINT64_C(10000000000);

    while (!matches(machine, wanted) && smew_machine_due_ns(machine) <= end_ns) {
        *now_ns = smew_machine_due_ns(machine);
        if (smew_machine_advance(machine, *now_ns, NULL) != SMEW_OK)
            return matches(machine, wanted);
    }
    return matches(machine, wanted);
}

static bool send(struct smew_machine *machine, json_t *step, uint64_t *now_ns)
{
    struct smew_event event = {
        .type = json_string_value(json_object_get(json_object_get(step, "event"), "name"))};

    *now_ns += (uint64_t)json_integer_value(json_object_get(step, "after")) * 1000000;
    if (smew_machine_advance(machine, *now_ns, NULL) != SMEW_OK)
        return false;
    return smew_machine_send(machine, &event, *now_ns, NULL) == SMEW_OK;
}

static bool run(const char *path, struct smew_chart *chart, json_t *script)
{
    struct smew_machine *machine;
    json_t *step;
    size_t index = 0;
    uint64_t now_ns = 0;
    bool fine;

    if (smew_machine_create(chart, "test", NULL, &machine) != SMEW_OK)
        return false;
    fine = smew_machine_start(machine, 0, NULL) == SMEW_OK &&
           comes_to(machine, json_object_get(script, "initialConfiguration"), &now_ns);
    json_array_foreach(json_object_get(script, "events"), index, step)
    {
        if (!fine)
            break;
        fine = send(machine, step, &now_ns) &&
               comes_to(machine, json_object_get(step, "nextConfiguration"), &now_ns);
    }
    fine = fine || has_verdict(path, machine);
    if (!fine) {
        char state[256];

        (void)smew_machine_state(machine, state, sizeof state);
        printf("FAIL %s: step %zu of its script; it is in %s\n", path, index, state);
    }
    smew_machine_destroy(machine);
    return fine;
}

/* ---- what a chart names by `src` ----------------------------------------------------- */

enum { FILES_MAX = 8 };

struct files {
    const char *folder; /* a path in it */
    struct smew_named_chart charts[FILES_MAX];
    size_t chart_count;
    struct smew_named_text texts[FILES_MAX];
    size_t text_count;
};

/* The whole of a file, terminated; NULL: there is none. */
static char *read_whole(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r");

    if (!file)
        return NULL;
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

/* Charts are given as charts, anything else as a text, by the name that `src` has. */
static void add_file(struct files *files, const char *src, size_t size)
{
    char path[PATH_SIZE];
    char *name = strndup(src, size);
    const char *bare = strncmp(name, "file:", 5) == 0 ? name + 5 : name;
    int folder = (int)(strrchr(files->folder, '/') - files->folder);
    struct smew_chart *chart = NULL;
    char *text;

    (void)snprintf(path, sizeof path, "%.*s/%s", folder, files->folder, bare);
    text = read_whole(path);
    if (text && strstr(bare, ".scxml") && files->chart_count < FILES_MAX &&
        smew_chart_load_file(path, NULL, &chart, NULL) == SMEW_OK) {
        files->charts[files->chart_count++] = (struct smew_named_chart){name, chart};
        free(text);
    } else if (text && files->text_count < FILES_MAX) {
        files->texts[files->text_count++] = (struct smew_named_text){name, text};
    } else {
        free(text);
        free(name);
    }
}

static void find_files(const char *path, struct files *files)
{
    static const char mark[] = " src=\"";
    char *text = read_whole(path);

    for (const char *at = text; at && (at = strstr(at, mark));) {
        at += sizeof mark - 1;
        add_file(files, at, strcspn(at, "\""));
    }
    free(text);
}

static void release_files(struct files *files)
{
    for (size_t i = 0; i < files->chart_count; i++) {
        smew_chart_unref(files->charts[i].chart);
        free((void *)(uintptr_t)files->charts[i].name);
    }
    for (size_t i = 0; i < files->text_count; i++) {
        free((void *)(uintptr_t)files->texts[i].name);
        free((void *)(uintptr_t)files->texts[i].text);
    }
}

/* ---- all of them --------------------------------------------------------------------- */

static void run_file(const char *path, json_t *script)
{
    struct smew_chart *chart;
    struct smew_error error;
    struct files files = {.folder = path};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;

    find_files(path, &files);
    behavior.charts = files.charts;
    behavior.chart_count = files.chart_count;
    behavior.texts = files.texts;
    behavior.text_count = files.text_count;
    enum smew_status status = smew_chart_load_file(path, &behavior, &chart, &error);
    release_files(&files);

    if (status == SMEW_UNSUPPORTED) {
        printf("OUT %s\n", error.text);
        total.out_of_scope++;
    } else if (status != SMEW_OK) {
        printf("FAIL %s\n", error.text);
        total.failed++;
    } else {
        bool passed = run(path, chart, script);

        total.passed += passed;
        total.failed += !passed;
        smew_chart_unref(chart);
    }
}

static bool is_listed(const char *path)
{
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
        if (strstr(path, listed[i].path)) {
            printf("listed: %s: %s\n", listed[i].path, listed[i].reason);
            return true;
        }
    return false;
}

/*
 * Two scripts have an expectation of SCION's own, which stays in a parallel state where W3C's
 * algorithm leaves it (its LCCA is never a parallel state), and beside it W3C's.
 */
static json_t *w3c_script(const char *path, json_t *script)
{
    json_t *legacy =
        strstr(path, "more-parallel/test10") ? json_object_get(script, "legacySemantics") : NULL;

    return legacy ? legacy : script;
}

static int visit(const char *path, const struct stat *info, int type, struct FTW *place)
{
    size_t size = strlen(path);
    char script_path[PATH_SIZE];

    (void)info;
    (void)place;
    if (type != FTW_F || size < 6 || size > PATH_SIZE - 8 || strcmp(path + size - 6, ".scxml") != 0)
        return 0;
    (void)snprintf(script_path, sizeof script_path, "%.*s.json", (int)(size - 6), path);
    json_t *script = json_load_file(script_path, 0, NULL);
    if (script && is_listed(path))
        total.listed++;
    else if (script)
        run_file(path, w3c_script(path, script));
    json_decref(script);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned least = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    if (argc < 2 || nftw(argv[1], visit, 16, FTW_PHYS) != 0) {
        printf("skipped: there are no SCXML tests\n");
        return SKIPPED;
    }
    printf("%u passed, %u failed, %u listed, %u need a script engine\n", total.passed, total.failed,
           total.listed, total.out_of_scope);
    return total.failed > 0 || total.passed < least;
}
