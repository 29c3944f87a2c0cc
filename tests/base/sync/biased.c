/* SPDX-License-Identifier: MIT */
/*
 * Biased locks: never two at a time, whoever they are, and nobody is forgotten; and the fences that
 * this rests on.
 */
#include "tests/support/support.h"

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/thread.h"
#include "base/sync/biased.h"

enum { ROUNDS = 200000, VISITS = 2000, VISITORS = 2, TRIALS = 2000 };

struct scene {
    struct smew__biased lock;
    struct smew__thread visitors[VISITORS];
    atomic_uint done;
    uint64_t inside; /* by the lock, as is the other: lost updates show */
    uint64_t count;
};

static void meet(struct scene *scene)
{
    scene->inside++;
    assert_int_equal(scene->inside, 1);
    scene->count++;
    scene->inside--;
}

static void visit(void *argument)
{
    struct scene *scene = argument;

    for (int i = 0; i < VISITS; i++) {
        smew__biased_lock(&scene->lock);
        meet(scene);
        smew__biased_unlock(&scene->lock);
    }
    atomic_fetch_add(&scene->done, 1);
}

/* The owner goes on until all visitors were in, so that none of them was forgotten. */
static void one_at_a_time(void **state)
{
    struct scene scene = {.count = 0};
    uint64_t tried = 0, entered = 0;

    (void)state;
    assert_int_equal(smew__biased_init(&scene.lock), SMEW_OK);
    for (int i = 0; i < VISITORS; i++)
        assert_int_equal(smew__thread_start(&scene.visitors[i], "visitor", visit, &scene), SMEW_OK);
    for (uint64_t i = 0; i < ROUNDS || atomic_load(&scene.done) < VISITORS; i++) {
        if (i % 2 == 0) {
            smew__biased_enter(&scene.lock);
        } else {
            tried++;
            if (!smew__biased_try_enter(&scene.lock))
                continue;
        }
        entered++;
        meet(&scene);
        smew__biased_leave(&scene.lock);
    }
    for (int i = 0; i < VISITORS; i++)
        smew__thread_join(&scene.visitors[i]);
    assert_true(tried > 0);
    assert_int_equal(scene.count, entered + VISITORS * VISITS);
    smew__biased_fini(&scene.lock);
}

/* The owner is in, and says so to itself; a visitor waits, and is seen to. */
static void the_owner_sees_who_waits(void **state)
{
    struct scene scene = {.count = 0};
    uint64_t deadline_ns = smew__deadline_ns(10000);

    (void)state;
    assert_int_equal(smew__biased_init(&scene.lock), SMEW_OK);
    smew__biased_enter(&scene.lock);
    assert_false(smew__biased_is_wanted(&scene.lock));
    assert_int_equal(smew__thread_start(&scene.visitors[0], "visitor", visit, &scene), SMEW_OK);
    while (!smew__biased_is_wanted(&scene.lock))
        assert_true(smew_now_ns() < deadline_ns);
    assert_int_equal(scene.count, 0);
    smew__biased_leave(&scene.lock);
    smew__thread_join(&scene.visitors[0]);
    assert_int_equal(scene.count, VISITS);
    assert_true(smew__biased_try_enter(&scene.lock));
    smew__biased_leave(&scene.lock);
    smew__biased_fini(&scene.lock);
}

/* ---- the fences ----------------------------------------------------------------------- */

struct litmus {
    atomic_uint turn;
    atomic_uint mine, theirs;
    unsigned light_saw;
    atomic_uint answered;
};

static void light_side(void *argument)
{
    struct litmus *litmus = argument;

    for (unsigned i = 1; i <= TRIALS; i++) {
        while (atomic_load(&litmus->turn) < i)
            ;
        atomic_store_explicit(&litmus->mine, i, memory_order_relaxed);
        smew__fence_light();
        litmus->light_saw = atomic_load_explicit(&litmus->theirs, memory_order_relaxed);
        atomic_store(&litmus->answered, i);
    }
}

/* Each stores its own word and loads the other's: never do both miss the other. */
static void one_side_sees_the_other(void **state)
{
    struct litmus litmus = {.light_saw = 0};
    struct smew__thread thread = {0};

    (void)state;
    smew__fence_prepare();
    assert_int_equal(smew__thread_start(&thread, "light", light_side, &litmus), SMEW_OK);
    for (unsigned i = 1; i <= TRIALS; i++) {
        unsigned heavy_saw;

        atomic_store(&litmus.turn, i);
        atomic_store_explicit(&litmus.theirs, i, memory_order_relaxed);
        smew__fence_heavy();
        heavy_saw = atomic_load_explicit(&litmus.mine, memory_order_relaxed);
        while (atomic_load(&litmus.answered) < i)
            ;
        assert_true(heavy_saw == i || litmus.light_saw == i);
    }
    smew__thread_join(&thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(the_owner_sees_who_waits),
        cmocka_unit_test(one_side_sees_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
