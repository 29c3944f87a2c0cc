/* SPDX-License-Identifier: MIT */
/*
 * What waiting costs: smew with its adaptive way against smew with each of the fixed ones (the
 * option `waiting`), everything else the same, where cores are free and where they are not.
 * Adaptive may cost 1.3 times the better of the two, and so of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tables.h"

enum { RING = 4 * 1024 * 1024 /* that of the cells */, ROWS = 20 };

static const double most = 1.3;

static const struct situation {
    const char *name;
    enum bench_placement placement;
    unsigned producers;
    bool trip;
} situations[] = {
    {"two cores", BENCH_PAIR, 1, false},
    {"two cores, trip p50", BENCH_PAIR, 1, true},
    {"one core", BENCH_ONE, 1, false},
    {"one core, trip p50", BENCH_ONE, 1, true},
    {"8 producers, two cores", BENCH_PAIR, 8, false},
};

static const char *const schemes[] = {"shm", "pipe"};

static const enum smew_waiting fixed[] = {SMEW_WAITING_SPIN, SMEW_WAITING_SLEEP};

static struct bench_side make_side(const char *scheme, const struct situation *situation,
                                   size_t size, enum smew_waiting waiting)
{
    char peer[16];

    (void)snprintf(peer, sizeof(peer), "smew-%s", scheme);
    return (struct bench_side){
        .peer = bench_peer_named(peer),
        .metric = situation->trip ? BENCH_P50 : BENCH_RATE,
        .what =
            {
                .size = size,
                .producers = situation->producers,
                .placement = situation->placement,
                .wait = BENCH_BLOCK,
                .trip = situation->trip,
                .ring_bytes = RING,
                .waiting = waiting,
            },
    };
}

static struct bench_row make_row(const char *scheme, const struct situation *situation, size_t size,
                                 enum smew_waiting against)
{
    struct bench_row row = {
        .floor = situation->trip ? most : 1 / most,
        .goal = 1,
        .lower = situation->trip,
        .subject = make_side(scheme, situation, size, SMEW_WAITING_ADAPTIVE),
        .opponent = make_side(scheme, situation, size, against),
    };
    char text[BENCH_SIZE_TEXT];

    (void)snprintf(row.name, sizeof(row.name), "%s %s %s, adaptive vs %s", scheme,
                   bench_size_text(size, text), situation->name,
                   against == SMEW_WAITING_SPIN ? "spin" : "sleep");
    return row;
}

/* Those of a scheme that the filter lets through: how many. */
static size_t make_rows(const char *scheme, const struct bench_filter *filter,
                        struct bench_row *rows)
{
    const size_t size = filter->size == 0 ? 64 : filter->size;
    size_t count = 0;

    for (size_t i = 0; i < sizeof(situations) / sizeof(*situations); i++)
        for (size_t j = 0; j < sizeof(fixed) / sizeof(*fixed); j++) {
            rows[count] = make_row(scheme, &situations[i], size, fixed[j]);
            count += filter->only == NULL || strstr(rows[count].name, filter->only) != NULL;
        }
    return count;
}

size_t bench_waits(const struct bench_filter *filter, struct bench_row **rows)
{
    struct bench_row *made = calloc(ROWS, sizeof(*made));
    size_t count = 0;

    if (made == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        if (filter->scheme == NULL || strcmp(filter->scheme, schemes[i]) == 0)
            count += make_rows(schemes[i], filter, made + count);
    *rows = made;
    return count;
}
