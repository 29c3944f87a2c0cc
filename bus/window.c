/* SPDX-License-Identifier: MIT */
/*
 * The window: a list of parcels in the order of acceptance, and a ring that finds the parcel of a
 * position.  Pure bookkeeping under the node's lock; peer.c decides what happens to parcels.
 */

#include "bus/window.h"

#include "base/alloc.h"

static struct smew__parcel *parcel_of(struct smew__list *link)
{
    return SMEW_CONTAINER(link, struct smew__parcel, link);
}

enum smew_status smew__window_init(struct smew__window *window, uint32_t limit)
{
    uint32_t size = 1;

    while (size < limit)
        size *= 2;
    *window = (struct smew__window){.limit = limit, .mask = size - 1};
    smew__list_init(&window->parcels);
    window->next = &window->parcels;
    window->by_position = smew__calloc(size, sizeof(struct smew__parcel *));
    return window->by_position ? SMEW_OK : SMEW_NO_MEMORY;
}

void smew__window_fini(struct smew__window *window)
{
    smew__free(window->by_position);
    window->by_position = NULL;
}

bool smew__window_room(const struct smew__window *window, size_t bytes)
{
    return window->count < window->limit &&
           (window->bytes == 0 || window->bytes + bytes <= SMEW__WINDOW_BYTES);
}

bool smew__window_crowded(const struct smew__window *window, size_t bytes)
{
    return window->count >= 2 && window->bytes + bytes > SMEW__WINDOW_CROWDED;
}

/* DONE parcels are not transmitted again: `next` steps over them. */
static void skip_done(struct smew__window *window)
{
    while (window->next != &window->parcels &&
           parcel_of(window->next)->state == SMEW__PARCEL_DONE) {
        window->next = window->next->next;
        window->begun++;
    }
}

void smew__window_append(struct smew__window *window, struct smew__parcel *parcel)
{
    parcel->state = SMEW__PARCEL_QUEUED;
    smew__list_append(&window->parcels, &parcel->link);
    if (window->next == &window->parcels)
        window->next = &parcel->link;
    window->count++;
    window->bytes += parcel->message->envelope.payload_size;
}

/*
 * Positions are bounded too: a parcel that was refused and is sent again takes another one, and
 * neither our ring nor the receiver's reaches further than a window beyond what was completed.
 */
struct smew__parcel *smew__window_next(const struct smew__window *window)
{
    if (window->next == &window->parcels || window->begun >= window->limit ||
        window->positions - window->completed >= window->limit)
        return NULL;
    return parcel_of(window->next);
}

void smew__window_sent(struct smew__window *window, struct smew__parcel *parcel)
{
    parcel->state = SMEW__PARCEL_SENT;
    parcel->position = ++window->positions;
    window->by_position[parcel->position & window->mask] = parcel;
    window->next = parcel->link.next;
    window->begun++;
    skip_done(window);
}

void smew__window_rewind(struct smew__window *window)
{
    SMEW_LIST_EACH (link, &window->parcels) {
        struct smew__parcel *parcel = parcel_of(link);

        if (parcel->state == SMEW__PARCEL_SENT) {
            parcel->state = SMEW__PARCEL_QUEUED;
            parcel->doubtful = true;
        }
    }
    for (uint32_t i = 0; i <= window->mask; i++)
        window->by_position[i] = NULL;
    window->positions = 0;
    window->completed = 0;
    window->received = 0;
    window->begun = 0;
    window->next = window->parcels.next;
    skip_done(window);
}

struct smew__parcel *smew__window_at(const struct smew__window *window, uint64_t position)
{
    struct smew__parcel *parcel = window->by_position[position & window->mask];

    return parcel && parcel->position == position ? parcel : NULL;
}

/* A parcel is no longer at its position. */
static void forget_position(struct smew__window *window, struct smew__parcel *parcel)
{
    if (parcel->state == SMEW__PARCEL_SENT)
        window->by_position[parcel->position & window->mask] = NULL;
}

static void pop(struct smew__window *window, struct smew__list *popped)
{
    skip_done(window);
    while (!smew__list_empty(&window->parcels)) {
        struct smew__list *first = window->parcels.next;

        if (parcel_of(first)->state != SMEW__PARCEL_DONE)
            break;
        smew__list_remove(first);
        smew__list_append(popped, first);
        window->count--;
        window->begun--;
    }
}

void smew__window_done(struct smew__window *window, struct smew__parcel *parcel,
                       struct smew__list *popped)
{
    forget_position(window, parcel);
    parcel->state = SMEW__PARCEL_DONE;
    window->bytes -= parcel->message->envelope.payload_size;
    pop(window, popped);
}

void smew__window_take(struct smew__window *window, struct smew__parcel *parcel,
                       struct smew__list *popped)
{
    forget_position(window, parcel);
    if (parcel->state == SMEW__PARCEL_SENT)
        window->begun--;
    if (window->next == &parcel->link)
        window->next = parcel->link.next;
    smew__list_remove(&parcel->link);
    window->count--;
    window->bytes -= parcel->message->envelope.payload_size;
    pop(window, popped);
}
