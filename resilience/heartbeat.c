/* SPDX-License-Identifier: MIT */
/* Watching a heartbeat; the two states and their moves are drawn in heartbeat.h. */
#include "resilience/heartbeat.h"

void smew__heartbeat_init(struct smew__heartbeat *watch, uint64_t counter, uint64_t now_ns)
{
    *watch = (struct smew__heartbeat){.counter = counter, .looked_ns = now_ns};
}

/* The time since the last look that counts: a watcher that stalled knows nothing of the rest. */
static uint64_t watched_ns(const struct smew__heartbeat *watch, uint64_t now_ns, uint64_t look_ns)
{
    uint64_t elapsed_ns = now_ns > watch->looked_ns ? now_ns - watch->looked_ns : 0;
    uint64_t most_ns = look_ns > UINT64_MAX / 2 ? UINT64_MAX : 2 * look_ns;

    return elapsed_ns < most_ns ? elapsed_ns : most_ns;
}

enum smew__heartbeat_change smew__heartbeat_look(struct smew__heartbeat *watch, uint64_t counter,
                                                 uint64_t now_ns, uint64_t look_ns,
                                                 uint64_t suspect_ns)
{
    uint64_t more_ns = watched_ns(watch, now_ns, look_ns);
    bool was_suspect = watch->suspect;

    watch->looked_ns = now_ns;
    if (counter != watch->counter) {
        watch->counter = counter;
        watch->silent_ns = 0;
        watch->suspect = false;
        return was_suspect ? SMEW__HEARTBEAT_RECOVERED : SMEW__HEARTBEAT_SAME;
    }
    watch->silent_ns =
        more_ns > UINT64_MAX - watch->silent_ns ? UINT64_MAX : watch->silent_ns + more_ns;
    watch->suspect = was_suspect || watch->silent_ns >= suspect_ns;
    return watch->suspect && !was_suspect ? SMEW__HEARTBEAT_SUSPECT : SMEW__HEARTBEAT_SAME;
}
