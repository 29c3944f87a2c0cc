/* SPDX-License-Identifier: MIT */
/*
 * A poller that sleeps on the words of its lanes, bus/lane_turn.h: each message wakes it, no wake
 * is lost in any state, and nothing is left lying by one that was woken and goes away.
 */
#include "tests/bus/kit.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/memory.h"

enum {
    ROUNDS = 3000,
    BURST_MOST = 64,
    TRIPS = 2000,
    EACH = 4,
    CROWD = SMEW__FUTEX_WORDS + 8,
    FAR_MS = 40, /* more than what bus/poll.c calls so */
};

/* A host whose thread polls and sleeps. */
struct host {
    struct kit_host seen;
    atomic_bool stop;
    atomic_uint overslept; /* polls that found nothing though something had been sent long since */
    pthread_t thread;
};

/* May this process sleep on several words? */
static bool has_words(void)
{
    static _Atomic uint32_t word;
    const struct smew__futex_word words = {.word = &word, .seen = 1};

    return smew__futex_wait_any(&words, 1, 0) == SMEW_OK;
}

/* For this thread and those that it makes from now on. */
static int forbid_words(void)
{
#ifdef SYS_futex_waitv
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
#else
    return 0;
#endif
}

static void *poll_and_sleep(void *argument)
{
    struct host *host = argument;

    while (!host->stop) {
        if (smew_bus_poll(host->seen.bus, KIT_RARE_MS / 2, 0) == SMEW_TIMEOUT && !host->stop)
            host->overslept++;
    }
    return NULL;
}

static bool has_caught_up(void *argument)
{
    struct host *host = ((void **)argument)[0];

    return host->seen.next == *(uint64_t *)((void **)argument)[1];
}

static void stop(struct host *host)
{
    host->stop = true;
    smew_bus_wake(host->seen.bus);
    assert_int_equal(pthread_join(host->thread, NULL), 0);
    assert_int_equal(host->overslept, 0);
}

/* Bursts and silence, so that it falls asleep and is woken in every state there is. */
static void wake_in_every_state(struct host *host, struct smew_bus *sender, unsigned rounds)
{
    struct support_random random = support_random_seeded();
    uint64_t number = host->seen.next;
    void *both[] = {host, &number};

    assert_int_equal(pthread_create(&host->thread, NULL, poll_and_sleep, host), 0);
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t burst =
            support_random_below(&random, 4) ? 1 : 1 + support_random_below(&random, BURST_MOST);

        while (burst-- > 0)
            kit_send(sender, "m", number++);
        if (support_random_below(&random, 3) == 0)
            assert_true(support_wait_until(has_caught_up, both, KIT_WAIT_MS));
        else
            while (!has_caught_up(both) && !host->overslept)
                ;
    }
    assert_true(support_wait_until(has_caught_up, both, KIT_WAIT_MS));
    stop(host);
}

static void no_wake_is_lost(void **state)
{
    struct host host = {.seen.bus = kit_host_open(SMEW_WAITING_ADAPTIVE)};
    struct smew_bus *sender = kit_host_sender(&host.seen);

    (void)state;
    wake_in_every_state(&host, sender, ROUNDS);
    kit_host_close(&host.seen, sender);
}

/* One that sleeps for each message is woken by its sender: nobody else reads it first. */
static void a_sleeper_reads_itself(void **state)
{
    struct host host = {.seen.bus = kit_host_open(SMEW_WAITING_SLEEP)};
    struct smew_bus *sender = kit_host_sender(&host.seen);
    uint64_t number = 0, polled;
    void *both[] = {&host, &number};

    (void)state;
    assert_int_equal(pthread_create(&host.thread, NULL, poll_and_sleep, &host), 0);
    kit_send(sender, "m", number++); /* the service thread's, maybe */
    assert_true(support_wait_until(has_caught_up, both, KIT_WAIT_MS));
    polled = kit_stats(host.seen.bus).polled;
    while (number < TRIPS) {
        kit_send(sender, "m", number++);
        while (!has_caught_up(both) && !host.overslept)
            (void)sched_yield();
    }
    stop(&host);
    if (has_words())
        assert_true(kit_stats(host.seen.bus).polled - polled > TRIPS / 2); /* nearly all */
    kit_host_close(&host.seen, sender);
}

/* Its sleeps have no timer beside a busy guard; and yet they end when they should. */
static void a_far_deadline_is_kept(void **state)
{
    struct host host = {.seen.bus = kit_host_open(SMEW_WAITING_SLEEP)};
    struct smew_bus *sender = kit_host_sender(&host.seen);
    uint64_t number = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        uint64_t begun_ns;

        kit_send(sender, "m", number++);
        while (host.seen.next < number)
            (void)!smew_bus_poll(host.seen.bus, KIT_RARE_MS / 2, 0);
        begun_ns = smew_now_ns();
        while (smew_bus_poll(host.seen.bus, FAR_MS, 0) == SMEW_OK)
            begun_ns = smew_now_ns(); /* not a message, but what belongs to one */
        assert_true(smew_now_ns() - begun_ns >= FAR_MS * SMEW_NS_PER_MS);
    }
    kit_host_close(&host.seen, sender);
}

/* Whoever was woken, and does not come back: the service thread reads on. */
static void a_sleeper_that_leaves_leaves_nothing_lying(void **state)
{
    struct host host = {.seen.bus = kit_host_open(SMEW_WAITING_SLEEP)};
    struct smew_bus *sender = kit_host_sender(&host.seen);
    uint64_t number = 0;

    (void)state;
    for (int i = 0; i < 20; i++) {
        uint64_t delivered;

        kit_send(sender, "m", number++);
        while (host.seen.next < number)
            (void)!smew_bus_poll(host.seen.bus, KIT_RARE_MS / 2, 0);
        (void)!smew_bus_poll(host.seen.bus, (uint32_t)i % 2,
                             0); /* at once, and after a sleep for nothing */
        delivered = kit_stats(host.seen.bus).delivered;
        kit_send(sender, "m", number++);
        kit_wait_delivered(host.seen.bus, delivered + 1); /* though nobody polls */
    }
    while (host.seen.next < number)
        (void)!smew_bus_poll(host.seen.bus, 10, 0);
    kit_host_close(&host.seen, sender);
}

static void *send_one(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    for (int i = 0; i < EACH; i++) {
        if (kit_send_number(argument, "n", (uint64_t)i, &options) != SMEW_OK)
            return argument;
    }
    return NULL;
}

static void count(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;

    (void)bus;
    (void)message;
    host->seen.next++;
}

/* More lanes than a thread can sleep on at once: each sending thread has one. */
static void there_may_be_more_lanes_than_words(void **state)
{
    struct host host = {.seen.bus = kit_host_open(SMEW_WAITING_SLEEP)};
    struct smew_bus *sender = kit_host_sender(&host.seen);
    pthread_t threads[CROWD];
    void *failed;

    (void)state;
    kit_register(host.seen.bus, "n", count, &host);
    assert_int_equal(pthread_create(&host.thread, NULL, poll_and_sleep, &host), 0);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_one, sender), 0);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    while (host.seen.next < CROWD * EACH && !host.overslept)
        (void)sched_yield();
    stop(&host);
    kit_host_close(&host.seen, sender);
}

/* Where the kernel does not permit it, the service thread reads and wakes; to be the last test. */
static void it_may_be_forbidden_to_sleep_on_words(void **state)
{
    struct host host = {.seen.bus = kit_host_open(SMEW_WAITING_ADAPTIVE)};
    struct smew_bus *sender = kit_host_sender(&host.seen);

    (void)state;
    wake_in_every_state(&host, sender, ROUNDS / 10);
    if (forbid_words() != 0)
        skip();
    assert_false(has_words());
    host.stop = false;
    wake_in_every_state(&host, sender, ROUNDS);
    kit_host_close(&host.seen, sender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(no_wake_is_lost),
        SUPPORT_TEST(a_sleeper_reads_itself),
        SUPPORT_TEST(a_far_deadline_is_kept),
        SUPPORT_TEST(a_sleeper_that_leaves_leaves_nothing_lying),
        SUPPORT_TEST(there_may_be_more_lanes_than_words),
        SUPPORT_TEST(it_may_be_forbidden_to_sleep_on_words),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
