/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_SET_H
#define SMEW_CHART_SET_H

/*
 * A set of states: one bit for each state of the chart, in document order.
 *
 * Because a state's descendants are the run of ids behind it, "which of its descendants are
 * active" is a range of bits, and walking a set upwards or downwards is document order or its
 * reverse.  The owner knows how many words a set has; nothing here allocates or checks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SMEW__SET_END UINT32_MAX

static inline size_t smew__set_words(uint32_t states)
{
    return ((size_t)states + 63) / 64;
}

static inline bool smew__set_has(const uint64_t *set, uint32_t state)
{
    return set[state / 64] >> (state % 64) & 1;
}

static inline void smew__set_add(uint64_t *set, uint32_t state)
{
    set[state / 64] |= UINT64_C(1) << (state % 64);
}

static inline void smew__set_remove(uint64_t *set, uint32_t state)
{
    set[state / 64] &= ~(UINT64_C(1) << (state % 64));
}

static inline void smew__set_clear(uint64_t *set, size_t words)
{
    if (words == 1) /* nearly all charts: no call */
        *set = 0;
    else
        memset(set, 0, words * sizeof *set);
}

static inline void smew__set_copy(uint64_t *set, const uint64_t *from, size_t words)
{
    if (words == 1)
        *set = *from;
    else
        memcpy(set, from, words * sizeof *set);
}

static inline bool smew__set_equal(const uint64_t *a, const uint64_t *b, size_t words)
{
    return words == 1 ? *a == *b : memcmp(a, b, words * sizeof *a) == 0;
}

/* The first member that is at least `from`, or SMEW__SET_END. */
static inline uint32_t smew__set_next(const uint64_t *set, size_t words, uint32_t from)
{
    size_t word = from / 64;

    if (word >= words)
        return SMEW__SET_END;
    uint64_t bits = set[word] & UINT64_MAX << (from % 64);
    while (!bits) {
        if (++word == words)
            return SMEW__SET_END;
        bits = set[word];
    }
    return (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
}

/* The last member below `before`, or SMEW__SET_END. */
static inline uint32_t smew__set_previous(const uint64_t *set, uint32_t before)
{
    size_t word = before / 64;
    uint64_t bits = before % 64 ? set[word] & ~(UINT64_MAX << (before % 64)) : 0;

    while (!bits) {
        if (word-- == 0)
            return SMEW__SET_END;
        bits = set[word];
    }
    return (uint32_t)(word * 64 + 63 - (size_t)__builtin_clzll(bits));
}

/* Is there a member in [first, end)? */
static inline bool smew__set_any(const uint64_t *set, size_t words, uint32_t first, uint32_t end)
{
    return first < end && smew__set_next(set, words, first) < end;
}

/* Adds to `set` the members of `from` in [first, end). */
static inline void smew__set_add_range(uint64_t *set, const uint64_t *from, uint32_t first,
                                       uint32_t end)
{
    for (uint32_t at = first; at < end; at = (at / 64 + 1) * 64) {
        uint64_t mask = UINT64_MAX << (at % 64);

        if (end / 64 == at / 64)
            mask &= ~(UINT64_MAX << (end % 64));
        set[at / 64] |= from[at / 64] & mask;
    }
}

#endif
