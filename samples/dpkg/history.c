/* SPDX-License-Identifier: MIT */
/*
 * Two arrays that double, and a hash table of the packages' names that is at most half full.
 * Failure mode: out of memory leaves what was there as it was.
 */
#include "samples/dpkg/history.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024 };

void feeder_history_fini(struct feeder_history *history)
{
    for (uint32_t i = 0; i < history->package_count; i++)
        free(history->packages[i]);
    free(history->packages);
    free(history->events);
    free(history->slots);
    memset(history, 0, sizeof(*history));
}

static uint32_t hash_of(const char *text, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

/* The slot of the package, or the empty one that it would get. */
static uint32_t slot_of(const struct feeder_history *history, const char *package, size_t length)
{
    uint32_t slot = hash_of(package, length) & (history->slot_count - 1);

    while (history->slots[slot] != 0) {
        const char *other = history->packages[history->slots[slot] - 1];

        if (strlen(other) == length && memcmp(other, package, length) == 0)
            break;
        slot = (slot + 1) & (history->slot_count - 1);
    }
    return slot;
}

int64_t feeder_history_find(const struct feeder_history *history, const char *package,
                            size_t length)
{
    if (history->slot_count == 0)
        return FEEDER_NO_PACKAGE;
    return (int64_t)history->slots[slot_of(history, package, length)] - 1;
}

/* Room for one more package: in the array, and twice that in the table. */
static bool make_room(struct feeder_history *history)
{
    uint32_t room = history->packages_room > 0 ? 2 * history->packages_room : ROOM_FIRST;
    char **packages;
    uint32_t *slots;

    if (history->package_count < history->packages_room)
        return true;
    packages = realloc(history->packages, room * sizeof(*packages));
    if (packages == NULL)
        return false;
    history->packages = packages;
    slots = calloc((size_t)2 * room, sizeof(*slots));
    if (slots == NULL)
        return false;
    free(history->slots);
    history->slots = slots;
    history->slot_count = 2 * room;
    history->packages_room = room;
    for (uint32_t i = 0; i < history->package_count; i++)
        slots[slot_of(history, packages[i], strlen(packages[i]))] = i + 1;
    return true;
}

static bool intern(struct feeder_history *history, const char *package, size_t length,
                   uint32_t *index)
{
    int64_t found = feeder_history_find(history, package, length);
    char *copy;

    if (found == FEEDER_NO_PACKAGE) {
        if (!make_room(history) || (copy = strndup(package, length)) == NULL)
            return false;
        found = history->package_count++;
        history->packages[found] = copy;
        history->slots[slot_of(history, package, length)] = (uint32_t)found + 1;
    }
    *index = (uint32_t)found;
    return true;
}

bool feeder_history_add(struct feeder_history *history, const struct feeder_line *line,
                        uint64_t number)
{
    struct feeder_event event = {.line = number, .status = (uint8_t)line->status};

    if (history->count == history->events_room) {
        size_t room = history->events_room > 0 ? 2 * history->events_room : ROOM_FIRST;
        struct feeder_event *events = realloc(history->events, room * sizeof(*events));

        if (events == NULL)
            return false;
        history->events = events;
        history->events_room = room;
    }
    if (!intern(history, line->package, line->package_length, &event.package))
        return false;
    history->events[history->count++] = event;
    return true;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void feeder_history_shuffle(struct feeder_history *history, uint64_t seed)
{
    for (size_t i = history->count; i > 1; i--) {
        size_t other = (size_t)(next_random(&seed) % i);
        struct feeder_event event = history->events[i - 1];

        history->events[i - 1] = history->events[other];
        history->events[other] = event;
    }
}
