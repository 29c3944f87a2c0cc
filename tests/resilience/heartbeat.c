/* SPDX-License-Identifier: MIT */
/* The heartbeat: when it becomes suspect, that it recovers, and that a stalled watcher waits. */
#include "tests/support/support.h"

#include "base/clock.h"
#include "resilience/heartbeat.h"

static const uint64_t look_ns = 100 * SMEW_NS_PER_MS;
static const uint64_t suspect_ns = SMEW_NS_PER_S;

static enum smew__heartbeat_change look(struct smew__heartbeat *watch, uint64_t counter,
                                        uint64_t now_ns)
{
    return smew__heartbeat_look(watch, counter, now_ns, look_ns, suspect_ns);
}

static void test_silence_becomes_suspect_once(void **state)
{
    struct smew__heartbeat watch;
    uint64_t now_ns = 5 * SMEW_NS_PER_S;

    (void)state;
    smew__heartbeat_init(&watch, 7, now_ns);
    for (int i = 1; i < 10; i++)
        assert_int_equal(look(&watch, 7, now_ns += look_ns), SMEW__HEARTBEAT_SAME);
    assert_int_equal(look(&watch, 7, now_ns += look_ns), SMEW__HEARTBEAT_SUSPECT);
    assert_true(watch.suspect);
    for (int i = 0; i < 100; i++)
        assert_int_equal(look(&watch, 7, now_ns += look_ns), SMEW__HEARTBEAT_SAME);
    assert_int_equal(look(&watch, 8, now_ns += look_ns), SMEW__HEARTBEAT_RECOVERED);
    assert_false(watch.suspect);
    assert_int_equal(watch.silent_ns, 0);
}

static void test_beats_keep_it_alive(void **state)
{
    struct smew__heartbeat watch;
    uint64_t now_ns = 0;

    (void)state;
    smew__heartbeat_init(&watch, UINT64_MAX - 51, now_ns);
    for (uint64_t beat = 0; beat < 100; beat++) /* a beat, then nine looks in silence; it wraps */
        for (int i = 0; i < 10; i++)
            assert_int_equal(look(&watch, UINT64_MAX - 50 + beat, now_ns += look_ns),
                             SMEW__HEARTBEAT_SAME);
}

static void test_watcher_stalls_do_not_count(void **state)
{
    struct smew__heartbeat watch;
    uint64_t now_ns = 0;

    (void)state;
    /* It looks once an hour: each pause counts as two looks, so the fifth makes it suspect. */
    smew__heartbeat_init(&watch, 1, now_ns);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(look(&watch, 1, now_ns += 3600 * SMEW_NS_PER_S), SMEW__HEARTBEAT_SAME);
        assert_int_equal(watch.silent_ns, (uint64_t)i * 2 * look_ns);
    }
    assert_int_equal(look(&watch, 1, now_ns += 3600 * SMEW_NS_PER_S), SMEW__HEARTBEAT_SUSPECT);
    /* A beat that came during the stall is good. */
    assert_int_equal(look(&watch, 2, now_ns += 3600 * SMEW_NS_PER_S), SMEW__HEARTBEAT_RECOVERED);
}

static void test_odd_clocks(void **state)
{
    struct smew__heartbeat watch;

    (void)state;
    smew__heartbeat_init(&watch, 1, 1000);
    assert_int_equal(look(&watch, 1, 500), SMEW__HEARTBEAT_SAME); /* backwards is no time */
    assert_int_equal(watch.silent_ns, 0);
    watch.silent_ns = UINT64_MAX - 1;
    assert_int_equal(smew__heartbeat_look(&watch, 1, UINT64_MAX, UINT64_MAX, UINT64_MAX),
                     SMEW__HEARTBEAT_SUSPECT);
    assert_int_equal(watch.silent_ns, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_becomes_suspect_once),
        cmocka_unit_test(test_beats_keep_it_alive),
        cmocka_unit_test(test_watcher_stalls_do_not_count),
        cmocka_unit_test(test_odd_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
