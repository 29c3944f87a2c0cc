/* SPDX-License-Identifier: MIT */
/*
 * The other table: absolute figures of every peer, over sizes, producers and placements.  They say
 * something about each other only within one run, and little about another day's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tables.h"

enum { KIB = 1024, MIB = 1024 * 1024, RING_LEAST = 4 * MIB };

static const size_t sizes[] = {64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 10 * MIB};
static const unsigned producers[] = {1, 4, 8};
static const enum bench_placement placements[] = {BENCH_PAIR, BENCH_ONE, BENCH_FREE};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const char *bench_size_text(size_t size, char text[BENCH_SIZE_TEXT])
{
    if (size % MIB == 0)
        (void)snprintf(text, BENCH_SIZE_TEXT, "%zu MiB", size / MIB);
    else if (size % KIB == 0)
        (void)snprintf(text, BENCH_SIZE_TEXT, "%zu KiB", size / KIB);
    else
        (void)snprintf(text, BENCH_SIZE_TEXT, "%zu B", size);
    return text;
}

const char *bench_placement_text(enum bench_placement placement)
{
    static const char *const texts[] = {
        [BENCH_PAIR] = "two cores", [BENCH_ONE] = "one core", [BENCH_FREE] = "free"};

    return texts[placement];
}

/* A ring has room for four of the largest messages. */
static size_t ring_for(size_t size)
{
    size_t ring = RING_LEAST;

    while (ring < size * 2)
        ring *= 2;
    return ring;
}

static struct bench_row make_row(const struct bench_peer *peer, const struct bench_case *what)
{
    struct bench_row row = {.lower = what->trip};
    char text[BENCH_SIZE_TEXT];

    row.subject = (struct bench_side){
        .peer = peer, .what = *what, .metric = what->trip ? BENCH_P50 : BENCH_RATE};
    (void)snprintf(row.name, sizeof(row.name), "%s %s%s, %u to 1, %s, %s", peer->name,
                   bench_size_text(what->size, text), what->trip ? " trip" : "", what->producers,
                   bench_placement_text(what->placement),
                   what->wait == BENCH_SPIN ? "spinning" : "asleep");
    return row;
}

/* One row of everything that the filter leaves open; trips have one producer. */
static bool wanted(const struct bench_filter *filter, const struct bench_row *row)
{
    const struct bench_case *what = &row->subject.what;

    return (filter->only == NULL || strstr(row->name, filter->only) != NULL) &&
           (filter->size == 0 || filter->size == what->size) &&
           (filter->producers == 0 || filter->producers == what->producers) &&
           (!filter->placed || filter->placement == what->placement) &&
           (!filter->trips_only || what->trip) && (!what->trip || what->producers == 1);
}

static bool peer_wanted(const struct bench_filter *filter, const struct bench_peer *peer)
{
    return (filter->peer == NULL || strcmp(filter->peer, peer->name) == 0) &&
           (filter->scheme == NULL || peer->scheme == NULL ||
            strcmp(filter->scheme, peer->scheme) == 0);
}

/* Both directions of one case of one peer, as far as it has them. */
static size_t add_rows(const struct bench_filter *filter, const struct bench_peer *peer,
                       struct bench_case what, struct bench_row *rows)
{
    size_t count = 0;

    what.wait = bench_wait_for(peer, filter->waits ? filter->wait : BENCH_BLOCK);
    what.ring_bytes = ring_for(what.size);
    for (int trip = 0; trip < 2; trip++) {
        what.trip = trip == 1;
        rows[count] = make_row(peer, &what);
        count += bench_peer_fits(peer, &what) && wanted(filter, &rows[count]);
    }
    return count;
}

size_t bench_survey(const struct bench_filter *filter, struct bench_row **rows)
{
    size_t peers = 0, count = 0;
    struct bench_row *made;

    while (bench_peers[peers] != NULL)
        peers++;
    made = calloc(peers * COUNT(sizes) * COUNT(producers) * COUNT(placements) * 2, sizeof(*made));
    if (made == NULL)
        return 0;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(producers); j++)
            for (size_t k = 0; k < COUNT(placements); k++)
                for (size_t peer = 0; peer < peers; peer++) {
                    const struct bench_case what = {
                        .size = sizes[i], .producers = producers[j], .placement = placements[k]};

                    if (peer_wanted(filter, bench_peers[peer]))
                        count += add_rows(filter, bench_peers[peer], what, made + count);
                }
    *rows = made;
    return count;
}
