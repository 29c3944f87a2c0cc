/* SPDX-License-Identifier: MIT */
/*
 * The cells of goals.md's table that concern shared memory and the pipe, with their floors and
 * goals, and the absolute targets of its row X13.  A cell of the payload pool comes with the pool;
 * those of the chart engine are another table's.
 *
 * Throughput is taken with smew's own way of waiting (a poll with a timeout), against the best way
 * of the other side; round trips say which.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tables.h"

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    SMALL_RING = 64 * KIB, /* smew's default */
    RING = 4 * MIB,        /* where no other is said: room for messages of 1 MiB, and it fits a
                              cache */
    CELL_SIZES = 6,
};

struct cell {
    const char *scheme;
    const char *name;             /* behind scheme and size */
    const char *opponent;         /* a peer, "self", or NULL for an absolute figure */
    size_t sizes[CELL_SIZES + 1]; /* a row for each, up to the first 0 */
    bool trip;
    bool p99; /* of trips; "self" is then the p50 */
    enum bench_wait wait;
    double floor;
    double goal;
    double far_floor;
    size_t ring;        /* 0: RING */
    unsigned producers; /* 0: 1; the opponent always has one */
    enum bench_placement placement;
    bool in_place;
    enum bench_manner manner;
};

#define RATE(FLOOR, GOAL) .wait = BENCH_BLOCK, .floor = (FLOOR), .goal = (GOAL)
#define TRIP(WAIT, FLOOR, GOAL) .trip = true, .wait = (WAIT), .floor = (FLOOR), .goal = (GOAL)
#define ONE_CORE .placement = BENCH_ONE

static const struct cell cells[] = {
    {"shm", "vs ref-ring", "ref-ring", {64}, RATE(0.75, 0.92)},
    {"shm", "vs ref-ring", "ref-ring", {256}, RATE(0.75, 0.90)},
    {"shm",
     "prepared vs ref-ring",
     "ref-ring",
     {64, 256},
     RATE(0.75, 0.92),
     .manner = BENCH_PREPARED},
    {"shm",
     "many with one call vs ref-ring",
     "ref-ring",
     {64},
     RATE(0.75, 0.92),
     .manner = BENCH_TOGETHER},
    {"shm",
     "in place vs ref-ring",
     "ref-ring",
     {KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB},
     RATE(0.85, 1.0),
     .in_place = true},
    {"shm", "copied vs ref-ring", "ref-ring", {4 * KIB, 16 * KIB, 64 * KIB}, RATE(0.60, 0.70)},
    {"shm", "64 KiB lane vs ref-ring", "ref-ring", {64, 256}, RATE(0.75, 0.90), .ring = SMALL_RING},
    {"shm",
     "64 KiB lane, in place vs ref-ring",
     "ref-ring",
     {KIB, 4 * KIB, 16 * KIB},
     RATE(0.75, 0.90),
     .ring = SMALL_RING,
     .in_place = true},
    {"shm", "vs zmq-ipc", "zmq-ipc", {64}, RATE(8, 15)},
    {"shm", "vs nng-ipc", "nng-ipc", {64}, RATE(500, 1000)},
    {"shm", "vs unix, one write each", "unix", {64}, RATE(30, 60)},
    {"shm",
     "in place vs unix, 64 KiB writes, CRC",
     "unix-64k-crc",
     {MIB},
     RATE(2, 2.5),
     .in_place = true},
    {"shm", "8 producers vs 1", "self", {64}, RATE(0.85, 0.95), .producers = 8},
    {"shm", "trip p50, spinning, vs ping-pong", "ping-pong", {64}, TRIP(BENCH_SPIN, 1.6, 1.35)},
    {"shm",
     "trip p99 / p50, spinning",
     "self",
     {64},
     TRIP(BENCH_SPIN, 2, 1.6),
     .p99 = true,
     .far_floor = 5},
    {"shm", "trip p50, asleep, vs futex", "futex", {64}, TRIP(BENCH_BLOCK, 1.3, 1.1)},
    {"shm", "trip p50, one core, vs futex", "futex", {64}, TRIP(BENCH_BLOCK, 1.3, 1.1), ONE_CORE},
    {"shm", "trip p50, one core, vs unix", "unix", {64}, TRIP(BENCH_BLOCK, 0.65, 0.55), ONE_CORE},
    {"shm",
     "trip p50, one core, vs zmq-ipc",
     "zmq-ipc",
     {64},
     TRIP(BENCH_BLOCK, 0.16, 0.13),
     ONE_CORE},
    {"pipe", "vs unix, 64 KiB writes", "unix-64k", {64, KIB, 64 * KIB, MIB}, RATE(0.85, 0.95)},
    /* X13, whatever the others do: a second, and nanoseconds. */
    {"shm", "a second", NULL, {64}, RATE(5e4, 5e5)},
    {"shm", "trip p50", NULL, {64}, TRIP(BENCH_BLOCK, 5e4, 2.5e4)},
    {"shm", "trip p99", NULL, {64}, TRIP(BENCH_BLOCK, 1e5, 5e4), .p99 = true},
    {"pipe", "a second", NULL, {64}, RATE(5e4, 5e5)},
    {"pipe", "trip p50", NULL, {64}, TRIP(BENCH_BLOCK, 5e4, 2.5e4)},
    {"pipe", "trip p99", NULL, {64}, TRIP(BENCH_BLOCK, 1e5, 5e4), .p99 = true},
};

static struct bench_side make_side(const struct bench_peer *peer, const struct cell *cell,
                                   size_t size)
{
    return (struct bench_side){
        .peer = peer,
        .metric = !cell->trip ? BENCH_RATE
                  : cell->p99 ? BENCH_P99
                              : BENCH_P50,
        .what =
            {
                .size = size,
                .producers = cell->producers == 0 ? 1 : cell->producers,
                .placement = cell->placement,
                .wait = bench_wait_for(peer, cell->wait),
                .trip = cell->trip,
                .ring_bytes = cell->ring == 0 ? RING : cell->ring,
                .in_place = cell->in_place,
                .manner = cell->manner,
            },
    };
}

/* Another peer, or the same with one producer, or the same sample's other figure, or nobody. */
static void add_opponent(const struct cell *cell, size_t size, struct bench_row *row)
{
    const bool self = cell->opponent != NULL && strcmp(cell->opponent, "self") == 0;
    const struct bench_peer *peer = self ? row->subject.peer : NULL;

    if (cell->opponent == NULL)
        return;
    if (!self)
        peer = bench_peer_named(cell->opponent);
    if (peer == NULL) {
        (void)snprintf(row->error, sizeof(row->error), "%s was not there when this was built",
                       cell->opponent);
        return;
    }
    row->opponent = make_side(peer, cell, size);
    row->opponent.what.producers = 1;
    row->one_sample = self && cell->p99;
    if (row->one_sample)
        row->opponent.metric = BENCH_P50;
}

static struct bench_row make_row(const struct cell *cell, const struct bench_peer *smew,
                                 size_t size)
{
    struct bench_row row = {
        .floor = cell->floor,
        .goal = cell->goal,
        .far_floor = cell->far_floor,
        .lower = cell->trip,
    };
    char text[BENCH_SIZE_TEXT];

    (void)snprintf(row.name, sizeof(row.name), "%s %s %s", smew->scheme,
                   bench_size_text(size, text), cell->name);
    row.subject = make_side(smew, cell, size);
    add_opponent(cell, size, &row);
    return row;
}

static bool wanted(const struct bench_filter *filter, const struct bench_row *row)
{
    return (filter->only == NULL || strstr(row->name, filter->only) != NULL) &&
           (filter->scheme == NULL || strcmp(filter->scheme, row->subject.peer->scheme) == 0) &&
           (filter->size == 0 || filter->size == row->subject.what.size);
}

size_t bench_cells(const struct bench_filter *filter, struct bench_row **rows)
{
    const size_t cell_count = sizeof(cells) / sizeof(*cells);
    struct bench_row *made = calloc(cell_count * CELL_SIZES, sizeof(*made));
    size_t count = 0;

    if (made == NULL)
        return 0;
    for (const struct cell *cell = cells; cell < cells + cell_count; cell++) {
        const bool pipe = strcmp(cell->scheme, "pipe") == 0;
        const struct bench_peer *smew = bench_peer_named(pipe ? "smew-pipe" : "smew-shm");

        for (const size_t *size = cell->sizes; *size != 0; size++) {
            made[count] = make_row(cell, smew, *size);
            count += wanted(filter, &made[count]);
        }
    }
    *rows = made;
    return count;
}
