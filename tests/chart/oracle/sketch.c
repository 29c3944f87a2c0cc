/* SPDX-License-Identifier: MIT */

#include "tests/chart/oracle/sketch.h"

#include <stdarg.h>
#include <stdio.h>

const char *const sketch_events[] = {"A", "B", "C", "a", "a.b", "a.c", "a.b.c", NULL};

bool sketch_is_history(const struct sketch *sketch, int state)
{
    enum sketch_kind kind = sketch->states[state].kind;

    return kind == SKETCH_SHALLOW || kind == SKETCH_DEEP;
}

bool sketch_is_below(const struct sketch *sketch, int state, int ancestor)
{
    return state > ancestor && state < sketch->states[ancestor].end;
}

bool sketch_acts(const struct sketch *sketch, struct sketch_run actions)
{
    for (int i = actions.first; i < actions.first + actions.count; i++)
        if (!sketch->actions[i].gone)
            return true;
    return false;
}

const char *sketch_name(int state)
{
    static char names[8][16];
    static unsigned next;
    char *name = names[next++ % 8];

    if (state == 0)
        return "m";
    (void)snprintf(name, sizeof names[0], "s%d", state);
    return name;
}

/* SplitMix64: any seed is a good one. */
static uint64_t next_number(struct sketch_random *random)
{
    uint64_t mixed = (random->state += UINT64_C(0x9E3779B97F4A7C15));

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

int sketch_below(struct sketch_random *random, int below)
{
    return (int)(next_number(random) % (uint64_t)below);
}

bool sketch_chance(struct sketch_random *random, int percent)
{
    return sketch_below(random, 100) < percent;
}

void sketch_write(struct sketch_text *text, const char *format, ...)
{
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(text->bytes + text->size, sizeof text->bytes - text->size, format, arguments);
    va_end(arguments);
    text->size += (size_t)size;
    if (text->size >= sizeof text->bytes)
        text->size = sizeof text->bytes - 1;
}
