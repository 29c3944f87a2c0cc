/* SPDX-License-Identifier: MIT */
/*
 * Lists of machines.  The request is kept until the last event bus has added its machines; a reply
 * that grows too large stops early and counts the rest as `more`.  What cannot be answered fails
 * the request with the reason.
 */

#include "orchestrator/list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "orchestrator/report.h"

enum {
    LIMIT_STANDARD = 100,
    JSON_MOST = 512 * 1024, /* bytes: half of what a payload may have */
};

static const char machines_event[] = "smew.machines";
static const char counters_event[] = "smew.orchestrator";

struct list {
    struct smew__task task;
    struct smew_orchestrator *orchestrator;
    struct smew_message *request;
    struct smew__buffer json;
    uint32_t visited;
    uint64_t limit;
    uint64_t listed;
    uint64_t more;
};

static void put_patterns(struct list *list)
{
    const struct smew__host *host;
    const char *separator = "";
    size_t cursor = 0;

    smew__mutex_lock(&list->orchestrator->lock);
    while ((host = smew__table_next(&list->orchestrator->hosts, &cursor)) != NULL) {
        if (!strchr(host->id, '*'))
            continue;
        smew__buffer_text(&list->json, separator);
        smew__buffer_json_string(&list->json, host->id, strlen(host->id));
        separator = ",";
    }
    smew__mutex_unlock(&list->orchestrator->lock);
}

/* Sends what was written, and ends the request. */
static void finish(struct list *list)
{
    smew_message_complete(list->request,
                          smew__report_send(list->orchestrator->bus, list->request, &list->json));
    smew__buffer_fini(&list->json);
    smew__free(list);
}

static void answer(struct list *list)
{
    smew__buffer_printf(&list->json, "],\"more\":%" PRIu64 ",\"patterns\":[", list->more);
    put_patterns(list);
    smew__buffer_text(&list->json, "]}");
    finish(list);
}

static void visit(struct smew__event_bus *event_bus, struct smew__task *task)
{
    struct list *list = SMEW_CONTAINER(task, struct list, task);
    const struct smew__actor *actor;
    uint64_t before = list->listed;
    size_t cursor = 0;

    while (list->listed < list->limit && list->json.size < JSON_MOST &&
           (actor = smew__table_next(&event_bus->actors, &cursor)) != NULL) {
        if (list->listed++)
            smew__buffer_text(&list->json, ",");
        smew__report_brief(&list->json, actor);
    }
    list->more += event_bus->actors.count - (list->listed - before);
    if (++list->visited == list->orchestrator->count)
        answer(list);
    else
        smew__event_bus_post_task(&list->orchestrator->event_buses[list->visited], &list->task,
                                  visit);
}

/* {"limit":N}; anything else is the standard limit. */
static uint64_t read_limit(const struct smew_message *request)
{
    const char *payload = smew_message_payload(request);
    const char *name = strstr(payload, "\"limit\"");
    const char *colon = name ? strchr(name, ':') : NULL;

    return colon ? strtoull(colon + 1, NULL, 10) : LIMIT_STANDARD;
}

static struct list *create(struct smew_orchestrator *orchestrator, struct smew_message *request)
{
    struct list *list = smew__calloc(1, sizeof(*list));

    if (!list)
        return NULL;
    list->orchestrator = orchestrator;
    list->request = request;
    list->limit = read_limit(request);
    smew__buffer_init(&list->json);
    return list;
}

/* With the node's lock held. */
static enum smew_status serve_machines(struct smew_message *message, void *user)
{
    struct smew_orchestrator *orchestrator = user;
    struct list *list = create(orchestrator, message);

    if (!list)
        return SMEW_NO_MEMORY;
    smew__buffer_text(&list->json, "{\"machines\":[");
    smew__event_bus_post_task(&orchestrator->event_buses[0], &list->task, visit);
    return SMEW_OK;
}

/* A task too, since the node's lock is held where it is asked for. */
static void put_counters(struct smew__event_bus *event_bus, struct smew__task *task)
{
    struct list *list = SMEW_CONTAINER(task, struct list, task);
    struct smew_orchestrator_stats stats = smew__orchestrator_count(event_bus->orchestrator);

    smew__buffer_printf(&list->json,
                        "{\"events\":%" PRIu64 ",\"transitions\":%" PRIu64 ",\"unhandled\":%" PRIu64
                        ",\"machines\":%" PRIu64 ",\"started\":%" PRIu64 ",\"failed\":%" PRIu64 "}",
                        stats.events, stats.transitions, stats.unhandled, stats.machines,
                        stats.started, stats.failed);
    finish(list);
}

/* With the node's lock held. */
static enum smew_status serve_counters(struct smew_message *message, void *user)
{
    struct smew_orchestrator *orchestrator = user;
    struct list *list = create(orchestrator, message);

    if (!list)
        return SMEW_NO_MEMORY;
    smew__event_bus_post_task(&orchestrator->event_buses[0], &list->task, put_counters);
    return SMEW_OK;
}

enum smew_status smew__lists_serve(struct smew_orchestrator *orchestrator)
{
    enum smew_status status =
        smew__bus_serve(orchestrator->bus, machines_event, serve_machines, orchestrator);

    if (status)
        return status;
    orchestrator->serves = true;
    return smew__bus_serve(orchestrator->bus, counters_event, serve_counters, orchestrator);
}

void smew__lists_withdraw(struct smew_orchestrator *orchestrator)
{
    if (!orchestrator->serves)
        return;
    smew__bus_unserve(orchestrator->bus, machines_event);
    smew__bus_unserve(orchestrator->bus, counters_event);
}
