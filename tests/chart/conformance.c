/* SPDX-License-Identifier: MIT */

/*
 * The conformance cases (shared/conformance): every case whose chart the loader accepts is run,
 * step by step, and compared on every field.  A case is out of scope when the loader answers
 * UNSUPPORTED or when its script needs what the engine does not have yet (services that settle,
 * snapshots); so the number of cases that run grows with the engine and never shrinks unnoticed:
 * any difference, and any other refusal, fails the test.
 *
 * Usage: tests_chart_conformance [DIRECTORY | CASE.json]; $SMEW_CONFORMANCE wins.  With a single
 * case the difference is printed in full.  Without the cases the test is skipped.
 */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chart/observe.h"
#include "tests/chart/script.h"

enum {
    SKIPPED = 77,
    FLAGS = JSON_DECODE_INT_AS_REAL,
    ALL_CASES = 1667,
    LEAST_IN_SCOPE = 1160 /* of all; fewer would mean that the loader accepts less than it did */
};

static struct {
    unsigned passed;
    unsigned failed;
    unsigned out_of_scope;
    bool verbose;
} total;

static void print_json(const char *what, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

    printf("    %s %s\n", what, text ? text : "(nothing)");
    free(text);
}

static void fail(const char *path, size_t step, const char *what)
{
    total.failed++;
    printf("FAIL %s step %zu: %s\n", path, step, what);
}

/* ---- one case ------------------------------------------------------------------------ */

/* Does it send to children? */
static bool sends_elsewhere(json_t *value)
{
    const char *to = json_string_value(json_object_get(value, "to"));
    bool found = to && strcmp(to, "#_self") != 0;
    const char *key;
    json_t *item;
    size_t index;

    json_object_foreach(value, key, item)
    {
        found = found || sends_elsewhere(item);
    }
    json_array_foreach(value, index, item)
    {
        found = found || sends_elsewhere(item);
    }
    return found;
}

static bool is_in_scope(json_t *script)
{
    json_t *event;
    size_t index;

    if (sends_elsewhere(json_object_get(script, "machine")))
        return false;
    json_array_foreach(json_object_get(script, "events"), index, event)
    {
        const char *op = json_string_value(json_object_get(event, "op"));

        if (strcmp(op, "send") != 0 && strcmp(op, "advance") != 0)
            return false;
    }
    return true;
}

/* The event's members other than its type are the payload. */
static enum smew_status send_event(struct smew_machine *machine, json_t *json, uint64_t now_ns)
{
    json_t *members = json_copy(json);
    struct smew_event event = {.type = json_string_value(json_object_get(json, "type")),
                               .content = SMEW_CONTENT_JSON};

    json_object_del(members, "type");
    char *payload = json_dumps(members, JSON_COMPACT);
    event.payload = payload;
    event.payload_size = strlen(payload);
    enum smew_status status = smew_machine_send(machine, &event, now_ns, NULL);
    free(payload);
    json_decref(members);
    return status;
}

static enum smew_status do_step(struct smew_machine *machine, json_t *event, uint64_t *now_ns)
{
    if (strcmp(json_string_value(json_object_get(event, "op")), "send") == 0)
        return send_event(machine, json_object_get(event, "event"), *now_ns);
    *now_ns += (uint64_t)(json_number_value(json_object_get(event, "ms")) * 1e6);
    return smew_machine_advance(machine, *now_ns, NULL);
}

static bool compare(const char *path, size_t step, struct smew_machine *machine, json_t *it,
                    struct script *script)
{
    json_t *expected = json_array_get(json_object_get(it, "expected"), step);
    json_t *observed = observe(machine, json_object_get(it, "machine"), script->log);
    const char *where = NULL;
    bool same = observe_matches(expected, observed, &where);

    if (!same) {
        fail(path, step, where);
        if (total.verbose) {
            print_json("expected", json_object_get(expected, where));
            print_json("observed", json_object_get(observed, where));
        }
    }
    json_array_clear(script->log);
    json_decref(observed);
    return same;
}

static bool is_stopping(enum smew_status status)
{
    return status == SMEW_OK || status == SMEW_LIMIT || status == SMEW_STOPPED;
}

static void run_machine(const char *path, json_t *it, struct smew_chart *chart,
                        struct script *script)
{
    struct smew_machine_host host = {.size = sizeof host, .user = script};
    json_t *events = json_object_get(it, "events");
    struct smew_machine *machine;
    uint64_t now_ns = 0;
    bool same;

    if (smew_machine_create(chart, "machine under test", &host, &machine) != SMEW_OK)
        abort();
    enum smew_status status = smew_machine_start(machine, now_ns, NULL);
    if (status == SMEW_LIMIT)
        json_array_clear(script->log); /* XState runs the actions of a start when it succeeded */
    same = is_stopping(status) && compare(path, 0, machine, it, script);
    for (size_t i = 0; same && i < json_array_size(events); i++)
        same = is_stopping(do_step(machine, json_array_get(events, i), &now_ns)) &&
               compare(path, i + 1, machine, it, script);
    total.passed += same;
    smew_machine_destroy(machine);
}

/* The random charts were recorded with a limit of their own; XState has it in the chart. */
static char *chart_text(json_t *it)
{
    json_t *copy = json_deep_copy(json_object_get(it, "machine"));
    const char *source = json_string_value(json_object_get(it, "source"));

    if (strncmp(source, "gen-fuzz", 8) == 0)
        json_object_set_new(copy, "options", json_pack("{s:f}", "maxIterations", 40.0));
    char *text = json_dumps(copy, JSON_REAL_PRECISION(15));
    json_decref(copy);
    return text;
}

static void run_case(const char *path, json_t *it)
{
    json_t *definition = json_object_get(it, "machine");
    char *text = chart_text(it);
    struct smew_chart *chart;
    struct smew_error error;
    struct script script;

    script_init(&script, definition, json_object_get(it, "delays"));
    enum smew_status status =
        smew_chart_load_json(text, strlen(text), "machine", &script.behavior, &chart, &error);
    if (json_object_get(it, "invalid")) {
        total.passed += status == SMEW_SYNTAX;
        if (status != SMEW_SYNTAX)
            fail(path, 0, "an invalid chart was not refused");
    } else if (status == SMEW_UNSUPPORTED || (status == SMEW_OK && !is_in_scope(it))) {
        total.out_of_scope++;
    } else if (status != SMEW_OK) {
        fail(path, 0, error.text);
    } else {
        run_machine(path, it, chart, &script);
    }
    if (status == SMEW_OK)
        smew_chart_unref(chart);
    script_fini(&script);
    free(text);
}

static int visit(const char *path, const struct stat *info, int type, struct FTW *place)
{
    size_t size = strlen(path);

    (void)info;
    (void)place;
    if (type != FTW_F || size < 5 || strcmp(path + size - 5, ".json") != 0)
        return 0;
    json_t *it = json_load_file(path, FLAGS, NULL);
    if (it)
        run_case(path, it);
    else
        fail(path, 0, "cannot be read");
    json_decref(it);
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = getenv("SMEW_CONFORMANCE");

    if (!path)
        path = argc > 1 ? argv[1] : "../shared/conformance/cases";
    total.verbose = strstr(path, ".json") != NULL;
    if (nftw(path, visit, 16, FTW_PHYS) != 0) {
        printf("skipped: no conformance cases at %s\n", path);
        return SKIPPED;
    }
    printf("%u passed, %u failed, %u out of scope so far\n", total.passed, total.failed,
           total.out_of_scope);
    bool complete = total.passed + total.failed + total.out_of_scope >= ALL_CASES;
    return total.failed > 0 || total.passed < (complete ? LEAST_IN_SCOPE : 1);
}
