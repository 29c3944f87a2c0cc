/* SPDX-License-Identifier: MIT */

/*
 * Events that wait: a ring.  Most messages are a chart's own literals, so that raising and sending
 * copy nothing; what C code raises by name, and what a child leaves behind, is copied and freed
 * after it was handled.
 */

#include "chart/machine.h"

#include <string.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 4 };

void smew__message_free(const struct smew__message *message)
{
    if (message && message->owned)
        smew__free((void *)(uintptr_t)message);
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *place_text(char **at, const char *text)
{
    size_t size = text_size(text);
    char *placed = *at;

    if (!text)
        return NULL;
    memcpy(placed, text, size);
    *at += size;
    return placed;
}

static size_t origin_size(const struct smew__origin *origin)
{
    return text_size(origin->send_id) + text_size(origin->origin) + text_size(origin->invoke_id) +
           text_size(origin->target);
}

/* Behind the message: the origin, then its texts from `at` on. */
static void place_origin(struct smew__message *message, const struct smew__origin *origin, char *at)
{
    struct smew__origin *placed = (struct smew__origin *)(void *)(message + 1);

    placed->type = origin->type; /* a literal */
    placed->send_id = place_text(&at, origin->send_id);
    placed->origin = place_text(&at, origin->origin);
    placed->invoke_id = place_text(&at, origin->invoke_id);
    placed->target = place_text(&at, origin->target);
    message->origin = placed;
}

struct smew__message *smew__message_copy(const struct smew_chart *chart,
                                         const struct smew_event *event)
{
    return smew__message_from(chart, event, NULL);
}

struct smew__message *smew__message_from(const struct smew_chart *chart,
                                         const struct smew_event *event,
                                         const struct smew__origin *origin)
{
    size_t type_size = strlen(event->type) + 1;
    size_t origin_at = origin ? sizeof *origin : 0;
    struct smew__message *message =
        smew__alloc(sizeof *message + origin_at + type_size + event->payload_size + 1 +
                    (origin ? origin_size(origin) : 0));

    if (!message)
        return NULL;
    char *text = memcpy((char *)(message + 1) + origin_at, event->type, type_size);
    char *payload = text + type_size;
    if (event->payload_size > 0)
        memcpy(payload, event->payload, event->payload_size);
    payload[event->payload_size] = '\0';
    message->event = (struct smew_event){.type = text,
                                         .payload = payload,
                                         .payload_size = event->payload_size,
                                         .content = event->content};
    message->event_id = smew__chart_event_id(chart, text, type_size - 1);
    message->owned = true;
    message->origin = NULL;
    if (origin)
        place_origin(message, origin, payload + event->payload_size + 1);
    return message;
}

void smew__queue_clear(struct smew__queue *queue)
{
    struct smew__queued item;

    while (smew__queue_take(queue, &item))
        smew__message_free(item.message);
}

void smew__queue_fini(struct smew__queue *queue)
{
    smew__queue_clear(queue);
    smew__free(queue->items);
    *queue = (struct smew__queue){0};
}

static bool grow(struct smew__queue *queue)
{
    uint32_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
    struct smew__queued *items = smew__alloc(capacity * sizeof *items);

    if (!items)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        items[i] = queue->items[(queue->head + i) & (queue->capacity - 1)];
    smew__free(queue->items);
    queue->items = items;
    queue->head = 0;
    queue->capacity = capacity;
    return true;
}

enum smew_status smew__queue_put(struct smew__queue *queue, const struct smew__message *message,
                                 uint32_t event_id)
{
    enum smew_status status = SMEW_OK;

    if (queue->count >= SMEW__QUEUE_MAX)
        status = SMEW_LIMIT;
    else if (queue->count == queue->capacity && !grow(queue))
        status = SMEW_NO_MEMORY;
    if (status != SMEW_OK) {
        smew__message_free(message);
        return status;
    }
    queue->items[(queue->head + queue->count++) & (queue->capacity - 1)] =
        (struct smew__queued){message, event_id};
    return SMEW_OK;
}

bool smew__queue_take(struct smew__queue *queue, struct smew__queued *item)
{
    if (queue->count == 0)
        return false;
    *item = queue->items[queue->head];
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    return true;
}
