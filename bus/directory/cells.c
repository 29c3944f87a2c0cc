/* SPDX-License-Identifier: MIT */
/*
 * Rows of cells.
 *
 * Happy path of a search: the tag in the cell differs, and that was one load; it is the same, and
 * the owner's entry has the very name.
 *
 * Failure modes: the cell changes while its entry is read, so it is looked at again; the entry is
 * no entry (a scribble), so the cell bears no name; the announcement cannot be mapped, which is
 * said, since a claim may not go on as if it had looked.
 */
#include "bus/directory/cells.h"

/*
 * How often a cell that keeps changing is looked at again.  One claim changes its cell a few
 * times; after so many the cell has begun another claim since we came, which will see ours.
 */
enum { LOOKS = 64 };

struct smew__row smew__row_claims(struct smew__directory *directory, const struct smew__key *key)
{
    return (struct smew__row){directory->board->claims[key->hash % SMEW__BUCKETS],
                              SMEW__BUCKET_CELLS};
}

struct smew__row smew__row_topics(struct smew__directory *directory)
{
    return (struct smew__row){directory->board->topics, SMEW__TOPIC_CELLS};
}

bool smew__cell_owner(const struct smew__board *board, uint64_t cell, struct smew__node_ref *owner)
{
    uint32_t slot = smew__cell_slot(cell);
    uint64_t life;

    if (smew__cell_state(cell) == SMEW__CELL_FREE)
        return false;
    life = atomic_load(&board->nodes[slot].life);
    if (smew__life_state(life) != SMEW__LIFE_USED ||
        (smew__life_generation(life) & 0xFFFF) != smew__cell_generation(cell))
        return false;
    *owner = (struct smew__node_ref){slot, smew__life_generation(life)};
    return true;
}

enum smew_status smew__cell_read(struct smew__directory *directory, smew__cell *cell,
                                 const struct smew__key *key, struct smew__found *found,
                                 struct smew__name *name)
{
    for (int looks = 0; looks < LOOKS; looks++) {
        uint64_t value = atomic_load(cell);
        enum smew_status status;

        if (key != NULL && !smew__cell_tagged(value, key->hash))
            return SMEW_NOT_FOUND;
        if (!smew__cell_owner(directory->board, value, &found->owner))
            return SMEW_NOT_FOUND;
        found->value = value;
        status = smew__names_read(directory, found->owner, smew__cell_at(value), name);
        if (atomic_load(cell) != value)
            continue;
        if (status == SMEW_OK && key != NULL && !smew__key_is(key, name))
            return SMEW_NOT_FOUND;
        return status;
    }
    return SMEW_NOT_FOUND;
}

enum smew_status smew__row_find(struct smew__directory *directory, struct smew__row row,
                                const struct smew__key *key, unsigned from,
                                struct smew__found *found)
{
    for (found->index = from; found->index < row.count; found->index++) {
        smew__cell *cell = &row.cells[found->index];
        struct smew__name name;
        enum smew_status status;

        if (!smew__cell_tagged(atomic_load(cell), key->hash))
            continue;
        status = smew__cell_read(directory, cell, key, found, &name);
        if (status != SMEW_NOT_FOUND)
            return status;
    }
    return SMEW_NOT_FOUND;
}

enum smew_status smew__row_find_own(struct smew__directory *directory, struct smew__row row,
                                    const struct smew__key *key, struct smew__found *found)
{
    for (found->index = 0; found->index < row.count; found->index++) {
        smew__cell *cell = &row.cells[found->index];
        struct smew__name name;
        enum smew_status status;

        /* Whether others can be read does not matter here. */
        if (smew__cell_slot(atomic_load(cell)) != directory->self.slot)
            continue;
        status = smew__cell_read(directory, cell, key, found, &name);
        if (status != SMEW_NOT_FOUND)
            return status;
    }
    return SMEW_NOT_FOUND;
}

static bool take_free(struct smew__directory *directory, struct smew__row row, uint64_t value,
                      unsigned *index)
{
    for (unsigned i = 0; i < row.count; i++) {
        uint64_t old = atomic_load(&row.cells[i]);
        struct smew__node_ref owner;

        if (smew__cell_owner(directory->board, old, &owner) ||
            !smew__cell_swap(&row.cells[i], old, value))
            continue;
        directory->cells++;
        *index = i;
        return true;
    }
    return false;
}

/* Asks the kernel once about each node that has a cell in the row; true when one was dead. */
static bool bury_owners(struct smew__directory *directory, struct smew__row row)
{
    uint64_t asked[SMEW__DIRECTORY_NODES / 64] = {0};
    bool buried = false;

    for (unsigned i = 0; i < row.count; i++) {
        struct smew__node_ref owner;
        uint64_t bit;

        if (!smew__cell_owner(directory->board, atomic_load(&row.cells[i]), &owner))
            continue;
        bit = UINT64_C(1) << owner.slot % 64;
        if ((asked[owner.slot / 64] & bit) != 0)
            continue;
        asked[owner.slot / 64] |= bit;
        buried = smew__directory_bury(directory, owner) || buried;
    }
    return buried;
}

enum smew_status smew__row_take(struct smew__directory *directory, struct smew__row row,
                                uint64_t value, unsigned *index)
{
    if (take_free(directory, row, value, index))
        return SMEW_OK;
    if (bury_owners(directory, row) && take_free(directory, row, value, index))
        return SMEW_OK;
    return SMEW_FULL;
}

enum smew_status smew__row_give(struct smew__directory *directory, struct smew__row row,
                                const struct smew__key *key, const struct smew__found *found)
{
    bool ours = smew__cell_swap(&row.cells[found->index], found->value, 0);

    if (directory->cells > 0) /* a scribble may have shown us one that we never took */
        directory->cells--;
    smew__names_drop(directory, key, smew__cell_at(found->value));
    return ours ? SMEW_OK : SMEW_NOT_FOUND;
}

static void sweep_row(struct smew__row row, uint32_t slot)
{
    for (unsigned i = 0; i < row.count; i++) {
        uint64_t value = atomic_load_explicit(&row.cells[i], memory_order_relaxed);

        if (value != 0 && smew__cell_slot(value) == slot)
            (void)smew__cell_swap(&row.cells[i], value, 0);
    }
}

void smew__cells_sweep(struct smew__board *board, uint32_t slot)
{
    sweep_row((struct smew__row){board->topics, SMEW__TOPIC_CELLS}, slot);
    for (unsigned bucket = 0; bucket < SMEW__BUCKETS; bucket++)
        sweep_row((struct smew__row){board->claims[bucket], SMEW__BUCKET_CELLS}, slot);
}
