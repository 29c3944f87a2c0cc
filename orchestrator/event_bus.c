/* SPDX-License-Identifier: MIT */
/*
 * The event bus's thread: sleeps until something arrives or a timer is due, takes the whole
 * mailbox, runs it, and then the timers that are due.
 *
 * Failure modes: no memory for a machine answers its event with NO_MEMORY; too many machines
 * with REJECTED; a machine that failed or is done with STOPPED; a message that lay here beyond
 * its own deadline with EXPIRED; each is a dead letter at the sender.  What the orchestrator's
 * end leaves in the mailbox goes back with NO_MACHINE, to whoever hosts its target next.
 */

#include "orchestrator/event_bus.h"

#include <string.h>

#include <smew/transport.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os/memory.h"
#include "diagnostics/log.h"
#include "orchestrator/orchestrator.h"
#include "orchestrator/report.h"

enum { PAUSES = 8 }; /* between two looks, so that who posts keeps the mailbox's lines */

static void count(atomic_uint_fast64_t *counter, uint64_t by)
{
    /* One writer: the event bus's own thread. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

/* ---- the mailbox --------------------------------------------------------------------- */

/* Tells a task from a message in the mailbox; never called. */
static void task_marker(struct smew_bus *bus, struct smew__due *due)
{
    (void)bus;
    (void)due;
}

/* Of one that was seen sleeping. */
static void wake(struct smew__event_bus *event_bus)
{
    /* Relaxed: the mailbox is handed over by the lock; the word only tells the futex. */
    atomic_fetch_add_explicit(&event_bus->wakes, 1, memory_order_relaxed);
    smew__futex_wake_one(&event_bus->wakes);
}

static void post(struct smew__event_bus *event_bus, struct smew__due *due)
{
    bool sleeping;

    smew__spinlock_lock(&event_bus->lock);
    smew__list_append(&event_bus->mailbox, &due->link);
    /* Relaxed, as all of it: what is in the mailbox is handed over by the lock. */
    if (!atomic_load_explicit(&event_bus->filled, memory_order_relaxed))
        atomic_store_explicit(&event_bus->filled, true, memory_order_relaxed);
    sleeping = event_bus->sleeping;
    event_bus->sleeping = false;
    smew__spinlock_unlock(&event_bus->lock);
    if (sleeping)
        wake(event_bus);
}

void smew__event_bus_post(struct smew__event_bus *event_bus, struct smew_message *message,
                          struct smew__host *host)
{
    message->delivery.due.run = NULL;
    message->delivery.sunk_for = host;
    post(event_bus, &message->delivery.due);
}

void smew__event_bus_post_task(struct smew__event_bus *event_bus, struct smew__task *task,
                               void (*run)(struct smew__event_bus *event_bus,
                                           struct smew__task *task))
{
    task->due.run = task_marker;
    task->run = run;
    post(event_bus, &task->due);
}

/* Whoever waits has seen to it already (bus/done.h); this is for the rest, before we sleep. */
static void tell(struct smew__event_bus *event_bus)
{
    if (event_bus->untold)
        smew__sink_tell(event_bus->bus);
    event_bus->untold = false;
}

/*
 * Looks whether something comes, for as long as that pays: who posts then wakes nobody, which costs
 * more than most events.  Without the lock.  False: it is time to sleep.
 */
static bool look(struct smew__event_bus *event_bus, uint64_t due_ns)
{
    uint64_t now_ns = smew_now_ns();

    smew__spin_begin(&event_bus->spin);
    for (; now_ns < due_ns && smew__spin_goes_on(&event_bus->spin, now_ns);
         now_ns = smew_now_ns()) {
        for (int i = 0; i < PAUSES; i++)
            smew__spin_pause();
        if (atomic_load_explicit(&event_bus->filled, memory_order_relaxed)) {
            smew__spin_paid(&event_bus->spin);
            return true;
        }
    }
    return false;
}

/* Moves the mailbox into `taken`, waiting for one or for the next timer.  False: stop. */
static bool take(struct smew__event_bus *event_bus, struct smew__list *taken)
{
    struct smew__heap_link *timer = smew__heap_first(&event_bus->timers);
    uint64_t due_ns = timer ? timer->key : SMEW_NEVER_NS;
    enum smew_status slept = SMEW_OK;
    bool looks = true;
    bool going;

    smew__spinlock_lock(&event_bus->lock);
    while (smew__list_empty(&event_bus->mailbox) && !event_bus->stopping && !slept) {
        /* Relaxed: whoever sees `sleeping`, under the lock, moves the word after this. */
        uint32_t seen = atomic_load_explicit(&event_bus->wakes, memory_order_relaxed);
        bool untold = event_bus->untold;

        event_bus->sleeping = !untold && !looks;
        smew__spinlock_unlock(&event_bus->lock);
        if (untold)
            tell(event_bus); /* and look again: it takes the node's lock */
        else if (looks)
            looks = look(event_bus, due_ns);
        else
            slept = smew__futex_wait(&event_bus->wakes, seen, due_ns);
        smew__spinlock_lock(&event_bus->lock);
    }
    event_bus->sleeping = false;
    going = !event_bus->stopping || !smew__list_empty(&event_bus->mailbox);
    smew__list_move_all(taken, &event_bus->mailbox);
    atomic_store_explicit(&event_bus->filled, false, memory_order_relaxed);
    smew__spinlock_unlock(&event_bus->lock);
    return going;
}

void smew__event_bus_refuse(struct smew__event_bus *event_bus, uint64_t from_ns)
{
    atomic_store_explicit(&event_bus->refuse_ns, from_ns, memory_order_relaxed);
}

static bool refuses(struct smew__event_bus *event_bus)
{
    uint64_t from_ns = atomic_load_explicit(&event_bus->refuse_ns, memory_order_relaxed);

    return from_ns != SMEW_NEVER_NS && smew_now_ns() >= from_ns;
}

/* ---- actors -------------------------------------------------------------------------- */

static void schedule(struct smew__event_bus *event_bus, struct smew__actor *actor)
{
    if (smew__actor_schedule(actor, &event_bus->timers))
        count(&event_bus->counters.failed, 1);
}

static struct smew__host *host_of(const struct smew__actor *actor)
{
    return actor->host;
}

/* The one machine of a host that has no pattern is remembered there. */
static void remember(const struct smew__actor *actor, struct smew__actor *now)
{
    struct smew__host *host = host_of(actor);

    if (!host->pattern)
        host->actor = now;
}

static enum smew_status start_actor(struct smew__event_bus *event_bus, struct smew__host *host,
                                    const char *id, struct smew__actor **actor)
{
    struct smew__actor *made;
    enum smew_status status;

    if (!smew__orchestrator_admit(event_bus->orchestrator))
        return SMEW_REJECTED;
    status = smew__actor_create(host->chart, id, host->user, &event_bus->runner, host,
                                smew_now_ns(), &made);
    if (!status && !smew__table_put(&event_bus->actors, smew__actor_id(made), strlen(id), made)) {
        smew__actor_destroy(made);
        status = SMEW_NO_MEMORY;
    }
    if (status) {
        smew__orchestrator_dismiss(event_bus->orchestrator);
        return status;
    }
    count(&event_bus->counters.started, 1);
    count(&event_bus->counters.failed, made->failed);
    schedule(event_bus, made);
    remember(made, made);
    *actor = made;
    return SMEW_OK;
}

static void stop_actor(struct smew__event_bus *event_bus, struct smew__actor *actor)
{
    const char *id = smew__actor_id(actor);

    remember(actor, NULL);
    smew__heap_remove(&event_bus->timers, &actor->timer);
    smew__table_remove(&event_bus->actors, id, strlen(id));
    smew__actor_destroy(actor);
    smew__orchestrator_dismiss(event_bus->orchestrator);
}

enum smew_status smew__event_bus_actor(struct smew__event_bus *event_bus, struct smew__host *host,
                                       const char *id, struct smew__actor **actor)
{
    struct smew__actor *found = host->actor;

    if (!found)
        found = smew__table_get(&event_bus->actors, id, strlen(id));
    if (found && found->host == host) {
        *actor = found;
        return SMEW_OK;
    }
    if (found) /* its id has passed from a pattern of ours to a host of its own, or back */
        stop_actor(event_bus, found);
    return start_actor(event_bus, host, id, actor);
}

void smew__event_bus_remove(struct smew__event_bus *event_bus, const struct smew__host *host,
                            const char *id)
{
    size_t size = strlen(id);
    struct smew__actor *actor;
    size_t cursor = 0;

    if (!strchr(id, '*')) {
        actor = smew__table_get(&event_bus->actors, id, size);
        if (actor && actor->host == host)
            stop_actor(event_bus, actor);
        return;
    }
    while ((actor = smew__table_next(&event_bus->actors, &cursor)) != NULL) {
        if (actor->host != host || strncmp(smew__actor_id(actor), id, size - 1) != 0)
            continue;
        stop_actor(event_bus, actor);
        cursor--;
    }
}

/* ---- events -------------------------------------------------------------------------- */

static enum smew_status on_send(struct smew__actor *from, const char *target,
                                const struct smew_event *event, void *context)
{
    struct smew__event_bus *event_bus = context;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.source = smew__actor_id(from);
    options.content = event->content;
    return smew_bus_send(event_bus->bus, target, event->type, event->payload, event->payload_size,
                         &options);
}

/* An event or a timer on its way through a machine: for the reply and for those who watch. */
struct passage {
    struct smew__report_state old;
    struct smew_step step;
    uint64_t begun_ns;
    uint64_t time_ns;
    bool watched;
    bool asked;
};

static void begin(struct smew__event_bus *event_bus, const struct smew__actor *actor, bool asked,
                  struct passage *passage)
{
    /* A topic longer than an id may be can have no subscribers. */
    passage->asked = asked;
    passage->watched = smew_bus_has_subscribers(event_bus->bus, actor->topic) &&
                       strlen(actor->topic) <= SMEW_ID_MAX;
    if (passage->watched || asked)
        smew__report_state(actor, &passage->old);
    if (passage->watched || asked || host_of(actor)->timed)
        passage->begun_ns = smew_now_ns();
    else
        passage->begun_ns = 0; /* nobody asks */
}

/* Counts, and plans the machine's next timer. */
static void end(struct smew__event_bus *event_bus, struct smew__actor *actor,
                enum smew_status status, struct passage *passage)
{
    if (passage->watched || passage->asked) /* nobody else would hear how long it took */
        passage->time_ns = smew_now_ns() - passage->begun_ns;
    count(&event_bus->counters.transitions, passage->step.handled);
    count(&event_bus->counters.failed, status == SMEW_LIMIT || status == SMEW_NO_MEMORY);
    schedule(event_bus, actor);
}

/* Publishes a transition that was taken. */
static void tell_watchers(struct smew__event_bus *event_bus, const struct smew__actor *actor,
                          const char *event, const struct passage *passage)
{
    struct smew__buffer json;
    enum smew_status status = SMEW_NO_MEMORY;

    smew__buffer_init(&json);
    smew__report_transition(&json, actor, event, &passage->old, &passage->step, passage->time_ns);
    if (!json.failed)
        status = smew_bus_publish(event_bus->bus, actor->topic, event, json.data, json.size,
                                  SMEW_CONTENT_JSON);
    if (status)
        smew__log(SMEW_LOG_WARN, "a transition of %s was not published: %s", smew__actor_id(actor),
                  smew_status_text(status));
    smew__buffer_fini(&json);
}

static void answer(struct smew__event_bus *event_bus, const struct smew__actor *actor,
                   const struct smew_message *request, const struct passage *passage)
{
    struct smew__buffer json;

    smew__buffer_init(&json);
    smew__report_reply(&json, actor, &passage->old, &passage->step, passage->time_ns);
    /* Done is done: a requester that gets no reply times out, and is not told of a failure. */
    (void)smew__report_send(event_bus->bus, request, &json);
    smew__buffer_fini(&json);
}

static enum smew_status run_event(struct smew__event_bus *event_bus, struct smew_message *message)
{
    bool asked = smew_message_kind(message) == SMEW_KIND_REQUEST;
    struct smew_event event = {.type = smew_message_event(message),
                               .payload = smew_message_payload(message),
                               .payload_size = smew_message_payload_size(message),
                               .content = smew_message_content(message)};
    struct smew__actor *actor;
    struct passage passage;
    enum smew_status status;

    smew__bus_enter(event_bus->bus, message);
    status = smew__event_bus_actor(event_bus, message->delivery.sunk_for,
                                   smew_message_target(message), &actor);
    if (!status) {
        begin(event_bus, actor, asked, &passage);
        status = smew__actor_handle(actor, &event, passage.begun_ns, &passage.step);
        end(event_bus, actor, status, &passage);
        count(&event_bus->counters.events, 1);
        count(&event_bus->counters.unhandled, !status && !passage.step.handled);
        if (status && status != SMEW_REJECTED)
            status = SMEW_STOPPED;
    }
    smew__bus_leave(event_bus->bus);
    if (!status && asked)
        answer(event_bus, actor, message, &passage);
    if (!status && passage.watched)
        tell_watchers(event_bus, actor, event.type, &passage);
    return status;
}

static bool asks_to_inspect(const struct smew_message *message)
{
    return smew_message_kind(message) == SMEW_KIND_REQUEST &&
           strcmp(smew_message_event(message), "smew.inspect") == 0;
}

/* Looks, and brings nobody to life. */
static enum smew_status inspect(struct smew__event_bus *event_bus, struct smew_message *message)
{
    const char *id = smew_message_target(message);
    struct smew__actor *actor = smew__table_get(&event_bus->actors, id, strlen(id));
    struct smew__buffer json;
    enum smew_status status;

    if (!actor)
        return SMEW_NOT_FOUND;
    smew__buffer_init(&json);
    smew__report_inspect(&json, actor, smew_now_ns());
    status = smew__report_send(event_bus->bus, message, &json);
    smew__buffer_fini(&json);
    return status;
}

static void run_message(struct smew__event_bus *event_bus, struct smew_message *message)
{
    uint64_t deadline_ns = message->envelope.deadline_ns;
    enum smew_status status;

    if (refuses(event_bus))
        status = SMEW_NO_MACHINE; /* whoever hosts it next gets it */
    else if (deadline_ns && smew_now_ns() >= deadline_ns)
        status = SMEW_EXPIRED;
    else if (asks_to_inspect(message))
        status = inspect(event_bus, message);
    else
        status = run_event(event_bus, message);
    event_bus->untold = !smew__sink_complete(event_bus->bus, message, status);
}

static void run_timers(struct smew__event_bus *event_bus)
{
    struct smew__heap_link *first = smew__heap_first(&event_bus->timers);
    uint64_t now_ns = first ? smew_now_ns() : 0;

    while ((first = smew__heap_first(&event_bus->timers)) != NULL && first->key <= now_ns &&
           !refuses(event_bus)) {
        struct smew__actor *actor = SMEW_CONTAINER(first, struct smew__actor, timer);
        struct passage passage;
        enum smew_status status;

        smew__bus_enter(event_bus->bus, NULL);
        begin(event_bus, actor, false, &passage);
        status = smew__actor_advance(actor, now_ns, &passage.step);
        end(event_bus, actor, status, &passage);
        smew__bus_leave(event_bus->bus);
        if (passage.watched && passage.step.handled)
            tell_watchers(event_bus, actor, "after", &passage);
    }
}

static void run_due(struct smew__event_bus *event_bus, struct smew__due *due)
{
    struct smew__task *task;

    if (due->run == task_marker) {
        tell(event_bus);
        task = SMEW_CONTAINER(due, struct smew__task, due);
        task->run(event_bus, task);
    } else {
        run_message(event_bus, SMEW_CONTAINER(due, struct smew_message, delivery.due));
    }
}

static void run(void *argument)
{
    struct smew__event_bus *event_bus = argument;
    struct smew__list taken;
    struct smew__list *link;
    bool going = true;

    smew__list_init(&taken);
    while (going) {
        going = take(event_bus, &taken);
        while ((link = smew__list_take(&taken)) != NULL)
            run_due(event_bus, SMEW_CONTAINER(link, struct smew__due, link));
        run_timers(event_bus);
    }
    tell(event_bus);
}

/* ---- start and stop ------------------------------------------------------------------ */

enum smew_status smew__event_bus_start(struct smew__event_bus *event_bus,
                                       struct smew_orchestrator *orchestrator, struct smew_bus *bus)
{
    event_bus->orchestrator = orchestrator;
    event_bus->bus = bus;
    atomic_init(&event_bus->refuse_ns, SMEW_NEVER_NS);
    /* Looking for ever is for a thread of the program's own. */
    event_bus->spin.way = smew__bus_may_spin(bus) ? SMEW__SPIN_ADAPTIVE : SMEW__SPIN_NEVER;
    event_bus->runner = (struct smew__runner){.send = on_send, .context = event_bus};
    smew__list_init(&event_bus->mailbox);
    smew__table_init(&event_bus->actors);
    smew__heap_init(&event_bus->timers);
    return smew__thread_start(&event_bus->thread, "smew-events", run, event_bus);
}

void smew__event_bus_stop(struct smew__event_bus *event_bus)
{
    struct smew__actor *actor;
    size_t cursor = 0;

    if (!event_bus->thread.started)
        return;
    smew__spinlock_lock(&event_bus->lock);
    event_bus->stopping = true;
    smew__spinlock_unlock(&event_bus->lock);
    wake(event_bus);
    smew__thread_join(&event_bus->thread);
    while ((actor = smew__table_next(&event_bus->actors, &cursor)) != NULL)
        smew__actor_destroy(actor);
    smew__table_fini(&event_bus->actors);
    smew__heap_fini(&event_bus->timers);
}
