/* SPDX-License-Identifier: MIT */
/*
 * What time it is for those who send a lot, bus/tick.h: the word is kept while somebody does, and
 * not for longer, and what messages say is never ahead of the clock, nor before what was said.
 */
#include "tests/bus/kit.h"

#include "base/clock.h"
#include "bus/node.h"

enum { BURST = 600, BURSTS_MOST = 100000, PLAIN = 3000 /* more than a window */ };

/* The times of what the host handled. */
struct times {
    uint64_t count;
    uint64_t last_ns;
    bool wrong; /* one was before the one before it, or in the future */
};

static void note(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct times *times = user;
    uint64_t sent_ns = smew_message_sent_ns(message);

    (void)bus;
    times->count++;
    times->wrong |= sent_ns < times->last_ns || sent_ns > smew__clock_wall_ns();
    times->last_ns = sent_ns;
}

static void send_burst(struct smew_bus *host, struct smew_bus *sender, const struct times *times,
                       unsigned count)
{
    const uint64_t before = times->count;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(smew_bus_send(sender, "m", "E", NULL, 0, &options), SMEW_OK);
    while (times->count != before + count)
        assert_int_equal(smew_bus_poll(host, KIT_WAIT_MS, 0), SMEW_OK);
}

static uint64_t word_of(struct smew_bus *bus)
{
    return atomic_load(&bus->tick.now_ms);
}

static bool is_off(void *argument)
{
    return word_of(argument) == 0;
}

static void a_busy_node_keeps_the_time(void **state)
{
    struct smew_bus_options wide = SMEW_BUS_OPTIONS_INIT;
    struct times times = {0};
    struct smew_bus *host, *sender;
    uint64_t first_ms = 0;

    (void)state;
    wide.lane_bytes = 1024 * 1024;
    host = kit_open(&wide);
    sender = kit_open(&wide);
    assert_int_equal(smew_bus_register(host, "m", note, &times, NULL, NULL), SMEW_OK);
    send_burst(host, sender, &times, 1);
    assert_true(is_off(sender));
    /* It goes on, and moves on, for as long as somebody sends a lot. */
    for (unsigned i = 0; i < BURSTS_MOST && (first_ms == 0 || word_of(sender) <= first_ms); i++) {
        send_burst(host, sender, &times, BURST);
        first_ms = first_ms ? first_ms : word_of(sender);
    }
    assert_true(first_ms != 0);
    assert_true(word_of(sender) > first_ms);
    assert_true(is_off(host));
    assert_true(support_wait_until(is_off, sender, KIT_WAIT_MS));
    /* And then each message asks the clock again. */
    first_ms = smew__clock_wall_coarse_ms();
    send_burst(host, sender, &times, 1);
    assert_true(times.last_ns >= first_ms * SMEW_NS_PER_MS);
    assert_false(times.wrong);
    kit_close(sender);
    kit_close(host);
}

/*
 * Who switches the word on may be held up between looking at the clock and saying it: then others,
 * who asked the clock themselves meanwhile, have said a later time.
 */
static void a_word_that_comes_late_is_not_said(void **state)
{
    struct times times = {0};
    struct smew_bus *host = kit_open(NULL), *sender = kit_open(NULL);

    (void)state;
    assert_int_equal(smew_bus_register(host, "m", note, &times, NULL, NULL), SMEW_OK);
    /* Until its names are known, and the messages plain. */
    while (kit_stats(sender).lanes_sent < PLAIN)
        send_burst(host, sender, &times, 1);
    /* A lane that is full is not for plain ones either. */
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    assert_true(support_wait_until(is_off, sender, KIT_WAIT_MS));
    send_burst(host, sender, &times, 1);
    atomic_store(&sender->tick.now_ms, times.last_ns / SMEW_NS_PER_MS - 1);
    send_burst(host, sender, &times, 1);
    assert_false(times.wrong);
    kit_close(sender);
    kit_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_busy_node_keeps_the_time),
        SUPPORT_TEST(a_word_that_comes_late_is_not_said),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
