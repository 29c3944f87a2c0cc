/* SPDX-License-Identifier: MIT */

/*
 * Events that are due later, in a sorted array: families have few, and the next one is asked for
 * far more often than one is set.
 *
 * JSON: a send id names at most one timer of a machine, the newest that was set with it.  When any
 * timer of that id is set, fires or is cancelled, the others lose the name and can no longer be
 * cancelled: XState keeps one handle for each id.  A state is left before it is entered again, so
 * an `after` hardly ever meets this.  SCXML: a send id names all timers that were set with it.
 */

#include "chart/machine.h"

#include <string.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 4 };

void smew__timers_fini(struct smew__timers *timers)
{
    for (uint32_t i = 0; i < timers->count; i++)
        smew__message_free(timers->items[i].message);
    smew__free(timers->items);
    *timers = (struct smew__timers){0};
}

/* A chart's ids are interned, a script's are its own. */
static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void forget_id(struct smew__timers *timers, const struct smew_machine *machine,
                      const char *send_id)
{
    for (uint32_t i = 0; send_id && !machine->chart->scxml && i < timers->count; i++)
        if (is_same(timers->items[i].send_id, send_id) && timers->items[i].machine == machine)
            timers->items[i].cancellable = false;
}

static bool make_room(struct smew__timers *timers)
{
    if (timers->count < timers->capacity)
        return true;
    uint32_t capacity = timers->capacity ? timers->capacity * 2 : FIRST_CAPACITY;
    struct smew__timer *items = smew__realloc(timers->items, capacity * sizeof *items);
    if (!items)
        return false;
    timers->items = items;
    timers->capacity = capacity;
    return true;
}

enum smew_status smew__timers_put_back(struct smew__timers *timers, struct smew__timer timer)
{
    uint32_t at = timers->count;

    if (timers->count >= SMEW__TIMERS_MAX || !make_room(timers)) {
        smew__message_free(timer.message);
        return timers->count >= SMEW__TIMERS_MAX ? SMEW_LIMIT : SMEW_NO_MEMORY;
    }
    while (at > 0 && timers->items[at - 1].due_ns > timer.due_ns)
        at--;
    memmove(&timers->items[at + 1], &timers->items[at],
            (timers->count - at) * sizeof *timers->items);
    timers->items[at] = timer;
    timers->count++;
    return SMEW_OK;
}

enum smew_status smew__timers_put(struct smew__timers *timers, struct smew__timer timer)
{
    forget_id(timers, timer.machine, timer.send_id);
    timer.cancellable = timer.send_id != NULL;
    return smew__timers_put_back(timers, timer);
}

static void remove_at(struct smew__timers *timers, uint32_t at)
{
    timers->count--;
    memmove(&timers->items[at], &timers->items[at + 1],
            (timers->count - at) * sizeof *timers->items);
}

void smew__timers_cancel(struct smew__timers *timers, const struct smew_machine *machine,
                         const char *send_id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < timers->count; i++) {
        const struct smew__timer *timer = &timers->items[i];

        if (timer->cancellable && is_same(timer->send_id, send_id) && timer->machine == machine)
            smew__message_free(timer->message);
        else
            timers->items[kept++] = *timer;
    }
    timers->count = kept;
}

bool smew__timers_take(struct smew__timers *timers, uint64_t now_ns, struct smew__timer *timer)
{
    if (timers->count == 0 || timers->items[0].due_ns > now_ns)
        return false;
    *timer = timers->items[0];
    remove_at(timers, 0);
    forget_id(timers, timer->machine, timer->send_id);
    return true;
}

void smew__timers_forget(struct smew__timers *timers, const struct smew_machine *machine)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < timers->count; i++) {
        if (timers->items[i].machine == machine)
            smew__message_free(timers->items[i].message);
        else
            timers->items[kept++] = timers->items[i];
    }
    timers->count = kept;
}
