/* SPDX-License-Identifier: MIT */
/*
 * The hash table: linear probing, at most three quarters full, so that a probe is short and always
 * meets an empty cell.
 *
 * Removing shifts the cells behind the hole back, as far as each may go, so that no tombstones
 * gather (Knuth, TAOCP 6.4, algorithm R).
 *
 * It only grows, by doubling; a growth that finds no memory leaves the table as it was.
 */
#include "base/table.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { FIRST_CAPACITY = 8 };

/* The cell with the key, or the empty one where it belongs.  Needs capacity. */
static struct smew__table_cell *find(const struct smew__table *table, uint64_t hash,
                                     const void *key, size_t key_size)
{
    size_t mask = table->capacity - 1;

    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct smew__table_cell *cell = &table->cells[i];

        if (cell->value == NULL)
            return cell;
        if (cell->hash == hash && cell->key_size == key_size &&
            (key_size == 0 || memcmp(cell->key, key, key_size) == 0))
            return cell;
    }
}

static bool grow(struct smew__table *table)
{
    struct smew__table larger = {.capacity =
                                     table->capacity == 0 ? FIRST_CAPACITY : table->capacity * 2,
                                 .count = table->count};

    larger.cells = smew__calloc(larger.capacity, sizeof *larger.cells);
    if (larger.cells == NULL)
        return false;
    for (size_t i = 0; i < table->capacity; i++) {
        const struct smew__table_cell *cell = &table->cells[i];

        if (cell->value != NULL)
            *find(&larger, cell->hash, cell->key, cell->key_size) = *cell;
    }
    smew__free(table->cells);
    *table = larger;
    return true;
}

/* Fills the hole at `hole` from behind, so that no probe stops short of its key. */
static void close_hole(struct smew__table *table, size_t hole)
{
    size_t mask = table->capacity - 1;

    for (size_t i = (hole + 1) & mask; table->cells[i].value != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)table->cells[i].hash & mask;

        /* It may move back when its home is not between the hole and itself. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->cells[hole] = table->cells[i];
            hole = i;
        }
    }
    table->cells[hole] = (struct smew__table_cell){0};
}

void smew__table_init(struct smew__table *table)
{
    *table = (struct smew__table){0};
}

void smew__table_fini(struct smew__table *table)
{
    smew__free(table->cells);
    smew__table_init(table);
}

void *smew__table_get(const struct smew__table *table, const void *key, size_t key_size)
{
    if (table->count == 0)
        return NULL;
    return find(table, smew__hash(key, key_size), key, key_size)->value;
}

bool smew__table_put(struct smew__table *table, const void *key, size_t key_size, void *value)
{
    uint64_t hash = smew__hash(key, key_size);
    struct smew__table_cell *cell;

    assert(value != NULL);
    if (table->count >= table->capacity / 4 * 3 && !grow(table))
        return false;
    cell = find(table, hash, key, key_size);
    assert(cell->value == NULL);
    *cell = (struct smew__table_cell){hash, key, key_size, value};
    table->count++;
    return true;
}

void *smew__table_remove(struct smew__table *table, const void *key, size_t key_size)
{
    struct smew__table_cell *cell;
    void *value;

    if (table->count == 0)
        return NULL;
    cell = find(table, smew__hash(key, key_size), key, key_size);
    value = cell->value;
    if (value != NULL) {
        close_hole(table, (size_t)(cell - table->cells));
        table->count--;
    }
    return value;
}

void *smew__table_next(const struct smew__table *table, size_t *cursor)
{
    while (*cursor < table->capacity) {
        void *value = table->cells[(*cursor)++].value;

        if (value != NULL)
            return value;
    }
    return NULL;
}
