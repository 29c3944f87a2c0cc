/* SPDX-License-Identifier: MIT */
/*
 * The record of ids.  A lookup costs nothing on the happy path: the index exists only between a
 * reconnection and the end of that channel.
 */

#include "bus/sender.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "bus/inbound.h"
#include "bus/lane_in.h"

static uint32_t entry_count(const struct smew__sender *sender)
{
    return sender->mask + 1;
}

struct smew__sender *smew__sender_get(struct smew_bus *bus, const struct smew__hello *hello)
{
    struct smew__sender *sender = smew__table_get(&bus->senders, &hello->node, sizeof(hello->node));
    uint32_t count = 2;

    if (sender)
        return sender;
    while (count < 2 * hello->window)
        count *= 2;
    sender = smew__calloc(1, sizeof(*sender));
    if (!sender)
        return NULL;
    sender->node = hello->node;
    sender->ref = (struct smew__node_ref){hello->slot, hello->generation};
    snprintf(sender->address, sizeof(sender->address), "@%u.%u", hello->slot, hello->generation);
    smew__list_init(&sender->lanes);
    sender->mask = count - 1;
    smew__barriers_init(&sender->barriers, count);
    sender->entries = smew__calloc(count, sizeof(*sender->entries));
    if (!sender->entries ||
        !smew__table_put(&bus->senders, &sender->node, sizeof(sender->node), sender)) {
        smew__free(sender->entries);
        smew__free(sender);
        return NULL;
    }
    return sender;
}

/* Where an id's search begins; the index has four cells for each entry. */
static uint32_t index_home(const struct smew__sender *sender, uint32_t stream, uint64_t sequence)
{
    uint64_t key[2] = {stream, sequence};

    return (uint32_t)smew__hash(key, sizeof(key)) & (4 * entry_count(sender) - 1);
}

enum smew_status smew__sender_resume(struct smew__sender *sender)
{
    uint32_t cells = 4 * entry_count(sender);

    smew__lanes_in_forget_channel(sender);
    if (!sender->used)
        return SMEW_OK; /* new: there is nothing to look up */
    smew__free(sender->index);
    sender->index = smew__calloc(cells, sizeof(*sender->index));
    if (!sender->index)
        return SMEW_NO_MEMORY;
    for (uint32_t i = 0; i < entry_count(sender); i++) {
        struct smew__entry *entry = &sender->entries[i];
        uint32_t cell;

        entry->position = 0;
        if (entry->state == SMEW__ENTRY_FREE)
            continue;
        cell = index_home(sender, entry->stream, entry->sequence);
        while (sender->index[cell])
            cell = (cell + 1) & (cells - 1);
        sender->index[cell] = i + 1;
    }
    return SMEW_OK;
}

/* A message that was refused because its machine is not here may be offered again. */
static bool seen(const struct smew__entry *entry)
{
    return entry->state == SMEW__ENTRY_IN_FLIGHT ||
           (entry->state == SMEW__ENTRY_DONE && entry->status != SMEW_NO_MACHINE);
}

struct smew__entry *smew__sender_find(struct smew__sender *sender, struct smew_message_id id)
{
    uint32_t cells = 4 * entry_count(sender);
    uint32_t cell;

    if (!sender->index)
        return NULL;
    for (cell = index_home(sender, id.stream, id.sequence); sender->index[cell];
         cell = (cell + 1) & (cells - 1)) {
        struct smew__entry *entry = &sender->entries[sender->index[cell] - 1];

        if (entry->stream == id.stream && entry->sequence == id.sequence && seen(entry))
            return entry;
    }
    return NULL;
}

struct smew__entry *smew__sender_admit(struct smew__sender *sender, struct smew_message_id id,
                                       uint64_t position)
{
    struct smew__entry *entry;

    if (sender->taken == entry_count(sender))
        return NULL;
    do {
        entry = &sender->entries[sender->next];
        sender->next = (sender->next + 1) & sender->mask;
    } while (entry->state == SMEW__ENTRY_IN_FLIGHT);
    *entry = (struct smew__entry){.sequence = id.sequence,
                                  .stream = id.stream,
                                  .state = SMEW__ENTRY_IN_FLIGHT,
                                  .position = position};
    sender->taken++;
    sender->in_flight++;
    sender->used = true;
    return entry;
}

void smew__sender_complete(struct smew__sender *sender, uint32_t index, struct smew__text target,
                           enum smew_status status)
{
    struct smew__entry *entry = &sender->entries[index];

    entry->state = SMEW__ENTRY_DONE;
    entry->status = (int8_t)status;
    sender->taken--;
    sender->in_flight--;
    if (!sender->inbound || !entry->position)
        return;
    smew__inbound_answer(sender->inbound, entry->position, target, status);
}

void smew__sender_free(struct smew_bus *bus, struct smew__sender *sender)
{
    smew__table_remove(&bus->senders, &sender->node, sizeof(sender->node));
    smew__lanes_in_free(sender);
    smew__barriers_fini(&sender->barriers);
    smew__free(sender->index);
    smew__free(sender->entries);
    smew__free(sender);
}

void smew__sender_sweep(struct smew_bus *bus)
{
    struct smew__sender *sender;
    size_t cursor = 0;

    while ((sender = smew__table_next(&bus->senders, &cursor)) != NULL) {
        smew__lanes_in_sweep(sender);
        if (sender->inbound || sender->in_flight ||
            !smew__directory_bury(bus->directory, sender->ref))
            continue;
        smew__sender_free(bus, sender);
        cursor--;
    }
}
