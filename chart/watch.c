/* SPDX-License-Identifier: MIT */

/*
 * Whoever is told of transitions: the host, then a list that lies in the watchers' own memory, so
 * that watching cannot fail.
 *
 * While they are told of a machine its `entries` hold the configuration from before the event: no
 * microstep of the same machine can begin until they were all told, and the next one clears them.
 */

#include "chart/machine.h"

#include <string.h>

#include "chart/text.h"

void smew_machine_watch(struct smew_machine *machine, struct smew_watch *watch)
{
    struct smew_watch **last = &machine->family->watches;

    while (*last)
        last = &(*last)->next;
    watch->next = NULL;
    *last = watch;
}

void smew_machine_unwatch(struct smew_machine *machine, struct smew_watch *watch)
{
    struct smew_watch **at = &machine->family->watches;

    for (struct smew__telling *it = machine->family->telling; it; it = it->outer)
        if (it->next == watch)
            it->next = watch->next;
    while (*at && *at != watch)
        at = &(*at)->next;
    if (*at)
        *at = watch->next;
}

/* One may settle a service of a relative, which then is told of in between. */
void smew__watch_tell(struct smew_machine *machine, const struct smew_step *step)
{
    struct smew__family *family = machine->family;
    const struct smew_event *event = &machine->event->event;
    bool observing = family->observing;
    struct smew__telling telling = {.outer = family->telling};

    family->telling = &telling;
    family->observing = true;
    machine->observed = true;
    if (family->host.transition)
        family->host.transition(machine, event, step, family->host.owner);
    telling.next = family->watches;
    while (telling.next) {
        struct smew_watch *watch = telling.next;

        telling.next = watch->next; /* any of them may go */
        watch->transition(machine, event, step, watch->owner);
    }
    family->telling = telling.outer;
    machine->observed = false;
    family->observing = observing;
}

size_t smew_machine_state_before(const struct smew_machine *machine, char *buffer,
                                 size_t size_bytes)
{
    struct smew__text nothing = smew__text_into(buffer, size_bytes);

    if (!machine->observed)
        return nothing.length;
    return smew__state_write(machine->chart, machine->entries, buffer, size_bytes);
}

bool smew_machine_was_active(const struct smew_machine *machine, size_t state)
{
    return machine->observed && state < machine->chart->state_count &&
           smew__set_has(machine->entries, (uint32_t)state);
}
