/* SPDX-License-Identifier: MIT */
/*
 * A pool over its life: a random walk beside a plain model, either side killed while the other has
 * a block in use, and every system call failing once.
 */
#include "tests/shm/sides.h"

#include <errno.h>
#include <string.h>

#include <poll.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/packet.h"

enum { STEPS = 20000, MODEL_BLOCKS = 32 };

struct model_block {
    bool sealed;
    uint64_t number;
    struct smew__pool_claim claim;
    struct smew__pool_handle handle;
};

struct model {
    uint8_t owner[SIDES_UNITS]; /* of each unit: 1 + the block's index, 0: free */
    struct model_block blocks[MODEL_BLOCKS];
};

static uint64_t model_units(uint64_t size)
{
    return (SIDES_BLOCK + size + sides_page() - 1) / sides_page();
}

/* The first place by trying them all; SIDES_UNITS: none. */
static uint64_t model_place(const struct model *model, uint64_t units)
{
    for (uint64_t first = 0; first + units <= SIDES_UNITS; first++) {
        uint64_t free = 0;

        while (free < units && model->owner[first + free] == 0)
            free++;
        if (free == units)
            return first;
    }
    return SIDES_UNITS;
}

static void model_own(struct model *model, uint64_t first, uint64_t units, size_t owner)
{
    memset(&model->owner[first], (int)owner, (size_t)units);
}

static uint64_t place_of(const struct model_block *block)
{
    return block->claim.offset / sides_page() - 1;
}

static void step_claim(struct sides *sides, struct model *model, size_t index, uint64_t size)
{
    struct model_block *block = &model->blocks[index];
    uint64_t place = model_place(model, model_units(size));
    enum smew_status status = smew__pool_claim(&sides->pool, size, &block->claim);

    assert_int_equal(status, place == SIDES_UNITS ? SMEW_FULL : SMEW_OK);
    if (status != SMEW_OK)
        return;
    assert_int_equal(place_of(block), place);
    model_own(model, place, model_units(size), index + 1);
    block->sealed = false;
}

static void step_seal(struct sides *sides, struct model *model, size_t index, uint64_t number,
                      uint64_t size)
{
    struct model_block *block = &model->blocks[index];

    sides_fill(block->claim.payload, size, number);
    assert_int_equal(smew__pool_seal(&sides->pool, &block->claim, NULL, size, SIDES_LANE, number,
                                     &block->handle),
                     SMEW_OK);
    model_own(model, place_of(block), model_units(block->claim.size), 0);
    model_own(model, place_of(block), model_units(size), index + 1);
    block->number = number;
    block->sealed = true;
}

static bool is_number(void *owner, uint64_t number)
{
    return number == *(uint64_t *)owner;
}

static void step_free(struct sides *sides, struct model *model, size_t index)
{
    struct model_block *block = &model->blocks[index];
    struct smew__pool_handle handle = block->handle;

    if (block->sealed) {
        sides_check(&sides->consumer, &handle, block->number);
        assert_int_equal(smew__pool_reclaim(&sides->pool, SIDES_LANE, is_number, &block->number),
                         1);
        assert_int_equal(sides_resolve(sides, &handle, block->number), SMEW_CORRUPT);
        model_own(model, place_of(block), model_units(handle.size), 0);
    } else {
        assert_int_equal(
            smew__pool_release(&sides->pool, block->claim.offset, block->claim.generation),
            SMEW_OK);
        model_own(model, place_of(block), model_units(block->claim.size), 0);
    }
    *block = (struct model_block){.sealed = false};
}

static void test_random_walk_beside_a_model(void **state)
{
    struct support_random random = support_random_seeded();
    struct model model = {.owner = {0}};
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    for (uint64_t step = 1; step <= STEPS; step++) {
        size_t index = (size_t)support_random_below(&random, MODEL_BLOCKS);
        struct model_block *block = &model.blocks[index];
        uint64_t size = 1 + support_random_below(&random, 6 * sides_page());

        if (block->claim.payload == NULL)
            step_claim(&sides, &model, index, size);
        else if (!block->sealed && support_random_below(&random, 4) != 0)
            step_seal(&sides, &model, index, step,
                      size < block->claim.size ? size : block->claim.size);
        else
            step_free(&sides, &model, index);
    }
    for (size_t i = 0; i < MODEL_BLOCKS; i++)
        if (model.blocks[i].claim.payload != NULL)
            step_free(&sides, &model, i);
    assert_int_equal(sides.pool.count, 0);
    assert_int_equal(model_place(&model, SIDES_UNITS), 0);
    sides_close(&sides);
}

/* ---- deaths ---- */

enum { WAIT_MS = 10000 };
enum { LARGE = 5 * 1024 * 1024, LARGE_UNITS = 2048 };

struct actors {
    struct smew__pool_memory memory;
    int ends[2];
};

/* The producer: attaches, puts, says so, and waits to be killed. */
static int produce(void *argument)
{
    struct actors *actors = argument;
    struct sides sides;
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;

    smew__fd_close(&actors->ends[0]);
    if (smew__pool_memory_attach(sides_passed(&actors->memory), &sides.producer) != SMEW_OK ||
        smew__pool_init(&sides.pool, &sides.producer) != SMEW_OK)
        return 1;
    if (sides_put(&sides, LARGE, 1, &handle) != SMEW_OK ||
        smew__pool_claim(&sides.pool, 100, &claim) != SMEW_OK)
        return 2;
    memset(claim.payload, 1, 50); /* and one that it is in the middle of */
    if (smew__packet_send(actors->ends[1], &handle, sizeof handle, NULL, 0) != SMEW_OK)
        return 3;
    (void)smew__fd_wait(actors->ends[1], POLLIN, SMEW_NEVER_NS);
    return 0;
}

static void receive(int fd, void *data, size_t size, int *fds, size_t *count)
{
    size_t done = 0;

    assert_int_equal(smew__fd_wait(fd, POLLIN, smew__deadline_ns(WAIT_MS)), SMEW_OK);
    assert_int_equal(smew__packet_receive(fd, data, size, &done, fds, count), SMEW_OK);
    assert_int_equal(done, size);
}

/* The pool's owner of the writing is killed while the reader holds a block in place. */
static void test_producer_dies(void **state)
{
    struct actors actors = {.memory = sides_create(LARGE_UNITS)};
    struct smew__pool_handle handle;
    const uint8_t *payload = NULL;
    int fds[SMEW__PACKET_FDS_MAX];
    size_t count = 0;
    pid_t child;

    (void)state;
    assert_int_equal(smew__packet_pair(actors.ends), SMEW_OK);
    child = support_fork(produce, &actors);
    smew__fd_close(&actors.ends[1]);
    receive(actors.ends[0], &handle, sizeof handle, fds, &count);
    assert_int_equal(smew__pool_memory_settle(&actors.memory), SMEW_OK);
    assert_int_equal(smew__pool_resolve(&actors.memory, &handle, SIDES_LANE, 1, &payload), SMEW_OK);
    support_kill(child);
    assert_int_equal(smew__pool_check(&handle, payload, NULL), SMEW_OK);
    sides_check(&actors.memory, &handle, 1);
    smew__fd_close(&actors.ends[0]);
    smew__pool_memory_fini(&actors.memory);
}

/* The consumer: makes a pool, passes it, resolves a handle, says so, and waits to be killed. */
static int consume(void *argument)
{
    struct actors *actors = argument;
    const struct smew__pool_spec spec = {.pool = SIDES_POOL, .bytes = LARGE_UNITS * sides_page()};
    struct smew__pool_memory memory;
    struct smew__pool_handle handle;
    const uint8_t *payload = NULL;
    int fds[SMEW__PACKET_FDS_MAX];
    size_t count = 0;

    smew__fd_close(&actors->ends[0]);
    if (smew__pool_memory_create(&spec, &memory) != SMEW_OK ||
        smew__packet_send(actors->ends[1], "pool", 4, &memory.memory.fd, 1) != SMEW_OK)
        return 1;
    receive(actors->ends[1], &handle, sizeof handle, fds, &count);
    if (smew__pool_memory_settle(&memory) != SMEW_OK ||
        smew__pool_resolve(&memory, &handle, SIDES_LANE, 1, &payload) != SMEW_OK ||
        smew__pool_check(&handle, payload, NULL) != SMEW_OK)
        return 2;
    if (smew__packet_send(actors->ends[1], "held", 4, NULL, 0) != SMEW_OK)
        return 3;
    (void)smew__fd_wait(actors->ends[1], POLLIN, SMEW_NEVER_NS);
    return (int)payload[0];
}

/* The pool's maker is killed with a block in its hands: the producer sends it again. */
static void test_consumer_dies(void **state)
{
    struct actors actors;
    struct sides sides;
    struct smew__pool_handle handle;
    uint8_t *copy = sides_make(LARGE, 0);
    uint8_t *expected = sides_make(LARGE, 1);
    int fds[SMEW__PACKET_FDS_MAX];
    size_t count = 0;
    char said[4];
    pid_t child;

    (void)state;
    assert_int_equal(smew__packet_pair(actors.ends), SMEW_OK);
    child = support_fork(consume, &actors);
    smew__fd_close(&actors.ends[1]);
    receive(actors.ends[0], said, sizeof said, fds, &count);
    assert_int_equal(count, 1);
    assert_int_equal(smew__pool_memory_attach(fds[0], &sides.producer), SMEW_OK);
    assert_int_equal(smew__pool_init(&sides.pool, &sides.producer), SMEW_OK);
    assert_int_equal(sides_put(&sides, LARGE, 1, &handle), SMEW_OK);
    assert_int_equal(smew__packet_send(actors.ends[0], &handle, sizeof handle, NULL, 0), SMEW_OK);
    receive(actors.ends[0], said, sizeof said, fds, &count);
    support_kill(child);
    assert_int_equal(smew__pool_find(&sides.pool, SIDES_LANE, 1, &handle), SMEW_OK);
    assert_int_equal(smew__pool_read(&sides.pool, &handle, copy), SMEW_OK);
    assert_memory_equal(copy, expected, LARGE);
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, NULL, NULL), 1);
    smew__pool_fini(&sides.pool);
    smew__pool_memory_fini(&sides.producer);
    smew__free(copy);
    smew__free(expected);
    smew__fd_close(&actors.ends[0]);
}

/* ---- faults ---- */

static void use_all(void *argument)
{
    const struct smew__pool_spec spec = {
        .pool = SIDES_POOL, .bytes = SIDES_UNITS * sides_page(), .salt = SIDES_SALT};
    enum smew_status *last = argument;
    struct smew__pool_memory consumer = {.settled = false};
    struct smew__pool_memory producer = {.settled = false};
    struct smew__pool pool = {.memory = NULL};
    struct smew__pool_handle handle;

    *last = smew__pool_memory_create(&spec, &consumer);
    if (*last == SMEW_OK)
        *last = smew__pool_memory_attach(sides_passed(&consumer), &producer);
    if (*last == SMEW_OK)
        *last = smew__pool_memory_settle(&consumer);
    if (*last == SMEW_OK)
        *last = smew__pool_init(&pool, &producer);
    if (*last == SMEW_OK)
        *last = sides_send(&pool, "payload", 7, 1, &handle);
    smew__pool_fini(&pool);
    smew__pool_memory_fini(&producer);
    smew__pool_memory_fini(&consumer);
}

static void test_everything_may_fail(void **state)
{
    enum smew_status last = SMEW_IO;

    (void)state;
    assert_true(support_walk_calls(ENOMEM, use_all, &last) >= 15);
    assert_int_equal(last, SMEW_OK);
    assert_true(support_walk_calls(EPERM, use_all, &last) >= 15);
    assert_int_equal(last, SMEW_OK);
    assert_int_equal(support_walk_allocations(use_all, &last), 1);
    assert_int_equal(last, SMEW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_random_walk_beside_a_model),
        SUPPORT_TEST(test_producer_dies),
        SUPPORT_TEST(test_consumer_dies),
        SUPPORT_TEST(test_everything_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
