/* SPDX-License-Identifier: MIT */
/*
 * What a node answers itself: "smew.stat" with its counters as JSON, "smew.release" (handover.h),
 * and what somebody above serves.  Anything else is refused with REJECTED.
 */

#include "bus/serve.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os/process.h"
#include "bus/done.h"
#include "bus/handover.h"
#include "bus/intake.h"
#include "bus/request.h"
#include "bus/sink.h"

struct service {
    char *event; /* the key in bus->services */
    enum smew_status (*serve)(struct smew_message *message, void *user);
    void *user;
};

static void write_counters(const struct smew_bus *bus, struct smew__buffer *json)
{
    const struct smew_bus_stats *stats = &bus->stats;
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"sent", stats->sent},
        {"delivered", stats->delivered},
        {"processed", stats->processed},
        {"redelivered", stats->redelivered},
        {"duplicates", stats->duplicates},
        {"refused", stats->refused},
        {"dead_letters", stats->dead_letters},
        {"published", stats->published},
        {"publish_missed", stats->publish_missed},
        {"late_replies", stats->late_replies},
        {"bad_frames", stats->bad_frames},
        {"bytes_sent", stats->bytes_sent},
        {"bytes_received", stats->bytes_received},
        {"reconnects", stats->reconnects},
        {"connections", stats->connections},
        {"in_flight", bus->in_flight},
        {"lanes_out", stats->lanes_out},
        {"lanes_in", stats->lanes_in},
        {"lanes_denied", stats->lanes_denied},
        {"lanes_refused", stats->lanes_refused},
        {"lanes_grown", stats->lanes_grown},
        {"lanes_sent", stats->lanes_sent},
        {"pooled", stats->pooled},
        {"polled", stats->polled},
        {"in_place", stats->in_place},
        {"lane_lost", stats->lane_lost},
        {"overflow_queued", stats->overflow_queued},
        {"overflow_dropped", stats->overflow_dropped},
        {"overflow", stats->overflow},
    };

    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        smew__buffer_printf(json, ",\"%s\":%" PRIu64, counters[i].name, counters[i].value);
}

static void serve_stat(struct smew_bus *bus, struct smew_message *message)
{
    struct smew__process process = {0};
    struct smew__buffer json;

    (void)smew__done_take(bus);
    smew__buffer_init(&json);
    (void)smew__process_self(&process);
    smew__buffer_printf(&json, "{\"address\":\"%s\",\"name\":", bus->address);
    smew__buffer_json_string(&json, bus->node_name, strlen(bus->node_name));
    smew__buffer_printf(&json, ",\"pid\":%" PRId64 ",\"uptime_ms\":%" PRIu64, process.pid,
                        (smew_now_ns() - bus->opened_ns) / SMEW_NS_PER_MS);
    write_counters(bus, &json);
    smew__buffer_text(&json, "}");
    if (!json.failed && message->envelope.kind == SMEW_KIND_REQUEST)
        (void)smew__reply(bus, message, json.data, json.size, SMEW_CONTENT_JSON);
    smew__buffer_fini(&json);
    smew__intake_settle(message);
}

/* Ends a request that nobody answers; OK: somebody does. */
static void refuse(struct smew_message *message, enum smew_status status)
{
    if (!status)
        return;
    message->delivery.result = status;
    smew__intake_settle(message);
    smew__message_unref(message);
}

void smew__serve(struct smew_bus *bus, struct smew_message *message)
{
    struct smew__text event = message->envelope.event;
    struct service *service = smew__table_get(&bus->services, event.data, event.size);

    if (strcmp(event.data, "smew.stat") == 0) {
        serve_stat(bus, message);
        return;
    }
    smew__message_ref(message); /* whoever answers it completes it */
    message->delivery.held = true;
    if (strcmp(event.data, "smew.release") == 0)
        smew__handover_begin(bus, message);
    else if (service)
        refuse(message, service->serve(message, service->user));
    else
        refuse(message, SMEW_REJECTED);
}

static void service_free(struct smew_bus *bus, struct service *service)
{
    smew__table_remove(&bus->services, service->event, strlen(service->event));
    smew__free(service->event);
    smew__free(service);
}

static enum smew_status
service_add(struct smew_bus *bus, const char *event,
            enum smew_status (*serve)(struct smew_message *message, void *user), void *user)
{
    struct service *service = smew__calloc(1, sizeof(*service));

    if (!service)
        return SMEW_NO_MEMORY;
    service->event = smew__strdup(event);
    service->serve = serve;
    service->user = user;
    if (service->event && smew__table_put(&bus->services, service->event, strlen(event), service))
        return SMEW_OK;
    smew__free(service->event);
    smew__free(service);
    return SMEW_NO_MEMORY;
}

enum smew_status
smew__bus_serve(struct smew_bus *bus, const char *event,
                enum smew_status (*serve)(struct smew_message *message, void *user), void *user)
{
    enum smew_status status = SMEW_EXISTS;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    smew__bus_lock(bus);
    if (!smew__table_get(&bus->services, event, strlen(event)))
        status = service_add(bus, event, serve, user);
    smew__bus_unlock(bus);
    return status;
}

void smew__bus_unserve(struct smew_bus *bus, const char *event)
{
    struct service *found;

    smew__bus_lock(bus);
    found = smew__table_get(&bus->services, event, strlen(event));
    if (found)
        service_free(bus, found);
    smew__bus_unlock(bus);
}

void smew__serve_fini(struct smew_bus *bus)
{
    struct service *service;
    size_t cursor = 0;

    while ((service = smew__table_next(&bus->services, &cursor)) != NULL) {
        service_free(bus, service);
        cursor = 0;
    }
    smew__table_fini(&bus->services);
}
