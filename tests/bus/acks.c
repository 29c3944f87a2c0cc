/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements that are told late, over `pipe`: each of the reasons to tell them, with a delay
 * that no test waits for.
 */
#include "tests/bus/kit.h"

#include <stdlib.h>

enum { AN_HOUR_MS = 3600 * 1000, A_MOMENT_MS = 50, LARGE = 4096 };

struct pair {
    struct smew_bus *host;
    struct smew_bus *sender;
};

static struct kit_log notes;

/* "m" on a host that tells so many together, and a sender with a window. */
static struct pair open_pair(uint32_t batch, uint32_t delay_ms, uint32_t window)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct pair pair;

    options.ack_batch = batch;
    options.ack_delay_ms = delay_ms;
    options.window = window;
    pair = (struct pair){.host = kit_open(&options), .sender = kit_open(&options)};
    kit_log_init(&notes);
    kit_register(pair.host, "m", kit_note, &notes);
    return pair;
}

static void close_pair(const struct pair *pair)
{
    kit_close(pair->host); /* it tells what it did not tell yet */
    kit_close(pair->sender);
}

/* Sends and handles so many, and nobody waits for them. */
static void handle(const struct pair *pair, uint64_t count)
{
    size_t before = kit_log_count(&notes);

    for (uint64_t i = 0; i < count; i++)
        kit_send(pair->sender, "m", before + i);
    kit_poll_until(pair->host, &notes, before + count);
}

static void expect_told(const struct pair *pair, uint64_t count)
{
    assert_int_equal(smew_bus_flush(pair->sender, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_stats(pair->sender).processed, count);
}

static void a_batch_is_told(void **state)
{
    struct pair pair = open_pair(3, AN_HOUR_MS, 0);

    (void)state;
    handle(&pair, 2);
    assert_int_equal(smew_bus_flush(pair.sender, A_MOMENT_MS), SMEW_TIMEOUT);
    assert_int_equal(kit_stats(pair.sender).processed, 0);
    handle(&pair, 1);
    expect_told(&pair, 3);
    close_pair(&pair);
}

static void a_close_tells(void **state)
{
    struct pair pair = open_pair(3, AN_HOUR_MS, 0);

    (void)state;
    handle(&pair, 2);
    kit_close(pair.host);
    expect_told(&pair, 2);
    kit_close(pair.sender);
}

static void a_delay_ends(void **state)
{
    struct pair pair = open_pair(1000, 1, 0);

    (void)state;
    for (uint64_t i = 1; i <= 10; i++) {
        handle(&pair, 1);
        expect_told(&pair, i);
    }
    close_pair(&pair);
}

static void without_a_delay_each_is_told(void **state)
{
    struct pair pair = open_pair(1000, 0, 0);

    (void)state;
    handle(&pair, 2);
    expect_told(&pair, 2);
    close_pair(&pair);
}

static void half_a_window_is_told(void **state)
{
    struct pair pair = open_pair(1000, AN_HOUR_MS, 8);
    struct kit_poller poller;

    (void)state;
    kit_poller_start(&poller, pair.host);
    for (uint64_t i = 0; i < 200; i++)
        kit_send(pair.sender, "m", i);
    kit_wait_until(&notes, 200);
    kit_poller_stop(&poller);
    kit_expect_run(&notes, "m", 0, 200);
    close_pair(&pair);
}

static void who_waits_is_told(void **state)
{
    struct pair pair = open_pair(1000, AN_HOUR_MS, 0);
    struct smew_send_options received = kit_level(SMEW_LEVEL_RECEIVED);
    struct smew_send_options processed = kit_level(SMEW_LEVEL_PROCESSED);
    struct kit_poller poller;

    (void)state;
    kit_poller_start(&poller, pair.host);
    for (uint64_t i = 0; i < 100; i += 2) {
        assert_int_equal(kit_send_number(pair.sender, "m", i, &received), SMEW_OK);
        assert_int_equal(kit_send_number(pair.sender, "m", i + 1, &processed), SMEW_OK);
    }
    assert_int_equal(kit_stats(pair.sender).processed, 100);
    kit_poller_stop(&poller);
    close_pair(&pair);
}

static void a_large_one_is_told(void **state)
{
    static const uint8_t payload[LARGE];
    struct pair pair = open_pair(1000, AN_HOUR_MS, 0);

    (void)state;
    handle(&pair, 1);
    assert_int_equal(smew_bus_send(pair.sender, "m", "E", payload, LARGE, NULL), SMEW_OK);
    kit_poll_until(pair.host, &notes, 2);
    expect_told(&pair, 2);
    close_pair(&pair);
}

static void reject(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    kit_log_add(user, message, SMEW_OK);
    smew_message_reject(message);
}

static void a_failure_is_told(void **state)
{
    struct pair pair = open_pair(1000, AN_HOUR_MS, 0);

    (void)state;
    kit_register(pair.host, "bad", reject, &notes);
    handle(&pair, 1);
    kit_send(pair.sender, "bad", 1);
    kit_poll_until(pair.host, &notes, 2);
    expect_told(&pair, 1);
    assert_int_equal(kit_stats(pair.sender).dead_letters, 1);
    close_pair(&pair);
}

/* A host that does not poll for a while: who may wait fills the window all the same, in order. */
static void large_ones_fill_the_window(void **state)
{
    enum { SIZE = 1024 * 1024, COUNT = 16 };
    struct pair pair = open_pair(1, 0, 0);
    struct smew_send_options now = SMEW_SEND_OPTIONS_INIT;
    uint64_t *payload = calloc(1, SIZE);

    (void)state;
    now.timeout_ms = SMEW_NOW;
    assert_non_null(payload);
    for (*payload = 0; *payload < COUNT; ++*payload)
        assert_int_equal(smew_bus_send(pair.sender, "m", "N", payload, SIZE, NULL), SMEW_OK);
    assert_int_equal(smew_bus_send(pair.sender, "m", "N", payload, SIZE, &now), SMEW_FULL);
    kit_poll_until(pair.host, &notes, COUNT);
    kit_expect_run(&notes, "m", 0, COUNT);
    expect_told(&pair, COUNT);
    free(payload);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_batch_is_told),
        SUPPORT_TEST(a_close_tells),
        SUPPORT_TEST(a_delay_ends),
        SUPPORT_TEST(without_a_delay_each_is_told),
        SUPPORT_TEST(half_a_window_is_told),
        SUPPORT_TEST(who_waits_is_told),
        SUPPORT_TEST(a_large_one_is_told),
        SUPPORT_TEST(a_failure_is_told),
        SUPPORT_TEST(large_ones_fill_the_window),
    };

    kit_use("pipe");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
