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

static void run_file(const char *path, json_t *script)
{
    struct smew_chart *chart;
    struct smew_error error;
    enum smew_status status = smew_chart_load_file(path, NULL, &chart, &error);

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
