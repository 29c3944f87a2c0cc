/* SPDX-License-Identifier: MIT */
#ifndef SMEW_RESILIENCE_HEARTBEAT_H
#define SMEW_RESILIENCE_HEARTBEAT_H

/*
 * Watching somebody's heartbeat counter.  A counter that has not moved for suspect_ms makes its
 * owner suspect; suspicion raises an alert and takes nothing away.  The watcher discounts its own
 * stalls: time during which it did not look does not count against the watched.  Pure: time is
 * an argument.
 *
 *            beat                         silent for suspect_ms
 *   ALIVE ---------> ALIVE        ALIVE ------------------------> SUSPECT
 *                                 SUSPECT ----------- beat -----> ALIVE
 */

#include <stdbool.h>
#include <stdint.h>

struct smew__heartbeat {
    uint64_t counter;   /* last seen */
    uint64_t looked_ns; /* when the watcher last looked */
    uint64_t silent_ns; /* watched silence */
    bool suspect;
};

enum smew__heartbeat_change {
    SMEW__HEARTBEAT_SAME,
    SMEW__HEARTBEAT_SUSPECT,
    SMEW__HEARTBEAT_RECOVERED
};

void smew__heartbeat_init(struct smew__heartbeat *watch, uint64_t counter, uint64_t now_ns);

/*
 * One look.  `look_ns` is how often the watcher means to look: a longer pause since the last look
 * counts as no more than two of those.
 */
enum smew__heartbeat_change smew__heartbeat_look(struct smew__heartbeat *watch, uint64_t counter,
                                                 uint64_t now_ns, uint64_t look_ns,
                                                 uint64_t suspect_ns);

#endif
