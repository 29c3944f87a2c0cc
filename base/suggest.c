/* SPDX-License-Identifier: MIT */
/*
 * The nearest word.  The distance is the "optimal string alignment" form of Damerau-Levenshtein
 * over bytes, with three rows of a fixed size: no allocation, and words that cannot be near by
 * their length alone cost nothing.  A candidate is near when about a third of what was typed
 * would have to change at most, and never more than three edits.
 */
#include "base/suggest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ASCII only, whatever the locale is. */
static unsigned char lower(char letter)
{
    return (unsigned char)(letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One row of the matrix from the two before it: row[j] tells left[0..i] from right[0..j]. */
static void next_row(const char *left, size_t i, const char *right, size_t length,
                     const uint16_t *before, const uint16_t *previous, uint16_t *row)
{
    row[0] = (uint16_t)i;
    for (size_t j = 1; j <= length; j++) {
        bool same = lower(left[i - 1]) == lower(right[j - 1]);
        size_t edits = least(previous[j] + 1u, row[j - 1] + 1u);

        edits = least(edits, previous[j - 1] + (same ? 0u : 1u));
        if (i > 1 && j > 1 && lower(left[i - 1]) == lower(right[j - 2]) &&
            lower(left[i - 2]) == lower(right[j - 1]))
            edits = least(edits, before[j - 2] + 1u);
        row[j] = (uint16_t)edits;
    }
}

/* Fills the matrix, of which only three rows are kept.  Both lengths fit a row. */
static size_t fill_rows(const char *left, size_t left_length, const char *right,
                        size_t right_length)
{
    uint16_t rows[3][SMEW__SUGGEST_MAX] = {{0}};

    for (size_t j = 0; j <= right_length; j++)
        rows[0][j] = (uint16_t)j;
    for (size_t i = 1; i <= left_length; i++)
        next_row(left, i, right, right_length, rows[(i + 1) % 3], rows[(i - 1) % 3], rows[i % 3]);
    return rows[left_length % 3][right_length];
}

static size_t distance_of(const char *left, size_t left_length, const char *right,
                          size_t right_length, size_t most)
{
    size_t apart =
        left_length > right_length ? left_length - right_length : right_length - left_length;

    if (apart > most || left_length >= SMEW__SUGGEST_MAX || right_length >= SMEW__SUGGEST_MAX)
        return most + 1;
    return least(fill_rows(left, left_length, right, right_length), most + 1);
}

size_t smew__edit_distance(const char *left, const char *right, size_t most)
{
    return distance_of(left, strlen(left), right, strlen(right), most);
}

/* How many edits still count as a slip of the finger. */
static size_t tolerance(size_t length)
{
    if (length < 3)
        return 1;
    return least(3, (length + 2) / 3);
}

void smew__suggest_init(struct smew__suggestion *suggestion, const char *typed)
{
    *suggestion = (struct smew__suggestion){.typed = typed};
    suggestion->distance = tolerance(strlen(typed)) + 1;
}

void smew__suggest_offer(struct smew__suggestion *suggestion, const char *candidate)
{
    size_t distance;

    if (suggestion->distance == 0 || strcmp(candidate, suggestion->typed) == 0)
        return;
    distance = smew__edit_distance(suggestion->typed, candidate, suggestion->distance - 1);
    if (distance >= suggestion->distance || strlen(candidate) >= sizeof(suggestion->best))
        return;
    suggestion->distance = distance;
    snprintf(suggestion->best, sizeof(suggestion->best), "%s", candidate);
}

/* The length of the typed head that is nearest to a pattern's prefix. */
static size_t nearest_head(const char *typed, const char *prefix, size_t length)
{
    size_t longest = least(strlen(typed), length + 2);
    size_t best = least(length, longest), fewest = SIZE_MAX;

    for (size_t take = length > 2 ? length - 2 : 0; take <= longest; take++) {
        size_t distance = distance_of(typed, take, prefix, length, length);

        if (distance < fewest) {
            fewest = distance;
            best = take;
        }
    }
    return best;
}

void smew__suggest_offer_claim(struct smew__suggestion *suggestion, const char *claim)
{
    size_t length = strlen(claim), head;
    char whole[2 * SMEW__SUGGEST_MAX];

    if (length == 0 || claim[length - 1] != '*') {
        smew__suggest_offer(suggestion, claim);
        return;
    }
    length--; /* what is left is the prefix */
    if (length >= SMEW__SUGGEST_MAX || strlen(suggestion->typed) >= SMEW__SUGGEST_MAX)
        return;
    head = nearest_head(suggestion->typed, claim, length);
    snprintf(whole, sizeof(whole), "%.*s%s", (int)length, claim, suggestion->typed + head);
    smew__suggest_offer(suggestion, whole);
}

const char *smew__suggest_text(const struct smew__suggestion *suggestion,
                               char buffer[SMEW__SUGGEST_MAX + 32])
{
    buffer[0] = '\0';
    if (suggestion->best[0] != '\0')
        snprintf(buffer, SMEW__SUGGEST_MAX + 32, "; did you mean \"%s\"?", suggestion->best);
    return buffer;
}
