/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_NAMES_H
#define SMEW_BUS_DIRECTORY_NAMES_H

/*
 * Names as keys of the board, and as entries of announcements (layout.h has the format).  A name
 * with a trailing '*' is a prefix: its key is what is before the '*', of another kind than the id
 * that reads the same.
 */

#include "bus/directory/core.h"

enum smew__key_kind { SMEW__KEY_ID = 1, SMEW__KEY_PREFIX = 2 };

/* The text is the caller's and not terminated at `size`. */
struct smew__key {
    const char *text;
    size_t size;
    enum smew__key_kind kind;
    uint64_t hash;
};

/* An entry that was read: a copy. */
struct smew__name {
    size_t size;
    enum smew__key_kind kind;
    char text[SMEW__KEY_MAX + 2]; /* terminated, without the '*' */
};

/* INVALID when empty or longer than 255 bytes. */
enum smew_status smew__key_parse(const char *name, struct smew__key *key);
/* The key of the prefix of that many bytes of a text. */
struct smew__key smew__key_prefix(const char *text, size_t size);
bool smew__key_is(const struct smew__key *key, const struct smew__name *name);
/* Puts the '*' back where one was, for people and callbacks. */
const char *smew__name_text(struct smew__name *name);

/* Writes an entry into the own announcement.  NO_MEMORY, NO_SPACE, FULL (2^20 units), ... */
enum smew_status smew__names_add(struct smew__directory *directory, const struct smew__key *key,
                                 uint32_t *at);
/* Gives an own entry back; its cell must be free already. */
void smew__names_drop(struct smew__directory *directory, const struct smew__key *key, uint32_t at);
/*
 * Copies an entry of anybody's announcement.  The copy means something only if the cell that led
 * here has not changed meanwhile.  NOT_FOUND when there is no valid entry.
 */
enum smew_status smew__names_read(struct smew__directory *directory, struct smew__node_ref node,
                                  uint32_t at, struct smew__name *name);

#endif
