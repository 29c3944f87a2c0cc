/* SPDX-License-Identifier: MIT */
/*
 * Names: parsing them into keys, writing them into the own announcement, reading anybody's.
 *
 * Happy path: the owner takes a free entry of the right length, or the next unused units, writes
 * the name, and only then a cell that leads to it.  A reader that followed the cell copies the
 * entry and looks at the cell again.
 *
 * Why a reader never believes a half-written name: the words are stored with release and loaded
 * with acquire.  A reader that saw one word of the next name in that place therefore also sees
 * what its writer did before: freeing the cell.  Its second look at the cell tells.
 *
 * Failure modes: an entry of somebody else may hold anything, so length, kind, magic and block
 * bounds are checked on the copy of its first word; the owner's own free lists run through entries
 * that others could have scribbled on, so a link is followed only to an entry that is free, of that
 * length and with that much room in its block; otherwise the list is forgotten, which costs its
 * space and nothing else.
 */
#include "bus/directory/names.h"

#include <string.h>

#include "base/hash.h"

enum {
    MAGIC_USED = 0x4E41,
    MAGIC_FREE = 0x4652,
    ENTRY_WORDS_MAX = 1 + (SMEW__KEY_MAX + 7) / 8,
};

/* Ids and prefixes that read the same lie in different buckets. */
static const uint64_t prefix_salt = UINT64_C(0x9E3779B97F4A7C15);

/* ---- keys ---------------------------------------------------------------------------- */

struct smew__key smew__key_prefix(const char *text, size_t size)
{
    return (struct smew__key){.text = text,
                              .size = size,
                              .kind = SMEW__KEY_PREFIX,
                              .hash = smew__hash(text, size) ^ prefix_salt};
}

enum smew_status smew__key_parse(const char *name, struct smew__key *key)
{
    size_t size = strnlen(name, SMEW__KEY_MAX + 1);

    if (size == 0 || size > SMEW__KEY_MAX)
        return SMEW_INVALID;
    if (name[size - 1] == '*')
        *key = smew__key_prefix(name, size - 1);
    else
        *key = (struct smew__key){
            .text = name, .size = size, .kind = SMEW__KEY_ID, .hash = smew__hash(name, size)};
    return SMEW_OK;
}

bool smew__key_is(const struct smew__key *key, const struct smew__name *name)
{
    return key->kind == name->kind && key->size == name->size &&
           memcmp(key->text, name->text, key->size) == 0;
}

const char *smew__name_text(struct smew__name *name)
{
    if (name->kind == SMEW__KEY_PREFIX)
        memcpy(name->text + name->size, "*", 2);
    return name->text;
}

/* ---- entries ------------------------------------------------------------------------- */

static uint64_t entry_used(const struct smew__key *key)
{
    return (uint64_t)MAGIC_USED << 48 | (uint64_t)key->kind << 8 | (uint64_t)key->size;
}

static uint64_t entry_free(uint32_t next, uint32_t units)
{
    return (uint64_t)MAGIC_FREE << 48 | (uint64_t)next << 12 | (uint64_t)units;
}

static uint32_t entry_units(size_t size)
{
    return (uint32_t)((8 + size + SMEW__ENTRY_UNIT - 1) / SMEW__ENTRY_UNIT);
}

/* Where an entry's words are; *room is how many there are to the block's end. */
static enum smew_status locate(struct smew__directory *directory, struct smew__node_ref node,
                               uint32_t at, _Atomic uint64_t **words, size_t *room)
{
    struct smew__storage *storage = directory->storage;
    size_t first = (size_t)(at % SMEW__BLOCK_UNITS) * SMEW__ENTRY_UNIT_WORDS;
    _Atomic uint64_t *block;
    enum smew_status status =
        storage->ops->names_block(storage, node, at / SMEW__BLOCK_UNITS, &block);

    if (status != SMEW_OK)
        return status;
    *words = block + first;
    *room = SMEW__BLOCK_SIZE / 8 - first;
    return SMEW_OK;
}

/* Takes the first free entry of that length off its list, if there is one that can be trusted. */
static bool take_free(struct smew__directory *directory, uint32_t units, uint32_t *at)
{
    uint32_t *list = &directory->names.free[units];
    _Atomic uint64_t *words;
    uint64_t first;
    uint32_t next;
    size_t room;

    if (*list == 0)
        return false;
    if (locate(directory, directory->self, *list - 1, &words, &room) != SMEW_OK)
        return false;
    first = atomic_load_explicit(&words[0], memory_order_relaxed);
    next = (uint32_t)(first >> 12) & 0xFFFFFF;
    if (first != entry_free(next, units) || next > directory->names.used ||
        room < (size_t)units * SMEW__ENTRY_UNIT_WORDS) {
        *list = 0;
        return false;
    }
    *at = *list - 1;
    *list = next;
    return true;
}

/* Takes units behind all that was ever used, making the announcement longer when it must. */
static enum smew_status take_new(struct smew__directory *directory, uint32_t units, uint32_t *at)
{
    struct smew__names *names = &directory->names;
    struct smew__storage *storage = directory->storage;
    uint32_t first = names->used;
    uint32_t blocks;

    if (first % SMEW__BLOCK_UNITS + units > SMEW__BLOCK_UNITS)
        first += SMEW__BLOCK_UNITS - first % SMEW__BLOCK_UNITS;
    if (first / SMEW__BLOCK_UNITS >= SMEW__BLOCKS)
        return SMEW_FULL;
    if (first / SMEW__BLOCK_UNITS >= names->blocks) {
        blocks = names->blocks * 2 < SMEW__BLOCKS ? names->blocks * 2 : SMEW__BLOCKS;
        enum smew_status status = storage->ops->names_grow(storage, blocks);

        if (status != SMEW_OK)
            return status;
        names->blocks = blocks;
    }
    names->used = first + units;
    *at = first;
    return SMEW_OK;
}

enum smew_status smew__names_add(struct smew__directory *directory, const struct smew__key *key,
                                 uint32_t *at)
{
    uint64_t text[ENTRY_WORDS_MAX - 1] = {0};
    uint32_t units = entry_units(key->size);
    enum smew_status status = SMEW_OK;
    _Atomic uint64_t *words;
    uint32_t taken = 0;
    size_t room;

    if (!take_free(directory, units, &taken))
        status = take_new(directory, units, &taken);
    if (status == SMEW_OK)
        status = locate(directory, directory->self, taken, &words, &room);
    if (status != SMEW_OK)
        return status;
    memcpy(text, key->text, key->size);
    /* pairs with smew__names_read */
    atomic_store_explicit(&words[0], entry_used(key), memory_order_release);
    for (size_t i = 0; i < (key->size + 7) / 8; i++)
        atomic_store_explicit(&words[1 + i], text[i], memory_order_release);
    *at = taken;
    return SMEW_OK;
}

void smew__names_drop(struct smew__directory *directory, const struct smew__key *key, uint32_t at)
{
    uint32_t units = entry_units(key->size);
    uint32_t *list = &directory->names.free[units];
    _Atomic uint64_t *words;
    size_t room;

    if (locate(directory, directory->self, at, &words, &room) != SMEW_OK ||
        room < (size_t)units * SMEW__ENTRY_UNIT_WORDS)
        return;
    /* A cell that somebody scribbled on may have led to an entry that is not this name's. */
    if (atomic_load_explicit(&words[0], memory_order_relaxed) != entry_used(key))
        return;
    /* pairs with smew__names_read */
    atomic_store_explicit(&words[0], entry_free(*list, units), memory_order_release);
    *list = at + 1;
}

enum smew_status smew__names_read(struct smew__directory *directory, struct smew__node_ref node,
                                  uint32_t at, struct smew__name *name)
{
    uint64_t text[ENTRY_WORDS_MAX - 1];
    struct smew__key said = {0};
    _Atomic uint64_t *words;
    uint64_t first;
    size_t room;
    enum smew_status status = locate(directory, node, at, &words, &room);

    if (status != SMEW_OK)
        return status;
    /* pairs with smew__names_add and smew__names_drop */
    first = atomic_load_explicit(&words[0], memory_order_acquire);
    said.size = first & 0xFF;
    said.kind = (enum smew__key_kind)(first >> 8 & 0xF);
    if (first != entry_used(&said) || 1 + (said.size + 7) / 8 > room ||
        (said.kind != SMEW__KEY_ID && said.kind != SMEW__KEY_PREFIX))
        return SMEW_NOT_FOUND;
    for (size_t i = 0; i < (said.size + 7) / 8; i++)
        text[i] = atomic_load_explicit(&words[1 + i], memory_order_acquire);
    name->size = said.size;
    name->kind = said.kind;
    memcpy(name->text, text, said.size);
    name->text[said.size] = '\0';
    return SMEW_OK;
}
