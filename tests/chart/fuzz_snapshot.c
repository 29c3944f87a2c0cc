/* SPDX-License-Identifier: MIT */

/*
 * Fuzzes snapshots of a family with a child machine, a service, timers, history and contexts of the
 * program's own: whatever is restored is run for a while, and its own snapshot must be restored
 * again.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smew/chart.h>

enum { TEXT_MAX = 1 << 16 };

static const char child_text[] =
    "{\"id\":\"kid\",\"initial\":\"a\",\"states\":{\"a\":{\"after\":{\"50\":\"late\"}},\"late\":{"
    "\"entry\":{\"type\":\"@xstate.sendTo\",\"to\":\"#_parent\",\"event\":{\"type\":\"LATE\"}}}}}";

static const char parent_text[] =
    "{\"id\":\"m\",\"initial\":\"on\",\"context\":{\"n\":1},\"states\":{\"on\":{\"initial\":\"b\","
    "\"invoke\":[{\"src\":\"child\",\"id\":\"kid\"},{\"src\":\"work\",\"id\":\"w\",\"onDone\":"
    "\"off\"}],\"states\":{\"a\":{},\"b\":{\"on\":{\"X\":\"a\"}},\"h\":{\"type\":\"history\"}},"
    "\"on\":{\"LATE\":\"off\",\"SET\":{\"actions\":{\"type\":\"@xstate.raise\",\"event\":{"
    "\"type\":\"LATE\"},\"delay\":7,\"id\":\"r\"}}}},\"off\":{\"on\":{\"BACK\":\"on.h\"}}}}";

static bool read_own(void *context, const struct smew_value *from)
{
    double *number = context;

    *number = smew_value_number(smew_value_get(from, "n"), *number);
    return *number >= 0;
}

static size_t write_own(const void *context, char *buffer, size_t size_bytes)
{
    const double *number = context;

    return (size_t)snprintf(buffer, size_bytes, "{\"n\":%.17g}", *number);
}

static struct smew_chart *load(const char *text, struct smew_chart *child)
{
    static const struct smew_named_service services[] = {{"work", NULL, NULL}};
    struct smew_named_chart charts[] = {{"child", child}};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_chart *chart = NULL;

    behavior.services = services;
    behavior.service_count = 1;
    behavior.charts = charts;
    behavior.chart_count = child ? 1 : 0;
    behavior.context_bytes = sizeof(double);
    behavior.read_context = read_own;
    behavior.write_context = write_own;
    if (smew_chart_load_json(text, strlen(text), "fuzz", &behavior, &chart, NULL) != SMEW_OK)
        abort();
    return chart;
}

static struct smew_chart *family(void)
{
    static struct smew_chart *chart; /* one for all runs: it is immutable */

    if (!chart) {
        struct smew_chart *child = load(child_text, NULL);

        chart = load(parent_text, child);
        smew_chart_unref(child);
    }
    return chart;
}

static void run(struct smew_machine *machine)
{
    static const char *const types[] = {"X", "SET", "BACK", "LATE", "SET"};
    enum smew_status status = SMEW_OK;
    uint64_t now_ns = 0;

    for (size_t i = 0; status == SMEW_OK && i < sizeof types / sizeof *types; i++) {
        struct smew_event event = {.type = types[i]};

        status = smew_machine_send(machine, &event, now_ns, NULL);
        now_ns += 40000000;
        if (status == SMEW_OK)
            status = smew_machine_advance(machine, now_ns, NULL);
    }
    if (status == SMEW_INVALID || status == SMEW_BUSY)
        abort();
}

/* What was accepted once is accepted again, and says the same. */
static void take_again(const struct smew_machine *machine)
{
    size_t size = smew_machine_snapshot(machine, NULL, 0);
    char *text = malloc(size + 1);
    char *same = malloc(size + 1);
    struct smew_machine *again;

    (void)smew_machine_snapshot(machine, text, size + 1);
    if (smew_machine_restore(family(), "m", NULL, text, size, 0, &again, NULL) != SMEW_OK ||
        smew_machine_snapshot(again, same, size + 1) != size || strcmp(text, same) != 0)
        abort();
    smew_machine_destroy(again);
    free(text);
    free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smew_machine *machine;

    if (size > TEXT_MAX || smew_machine_restore(family(), "m", NULL, (const char *)data, size, 0,
                                                &machine, NULL) != SMEW_OK)
        return 0;
    run(machine);
    take_again(machine);
    smew_machine_destroy(machine);
    return 0;
}
