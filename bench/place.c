/* SPDX-License-Identifier: MIT */
/*
 * From which size does reading in place pay?  Each row is smew against itself: the receiver with
 * in_place_bytes = 1 against the receiver with private copies, everything else the same.  "Read
 * once" has a handler that adds up all words of the payload, "untouched" one that reads the first.
 *
 * Once with a lane that has room to run ahead and takes every size as a record, once with smew's
 * default lane, where what is above half of it goes through the payload pool.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tables.h"

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    SMALL_RING = 64 * KIB, /* smew's default */
    LARGE_RING = 4 * MIB,  /* that of the cells */
};

static const size_t sizes[] = {64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB};
static const size_t rings[] = {LARGE_RING, SMALL_RING};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct bench_row make_row(const struct bench_peer *smew, const struct bench_case *what)
{
    struct bench_row row = {
        .subject = {.peer = smew, .what = *what, .metric = BENCH_RATE},
        .opponent = {.peer = smew, .what = *what, .metric = BENCH_RATE},
    };
    char text[BENCH_SIZE_TEXT];

    row.subject.what.in_place = true;
    row.opponent.what.in_place = false;
    (void)snprintf(row.name, sizeof(row.name), "%s %s %s%s", smew->scheme,
                   bench_size_text(what->size, text), what->read_once ? "read once" : "untouched",
                   what->ring_bytes == SMALL_RING ? ", 64 KiB lane" : "");
    return row;
}

static bool wanted(const struct bench_filter *filter, const struct bench_row *row)
{
    const struct bench_case *what = &row->subject.what;

    return (filter->only == NULL || strstr(row->name, filter->only) != NULL) &&
           (filter->scheme == NULL || strcmp(filter->scheme, row->subject.peer->scheme) == 0) &&
           (filter->size == 0 || filter->size == what->size);
}

size_t bench_place(const struct bench_filter *filter, struct bench_row **rows)
{
    struct bench_row *made = calloc(COUNT(sizes) * COUNT(rings) * 2, sizeof(*made));
    size_t count = 0;

    if (made == NULL)
        return 0;
    for (size_t i = 0; i < COUNT(rings); i++)
        for (int untouched = 0; untouched < 2; untouched++)
            for (size_t j = 0; j < COUNT(sizes); j++) {
                const struct bench_case what = {
                    .size = sizes[j],
                    .producers = 1,
                    .placement = filter->placed ? filter->placement : BENCH_PAIR,
                    .wait = BENCH_BLOCK,
                    .ring_bytes = rings[i],
                    .read_once = untouched == 0,
                };

                made[count] = make_row(bench_peer_named("smew-shm"), &what);
                count += wanted(filter, &made[count]);
            }
    *rows = made;
    return count;
}
