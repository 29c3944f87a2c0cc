/* SPDX-License-Identifier: MIT */

/*
 * The compiled chart as an object: references, and the questions that need no machine.
 *
 * A loader creates it, fills it and hands it to the program with one reference; each machine
 * holds another.  The last one frees it, whatever part of it a failed load had filled.
 */

#include "chart/chart.h"

#include <string.h>

#include "base/alloc.h"
#include "chart/plan.h"
#include "chart/timed.h"

struct smew_chart *smew__chart_create(void)
{
    struct smew_chart *chart = smew__calloc(1, sizeof *chart);

    if (!chart)
        return NULL;
    atomic_init(&chart->references, 1);
    smew__arena_init(&chart->arena);
    smew__table_init(&chart->by_name);
    smew__table_init(&chart->by_prefix);
    chart->anything = SMEW__NONE;
    chart->iterations_max = SMEW__ITERATIONS_MAX;
    chart->script_steps = SMEW__SCRIPT_STEPS;
    chart->script_bytes = SMEW__SCRIPT_MEMORY_BYTES;
    return chart;
}

static void destroy(struct smew_chart *chart)
{
    for (uint32_t i = 0; i < chart->actor_count; i++)
        smew_chart_unref(chart->actors[i].chart);
    smew__free(chart->actors);
    smew__free(chart->invokes);
    smew__free(chart->states);
    smew__free(chart->transitions);
    smew__free(chart->rows);
    smew__free(chart->targets);
    smew__free(chart->histories);
    smew__free(chart->guards);
    smew__free(chart->operands);
    smew__free(chart->actions);
    smew__free(chart->events);
    smew__free(chart->event_names);
    smew__free(chart->leaves);
    smew__free(chart->index);
    smew__free(chart->plans);
    smew__free(chart->wanted);
    smew__table_fini(&chart->by_name);
    smew__table_fini(&chart->by_prefix);
    smew__arena_fini(&chart->arena);
    smew__free(chart);
}

struct smew_chart *smew_chart_ref(struct smew_chart *chart)
{
    atomic_fetch_add_explicit(&chart->references, 1, memory_order_relaxed);
    return chart;
}

void smew_chart_unref(struct smew_chart *chart)
{
    if (!chart)
        return;
    /* Release: what this thread did with the chart comes before the last one frees it; acquire
       pairs with it in that last one. */
    if (atomic_fetch_sub_explicit(&chart->references, 1, memory_order_acq_rel) == 1)
        destroy(chart);
}

const char *smew_chart_id(const struct smew_chart *chart)
{
    return chart->id;
}

struct smew_chart_info smew_chart_info(const struct smew_chart *chart)
{
    return (struct smew_chart_info){.states = chart->state_count,
                                    .transitions = chart->transition_count,
                                    .events = chart->event_name_count};
}

const char *smew_chart_event(const struct smew_chart *chart, size_t index)
{
    return index < chart->event_name_count ? chart->event_names[index] : NULL;
}

bool smew_chart_state(const struct smew_chart *chart, size_t index, struct smew_state *state)
{
    if (index >= chart->state_count)
        return false;
    const struct smew__state *it = &chart->states[index];
    *state = (struct smew_state){.id = it->id,
                                 .key = it->key,
                                 .kind = (enum smew_state_kind)it->kind,
                                 .parent = index > 0 ? it->parent : SMEW_NO_STATE,
                                 .end = it->end,
                                 .tags = it->tags,
                                 .meta = it->meta};
    return true;
}

static uint32_t prefix_entry(const struct smew_chart *chart, const char *name, size_t size,
                             uint32_t except)
{
    const struct smew__event_entry *entry = smew__table_get(&chart->by_prefix, name, size);

    return entry && entry->id != except ? entry->id : SMEW__NONE;
}

/* "foo.bar" is matched by "foo.bar.*", "foo.*" and "*": the whole name first, then cut at dots. */
uint32_t smew__chart_wildcard(const struct smew_chart *chart, const char *name, size_t size,
                              uint32_t except)
{
    size_t cut = chart->by_prefix.count > 0 ? size : 0;

    while (cut > 0) {
        uint32_t id = prefix_entry(chart, name, cut, except);

        if (id != SMEW__NONE)
            return id;
        do
            cut--;
        while (cut > 0 && name[cut] != '.');
    }
    return chart->anything != except ? chart->anything : SMEW__NONE;
}

uint32_t smew__chart_event_id(const struct smew_chart *chart, const char *name, size_t size)
{
    const struct smew__event_entry *known;
    uint32_t at, id;

    if (!chart->index) { /* it is being loaded */
        known = smew__table_get(&chart->by_name, name, size);
        return known ? known->id : smew__chart_wildcard(chart, name, size, SMEW__NONE);
    }
    at = smew__event_hash(name, size);
    while ((id = chart->index[at++ & chart->index_mask]) != SMEW__NONE) {
        known = chart->events[id];
        if (known->size == size && smew__same_name(known->name, name, size))
            return id;
    }
    return smew__chart_wildcard(chart, name, size, SMEW__NONE);
}

/* Compares a key with the path's next segment, in which a backslash takes the next character. */
static bool segment_is(const char *segment, size_t size, const char *key)
{
    for (size_t i = 0; i < size; i++) {
        if (segment[i] == '\\' && i + 1 < size)
            i++;
        if (*key == '\0' || *key++ != segment[i])
            return false;
    }
    return *key == '\0';
}

static size_t segment_size(const char *path)
{
    size_t size = 0;

    while (path[size] != '\0' && path[size] != '.')
        size += path[size] == '\\' && path[size + 1] != '\0' ? 2 : 1;
    return size;
}

uint16_t smew__chart_path(const struct smew_chart *chart, uint16_t from, const char *path)
{
    uint16_t at = from;

    while (*path) {
        size_t size = segment_size(path);
        uint16_t end = chart->states[at].end;
        uint16_t child = (uint16_t)(at + 1);

        while (child < end && !segment_is(path, size, chart->states[child].key))
            child = chart->states[child].end;
        if (child >= end)
            return SMEW__NO_STATE;
        at = child;
        path += size;
        if (*path == '.')
            path++;
    }
    return at;
}

bool smew__chart_is_timed(const struct smew_chart *chart)
{
    bool timed = chart->scripted || chart->invoke_count || chart->actor_count;

    for (uint32_t i = 0; i < chart->action_count && !timed; i++)
        timed = chart->actions[i].delay.delayed;
    return timed;
}
