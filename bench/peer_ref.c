/* SPDX-License-Identifier: MIT */
/* The reference ring (ref_ring.h) as a peer: both ends look, and yield when they share a core. */
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/peer.h"
#include "bench/ref_ring.h"

/* Looks in vain after which a reader that has a core of its own lets the writer get ahead: a reader
   that looks all the time takes the writer's lines away from it. */
enum { PAUSES = 8 };

struct end {
    struct ref_ring_writer writer;
    struct ref_ring_reader reader;
    uint8_t *message;
};

/* There, and back for round trips. */
static bool prepare(struct bench_run *run)
{
    struct ref_ring *rings = calloc(2, sizeof(*rings));

    run->shared = rings;
    return (rings != NULL && ref_ring_make(&rings[0], run->what->ring_bytes) &&
            ref_ring_make(&rings[1], run->what->ring_bytes)) ||
           bench_fail_errno(run, "the reference ring");
}

static bool open_end(struct bench_run *run, unsigned writes, void **opened)
{
    const struct ref_ring *rings = run->shared;
    struct end *end = calloc(1, sizeof(*end));

    if (end == NULL || (end->message = calloc(1, run->what->size)) == NULL) {
        free(end);
        return bench_fail(run, "no memory");
    }
    ref_ring_writer_init(&end->writer, &rings[writes]);
    ref_ring_reader_init(&end->reader, &rings[1 - writes]);
    *opened = end;
    return true;
}

static bool open_receiver(struct bench_run *run, void **end)
{
    return open_end(run, 1, end);
}

static bool open_sender(struct bench_run *run, unsigned index, void **end)
{
    (void)index;
    return open_end(run, 0, end);
}

static void write_one(struct bench_run *run, struct end *end)
{
    while (!ref_ring_write(&end->writer, end->message, run->what->size))
        bench_relax(run);
}

static const void *read_one(struct bench_run *run, struct end *end)
{
    enum ref_ring_found found;
    const void *body;
    size_t size;

    while ((found = ref_ring_read(&end->reader, &body, &size)) == REF_RING_NOTHING)
        bench_relax(run);
    if (found == REF_RING_RECORD && size == run->what->size)
        return body;
    (void)bench_fail(run, "a record is damaged");
    return NULL;
}

static bool send_all(struct bench_run *run, void *end, uint64_t count)
{
    struct end *mine = end;

    for (uint64_t i = 0; i < count; i++) {
        memcpy(mine->message, &i, sizeof(i));
        write_one(run, mine);
    }
    return true;
}

/* After an empty look the writer is left alone for a moment. */
static void let_it_get_ahead(struct bench_run *run)
{
    if (run->what->placement != BENCH_PAIR) {
        bench_relax(run);
        return;
    }
    for (int i = 0; i < PAUSES; i++)
        bench_pause();
}

static bool receive(struct bench_run *run, void *end, uint64_t count, uint64_t *sum)
{
    struct ref_ring_reader *reader = &((struct end *)end)->reader;
    uint64_t total = 0;

    while (count > 0) {
        const void *body;
        uint64_t number;
        size_t size;

        switch (ref_ring_read(reader, &body, &size)) {
        case REF_RING_RECORD:
            memcpy(&number, body, sizeof(number));
            total += number;
            count--;
            break;
        case REF_RING_NOTHING:
            let_it_get_ahead(run);
            break;
        case REF_RING_DAMAGED:
            return bench_fail(run, "a record is damaged");
        }
    }
    *sum = total;
    return true;
}

static bool trip(struct bench_run *run, void *end)
{
    write_one(run, end);
    return read_one(run, end) != NULL;
}

static bool echo(struct bench_run *run, void *end, uint64_t count)
{
    struct end *mine = end;

    for (uint64_t i = 0; i < count; i++) {
        const void *body = read_one(run, mine);

        if (body == NULL)
            return false;
        memcpy(mine->message, body, run->what->size);
        write_one(run, mine);
    }
    return true;
}

const struct bench_peer bench_ref_ring = {
    .name = "ref-ring",
    .what = "the reference ring: commit word and CRC-32C, nothing else",
    .can = BENCH_CAN_STREAM | BENCH_CAN_TRIP | BENCH_SPINS,
    .prepare = prepare,
    .open_receiver = open_receiver,
    .open_sender = open_sender,
    .send = send_all,
    .receive = receive,
    .trip = trip,
    .echo = echo,
};
