/* SPDX-License-Identifier: MIT */
/*
 * smew's side of a chart's row, by the public API.  The engine's time stands still, since no chart
 * here waits for anything.  Behind a mailbox the program is the sender: it sends without waiting,
 * is held back by the node's window, and a lap ends when the last event is processed.
 *
 * Failure modes: what a call answers is the sentence.
 */
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smew/smew.h>

#include "bench/chart_side.h"
#include "bench/clock.h"

enum { WAIT_MS = 60000, WEIGHED = 10000 };

struct bench_engine {
    const struct bench_chart_case *what;
    enum bench_way way;
    struct smew_chart *chart;
    struct smew_machine *machine;
    struct smew_bus *bus;
    struct smew_orchestrator *orchestrator;
    uint64_t count; /* of actions; one thread's: the engine's or the event bus's */
};

static void count_action(const struct smew_call *call)
{
    ++*(uint64_t *)call->user;
}

static bool say(const char *call, const char *text, char error[BENCH_ERROR_SIZE])
{
    (void)snprintf(error, BENCH_ERROR_SIZE, "%s: %.160s", call, text);
    return false;
}

static bool fails(const char *call, enum smew_status status, char error[BENCH_ERROR_SIZE])
{
    return status != SMEW_OK && !say(call, smew_status_text(status), error);
}

static struct smew_chart *load(const struct bench_chart_case *what, struct smew_error *error)
{
    const struct smew_named_action action = {"count", count_action};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_chart *chart = NULL;

    behavior.actions = &action;
    behavior.action_count = 1;
    if (smew_chart_load_json(what->chart, strlen(what->chart), "bench", &behavior, &chart, error) !=
        SMEW_OK)
        return NULL;
    return chart;
}

static bool open_machine(struct bench_engine *engine, char error[BENCH_ERROR_SIZE])
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;

    host.user = &engine->count;
    return !fails("create", smew_machine_create(engine->chart, "it", &host, &engine->machine),
                  error) &&
           !fails("start", smew_machine_start(engine->machine, 0, NULL), error);
}

static bool open_mailbox(struct bench_engine *engine, int core, char error[BENCH_ERROR_SIZE])
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct smew_error reason;
    char url[32];
    bool fine;

    options.event_buses = 1;
    (void)bench_pin(engine->way == BENCH_MAILBOX_ONE ? core : -1); /* the threads inherit it */
    (void)snprintf(url, sizeof(url), "inproc://smew-bench-%d", (int)engine->way);
    fine = smew_bus_open(url, NULL, &engine->bus, &reason) == SMEW_OK &&
           smew_orchestrator_create(engine->bus, &options, &engine->orchestrator, &reason) ==
               SMEW_OK &&
           smew_orchestrator_host(engine->orchestrator, "it", engine->chart, &engine->count, NULL,
                                  &reason) == SMEW_OK;
    (void)bench_pin(core);
    return fine || say("mailbox", reason.text, error);
}

struct bench_engine *bench_engine_open(const struct bench_chart_case *what, enum bench_way way,
                                       int core, char error[BENCH_ERROR_SIZE])
{
    struct bench_engine *engine = calloc(1, sizeof(*engine));
    struct smew_error reason;
    bool fine;

    if (engine == NULL) {
        (void)say("open", "no memory", error);
        return NULL;
    }
    engine->what = what;
    engine->way = way;
    engine->chart = load(what, &reason);
    fine = engine->chart != NULL || say("load", reason.text, error);
    if (fine && way == BENCH_ENGINE)
        fine = open_machine(engine, error);
    else if (fine)
        fine = open_mailbox(engine, core, error);
    if (fine)
        return engine;
    bench_engine_close(engine);
    return NULL;
}

void bench_engine_close(struct bench_engine *engine)
{
    if (engine == NULL)
        return;
    smew_orchestrator_destroy(engine->orchestrator, WAIT_MS);
    smew_bus_close(engine->bus, WAIT_MS, NULL);
    smew_machine_destroy(engine->machine);
    smew_chart_unref(engine->chart);
    free(engine);
}

static enum smew_status run_engine(struct bench_engine *engine, uint64_t events)
{
    const struct smew_event event = {.type = engine->what->event};
    enum smew_status status = SMEW_OK;

    while (events-- > 0 && status == SMEW_OK)
        status = smew_machine_send(engine->machine, &event, 0, NULL);
    return status;
}

static enum smew_status run_mailbox(struct bench_engine *engine, uint64_t events)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    enum smew_status status = SMEW_OK;

    options.timeout_ms = WAIT_MS;
    while (events-- > 0 && status == SMEW_OK)
        status = smew_bus_send(engine->bus, "it", engine->what->event, NULL, 0, &options);
    return status == SMEW_OK ? smew_bus_flush(engine->bus, WAIT_MS) : status;
}

bool bench_engine_lap(struct bench_engine *engine, uint64_t events, struct bench_lap *lap,
                      char error[BENCH_ERROR_SIZE])
{
    const uint64_t counted = engine->count;
    const uint64_t begun_ns = bench_now_ns();
    const enum smew_status status =
        engine->way == BENCH_ENGINE ? run_engine(engine, events) : run_mailbox(engine, events);

    *lap = (struct bench_lap){.ns = bench_now_ns() - begun_ns, .actions = engine->count - counted};
    return !fails("send", status, error);
}

/* ---- memory -------------------------------------------------------------------------- */

static size_t used_bytes(void)
{
    const struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* How many were made. */
static size_t make_machines(struct smew_chart *chart, struct smew_machine **machines)
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;
    uint64_t count = 0;
    size_t made = 0;

    host.user = &count;
    while (made < WEIGHED &&
           smew_machine_create(chart, "package:amd64", &host, &machines[made]) == SMEW_OK &&
           smew_machine_start(machines[made++], 0, NULL) == SMEW_OK)
        ;
    return made;
}

double bench_engine_bytes(const struct bench_chart_case *what)
{
    struct smew_machine **machines = calloc(WEIGHED, sizeof(struct smew_machine *));
    struct smew_error error;
    struct smew_chart *chart = load(what, &error);
    size_t made = 0, before, after = 0;

    before = used_bytes();
    if (machines != NULL && chart != NULL) {
        made = make_machines(chart, machines);
        after = used_bytes();
    }
    for (size_t i = 0; i < made; i++)
        smew_machine_destroy(machines[i]);
    smew_chart_unref(chart);
    free(machines);
    return made == WEIGHED && after > before ? (double)(after - before) / WEIGHED : 0;
}
