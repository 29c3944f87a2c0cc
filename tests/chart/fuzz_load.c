/* SPDX-License-Identifier: MIT */
#include "tests/chart/fuzz_load.h"

#include <stdlib.h>

#include "base/crc32c/crc32c.h"
#include "chart/chart.h"

enum { TEXT_MAX = 1 << 16, ITERATIONS = 20, EVENTS = 16, SCRIPT_STEPS = 1000000 };
/*
 * Machines with scripts take fifty times as long as others, and fewer steps than these are not
 * enough to begin: one chart in so many is run, by its CRC, the seed with a script among them.
 */
enum { SCRIPTED = 64 };

static void run(struct smew_chart *chart)
{
    struct smew_machine *machine;
    char text[128];
    uint64_t now_ns = 0;

    chart->script_steps = SCRIPT_STEPS;
    chart->iterations_max = ITERATIONS; /* an endless chart is as interesting after a few rounds */
    if (smew_machine_create(chart, "m", NULL, &machine) != SMEW_OK)
        abort();
    enum smew_status status = smew_machine_start(machine, 0, NULL);
    for (size_t i = 0; status == SMEW_OK && i < EVENTS; i++) {
        const char *name = smew_chart_event(chart, i);
        struct smew_event event = {.type = name ? name : "a.b.c"};

        if (!smew_machine_can(machine, &event) && !name)
            break;
        status = smew_machine_send(machine, &event, now_ns, NULL);
        now_ns += UINT64_C(1000000000);
        if (status == SMEW_OK)
            status = smew_machine_advance(machine, now_ns, NULL);
        (void)smew_machine_state(machine, text, sizeof text);
        (void)smew_machine_state_json(machine, text, sizeof text);
        (void)smew_value_json(smew_machine_context(machine), text, sizeof text);
    }
    if (status == SMEW_INVALID || status == SMEW_BUSY || status == SMEW_NO_MEMORY)
        abort();
    smew_machine_destroy(machine);
}

int fuzz_load(fuzz_loader load, const uint8_t *data, size_t size)
{
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_chart *chart = NULL;
    struct smew_error error;

    if (size > TEXT_MAX)
        return 0;
    behavior.ignore_missing = true;
    if (load((const char *)data, size, "fuzz", &behavior, &chart, &error) == SMEW_OK) {
        if (!chart->scripted || smew__crc32c(0, data, size) % SCRIPTED == 0)
            run(chart);
        smew_chart_unref(chart);
    }
    return 0;
}
