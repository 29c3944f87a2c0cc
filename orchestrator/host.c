/* SPDX-License-Identifier: MIT */
/*
 * Hosting: claims ids and patterns with a sink, and gives each message to the event bus of its
 * target.
 *
 * Happy path: the claim, then for an id a task that starts the machine.  A message for an id that
 * has no machine yet starts one: that is what a virtual machine is, and it makes the order of
 * claim and start irrelevant.
 *
 * Stopping: the claim goes first, then a sweep stops the machines.  Whoever asked waits for it, but
 * not for ever: an action of the program may never return.  The sweep goes on without them.
 */

#include "orchestrator/host.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/status.h"
#include "chart/timed.h"
#include "diagnostics/log.h"
#include "orchestrator/orchestrator.h"

enum { PATIENCE_MS = 5000 }; /* for a task behind everything that is in a mailbox */

static bool is_pattern(const char *id)
{
    return strchr(id, '*') != NULL;
}

/* ---- sweeps -------------------------------------------------------------------------- */

static void visit(struct smew__event_bus *event_bus, struct smew__task *task)
{
    struct smew__sweep *sweep = SMEW_CONTAINER(task, struct smew__sweep, task);
    struct smew_orchestrator *orchestrator = event_bus->orchestrator;

    smew__event_bus_remove(event_bus, sweep->host, sweep->id);
    if (is_pattern(sweep->id) && ++sweep->visited < orchestrator->count)
        smew__event_bus_post_task(&orchestrator->event_buses[sweep->visited], task, visit);
    else
        sweep->done(sweep);
}

static void begin_sweep(struct smew__sweep *sweep)
{
    struct smew_orchestrator *orchestrator = sweep->host->orchestrator;
    struct smew__event_bus *first = &orchestrator->event_buses[0];

    if (!is_pattern(sweep->id))
        first = smew__orchestrator_event_bus(orchestrator, sweep->id, strlen(sweep->id));
    smew__event_bus_post_task(first, &sweep->task, visit);
}

/* ---- the sink ------------------------------------------------------------------------ */

/* With the node's lock held. */
static void on_deliver(struct smew_message *message, void *user)
{
    struct smew__host *host = user;
    struct smew__text target = message->envelope.target;
    struct smew__event_bus *event_bus = host->event_bus;

    if (!event_bus)
        event_bus = smew__orchestrator_event_bus(host->orchestrator, target.data, target.size);
    smew__event_bus_post(event_bus, message, host);
}

/* An id, or a longer pattern, that another node waits for. */
struct release {
    struct smew__sweep sweep;
    struct smew__release *ticket;
};

static void on_released(struct smew__sweep *sweep)
{
    struct release *release = SMEW_CONTAINER(sweep, struct release, sweep);

    smew__release_done(release->ticket);
    smew__free(release);
}

/* With the node's lock held. */
static bool on_release(const char *id, struct smew__release *ticket, void *user)
{
    struct release *release = smew__calloc(1, sizeof(*release));

    if (!release)
        return false;
    release->ticket = ticket;
    release->sweep.host = user;
    release->sweep.id = id;
    release->sweep.done = on_released;
    begin_sweep(&release->sweep);
    return true;
}

/* ---- waiting for a task -------------------------------------------------------------- */

/* Before the task is posted. */
static void expect(struct smew__host *host, struct smew__host_waiter *waiter,
                   const struct smew__task *task)
{
    *waiter = (struct smew__host_waiter){.task = task};
    smew__fifo_semaphore_init(&waiter->told, 0);
    smew__mutex_lock(&host->orchestrator->lock);
    host->waiter = waiter;
    smew__mutex_unlock(&host->orchestrator->lock);
}

/* On the event bus: the waiter's thread may free the host from here on. */
static void tell(struct smew__host *host, const struct smew__task *task, enum smew_status status)
{
    struct smew_orchestrator *orchestrator = host->orchestrator;

    smew__mutex_lock(&orchestrator->lock);
    if (host->waiter && host->waiter->task == task) {
        host->waiter->status = status;
        host->waiter->over = true;
        smew__fifo_semaphore_release(&host->waiter->told);
        host->waiter = NULL;
    }
    smew__mutex_unlock(&orchestrator->lock);
}

/* What the task told, or TIMEOUT.  Only after that may `host` be looked at: it still lives then. */
static enum smew_status wait_for(struct smew_orchestrator *orchestrator, struct smew__host *host,
                                 struct smew__host_waiter *waiter)
{
    uint64_t deadline_ns = smew__deadline_ns(PATIENCE_MS);
    enum smew_status status = SMEW_TIMEOUT;

    (void)smew__fifo_semaphore_acquire(&waiter->told, deadline_ns);
    smew__mutex_lock(&orchestrator->lock); /* whoever told is out of the semaphore then */
    if (waiter->over)
        status = waiter->status;
    else
        host->waiter = NULL;
    smew__mutex_unlock(&orchestrator->lock);
    return status;
}

/* ---- beginning ----------------------------------------------------------------------- */

static struct smew__host *host_create(struct smew_orchestrator *orchestrator, const char *id,
                                      struct smew_chart *chart, void *user)
{
    size_t size = strlen(id) + 1;
    struct smew__host *host = smew__calloc(1, sizeof(*host) + size);

    if (!host)
        return NULL;
    memcpy(host->id, id, size);
    host->orchestrator = orchestrator;
    host->pattern = is_pattern(id);
    host->timed = smew__chart_is_timed(chart);
    if (!host->pattern)
        host->event_bus = smew__orchestrator_event_bus(orchestrator, id, size - 1);
    host->chart = smew_chart_ref(chart);
    host->user = user;
    return host;
}

static void host_free(struct smew__host *host)
{
    smew_chart_unref(host->chart);
    smew__free(host);
}

static void run_start(struct smew__event_bus *event_bus, struct smew__task *task)
{
    struct smew__host *host = SMEW_CONTAINER(task, struct smew__host, starting);
    struct smew__actor *actor;
    enum smew_status status;

    smew__bus_enter(event_bus->bus, NULL);
    status = smew__event_bus_actor(event_bus, host, host->id, &actor);
    smew__bus_leave(event_bus->bus);
    if (!status && actor->failed)
        status = SMEW_LIMIT;
    tell(host, task, status);
}

static enum smew_status start(struct smew__host *host)
{
    struct smew_orchestrator *orchestrator = host->orchestrator;
    struct smew__host_waiter waiter;

    expect(host, &waiter, &host->starting);
    smew__event_bus_post_task(host->event_bus, &host->starting, run_start);
    return wait_for(orchestrator, host, &waiter);
}

static bool add_to_table(struct smew__host *host)
{
    struct smew_orchestrator *orchestrator = host->orchestrator;
    bool added;

    smew__mutex_lock(&orchestrator->lock);
    added = smew__table_put(&orchestrator->hosts, host->id, strlen(host->id), host);
    smew__mutex_unlock(&orchestrator->lock);
    return added;
}

/* ---- ending -------------------------------------------------------------------------- */

static void unregister(const struct smew__host *host)
{
    enum smew_status status = smew_bus_unregister(host->orchestrator->bus, host->id);

    if (status)
        smew__log(SMEW_LOG_WARN, "\"%s\" was not given back: %s", host->id,
                  smew_status_text(status));
}

static void on_ended(struct smew__sweep *sweep)
{
    struct smew__host *host = sweep->host;

    tell(host, &sweep->task, SMEW_OK);
    host_free(host);
}

/* Of a host that is not in the table (any more). */
static enum smew_status end(struct smew__host *host)
{
    struct smew_orchestrator *orchestrator = host->orchestrator;
    struct smew__host_waiter waiter;

    unregister(host);
    host->ending = (struct smew__sweep){.host = host, .id = host->id, .done = on_ended};
    expect(host, &waiter, &host->ending.task);
    begin_sweep(&host->ending);
    return wait_for(orchestrator, host, &waiter);
}

void smew__hosts_withdraw(struct smew_orchestrator *orchestrator)
{
    const struct smew__host *host;
    size_t cursor = 0;

    while ((host = smew__table_next(&orchestrator->hosts, &cursor)) != NULL)
        unregister(host);
}

void smew__hosts_free(struct smew_orchestrator *orchestrator)
{
    struct smew__host *host;
    size_t cursor = 0;

    while ((host = smew__table_next(&orchestrator->hosts, &cursor)) != NULL)
        host_free(host);
    smew__table_fini(&orchestrator->hosts);
}

/* ---- public -------------------------------------------------------------------------- */

enum smew_status smew_orchestrator_host(struct smew_orchestrator *orchestrator, const char *id,
                                        struct smew_chart *chart, void *user,
                                        const struct smew_register_options *options,
                                        struct smew_error *error)
{
    struct smew__sink sink = {.deliver = on_deliver, .release = on_release};
    struct smew__host *host;
    enum smew_status status = smew__orchestrator_enter(orchestrator);

    if (status)
        return smew__fail(error, status, "%s", smew_status_text(status));
    if (!id || !chart)
        return smew__fail(error, SMEW_INVALID, "hosting needs an id and a chart");
    host = host_create(orchestrator, id, chart, user);
    if (!host)
        return smew__fail(error, SMEW_NO_MEMORY, "out of memory");
    sink.user = host;
    status = smew__bus_register_sink(orchestrator->bus, id, &sink, options, error);
    if (status) {
        host_free(host);
        return status;
    }
    if (!is_pattern(id))
        status = start(host);
    if (!status && !add_to_table(host))
        status = SMEW_NO_MEMORY;
    if (!status)
        return SMEW_OK;
    (void)end(host);
    return smew__fail(error, status, "cannot start \"%s\": %s", id, smew_status_text(status));
}

enum smew_status smew_orchestrator_stop(struct smew_orchestrator *orchestrator, const char *id)
{
    struct smew__host *host;
    enum smew_status status = smew__orchestrator_enter(orchestrator);

    if (status || !id)
        return status ? status : SMEW_INVALID;
    smew__mutex_lock(&orchestrator->lock);
    host = smew__table_remove(&orchestrator->hosts, id, strlen(id));
    smew__mutex_unlock(&orchestrator->lock);
    return host ? end(host) : SMEW_NOT_FOUND;
}
