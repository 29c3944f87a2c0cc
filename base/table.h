/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_TABLE_H
#define SMEW_BASE_TABLE_H

/*
 * A hash table of the program's own entries, keyed by bytes (open addressing, linear probing,
 * backward-shift deletion).  An entry embeds nothing; the table holds pointers and copies of the
 * hash.  The key belongs to the entry and must live and not change as long as it is in there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smew__table_cell {
    uint64_t hash;
    const void *key;
    size_t key_size;
    void *value; /* NULL: empty */
};

struct smew__table {
    struct smew__table_cell *cells;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void smew__table_init(struct smew__table *table);
void smew__table_fini(struct smew__table *table); /* entries are the owner's */
void *smew__table_get(const struct smew__table *table, const void *key, size_t key_size);
/* The key must not be there yet.  False when out of memory. */
bool smew__table_put(struct smew__table *table, const void *key, size_t key_size, void *value);
void *smew__table_remove(struct smew__table *table, const void *key, size_t key_size);
/*
 * Walks: start with *cursor = 0; NULL at the end.  The table must not change meanwhile, but that
 * the entry given last may be removed: then take one from *cursor, since another may have moved to
 * its place.  One that stays may then be given twice.
 */
void *smew__table_next(const struct smew__table *table, size_t *cursor);

#endif
