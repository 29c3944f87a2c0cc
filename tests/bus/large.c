/* SPDX-License-Identifier: MIT */
/*
 * Payloads above half a lane: they go through the lane's payload pool, in the order of everything
 * else, and keep every promise that small ones have.
 */
#include "tests/bus/kit.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/clock.h"

enum {
    LANE = 4096,
    LARGE = 1024 * 1024, /* payload_max by default */
    POOLED_MOST = 4,     /* of that size, in a pool */
    NUMBERS = 60,
};

static struct smew_bus *open_small(uint64_t linger_ms)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.lane_bytes = LANE;
    options.linger_ms = (uint32_t)linger_ms;
    return kit_open(&options);
}

static uint8_t byte_at(uint64_t number, size_t at)
{
    return (uint8_t)(number * 131 + at * 7 + at / 4096);
}

static void fill(uint8_t *payload, uint64_t number, size_t size)
{
    memcpy(payload, &number, sizeof(number));
    for (size_t at = sizeof(number); at < size; at++)
        payload[at] = byte_at(number, at);
}

static enum smew_status send_filled(struct smew_bus *bus, uint64_t number, size_t size,
                                    const struct smew_send_options *options)
{
    uint8_t *payload = smew__alloc(size);
    enum smew_status status = SMEW_NO_MEMORY;

    if (payload) {
        fill(payload, number, size);
        status = smew_bus_send(bus, "m", "N", payload, size, options);
    }
    smew__free(payload);
    return status;
}

static bool is_whole(const struct smew_message *message)
{
    const uint8_t *payload = smew_message_payload(message);
    size_t size = smew_message_payload_size(message);
    uint64_t number = size < sizeof(number) ? 0 : kit_number(message);

    for (size_t at = sizeof(number); at < size; at++) {
        if (payload[at] != byte_at(number, at))
            return false;
    }
    return true;
}

/* As kit_note, but what is damaged is missing. */
static void note_whole(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct kit_log *log = user;

    (void)bus;
    if (is_whole(message))
        kit_log_add(log, message, SMEW_OK);
}

static size_t size_of(uint64_t number)
{
    static const size_t sizes[] = {8, 2100, 65536, 100, LARGE, 3000, 9, LARGE - 1};

    return sizes[number % (sizeof sizes / sizeof *sizes)];
}

static struct smew_send_options patient(void)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    options.wait_ms = KIT_WAIT_MS;
    return options;
}

/* Sends until the pool is there, which a busy machine may take a while to give. */
static void warm_up(struct smew_bus *sender, struct smew_bus *host, struct kit_log *log,
                    uint64_t *number)
{
    struct smew_send_options options = patient();
    uint64_t until_ns = smew_now_ns() + KIT_WAIT_MS * SMEW_NS_PER_MS;

    while (kit_stats(sender).pooled == 0) {
        assert_true(smew_now_ns() < until_ns);
        assert_int_equal(send_filled(sender, (*number)++, LARGE, &options), SMEW_OK);
        kit_poll_until(host, log, *number);
        assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    }
}

/* ---- on their way -------------------------------------------------------------------- */

static bool has_one_lane(void *argument)
{
    return kit_stats(argument).lanes_in == 1;
}

static void small_and_large_share_a_lane(void **state)
{
    struct smew_send_options options = patient();
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_small(0);
    static struct kit_log log;
    struct kit_poller poller;
    uint64_t number = 0;
    uint64_t first;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", note_whole, &log);
    assert_int_equal(send_filled(sender, number++, 8, &options), SMEW_OK);
    warm_up(sender, host, &log, &number);
    first = number;
    kit_poller_start(&poller, host);
    for (; number < first + NUMBERS; number++)
        assert_int_equal(send_filled(sender, number, size_of(number), &options), SMEW_OK);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, number);
    assert_int_equal(log.count, number);
    for (size_t i = first; i < number; i++) { /* none of them went the common way */
        assert_int_equal(log.seen[i].size, size_of(i));
        assert_int_equal(log.seen[i].id.stream, log.seen[first - 1].id.stream);
        assert_int_equal(log.seen[i].id.sequence, log.seen[i - 1].id.sequence + 1);
    }
    assert_int_not_equal(log.seen[0].id.stream, log.seen[first].id.stream); /* it took over */
    assert_true(support_wait_until(has_one_lane, host, KIT_WAIT_MS));
    assert_int_equal(kit_stats(host).lane_lost, 0);
    kit_close(sender);
    kit_close(host);
}

/* A full pool is a full lane: refused now, and free again when messages are complete. */
static void a_pool_is_full(void **state)
{
    struct smew_send_options options = patient();
    struct smew_send_options now = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_small(0);
    static struct kit_log log;
    uint64_t number = 0;

    (void)state;
    now.timeout_ms = SMEW_NOW;
    kit_log_init(&log);
    kit_register(host, "m", note_whole, &log);
    warm_up(sender, host, &log, &number);
    for (int i = 0; i < POOLED_MOST; i++)
        assert_int_equal(send_filled(sender, number++, LARGE, &now), SMEW_OK);
    assert_int_equal(send_filled(sender, number, LARGE, &now), SMEW_FULL);
    assert_int_equal(send_filled(sender, number++, 8, &now), SMEW_OK);
    kit_poll_until(host, &log, number);
    for (int i = 0; i < 3 * POOLED_MOST; i++) {
        assert_int_equal(send_filled(sender, number++, LARGE, &options), SMEW_OK);
        kit_poll_until(host, &log, number);
    }
    kit_expect_run(&log, "m", 0, number);
    kit_close(sender);
    kit_close(host);
}

/* No memory is given for a pool: the common way is there. */
static void a_quota_without_pools(void **state)
{
    struct smew_send_options options = patient();
    struct smew_bus_options own = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *sender = open_small(0);
    static struct kit_log log;
    struct kit_poller poller;
    struct smew_bus *host;

    (void)state;
    kit_log_init(&log);
    own.lanes_max_bytes = 1024 * 1024;
    host = kit_open(&own);
    kit_register(host, "m", note_whole, &log);
    kit_poller_start(&poller, host);
    for (uint64_t number = 0; number < NUMBERS; number++)
        assert_int_equal(send_filled(sender, number, size_of(number), &options), SMEW_OK);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, NUMBERS);
    assert_true(kit_stats(host).lanes_refused > 0);
    assert_int_equal(kit_stats(host).lanes_in, 1);
    kit_close(sender);
    kit_close(host);
}

/* ---- written and read in place ------------------------------------------------------- */

static void a_large_loan(void **state)
{
    static const size_t sent_sizes[] = {LARGE, 1000, 0};
    struct smew_send_options options = patient();
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_small(0);
    static struct kit_log log;
    struct smew_loan *loan;
    uint64_t number = 0;
    void *payload;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", note_whole, &log);
    warm_up(sender, host, &log, &number);
    for (uint64_t i = 0; i < sizeof sent_sizes / sizeof *sent_sizes; i++) {
        assert_int_equal(smew_bus_loan(sender, "m", "N", LARGE, &options, &loan, &payload),
                         SMEW_OK);
        fill(payload, number, LARGE);
        assert_int_equal(smew_loan_send(loan, sent_sizes[i]), SMEW_OK);
        kit_poll_until(host, &log, ++number);
        assert_int_equal(log.seen[number - 1].size, sent_sizes[i]);
    }
    assert_int_equal(kit_stats(sender).pooled, 3); /* with the first; nothing is no payload */
    for (int i = 0; i < 3 * POOLED_MOST; i++) {    /* cancelled ones leave no place taken */
        assert_int_equal(smew_bus_loan(sender, "m", "N", LARGE, &options, &loan, &payload),
                         SMEW_OK);
        smew_loan_cancel(loan);
    }
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(host);
}

/* What is held stays as it was, whatever is sent meanwhile, also when its sender has gone. */
static void what_is_held_in_the_pool_stays(void **state)
{
    struct smew_send_options options = patient();
    struct smew_send_options now = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus_options own = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *sender = open_small(0);
    struct smew_message *held[POOLED_MOST + 1];
    struct smew_message **next = held;
    static struct kit_log log;
    struct smew_bus *host;
    uint64_t number = 0;
    uint64_t before;

    (void)state;
    kit_log_init(&log);
    now.timeout_ms = SMEW_NOW;
    own.in_place_bytes = LANE;
    host = kit_open(&own);
    kit_register(host, "m", note_whole, &log);
    warm_up(sender, host, &log, &number);
    before = kit_stats(host).in_place;
    assert_int_equal(smew_bus_unregister(host, "m"), SMEW_OK);
    kit_register(host, "m", kit_hold, &next);
    for (number = 0; number < 2; number++)
        assert_int_equal(send_filled(sender, number, LARGE, &options), SMEW_OK);
    while (next < held + 2)
        (void)!smew_bus_poll(host, 100, 0);
    assert_int_equal(kit_stats(host).in_place, before + 2);
    for (number = 7; send_filled(sender, number, LARGE, &now) == SMEW_OK; number++)
        assert_true(number < 7 + POOLED_MOST); /* fills what is free */
    smew_bus_close(sender, 0, NULL);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(kit_number(held[i]), i);
        assert_true(is_whole(held[i]));
        smew_message_complete(held[i], SMEW_OK);
    }
    assert_int_equal(smew_bus_unregister(host, "m"), SMEW_OK);
    smew_bus_close(host, KIT_WAIT_MS, NULL);
}

/* ---- death --------------------------------------------------------------------------- */

static uint64_t *sent; /* shared with the child */

/* Sends, and dies as soon as the last one was accepted, in the pool. */
static int send_and_die(void *argument)
{
    struct smew_send_options options = patient();
    struct smew_bus_options own = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;
    uint64_t number = 0;

    (void)argument;
    own.lane_bytes = LANE;
    if (smew_bus_open(kit_test_url(), &own, &bus, NULL) != SMEW_OK)
        return 1;
    while (kit_stats(bus).pooled == 0) {
        if (send_filled(bus, number++, LARGE, &options) != SMEW_OK ||
            smew_bus_flush(bus, KIT_WAIT_MS) != SMEW_OK)
            return 2;
    }
    for (int i = 1; i < POOLED_MOST; i++) {
        if (send_filled(bus, number++, LARGE, &options) != SMEW_OK)
            return 3;
    }
    *sent = number;
    (void)raise(SIGKILL);
    return 4;
}

static void a_dead_senders_are_delivered(void **state)
{
    static struct kit_log log;
    struct kit_poller poller;
    struct smew_bus *host;
    pid_t child;

    (void)state;
    *sent = 0;
    child = support_fork(send_and_die, NULL); /* while there is one thread */
    host = kit_open(NULL);
    kit_log_init(&log);
    kit_register(host, "m", note_whole, &log);
    kit_poller_start(&poller, host);
    assert_int_equal(support_reap(child, KIT_WAIT_MS), -SIGKILL);
    kit_wait_until(&log, *sent);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, *sent);
    kit_close(host);
}

/* Hosts "m", and handles nothing until it is killed. */
static int host_and_hold(void *argument)
{
    struct smew_message *held[2 * POOLED_MOST];
    struct smew_message **next = held;
    struct smew_bus *bus;

    (void)argument;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK ||
        smew_bus_register(bus, "m", kit_hold, &next, NULL, NULL) != SMEW_OK)
        return 1;
    while (next < held + POOLED_MOST - 1)
        (void)!smew_bus_poll(bus, 100, 0);
    (void)raise(SIGKILL);
    return 2;
}

/* Whoever hosts the machine next gets them, whole and flagged. */
static void a_dead_receivers_are_sent_again(void **state)
{
    struct smew_send_options options = patient();
    pid_t child = support_fork(host_and_hold, NULL);
    struct smew_bus *sender = open_small(KIT_WAIT_MS);
    static struct kit_log log;
    struct smew_bus *second;

    (void)state;
    kit_log_init(&log);
    for (uint64_t number = 0; number < POOLED_MOST - 1; number++)
        assert_int_equal(send_filled(sender, number, LARGE, &options), SMEW_OK);
    assert_int_equal(support_reap(child, KIT_WAIT_MS), -SIGKILL);
    second = kit_open(NULL);
    kit_register(second, "m", note_whole, &log);
    kit_poll_until(second, &log, POOLED_MOST - 1);
    kit_expect_run(&log, "m", 0, POOLED_MOST - 1);
    for (size_t i = 0; i < log.count; i++)
        assert_true(log.seen[i].redelivered);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(small_and_large_share_a_lane),    SUPPORT_TEST(a_pool_is_full),
        SUPPORT_TEST(a_quota_without_pools),           SUPPORT_TEST(a_large_loan),
        SUPPORT_TEST(what_is_held_in_the_pool_stays),  SUPPORT_TEST(a_dead_senders_are_delivered),
        SUPPORT_TEST(a_dead_receivers_are_sent_again),
    };

    sent = mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sent == MAP_FAILED)
        return 1;
    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
