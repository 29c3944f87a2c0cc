/* SPDX-License-Identifier: MIT */
/*
 * Actors.  A machine that fails (an endless chart, no memory) stays as it is, answers STOPPED from
 * then on, and is counted; the others go on.
 */

#include "orchestrator/actor.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "diagnostics/log.h"

static enum smew_status on_send(struct smew_machine *machine, const char *target,
                                const struct smew_event *event, void *owner)
{
    struct smew__actor *actor = owner;

    (void)machine;
    return actor->runner->send(actor, target, event, actor->runner->context);
}

static void on_log(struct smew_machine *machine, const char *text, void *owner)
{
    (void)owner;
    smew__log(SMEW_LOG_INFO, "%s: %s", smew_machine_id(machine), text);
}

/* The machine stopped in the middle of an event: its state is the one from before it. */
static enum smew_status failed(struct smew__actor *actor, enum smew_status status)
{
    actor->failed = true;
    smew__log(SMEW_LOG_ERROR, "machine %s has stopped: %s", smew__actor_id(actor),
              smew_status_text(status));
    return status;
}

enum smew_status smew__actor_create(struct smew_chart *chart, const char *id, void *user,
                                    const struct smew__runner *runner, void *host, uint64_t now_ns,
                                    struct smew__actor **out)
{
    size_t topic_size = sizeof(SMEW__TRANSITION_TOPIC) + strlen(id);
    struct smew__actor *actor = smew__calloc(1, sizeof(*actor) + topic_size);
    struct smew_machine_host machine_host = SMEW_MACHINE_HOST_INIT;
    enum smew_status status;

    if (!actor)
        return SMEW_NO_MEMORY;
    memcpy(actor->topic, SMEW__TRANSITION_TOPIC, sizeof(SMEW__TRANSITION_TOPIC) - 1);
    strcpy(actor->topic + sizeof(SMEW__TRANSITION_TOPIC) - 1, id);
    actor->runner = runner;
    actor->host = host;
    actor->started_ns = now_ns;
    smew__heap_link_init(&actor->timer);
    machine_host.send_to = on_send;
    machine_host.log = on_log;
    machine_host.owner = actor;
    machine_host.user = user;
    status = smew_machine_create(chart, id, &machine_host, &actor->machine);
    if (status) {
        smew__free(actor);
        return status;
    }
    status = smew_machine_start(actor->machine, now_ns, NULL);
    if (status == SMEW_NO_MEMORY) { /* nothing is lost by trying again later */
        smew__actor_destroy(actor);
        return status;
    }
    if (status)
        (void)failed(actor, status);
    *out = actor;
    return SMEW_OK;
}

void smew__actor_destroy(struct smew__actor *actor)
{
    smew_machine_destroy(actor->machine);
    smew__free(actor);
}

enum smew_status smew__actor_handle(struct smew__actor *actor, const struct smew_event *event,
                                    uint64_t now_ns, struct smew_step *step)
{
    enum smew_status status;

    *step = (struct smew_step){0};
    if (actor->failed)
        return SMEW_STOPPED;
    status = smew_machine_send(actor->machine, event, now_ns, step);
    if (status == SMEW_STOPPED)
        return status;
    if (status == SMEW_INVALID) /* from whoever sent it: no fault of the machine */
        return SMEW_REJECTED;
    actor->events++;
    if (status)
        return failed(actor, status);
    if (step->handled)
        actor->transitions++;
    else
        actor->unhandled++;
    return SMEW_OK;
}

enum smew_status smew__actor_advance(struct smew__actor *actor, uint64_t now_ns,
                                     struct smew_step *step)
{
    enum smew_status status;

    *step = (struct smew_step){0};
    if (actor->failed)
        return SMEW_STOPPED;
    status = smew_machine_advance(actor->machine, now_ns, step);
    if (status)
        return failed(actor, status);
    if (step->handled)
        actor->transitions++;
    return SMEW_OK;
}

enum smew_status smew__actor_schedule(struct smew__actor *actor, struct smew__heap *heap)
{
    uint64_t due_ns = actor->failed ? SMEW_NEVER_NS : smew_machine_due_ns(actor->machine);

    if (due_ns == SMEW_NEVER_NS)
        smew__heap_remove(heap, &actor->timer);
    else if (!smew__heap_put(heap, &actor->timer, due_ns))
        return failed(actor, SMEW_NO_MEMORY); /* rather than one whose timer never comes */
    return SMEW_OK;
}
