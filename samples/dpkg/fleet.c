/* SPDX-License-Identifier: MIT */
/*
 * An array that doubles.  While a log is followed there is one round only, so that new packages
 * do not move the numbers of the others.
 */
#include "samples/dpkg/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024 };

void feeder_fleet_fini(struct feeder_fleet *fleet)
{
    free(fleet->machines);
    memset(fleet, 0, sizeof(*fleet));
}

struct feeder_machine *feeder_fleet_at(struct feeder_fleet *fleet, size_t number)
{
    if (number >= fleet->room) {
        size_t room = fleet->room > 0 ? 2 * fleet->room : ROOM_FIRST;
        struct feeder_machine *machines;

        while (room <= number)
            room *= 2;
        machines = realloc(fleet->machines, room * sizeof(*machines));
        if (machines == NULL)
            return NULL;
        fleet->machines = machines;
        fleet->room = room;
    }
    for (; fleet->count <= number; fleet->count++)
        fleet->machines[fleet->count] =
            (struct feeder_machine){FEEDER_UNKNOWN, FEEDER_UNKNOWN, FEEDER_UNKNOWN};
    return &fleet->machines[number];
}

size_t feeder_fleet_number(const struct feeder_history *history, uint64_t index)
{
    uint64_t round = index / history->count;

    return (size_t)(round * history->package_count) +
           history->events[index % history->count].package;
}

void feeder_fleet_id(const struct feeder_fleet *fleet, const struct feeder_history *history,
                     size_t number, char id[FEEDER_ID_ROOM])
{
    const char *package = history->packages[number % history->package_count];

    if (fleet->tag == 0)
        snprintf(id, FEEDER_ID_ROOM, "pkg:%s", package);
    else
        snprintf(id, FEEDER_ID_ROOM, "pkg:%s~%u.%zu", package, fleet->tag,
                 number / history->package_count + 1);
}
