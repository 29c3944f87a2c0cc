/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SUGGEST_H
#define SMEW_BASE_SUGGEST_H

/*
 * "Did you mean": the candidate nearest to what somebody typed, by Damerau-Levenshtein distance
 * (insertions, deletions, substitutions, swaps of neighbours), upper and lower case taken as
 * equal.  Candidates are offered one by one and copied, so that a hundred thousand ids need no
 * list.
 */

#include <stdbool.h>
#include <stddef.h>

enum { SMEW__SUGGEST_MAX = 256 }; /* longer words have no suggestion */

struct smew__suggestion {
    const char *typed;            /* the caller's; must outlive this */
    char best[SMEW__SUGGEST_MAX]; /* "" as long as nothing is near enough */
    size_t distance;
};

/* Edits between two words, `most + 1` when there are more than `most`. */
size_t smew__edit_distance(const char *left, const char *right, size_t most);

void smew__suggest_init(struct smew__suggestion *suggestion, const char *typed);
void smew__suggest_offer(struct smew__suggestion *suggestion, const char *candidate);
/*
 * Offers an id, or a pattern with a trailing '*': for `pkg:*` the typed `pgk:vim` suggests
 * `pkg:vim`, the pattern's prefix with the rest as it was typed.
 */
void smew__suggest_offer_claim(struct smew__suggestion *suggestion, const char *claim);

/* `; did you mean "light"?`, or "" where nothing is near: to be appended to a sentence. */
const char *smew__suggest_text(const struct smew__suggestion *suggestion,
                               char buffer[SMEW__SUGGEST_MAX + 32]);

#endif
