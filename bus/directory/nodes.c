/* SPDX-License-Identifier: MIT */
/*
 * Nodes: taking a slot, and telling the living from the dead.
 *
 * Happy path: the first slot whose lock can be had is ours; its generation goes up, so that
 * whatever its last owner left no longer counts; leftovers are removed; the identity is written;
 * the slot is USED.  Closing walks back.
 *
 * Failure modes: all slots taken (LIMIT); killed while opening: the next owner of the slot finds
 * it OPENING and reaps again; killed later: the kernel drops the lock, or a forked child keeps it
 * while the process is gone, and whoever asks finds the node dead.  A node counts as dead for
 * others only once its life word says so (bury) or its slot has another generation; the word of
 * the kernel is asked for each time, never remembered.
 *
 * Somebody scribbled over the board: with each beat a node looks at the board's header and at its
 * own slot, and writes again what is not as it should be.  Only DEAD stays: others have acted on
 * it.
 */
#include "bus/directory/nodes.h"

#include <string.h>

#include <smew/transport.h>

#include "base/status.h"
#include "bus/directory/cells.h"
#include "diagnostics/log.h"

/* ---- the own slot -------------------------------------------------------------------- */

/*
 * Moves the life word to the next generation, OPENING, and gives the word that was there.  With the
 * slot's lock: all that could come between is a burial of the last generation, which is over
 * anyway.
 */
static uint64_t begin_generation(struct smew__board_node *node, uint32_t *generation)
{
    *generation = smew__life_generation(atomic_load(&node->life)) + 1;
    if (*generation == 0)
        *generation = 1;
    return atomic_exchange(&node->life, smew__life_make(*generation, SMEW__LIFE_OPENING));
}

static void move_epochs(struct smew__board *board)
{
    smew__epoch_move(&board->header.epoch);
    smew__epoch_move(&board->header.topic_epoch);
}

static struct smew__identity make_identity(const struct smew__process *process,
                                           const struct smew__directory_options *options)
{
    struct smew__identity identity = {
        .process = *process, .incarnation = options->node, .joined_ns = smew_now_ns()};

    memcpy(identity.name, options->node_name,
           strnlen(options->node_name, sizeof identity.name - 1));
    return identity;
}

/* Makes a word what it should be; true when it was not. */
static bool set_right(_Atomic uint64_t *word, uint64_t value)
{
    if (atomic_load_explicit(word, memory_order_relaxed) == value)
        return false;
    atomic_store_explicit(word, value, memory_order_relaxed);
    return true;
}

static bool write_identity(struct smew__board_node *node, const struct smew__identity *identity)
{
    bool changed = set_right(&node->pid, (uint64_t)identity->process.pid);

    changed |= set_right(&node->start_ticks, identity->process.start_ticks);
    changed |= set_right(&node->incarnation, identity->incarnation);
    changed |= set_right(&node->joined_ns, identity->joined_ns);
    for (size_t i = 0; i < SMEW__NAME_WORDS; i++)
        changed |= set_right(&node->name[i], identity->name[i]);
    return changed;
}

static bool lock_any(struct smew__directory *directory, uint32_t *slot)
{
    struct smew__storage *storage = directory->storage;

    for (uint32_t i = 0; i < SMEW__DIRECTORY_NODES; i++)
        if (storage->ops->slot_lock(storage, i)) {
            *slot = i;
            return true;
        }
    return false;
}

enum smew_status smew__node_take(struct smew__directory *directory,
                                 const struct smew__directory_options *options,
                                 const struct smew__process *process, struct smew_error *error)
{
    struct smew__storage *storage = directory->storage;
    struct smew__board_node *node;
    struct smew__node_ref self;
    enum smew_status status;
    uint64_t was;

    if (!lock_any(directory, &self.slot))
        return smew__fail(error, SMEW_LIMIT, "the bus %s has %d nodes already, as many as it can",
                          options->bus, SMEW__DIRECTORY_NODES);
    node = &directory->board->nodes[self.slot];
    was = begin_generation(node, &self.generation);
    directory->self = self;
    if (smew__life_state(was) != SMEW__LIFE_FREE) {
        smew__log(SMEW_LOG_INFO, "reaping what node @%u.%u left", (unsigned)self.slot,
                  (unsigned)smew__life_generation(was));
        storage->ops->slot_reap(storage, self.slot);
        smew__cells_sweep(directory->board, self.slot);
        move_epochs(directory->board);
    }
    status = storage->ops->names_begin(storage, self, error);
    if (status != SMEW_OK) {
        atomic_store(&node->life, smew__life_make(self.generation, SMEW__LIFE_FREE));
        storage->ops->slot_unlock(storage, self.slot);
        return status;
    }
    directory->names.blocks = 1;
    directory->identity = make_identity(process, options);
    (void)write_identity(node, &directory->identity);
    atomic_store_explicit(&node->beats, 0, memory_order_relaxed);
    atomic_store_explicit(&node->beat_ns, directory->identity.joined_ns, memory_order_relaxed);
    /* pairs with smew__directory_node: who sees USED sees the identity */
    atomic_store(&node->life, smew__life_make(self.generation, SMEW__LIFE_USED));
    return SMEW_OK;
}

void smew__node_give(struct smew__directory *directory)
{
    struct smew__storage *storage = directory->storage;
    struct smew__node_ref self = directory->self;

    if (directory->cells > 0) {
        smew__cells_sweep(directory->board, self.slot);
        move_epochs(directory->board);
    }
    storage->ops->names_end(storage, self);
    atomic_store(&directory->board->nodes[self.slot].life,
                 smew__life_make(self.generation, SMEW__LIFE_FREE));
    storage->ops->slot_unlock(storage, self.slot);
}

struct smew__node_ref smew__directory_self(const struct smew__directory *directory)
{
    return directory->self;
}

/* The life word is neither ours nor what a burial made of it: then nobody else may write it. */
static bool repair_life(struct smew__directory *directory, struct smew__board_node *node)
{
    uint64_t used = smew__life_make(directory->self.generation, SMEW__LIFE_USED);
    uint64_t seen = atomic_load(&node->life);

    if (seen == used || seen == smew__life_make(directory->self.generation, SMEW__LIFE_DEAD) ||
        !atomic_compare_exchange_strong(&node->life, &seen, used))
        return false;
    move_epochs(directory->board);
    return true;
}

static void repair(struct smew__directory *directory, struct smew__board_node *node)
{
    bool damaged = smew__board_repair(directory->board);

    damaged |= write_identity(node, &directory->identity);
    damaged |= repair_life(directory, node);
    if (damaged && !smew__flag_swap(&directory->damage_told, true))
        smew__log(SMEW_LOG_ERROR,
                  "somebody wrote garbage over the directory of this bus: machines may be hard to "
                  "find until the nodes that host them join again");
}

void smew__directory_beat(struct smew__directory *directory)
{
    struct smew__board_node *node = &directory->board->nodes[directory->self.slot];

    repair(directory, node);
    atomic_store_explicit(&node->beat_ns, smew_now_ns(), memory_order_relaxed);
    atomic_fetch_add_explicit(&node->beats, 1, memory_order_relaxed);
}

/* ---- anybody's ----------------------------------------------------------------------- */

enum smew_status smew__directory_node(struct smew__directory *directory, struct smew__node_ref node,
                                      struct smew__node_record *record)
{
    struct smew__node_record copy = {.ref = node};
    uint64_t name[SMEW__NAME_WORDS];
    struct smew__board_node *from;
    uint64_t life;

    if (node.slot >= SMEW__DIRECTORY_NODES)
        return SMEW_NOT_FOUND;
    from = &directory->board->nodes[node.slot];
    life = atomic_load(&from->life);
    if (smew__life_generation(life) != node.generation ||
        (smew__life_state(life) != SMEW__LIFE_USED && smew__life_state(life) != SMEW__LIFE_DEAD))
        return SMEW_NOT_FOUND;
    /* Acquire, so that the second look at the life word comes after all of these. */
    for (size_t i = 0; i < SMEW__NAME_WORDS; i++)
        name[i] = atomic_load_explicit(&from->name[i], memory_order_acquire);
    copy.process.pid = (int64_t)atomic_load_explicit(&from->pid, memory_order_acquire);
    copy.process.start_ticks = atomic_load_explicit(&from->start_ticks, memory_order_acquire);
    copy.node = atomic_load_explicit(&from->incarnation, memory_order_acquire);
    copy.joined_ns = atomic_load_explicit(&from->joined_ns, memory_order_acquire);
    copy.beats = atomic_load_explicit(&from->beats, memory_order_acquire);
    copy.beat_ns = atomic_load_explicit(&from->beat_ns, memory_order_acquire);
    if (smew__life_generation(atomic_load(&from->life)) != node.generation)
        return SMEW_NOT_FOUND;
    memcpy(copy.name, name, sizeof copy.name - 1);
    *record = copy;
    return SMEW_OK;
}

static bool is_used(struct smew__directory *directory, struct smew__node_ref node)
{
    return node.slot < SMEW__DIRECTORY_NODES &&
           atomic_load(&directory->board->nodes[node.slot].life) ==
               smew__life_make(node.generation, SMEW__LIFE_USED);
}

bool smew__directory_alive(struct smew__directory *directory, struct smew__node_ref node)
{
    struct smew__storage *storage = directory->storage;
    struct smew__node_record record;

    if (node.slot == directory->self.slot) /* one knows that oneself, whatever the board says */
        return node.generation == directory->self.generation;
    if (!is_used(directory, node) || smew__directory_node(directory, node, &record) != SMEW_OK)
        return false;
    if (!storage->ops->slot_held(storage, node.slot, &record.process))
        return false;
    /* The lock may be the next owner's. */
    return is_used(directory, node);
}

/* Once for each dead node, by whoever buried it. */
static void tell_buried(struct smew__directory *directory, struct smew__node_ref node)
{
    struct smew__node_record record = {.ref = node};

    move_epochs(directory->board);
    (void)smew__directory_node(directory, node, &record);
    smew__log(SMEW_LOG_INFO, "node @%u.%u (%s, process %lld) is dead", (unsigned)node.slot,
              (unsigned)node.generation, record.name, (long long)record.process.pid);
}

bool smew__directory_bury(struct smew__directory *directory, struct smew__node_ref node)
{
    uint64_t used = smew__life_make(node.generation, SMEW__LIFE_USED);

    if (smew__directory_alive(directory, node))
        return false;
    /* The swap fails when somebody else was faster, or its slot has a new owner: dead as well. */
    if (node.slot < SMEW__DIRECTORY_NODES &&
        atomic_compare_exchange_strong(&directory->board->nodes[node.slot].life, &used,
                                       smew__life_make(node.generation, SMEW__LIFE_DEAD)))
        tell_buried(directory, node);
    return true;
}

void smew__directory_each_node(struct smew__directory *directory, smew__node_record_fn fn,
                               void *user)
{
    for (uint32_t slot = 0; slot < SMEW__DIRECTORY_NODES; slot++) {
        uint64_t life = atomic_load(&directory->board->nodes[slot].life);
        struct smew__node_ref node = {slot, smew__life_generation(life)};
        struct smew__node_record record;

        if (smew__life_state(life) == SMEW__LIFE_USED &&
            smew__directory_node(directory, node, &record) == SMEW_OK && !fn(&record, user))
            return;
    }
}
