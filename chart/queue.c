/* SPDX-License-Identifier: MIT */

/*
 * Events that wait: a ring of pointers.  Most messages are the chart's own literals, so that
 * raising one copies nothing; what C code raises by name is copied, and freed after it was handled.
 */

#include "chart/machine.h"

#include <string.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 8 };

void smew__message_free(const struct smew__message *message)
{
    if (message && message->owned)
        smew__free((void *)(uintptr_t)message);
}

struct smew__message *smew__message_copy(const struct smew_chart *chart, const char *type,
                                         const char *payload)
{
    size_t type_size = strlen(type) + 1;
    size_t payload_size = strlen(payload) + 1;
    struct smew__message *message = smew__alloc(sizeof *message + type_size + payload_size);

    if (!message)
        return NULL;
    char *text = memcpy((char *)(message + 1), type, type_size);
    message->event =
        (struct smew_event){.type = text,
                            .payload = memcpy(text + type_size, payload, payload_size),
                            .payload_size = payload_size - 1,
                            .content = *payload ? SMEW_CONTENT_JSON : SMEW_CONTENT_RAW};
    message->event_id = smew__chart_event_id(chart, type, type_size - 1);
    message->owned = true;
    return message;
}

void smew__queue_fini(struct smew__queue *queue)
{
    const struct smew__message *message;

    while ((message = smew__queue_take(queue)))
        smew__message_free(message);
    smew__free(queue->items);
    *queue = (struct smew__queue){0};
}

static bool grow(struct smew__queue *queue)
{
    uint32_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
    const struct smew__message **items = smew__alloc(capacity * sizeof *items);

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

enum smew_status smew__queue_put(struct smew__queue *queue, const struct smew__message *message)
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
    queue->items[(queue->head + queue->count++) & (queue->capacity - 1)] = message;
    return SMEW_OK;
}

const struct smew__message *smew__queue_take(struct smew__queue *queue)
{
    if (queue->count == 0)
        return NULL;
    const struct smew__message *message = queue->items[queue->head];
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    return message;
}
