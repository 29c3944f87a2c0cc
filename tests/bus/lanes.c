/* SPDX-License-Identifier: MIT */
/*
 * Threads that send straight into the receiver's memory: that they do, that order holds where lanes
 * and the common way meet, and what a program may ask of them (loans, reading in place, larger
 * lanes, overflow, quotas).
 */
#include "tests/bus/kit.h"

#include <stdio.h>
#include <string.h>

enum { NUMBERS = 5000, THREADS = 4 };

static struct smew_bus *open_lanes(uint32_t lane_bytes, uint32_t window)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.lane_bytes = lane_bytes;
    options.window = window;
    options.heartbeat_ms = 20;
    return kit_open(&options);
}

static struct smew_send_options now(void)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = SMEW_NOW;
    return options;
}

/* A number, and behind it as many bytes as there should be. */
static enum smew_status send_sized(struct smew_bus *bus, const char *target, uint64_t number,
                                   size_t size, const struct smew_send_options *options)
{
    static _Thread_local char payload[1024 * 1024];

    memcpy(payload, &number, sizeof(number));
    return smew_bus_send(bus, target, "N", payload, size, options);
}

/* ---- that it is done ----------------------------------------------------------------- */

static void a_thread_has_a_lane(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log log;
    struct kit_poller poller;
    uint64_t warm;

    (void)state;
    kit_log_init(&log);
    kit_warm_up(sender, host);
    warm = kit_stats(sender).sent;
    kit_register(host, "m", kit_note, &log);
    kit_poller_start(&poller, host);
    for (uint64_t number = 0; number < NUMBERS; number++)
        kit_send(sender, "m", number);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, NUMBERS);
    assert_int_equal(kit_stats(sender).lanes_out, 1);
    assert_int_equal(kit_stats(host).lanes_in, 1);
    assert_int_equal(kit_stats(sender).sent, warm + NUMBERS);
    assert_int_equal(kit_stats(sender).processed, warm + NUMBERS);
    assert_int_equal(kit_stats(sender).in_flight, 0);
    assert_int_equal(kit_stats(host).lane_lost, 0);
    for (size_t i = 1; i < NUMBERS; i++) { /* none of them went the common way */
        assert_int_equal(log.seen[i].id.stream, log.seen[0].id.stream);
        assert_int_equal(log.seen[i].id.sequence, log.seen[0].id.sequence + i);
        assert_string_equal(log.seen[i].source, smew_bus_address(sender));
    }
    kit_close(sender);
    kit_close(host);
}

struct writer {
    pthread_t thread;
    struct smew_bus *bus;
    char target[8];
};

static void *write_numbers(void *argument)
{
    struct writer *writer = argument;

    for (uint64_t number = 0; number < NUMBERS / THREADS; number++) {
        if (kit_send_number(writer->bus, writer->target, number, NULL) != SMEW_OK)
            return writer;
    }
    return NULL;
}

static bool has_no_lane(void *argument)
{
    return kit_stats(argument).lanes_in == 0;
}

static void each_thread_has_its_own(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct writer writers[THREADS];
    static struct kit_log log;
    struct kit_poller poller;
    void *failed;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m*", kit_note, &log);
    kit_poller_start(&poller, host);
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.bus = sender, .target = {'m', (char)('0' + i)}};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_numbers, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    for (int i = 0; i < THREADS; i++)
        kit_expect_run(&log, writers[i].target, 0, NUMBERS / THREADS);
    /* The threads have ended, and their lanes end with them. */
    assert_true(support_wait_until(has_no_lane, host, KIT_WAIT_MS));
    assert_int_equal(kit_stats(sender).lanes_out, 0);
    assert_int_equal(kit_stats(sender).sent, NUMBERS);
    assert_int_equal(kit_stats(sender).processed, NUMBERS);
    kit_close(sender);
    kit_close(host);
}

enum { TARGETS = 70000, TARGET_ROUNDS = 2 }; /* more than a thread remembers */

struct arrivals {
    uint64_t count;
    uint64_t wrong; /* not the next record of the one lane */
    struct smew_message_id last;
};

static void note_arrival(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct arrivals *arrivals = user;
    struct smew_message_id id = smew_message_id(message);

    (void)bus;
    arrivals->wrong += arrivals->count++ > 0 && (id.stream != arrivals->last.stream ||
                                                 id.sequence != arrivals->last.sequence + 1);
    arrivals->last = id;
}

static void targets_without_end(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct arrivals arrivals = {0};
    struct kit_poller poller;
    char target[16];

    (void)state;
    kit_warm_up(sender, host);
    kit_register(host, "m*", note_arrival, &arrivals);
    kit_poller_start(&poller, host);
    for (unsigned i = 0; i < TARGETS * TARGET_ROUNDS; i++) {
        (void)snprintf(target, sizeof(target), "m%u", i % TARGETS);
        kit_send(sender, target, i);
    }
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    assert_int_equal(arrivals.count, TARGETS * TARGET_ROUNDS);
    assert_int_equal(arrivals.wrong, 0);
    kit_close(sender);
    kit_close(host);
}

/* ---- order, where lanes and the common way meet --------------------------------------- */

/* What does not fit into half a lane, what asks for a level, and what does neither, in turns. */
static void ways_keep_their_order(void **state)
{
    struct smew_send_options received = kit_level(SMEW_LEVEL_RECEIVED);
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_lanes(4096, 64);
    static struct kit_log log;
    struct kit_poller poller;

    (void)state;
    received.timeout_ms = KIT_WAIT_MS;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    kit_poller_start(&poller, host);
    for (uint64_t number = 0; number < 600; number++) {
        size_t size = number % 7 == 3 ? 5000 : 8 + number % 50;

        assert_int_equal(send_sized(sender, "m", number, size, number % 11 == 5 ? &received : NULL),
                         SMEW_OK);
    }
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, 600);
    kit_close(sender);
    kit_close(host);
}

/* A handler that sends goes through the outbox; the same thread sends directly before and after. */
static void send_two(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t *number = user;

    (void)message;
    for (int i = 0; i < 2; i++)
        assert_int_equal(kit_send_number(bus, "m", (*number)++, NULL), SMEW_OK);
}

static void handlers_keep_their_order(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    uint64_t number = 0;
    static struct kit_log log;
    struct kit_poller poller;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    kit_register(sender, "own", send_two, &number);
    kit_poller_start(&poller, host);
    for (int round = 0; round < 200; round++) {
        kit_send(sender, "m", number++);
        kit_send(sender, "own", 0);
        kit_poll_all(sender);
        kit_send(sender, "m", number++);
    }
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, number);
    kit_close(sender);
    kit_close(host);
}

/* The machine goes to another node while its messages lie in a lane. */
static void a_machine_moves(void **state)
{
    struct smew_bus *first = kit_open(NULL);
    struct smew_bus *second = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log log;
    uint64_t number = 0;

    (void)state;
    kit_log_init(&log);
    for (int round = 0; round < 20; round++) {
        struct smew_bus *host = round % 2 ? second : first;

        kit_register(host, "m", kit_note, &log);
        for (int i = 0; i < 40; i++)
            kit_send(sender, "m", number++);
        kit_poll_until(host, &log, number - 20); /* some of them; the rest is refused */
        assert_int_equal(smew_bus_unregister(host, "m"), SMEW_OK);
    }
    kit_register(first, "m", kit_note, &log);
    kit_poll_until(first, &log, number);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_expect_run(&log, "m", 0, number);
    assert_int_equal(log.count, number);
    assert_int_equal(kit_stats(sender).dead_letters, 0);
    assert_int_equal(kit_stats(sender).processed, number);
    kit_close(sender);
    kit_close(second);
    kit_close(first);
}

static void requests_go_straight(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct kit_poller poller;

    (void)state;
    kit_register(host, "m", kit_echo, NULL);
    kit_poller_start(&poller, host);
    for (uint64_t number = 0; number < 300; number++) {
        struct smew_message *reply = NULL;

        assert_int_equal(
            smew_bus_request(sender, "m", "ASK", &number, sizeof(number), NULL, &reply), SMEW_OK);
        assert_int_equal(kit_number(reply), number);
        smew_message_free(reply);
    }
    kit_poller_stop(&poller);
    assert_int_equal(kit_stats(host).lanes_in, 1);
    kit_close(sender);
    kit_close(host);
}

enum { NARROW = 4 };

static void *fill_a_lane(void *argument)
{
    for (uint64_t number = 0; number < NARROW; number++) {
        if (kit_send_number(argument, "m", number, NULL) != SMEW_OK)
            return argument;
    }
    return NULL;
}

/* Lanes that are full take nothing from what goes the common way. */
static void the_common_way_has_a_window_of_its_own(void **state)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_lanes(4096, NARROW);
    static struct kit_log log;
    pthread_t thread;
    void *failed;

    (void)state;
    options.source = "somebody"; /* which goes the common way */
    kit_log_init(&log);
    kit_warm_up(sender, host);
    kit_register(host, "m", kit_note, &log);
    kit_register(host, "other", kit_note, &log);
    assert_null(fill_a_lane(sender));
    assert_int_equal(pthread_create(&thread, NULL, fill_a_lane, sender), 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    kit_wait_delivered(host, kit_stats(sender).sent);
    assert_int_equal(kit_send_number(sender, "other", 0, &options), SMEW_OK);
    kit_poll_until(host, &log, 2 * NARROW + 1);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(host);
}

/* ---- a full lane --------------------------------------------------------------------- */

static void a_full_lane_grows(void **state)
{
    struct smew_send_options options = now();
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_lanes(4096, 1024);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    kit_warm_up(sender, host);
    options.on_full = SMEW_ON_FULL_GROW;
    options.timeout_ms = KIT_WAIT_MS;
    for (uint64_t number = 0; number < 300; number++)
        assert_int_equal(send_sized(sender, "m", number, 1000, &options), SMEW_OK);
    assert_true(kit_stats(sender).lanes_grown >= 6); /* 300 times 1 KiB; nobody polled */
    kit_poll_until(host, &log, 300);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_expect_run(&log, "m", 0, 300);
    kit_close(sender);
    kit_close(host);
}

/* Sends until nothing more is kept; then lets the receiver work.  What is left of `count`. */
static void overflow(enum smew_on_full on_full, struct kit_log *log, struct kit_log *letters,
                     struct smew_bus_stats *stats, uint64_t count)
{
    struct smew_bus_options own = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender;

    kit_log_init(log);
    kit_log_init(letters);
    own.lane_bytes = 4096;
    own.window = 16;
    own.on_full = on_full;
    own.overflow = 10;
    own.on_dead_letter = kit_note_letter;
    own.user = letters;
    sender = kit_open(&own);
    kit_warm_up(sender, host);
    kit_register(host, "m", kit_note, log);
    for (uint64_t number = 0; number < count; number++) {
        enum smew_status status = kit_send_number(sender, "m", number, NULL);

        assert_true(status == SMEW_OK || status == SMEW_QUEUED ||
                    (status == SMEW_FULL && on_full == SMEW_ON_FULL_KEEP_OLDEST));
    }
    *stats = kit_stats(sender);
    assert_int_equal(stats->overflow, 10);
    assert_true(stats->overflow_queued >= 10);
    kit_poll_until(host, log, 16 + 10);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_stats(sender).overflow, 0);
    kit_poll_all(sender);
    kit_close(sender);
    kit_close(host);
}

static void the_newest_may_be_kept(void **state)
{
    static struct kit_log log, letters;
    struct smew_bus_stats stats;

    (void)state;
    overflow(SMEW_ON_FULL_KEEP_NEWEST, &log, &letters, &stats, 60);
    assert_int_equal(log.seen[log.count - 1].number, 59);
    assert_int_equal(log.count + letters.count, 60); /* nothing was dropped in silence */
    assert_int_equal(letters.count, stats.overflow_dropped);
    for (size_t i = 0; i < letters.count; i++)
        assert_int_equal(letters.seen[i].status, SMEW_FULL);
}

static void the_oldest_may_be_kept(void **state)
{
    static struct kit_log log, letters;
    struct smew_bus_stats stats;

    (void)state;
    overflow(SMEW_ON_FULL_KEEP_OLDEST, &log, &letters, &stats, 60);
    kit_expect_run(&log, "m", 0, log.count);
    assert_int_equal(log.count, 60 - stats.overflow_dropped);
    assert_int_equal(letters.count, 0); /* the others were refused at once */
}

/* ---- quotas -------------------------------------------------------------------------- */

static void a_quota_is_kept(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *sender = kit_open(NULL);
    struct smew_bus *host;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    options.lanes_max_bytes = 1;
    host = kit_open(&options);
    kit_register(host, "m", kit_note, &log);
    for (uint64_t number = 0; number < 100; number++)
        kit_send(sender, "m", number);
    kit_poll_until(host, &log, 100);
    kit_expect_run(&log, "m", 0, 100);
    assert_int_equal(kit_stats(host).lanes_in, 0);
    assert_true(kit_stats(host).lanes_refused > 0);
    assert_true(kit_stats(sender).lanes_denied > 0);
    kit_close(sender);
    kit_close(host);
}

/* ---- loans, and reading in place ----------------------------------------------------- */

static void a_payload_is_read_in_place(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *sender = kit_open(NULL);
    struct smew_bus *host;
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    options.in_place_bytes = 512;
    host = kit_open(&options);
    kit_warm_up(sender, host);
    kit_register(host, "m", kit_note, &log);
    kit_poller_start(&poller, host);
    for (uint64_t number = 0; number < 400; number++)
        assert_int_equal(send_sized(sender, "m", number, number % 2 ? 2000 : 100, NULL), SMEW_OK);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, 400);
    assert_int_equal(kit_stats(host).in_place, 200);
    kit_close(sender);
    kit_close(host);
}

/* What is held stays as it was, whatever is sent meanwhile, also when its sender has gone. */
static void what_is_held_in_place_stays(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *sender = open_lanes(16384, 1024);
    struct smew_bus *host;
    struct smew_message *held[8];
    struct smew_message **next = held;
    struct smew_send_options at_once = now();
    uint64_t before;

    (void)state;
    options.in_place_bytes = 1;
    host = kit_open(&options);
    kit_warm_up(sender, host);
    before = kit_stats(host).in_place;
    kit_register(host, "m", kit_hold, &next);
    for (uint64_t number = 0; number < 5; number++)
        assert_int_equal(send_sized(sender, "m", number, 2000, NULL), SMEW_OK);
    while (next < held + 5)
        (void)!smew_bus_poll(host, 100, 0);
    assert_int_equal(kit_stats(host).held, 5);
    assert_int_equal(kit_stats(host).in_place, before + 5);
    while (send_sized(sender, "m", 99, 7000, &at_once) == SMEW_OK) /* fills what is free */
        assert_true(kit_stats(sender).in_flight < 100);
    smew_bus_close(sender, 0, NULL);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(kit_number(held[i]), i);
        smew_message_complete(held[i], SMEW_OK);
    }
    assert_int_equal(kit_stats(host).held, 0);
    assert_int_equal(smew_bus_unregister(host, "m"), SMEW_OK);
    smew_bus_close(host, KIT_WAIT_MS, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_thread_has_a_lane),
        SUPPORT_TEST(each_thread_has_its_own),
        SUPPORT_TEST(targets_without_end),
        SUPPORT_TEST(ways_keep_their_order),
        SUPPORT_TEST(handlers_keep_their_order),
        SUPPORT_TEST(a_machine_moves),
        SUPPORT_TEST(requests_go_straight),
        SUPPORT_TEST(the_common_way_has_a_window_of_its_own),
        SUPPORT_TEST(a_full_lane_grows),
        SUPPORT_TEST(the_newest_may_be_kept),
        SUPPORT_TEST(the_oldest_may_be_kept),
        SUPPORT_TEST(a_quota_is_kept),
        SUPPORT_TEST(a_payload_is_read_in_place),
        SUPPORT_TEST(what_is_held_in_place_stays),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
