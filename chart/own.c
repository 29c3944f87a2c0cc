/* SPDX-License-Identifier: MIT */

/*
 * The program's own context: a struct of plain bytes in the machine's block.
 *
 *     own ──►  struct      what callbacks are given
 *              at rest     as it was when the machine was last at rest, for an undo
 *              before      as it was when the present microstep began; only where the chart has
 *                          eventless transitions, which go on for as long as something changes
 *
 * Each begins at an address that suits any type.  What new machines begin with is the chart's, so
 * that making one calls nobody and cannot fail.  Reading and writing it is the program's: see
 * restore_parts.c and snapshot.c.
 */

#include "chart/machine.h"

#include <string.h>

#include "base/alloc.h"

enum { ALIGNMENT = _Alignof(max_align_t) };

/* From one copy to the next. */
static size_t stride(const struct smew_chart *chart)
{
    return (chart->own_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static char *at_rest(const struct smew_machine *machine)
{
    return (char *)machine->own + stride(machine->chart);
}

static char *before(const struct smew_machine *machine)
{
    return at_rest(machine) + stride(machine->chart);
}

size_t smew__own_size(const struct smew_chart *chart)
{
    size_t copies = chart->has_always ? 3 : 2;

    return chart->own_bytes > 0 ? copies * stride(chart) + ALIGNMENT : 0;
}

void *smew__own_place(struct smew_machine *machine, void *at)
{
    char *end = (char *)at + smew__own_size(machine->chart);
    size_t past = (uintptr_t)at % ALIGNMENT;

    machine->own = (char *)at + (past > 0 ? ALIGNMENT - past : 0);
    memcpy(machine->own, machine->chart->own, machine->chart->own_bytes);
    smew__own_commit(machine);
    return end;
}

void smew__own_commit(struct smew_machine *machine)
{
    if (machine->own)
        memcpy(at_rest(machine), machine->own, machine->chart->own_bytes);
}

void smew__own_undo(struct smew_machine *machine)
{
    if (machine->own)
        memcpy(machine->own, at_rest(machine), machine->chart->own_bytes);
}

void smew__own_begin(struct smew_machine *machine)
{
    if (machine->own && machine->chart->has_always)
        memcpy(before(machine), machine->own, machine->chart->own_bytes);
}

bool smew__own_modified(const struct smew_machine *machine)
{
    return machine->own && machine->chart->has_always &&
           memcmp(before(machine), machine->own, machine->chart->own_bytes) != 0;
}

/* Recursive: as deep as the family has generations. */
bool smew__own_is_mute(const struct smew_machine *machine)
{
    if (machine->own && !machine->chart->write_own)
        return true;
    for (uint32_t i = 0; i < machine->children.count; i++)
        if (machine->children.items[i]->machine &&
            smew__own_is_mute(machine->children.items[i]->machine))
            return true;
    return false;
}

void *smew_machine_own_context(const struct smew_machine *machine)
{
    return machine->own;
}
