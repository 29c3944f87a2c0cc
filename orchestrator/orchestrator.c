/* SPDX-License-Identifier: MIT */
/*
 * The orchestrator: creating, counting, destroying.
 *
 * Destroying: lists and claims go first, so that nothing new comes; then every event bus empties
 * its mailbox, all side by side until the deadline, and gives back what is left; then they end one
 * after the other, since sweeps and lists pass from each to the next.
 */

#include "orchestrator/orchestrator.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/os/process.h"
#include "base/status.h"
#include "bus/options.h"
#include "orchestrator/list.h"

enum { EVENT_BUSES_MOST = 64, MACHINES_MOST = 10000000 };

struct smew__event_bus *smew__orchestrator_event_bus(struct smew_orchestrator *orchestrator,
                                                     const char *id, size_t size)
{
    return &orchestrator->event_buses[smew__hash(id, size) % orchestrator->count];
}

enum smew_status smew__orchestrator_enter(const struct smew_orchestrator *orchestrator)
{
    if (!orchestrator)
        return SMEW_INVALID;
    if (orchestrator->process_token != smew__process_token())
        return SMEW_FORKED;
    return smew__bus_inside() ? SMEW_WOULD_DEADLOCK : SMEW_OK;
}

/* ---- counters ------------------------------------------------------------------------ */

bool smew__orchestrator_admit(struct smew_orchestrator *orchestrator)
{
    if (atomic_fetch_add_explicit(&orchestrator->machines, 1, memory_order_relaxed) <
        orchestrator->machines_max)
        return true;
    smew__orchestrator_dismiss(orchestrator);
    return false;
}

void smew__orchestrator_dismiss(struct smew_orchestrator *orchestrator)
{
    atomic_fetch_sub_explicit(&orchestrator->machines, 1, memory_order_relaxed);
}

static uint64_t read_counter(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct smew_orchestrator_stats smew__orchestrator_count(struct smew_orchestrator *orchestrator)
{
    struct smew_orchestrator_stats stats = {.machines = read_counter(&orchestrator->machines)};

    for (uint32_t i = 0; i < orchestrator->count; i++) {
        const struct smew__event_bus_counters *from = &orchestrator->event_buses[i].counters;

        stats.events += read_counter(&from->events);
        stats.transitions += read_counter(&from->transitions);
        stats.unhandled += read_counter(&from->unhandled);
        stats.started += read_counter(&from->started);
        stats.failed += read_counter(&from->failed);
    }
    return stats;
}

enum smew_status smew_orchestrator_stats(struct smew_orchestrator *orchestrator,
                                         struct smew_orchestrator_stats *stats)
{
    enum smew_status status = stats ? smew__orchestrator_enter(orchestrator) : SMEW_INVALID;

    if (!status || status == SMEW_WOULD_DEADLOCK) { /* it waits for nothing */
        *stats = smew__orchestrator_count(orchestrator);
        return SMEW_OK;
    }
    return status;
}

/* ---- creating and destroying --------------------------------------------------------- */

/* Ends a half-built one too. */
static void give_up(struct smew_orchestrator *orchestrator)
{
    for (uint32_t i = 0; orchestrator->event_buses && i < orchestrator->count; i++)
        smew__event_bus_stop(&orchestrator->event_buses[i]);
    smew__hosts_free(orchestrator);
    smew__free(orchestrator->event_buses);
    smew__mutex_fini(&orchestrator->lock);
    smew__free(orchestrator);
}

static enum smew_status start(struct smew_orchestrator *orchestrator)
{
    enum smew_status status = SMEW_OK;

    orchestrator->event_buses =
        smew__calloc(orchestrator->count, sizeof(*orchestrator->event_buses));
    if (!orchestrator->event_buses)
        return SMEW_NO_MEMORY;
    for (uint32_t i = 0; i < orchestrator->count && !status; i++)
        status =
            smew__event_bus_start(&orchestrator->event_buses[i], orchestrator, orchestrator->bus);
    return status ? status : smew__lists_serve(orchestrator);
}

static struct smew_orchestrator *allocate(struct smew_bus *bus,
                                          const struct smew_orchestrator_options *options)
{
    struct smew_orchestrator *orchestrator = smew__calloc(1, sizeof(*orchestrator));

    if (!orchestrator)
        return NULL;
    orchestrator->bus = bus;
    orchestrator->process_token = smew__process_token();
    orchestrator->count = options->event_buses ? options->event_buses : smew__cpu_count();
    if (orchestrator->count > EVENT_BUSES_MOST)
        orchestrator->count = EVENT_BUSES_MOST;
    orchestrator->machines_max = options->machines_max ? options->machines_max : MACHINES_MOST;
    smew__table_init(&orchestrator->hosts);
    if (!smew__mutex_init(&orchestrator->lock))
        return orchestrator;
    smew__free(orchestrator);
    return NULL;
}

enum smew_status smew_orchestrator_create(struct smew_bus *bus,
                                          const struct smew_orchestrator_options *options,
                                          struct smew_orchestrator **out, struct smew_error *error)
{
    struct smew_orchestrator_options own = {0};
    struct smew_orchestrator *orchestrator;
    struct smew_bus_stats stats;
    enum smew_status status;

    if (!bus || !out || smew__options_copy(&own, sizeof(own), options))
        return smew__fail(error, SMEW_INVALID, "an orchestrator needs a bus and valid options");
    if (own.event_buses > EVENT_BUSES_MOST)
        return smew__fail(error, SMEW_INVALID, "an orchestrator has at most %d event buses",
                          EVENT_BUSES_MOST);
    status = smew_bus_stats(bus, &stats); /* a child's answers FORKED, before there are threads */
    if (status)
        return smew__fail(error, status, "%s", smew_status_text(status));
    orchestrator = allocate(bus, &own);
    if (!orchestrator)
        return smew__fail(error, SMEW_NO_MEMORY, "out of memory");
    status = start(orchestrator);
    if (status) {
        smew__lists_withdraw(orchestrator);
        give_up(orchestrator);
        return smew__fail(error, status == SMEW_EXISTS ? SMEW_BUSY : status,
                          "cannot run an orchestrator on this node: %s",
                          status == SMEW_EXISTS ? "it has one" : smew_status_text(status));
    }
    *out = orchestrator;
    return SMEW_OK;
}

void smew_orchestrator_destroy(struct smew_orchestrator *orchestrator, uint32_t timeout_ms)
{
    uint64_t deadline_ns = smew__deadline_ns(timeout_ms);

    if (smew__orchestrator_enter(orchestrator))
        return;
    smew__lists_withdraw(orchestrator);
    smew__hosts_withdraw(orchestrator);
    for (uint32_t i = 0; i < orchestrator->count; i++)
        smew__event_bus_refuse(&orchestrator->event_buses[i], deadline_ns);
    give_up(orchestrator);
}
