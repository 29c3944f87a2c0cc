/* SPDX-License-Identifier: MIT */
/* A sharded mutex: keys spread, shards do not know each other, one holder each, deadlines. */
#include "tests/support/support.h"

#include <string.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/thread.h"
#include "base/sync/sharded.h"

enum { SHARDS = 16, THREADS = 4, TURNS = 20000 };

static void test_keys_spread(void **state)
{
    unsigned each[SHARDS] = {0};

    (void)state;
    for (uint64_t key = 0; key < 1600; key++)
        each[smew__shard_index(key, SHARDS)]++;
    for (int i = 0; i < SHARDS; i++)
        assert_in_range(each[i], 60, 140);
    memset(each, 0, sizeof each);
    for (uint64_t key = 0; key < 1600; key++) /* addresses, say */
        each[smew__shard_index(key * 4096, SHARDS)]++;
    for (int i = 0; i < SHARDS; i++)
        assert_in_range(each[i], 60, 140);
    assert_int_equal(smew__shard_index(UINT64_MAX, 1), 0);
}

static void test_shards_do_not_know_each_other(void **state)
{
    struct smew__shard shards[2] = {{0}};

    (void)state;
    smew__shard_lock(&shards[0]);
    assert_true(smew__shard_lock_until(&shards[1], 0));
    smew__shard_unlock(&shards[1]);
    smew__shard_unlock(&shards[0]);
}

static void test_a_deadline_passes(void **state)
{
    struct smew__shard shard = {0};

    (void)state;
    assert_true(smew__shard_lock_until(&shard, 0));
    assert_false(smew__shard_lock_until(&shard, 0));
    assert_false(smew__shard_lock_until(&shard, smew_now_ns() + SMEW_NS_PER_MS));
    smew__shard_unlock(&shard);
    assert_true(smew__shard_lock_until(&shard, 0)); /* whoever gave up left nothing behind */
    smew__shard_unlock(&shard);
    smew__shard_lock(&shard);
    assert_false(smew__shard_lock_until(&shard, 0));
}

/* One counter a shard, and one for each key; none is atomic. */
struct shared {
    struct smew__shard shards[SHARDS];
    uint64_t counts[SHARDS];
    bool held[SHARDS];
    _Atomic uint64_t wrong;
    uint64_t spread; /* keys in use */
};

static void count_up(void *argument)
{
    struct shared *shared = argument;

    for (uint64_t i = 0; i < TURNS; i++) {
        size_t at = smew__shard_index(i % shared->spread, SHARDS);
        bool in = true;

        if (i % 4 == 0) /* a past deadline takes what is free, and nothing else */
            in = smew__shard_lock_until(&shared->shards[at], i % 8 == 0 ? 0 : smew_now_ns());
        if (i % 4 != 0 || !in)
            smew__shard_lock(&shared->shards[at]);
        if (shared->held[at])
            atomic_fetch_add(&shared->wrong, 1);
        shared->held[at] = true;
        shared->counts[at]++;
        if (i % 1000 == 0)
            smew__thread_yield(); /* a holder that lost its processor */
        shared->held[at] = false;
        smew__shard_unlock(&shared->shards[at]);
    }
}

static void contend(uint64_t spread)
{
    struct smew__thread threads[THREADS] = {0};
    struct shared shared = {.spread = spread};
    uint64_t sum = 0;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(smew__thread_start(&threads[i], "shard", count_up, &shared), SMEW_OK);
    for (int i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
    for (int i = 0; i < SHARDS; i++)
        sum += shared.counts[i];
    assert_int_equal(shared.wrong, 0);
    assert_int_equal(sum, THREADS * TURNS);
}

static void test_one_holder_a_shard(void **state)
{
    (void)state;
    contend(1);
    contend(64);
}

static void take(void *argument)
{
    smew__shard_lock(argument);
    smew__shard_unlock(argument);
}

static bool is_awaited(void *argument)
{
    const struct smew__shard *shard = argument;

    return atomic_load(&shard->state) == 2;
}

/* All of them sleep; one unlock wakes one, which wakes the next. */
static void test_sleepers_wake_each_other(void **state)
{
    struct smew__thread threads[THREADS] = {0};
    struct smew__shard shard = {0};

    (void)state;
    smew__shard_lock(&shard);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(smew__thread_start(&threads[i], "shard", take, &shard), SMEW_OK);
    assert_true(support_wait_until(is_awaited, &shard, 10000));
    smew__shard_unlock(&shard);
    for (int i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
    assert_true(smew__shard_lock_until(&shard, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_keys_spread),
        SUPPORT_TEST(test_shards_do_not_know_each_other),
        SUPPORT_TEST(test_a_deadline_passes),
        SUPPORT_TEST(test_one_holder_a_shard),
        SUPPORT_TEST(test_sleepers_wake_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
