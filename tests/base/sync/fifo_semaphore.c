/* SPDX-License-Identifier: MIT */
/* A semaphore: never more than there are places, in the order of arrival, none lost to a deadline.
 */
#include "tests/support/support.h"

#include <stdatomic.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/thread.h"
#include "base/sync/fifo_semaphore.h"

enum { THREADS = 6, PLACES = 2, TURNS = 5000, WAIT_MS = 10000 };

static void test_places(void **state)
{
    struct smew__fifo_semaphore semaphore;

    (void)state;
    smew__fifo_semaphore_init(&semaphore, 2);
    assert_true(smew__fifo_semaphore_acquire(&semaphore, 0));
    assert_true(smew__fifo_semaphore_acquire(&semaphore, SMEW_NEVER_NS));
    assert_false(smew__fifo_semaphore_acquire(&semaphore, 0));
    assert_false(smew__fifo_semaphore_acquire(&semaphore, smew_now_ns() + SMEW_NS_PER_MS));
    assert_true(smew__list_empty(&semaphore.waiting));
    smew__fifo_semaphore_release(&semaphore);
    assert_true(smew__fifo_semaphore_acquire(&semaphore, 0));
    smew__fifo_semaphore_init(&semaphore, 0);
    assert_false(smew__fifo_semaphore_acquire(&semaphore, 0));
    smew__fifo_semaphore_release(&semaphore); /* one more than there were */
    assert_true(smew__fifo_semaphore_acquire(&semaphore, 0));
}

/* ---- the order ----------------------------------------------------------------------- */

struct line {
    struct smew__fifo_semaphore semaphore;
    struct arrival {
        struct line *line;
        struct smew__thread thread;
        unsigned number; /* in which it got in */
    } arrivals[THREADS];
    atomic_uint served;
    unsigned waiting; /* how many should be in the queue */
};

static void wait_in_line(void *argument)
{
    struct arrival *arrival = argument;

    if (smew__fifo_semaphore_acquire(&arrival->line->semaphore, smew__deadline_ns(WAIT_MS)))
        arrival->number = atomic_fetch_add(&arrival->line->served, 1);
}

static bool are_waiting(void *argument)
{
    struct line *line = argument;
    unsigned count = 0;

    smew__spinlock_lock(&line->semaphore.lock);
    SMEW_LIST_EACH (link, &line->semaphore.waiting)
        count++;
    smew__spinlock_unlock(&line->semaphore.lock);
    return count == line->waiting;
}

static bool is_served(void *argument)
{
    struct line *line = argument;

    return atomic_load(&line->served) == THREADS - line->waiting;
}

static void test_who_waited_longest_is_next(void **state)
{
    struct line line = {.waiting = 0};

    (void)state;
    smew__fifo_semaphore_init(&line.semaphore, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        line.arrivals[i] = (struct arrival){.line = &line, .number = THREADS};
        assert_int_equal(
            smew__thread_start(&line.arrivals[i].thread, "line", wait_in_line, &line.arrivals[i]),
            SMEW_OK);
        line.waiting++;
        assert_true(support_wait_until(are_waiting, &line, WAIT_MS));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        smew__fifo_semaphore_release(&line.semaphore);
        assert_false(smew__fifo_semaphore_acquire(&line.semaphore, 0)); /* nobody gets ahead */
        line.waiting--;
        assert_true(support_wait_until(is_served, &line, WAIT_MS));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        smew__thread_join(&line.arrivals[i].thread);
        assert_int_equal(line.arrivals[i].number, i);
    }
}

/* ---- many at once -------------------------------------------------------------------- */

struct crowd {
    struct smew__fifo_semaphore semaphore;
    atomic_uint inside;
    atomic_uint most;
    atomic_uint entered;
    uint64_t count; /* with one place: not atomic, for ThreadSanitizer */
    uint32_t places;
    bool hurry; /* with deadlines that often pass */
};

static uint64_t deadline(const struct crowd *crowd, int turn)
{
    return crowd->hurry && turn % 2 == 0 ? smew_now_ns() + (uint64_t)(turn % 64) * 500
                                         : SMEW_NEVER_NS;
}

static void go_in_and_out(void *argument)
{
    struct crowd *crowd = argument;

    for (int i = 0; i < TURNS; i++) {
        unsigned inside;

        if (!smew__fifo_semaphore_acquire(&crowd->semaphore, deadline(crowd, i)))
            continue;
        inside = atomic_fetch_add_explicit(&crowd->inside, 1, memory_order_relaxed) + 1;
        if (inside > atomic_load_explicit(&crowd->most, memory_order_relaxed))
            atomic_store_explicit(&crowd->most, inside, memory_order_relaxed);
        if (crowd->places == 1)
            crowd->count++;
        atomic_fetch_add_explicit(&crowd->entered, 1, memory_order_relaxed);
        if (i % 500 == 0)
            smew__thread_yield();
        atomic_fetch_sub_explicit(&crowd->inside, 1, memory_order_relaxed);
        smew__fifo_semaphore_release(&crowd->semaphore);
    }
}

static void crowd_in(uint32_t places, bool hurry)
{
    struct smew__thread threads[THREADS] = {0};
    struct crowd crowd = {.places = places, .hurry = hurry};

    smew__fifo_semaphore_init(&crowd.semaphore, places);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(smew__thread_start(&threads[i], "crowd", go_in_and_out, &crowd), SMEW_OK);
    for (int i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
    assert_in_range(crowd.most, 1, places);
    assert_int_equal(crowd.semaphore.places, places); /* none lost, none made */
    assert_true(smew__list_empty(&crowd.semaphore.waiting));
    if (places == 1)
        assert_int_equal(crowd.count, crowd.entered);
    if (!hurry)
        assert_int_equal(crowd.entered, THREADS * TURNS);
}

static void test_never_more_than_places(void **state)
{
    (void)state;
    crowd_in(1, false);
    crowd_in(PLACES, false);
}

static void test_deadlines_lose_no_place(void **state)
{
    (void)state;
    crowd_in(1, true);
    crowd_in(PLACES, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_places),
        SUPPORT_TEST(test_who_waited_longest_is_next),
        SUPPORT_TEST(test_never_more_than_places),
        SUPPORT_TEST(test_deadlines_lose_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
