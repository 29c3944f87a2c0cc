/* SPDX-License-Identifier: MIT */

/*
 * smew-conformance [-r] DIRECTORY | CASE.json: runs every conformance case below a folder through
 * the public API, step by step, and compares what is observed on every field that the case expects.
 *
 * With -r the machine is replaced after every step by one that was restored from its snapshot,
 * which must change nothing.
 *
 * A line for each failure with the first difference; the last line is `N passed, N failed`.
 * Answers 0 when all have passed, 1 when not, 2 when it is used wrongly; 77 when there is nothing
 * at that place, for a test that is then skipped.  $SMEW_CONFORMANCE is the default place.
 */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chart/observe.h"
#include "tests/chart/script.h"

enum { WRONG = 2, SKIPPED = 77, SHOWN = 200, FLAGS = JSON_DECODE_INT_AS_REAL };

static struct {
    unsigned passed;
    unsigned failed;
    bool rehydrate; /* after every step */
} total;

/* ---- saying what is different -------------------------------------------------------- */

static void print_json(const char *what, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

    printf(" %s %.*s", what, SHOWN, text ? text : "(nothing)");
    free(text);
}

/* For an array, from the first element that differs on. */
static json_t *from(json_t *array, size_t first)
{
    json_t *rest = json_array();

    for (size_t i = first; i < json_array_size(array); i++)
        json_array_append(rest, json_array_get(array, i));
    return rest;
}

static void print_difference(json_t *expected, json_t *observed)
{
    size_t same = 0;

    if (!json_is_array(expected) || !json_is_array(observed)) {
        print_json("expected", expected);
        print_json("but observed", observed);
        return;
    }
    while (same < json_array_size(expected) &&
           json_equal(json_array_get(expected, same), json_array_get(observed, same)))
        same++;
    json_t *rest[] = {from(expected, same), from(observed, same)};
    printf(" from element %zu on", same);
    print_json("expected", rest[0]);
    print_json("but observed", rest[1]);
    json_decref(rest[0]);
    json_decref(rest[1]);
}

static bool fail(const char *path, size_t step, const char *what)
{
    printf("FAIL %s step %zu: %s\n", path, step, what);
    return false;
}

static bool compare(const char *path, size_t step, struct smew_machine *machine, json_t *it,
                    struct script *script)
{
    json_t *expected = json_array_get(json_object_get(it, "expected"), step);
    json_t *observed = observe(machine, json_object_get(it, "machine"), script);
    const char *where = NULL;
    bool same = observe_matches(expected, observed, &where);

    if (!same) {
        printf("FAIL %s step %zu: %s:", path, step, where);
        print_difference(json_object_get(expected, where), json_object_get(observed, where));
        printf("\n");
    }
    script_clear(script);
    json_decref(observed);
    return same;
}

/* ---- the steps ----------------------------------------------------------------------- */

struct run {
    struct smew_chart *chart;
    struct smew_machine *machine;
    struct script *script;
    uint64_t now_ns;
};

static struct smew_machine_host host_of(struct script *script)
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;

    host.emit = script_emit;
    host.owner = script;
    host.user = script;
    return host;
}

/* The event's members other than its type are the payload. */
static enum smew_status send_event(struct run *run, json_t *json)
{
    json_t *members = json_copy(json);
    struct smew_event event = {.type = json_string_value(json_object_get(json, "type")),
                               .content = SMEW_CONTENT_JSON};

    json_object_del(members, "type");
    char *payload = json_dumps(members, JSON_COMPACT);
    event.payload = payload;
    event.payload_size = strlen(payload);
    enum smew_status status = smew_machine_send(run->machine, &event, run->now_ns, NULL);
    free(payload);
    json_decref(members);
    return status;
}

static enum smew_status advance(struct run *run, json_t *event)
{
    run->now_ns += (uint64_t)(json_number_value(json_object_get(event, "ms")) * 1e6);
    return smew_machine_advance(run->machine, run->now_ns, NULL);
}

static enum smew_status settle(struct run *run, json_t *event, bool ok)
{
    return script_settle(run->script, run->machine, json_string_value(json_object_get(event, "id")),
                         ok, json_object_get(event, ok ? "output" : "error"), run->now_ns);
}

/* A snapshot, and a new machine from it; the old one is gone by then. */
static enum smew_status rehydrate(struct run *run)
{
    struct smew_machine_host host = host_of(run->script);
    size_t size = smew_machine_snapshot(run->machine, NULL, 0);
    char *text = malloc(size + 1);
    struct smew_error error;
    enum smew_status status;

    (void)smew_machine_snapshot(run->machine, text, size + 1);
    smew_machine_destroy(run->machine);
    run->machine = NULL;
    status = smew_machine_restore(run->chart, "machine under test", &host, text, size, run->now_ns,
                                  &run->machine, &error);
    if (status != SMEW_OK)
        printf("%s\n", error.text);
    free(text);
    return status;
}

static enum smew_status do_step(struct run *run, json_t *event)
{
    const char *op = json_string_value(json_object_get(event, "op"));

    if (strcmp(op, "send") == 0)
        return send_event(run, json_object_get(event, "event"));
    if (strcmp(op, "advance") == 0)
        return advance(run, event);
    if (strcmp(op, "resolve") == 0 || strcmp(op, "reject") == 0)
        return settle(run, event, strcmp(op, "resolve") == 0);
    return strcmp(op, "rehydrate") == 0 ? rehydrate(run) : SMEW_UNSUPPORTED;
}

/* Statuses of an engine that works: also those of a machine that has stopped. */
static bool is_regular(enum smew_status status)
{
    return status == SMEW_OK || status == SMEW_LIMIT || status == SMEW_STOPPED ||
           status == SMEW_REJECTED || status == SMEW_NO_MACHINE;
}

static bool run_steps(const char *path, json_t *it, struct run *run)
{
    json_t *events = json_object_get(it, "events");
    enum smew_status status = smew_machine_start(run->machine, 0, NULL);

    if (!is_regular(status))
        return fail(path, 0, smew_status_text(status));
    for (size_t i = 0; i <= json_array_size(events); i++) {
        status = i > 0 ? do_step(run, json_array_get(events, i - 1)) : SMEW_OK;
        if (!is_regular(status))
            return fail(path, i, smew_status_text(status));
        if (!compare(path, i, run->machine, it, run->script))
            return false;
        if (total.rehydrate && rehydrate(run) != SMEW_OK)
            return fail(path, i, "cannot be restored");
    }
    return true;
}

/* ---- one case ------------------------------------------------------------------------ */

static bool run_machine(const char *path, json_t *it, struct smew_chart *chart,
                        struct script *script)
{
    struct smew_machine_host host = host_of(script);
    struct run run = {.chart = chart, .script = script};
    bool passed;

    if (smew_machine_create(chart, "machine under test", &host, &run.machine) != SMEW_OK)
        return fail(path, 0, "out of memory");
    passed = run_steps(path, it, &run);
    smew_machine_destroy(run.machine);
    return passed;
}

static bool run_case(const char *path, json_t *it)
{
    struct smew_chart *chart = NULL;
    struct smew_error error;
    struct script script;
    enum smew_status status = script_load(&script, it, &chart, &error);
    bool passed = false;

    if (json_object_get(it, "invalid"))
        passed = status == SMEW_SYNTAX || fail(path, 0, "an invalid chart was not refused");
    else if (status != SMEW_OK)
        (void)fail(path, 0, error.text);
    else
        passed = run_machine(path, it, chart, &script);
    smew_chart_unref(chart);
    script_fini(&script);
    return passed;
}

static int visit(const char *path, const struct stat *info, int type, struct FTW *place)
{
    size_t size = strlen(path);

    (void)info;
    (void)place;
    if (type != FTW_F || size < 5 || strcmp(path + size - 5, ".json") != 0)
        return 0;
    json_t *it = json_load_file(path, FLAGS, NULL);
    bool passed = it ? run_case(path, it) : fail(path, 0, "cannot be read");
    total.passed += passed;
    total.failed += !passed;
    json_decref(it);
    return 0;
}

int main(int argc, char **argv)
{
    total.rehydrate = argc > 1 && strcmp(argv[1], "-r") == 0;
    argc -= total.rehydrate;
    argv += total.rehydrate;
    const char *path = argc > 1 ? argv[1] : getenv("SMEW_CONFORMANCE");

    if (!path || argc > 2) {
        (void)fprintf(stderr, "usage: smew-conformance [-r] DIRECTORY | CASE.json\n");
        return WRONG;
    }
    if (nftw(path, visit, 16, FTW_PHYS) != 0) {
        printf("skipped: there are no conformance cases at %s\n", path);
        return SKIPPED;
    }
    printf("%u passed, %u failed\n", total.passed, total.failed);
    return total.failed > 0;
}
