/* SPDX-License-Identifier: MIT */
/*
 * The contract: prepared sends.  Each is what smew_bus_send() would have done, in one order with
 * it, whoever else sends, wherever the target goes, and whichever thread it is.
 */
#include "tests/bus/contract.h"

#include <stdlib.h>
#include <string.h>

static struct smew_prepared *prepare(struct smew_bus *bus, const char *target, const char *event,
                                     const struct smew_send_options *options)
{
    struct smew_prepared *prepared = NULL;

    assert_int_equal(smew_bus_prepare(bus, target, event, options, &prepared), SMEW_OK);
    assert_non_null(prepared);
    return prepared;
}

static void send_number(struct smew_prepared *prepared, uint64_t number)
{
    assert_int_equal(smew_prepared_send(prepared, &number, sizeof(number)), SMEW_OK);
}

static void what_is_prepared_is_sent(void **state)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    char target[] = "m", event[] = "N", source[] = "somebody";
    struct smew_prepared *prepared;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    options.source = source;
    prepared = prepare(sender, target, event, &options);
    memset(target, 'x', sizeof(target)); /* it has its own */
    memset(event, 'x', sizeof(event));
    memset(source, 'x', sizeof(source));
    for (uint64_t number = 0; number < 200; number++)
        send_number(prepared, number);
    kit_poll_until(host, &log, 200);
    kit_expect_run(&log, "m", 0, 200);
    for (size_t i = 0; i < 200; i++) {
        assert_string_equal(log.seen[i].event, "N");
        assert_string_equal(log.seen[i].source, "somebody");
        assert_int_equal(log.seen[i].size, sizeof(uint64_t));
    }
    smew_prepared_free(prepared);
    kit_close(sender);
    kit_close(host);
}

/* Others take the thread's last target and event in between, and one event is of both. */
static void all_ways_keep_one_order(void **state)
{
    enum { ROUNDS = 100, EACH = 5 };
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_prepared *first = prepare(sender, "m", "N", NULL);
    struct smew_prepared *second = prepare(sender, "m", "O", NULL);
    struct smew_prepared *other = prepare(sender, "n", "N", NULL);
    static struct kit_log log, others;
    uint64_t number = 0;

    (void)state;
    kit_log_init(&log);
    kit_log_init(&others);
    kit_register(host, "m", kit_note, &log);
    kit_register(host, "n", kit_note, &others);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        send_number(first, number++);
        send_number(second, number++);
        kit_send(sender, "m", number++);
        send_number(other, round);
        send_number(second, number++);
        send_number(first, number++);
        kit_poll_until(host, &log, number);
    }
    kit_poll_until(host, &others, ROUNDS);
    kit_expect_run(&log, "m", 0, number);
    kit_expect_run(&others, "n", 0, ROUNDS);
    for (size_t i = 0; i < number; i++) {
        if (i % EACH == 1 || i % EACH == 3)
            assert_string_equal(log.seen[i].event, "O");
    }
    smew_prepared_free(first);
    smew_prepared_free(second);
    smew_prepared_free(other);
    kit_close(sender);
    kit_close(host);
}

static void it_follows_its_target(void **state)
{
    struct smew_bus *sender = kit_open(NULL);
    struct smew_prepared *prepared = prepare(sender, "m", "N", NULL);
    static struct kit_log log;
    uint64_t number = 0;

    (void)state;
    kit_log_init(&log);
    assert_int_equal(smew_prepared_send(prepared, &number, sizeof(number)), SMEW_NO_MACHINE);
    for (unsigned life = 0; life < 3; life++) {
        struct smew_bus *host = kit_open(NULL);

        kit_register(host, "m", kit_note, &log);
        for (unsigned i = 0; i < 100; i++)
            send_number(prepared, number++);
        kit_poll_until(host, &log, number);
        kit_close(host);
    }
    kit_expect_run(&log, "m", 0, number);
    assert_int_equal(smew_prepared_send(prepared, &number, sizeof(number)), SMEW_NO_MACHINE);
    smew_prepared_free(prepared);
    kit_close(sender);
}

/* A lane that is full is followed by a larger one, which knows no names yet. */
static void it_outgrows_its_lane(void **state)
{
    enum { BYTES = 4096, COUNT = 400 };
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus_options small = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender;
    struct smew_prepared *prepared;
    struct kit_poller poller;
    static struct kit_log log;
    uint8_t payload[BYTES] = {0};

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    small.lane_bytes = 64 * 1024;
    sender = kit_open(&small);
    options.on_full = SMEW_ON_FULL_GROW;
    prepared = prepare(sender, "m", "N", &options);
    kit_poller_start(&poller, host);
    for (uint64_t number = 0; number < COUNT; number++) {
        memcpy(payload, &number, sizeof(number));
        assert_int_equal(smew_prepared_send(prepared, payload, sizeof(payload)), SMEW_OK);
    }
    kit_wait_until(&log, COUNT);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, COUNT);
    smew_prepared_free(prepared);
    kit_close(sender);
    kit_close(host);
}

/* ---- threads ------------------------------------------------------------------------- */

struct turn {
    struct smew_prepared *prepared;
    uint64_t first;
    bool sent;
};

enum { TURN = 50 };

static void *send_turn(void *argument)
{
    struct turn *turn = argument;

    turn->sent = true;
    for (uint64_t number = turn->first; number < turn->first + TURN; number++)
        turn->sent =
            smew_prepared_send(turn->prepared, &number, sizeof(number)) == SMEW_OK && turn->sent;
    return NULL;
}

/* What one thread found out is nothing for the next, which may have its place in memory. */
static void threads_use_it_in_turns(void **state)
{
    enum { TURNS = 30 };
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct turn turn = {.prepared = prepare(sender, "m", "N", NULL)};
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    for (unsigned i = 0; i < TURNS; i++, turn.first += TURN) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, send_turn, &turn), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(turn.sent);
        kit_poll_until(host, &log, turn.first + TURN);
    }
    kit_expect_run(&log, "m", 0, (size_t)TURNS * TURN);
    smew_prepared_free(turn.prepared);
    kit_close(sender);
    kit_close(host);
}

/* ---- in handlers --------------------------------------------------------------------- */

static void send_on(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number = kit_number(message);

    (void)bus;
    send_number(user, number * 2);
    send_number(user, number * 2 + 1);
}

static void a_handler_sends_it(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_bus *third = kit_open(NULL);
    struct smew_prepared *prepared = prepare(host, "n", "N", NULL);
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", send_on, prepared);
    kit_register(third, "n", kit_note, &log);
    kit_poller_start(&poller, host);
    for (uint64_t number = 0; number < 100; number++)
        kit_send(sender, "m", number);
    kit_poll_until(third, &log, 200);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "n", 0, 200);
    smew_prepared_free(prepared);
    kit_close(third);
    kit_close(sender);
    kit_close(host);
}

/* ---- refusals ------------------------------------------------------------------------ */

static void what_cannot_be_sent_is_not_prepared(void **state)
{
    static const struct smew_header header = {"a", "b"};
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus = kit_open(NULL);
    struct smew_prepared *prepared = NULL;
    size_t most = 17 * 1024 * 1024;
    uint8_t *bytes = calloc(1, most);

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(smew_bus_prepare(bus, NULL, "N", NULL, &prepared), SMEW_INVALID);
    assert_int_equal(smew_bus_prepare(bus, "m*", "N", NULL, &prepared), SMEW_INVALID);
    assert_int_equal(smew_bus_prepare(bus, "m", "", NULL, &prepared), SMEW_INVALID);
    assert_int_equal(smew_bus_prepare(bus, "m", "N", NULL, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_prepare(NULL, "m", "N", NULL, &prepared), SMEW_FORKED);
    options.headers = &header;
    options.header_count = 1;
    assert_int_equal(smew_bus_prepare(bus, "m", "N", &options, &prepared), SMEW_INVALID);
    options = (struct smew_send_options)SMEW_SEND_OPTIONS_INIT;
    options.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_int_equal(smew_bus_prepare(bus, "m", "N", &options, &prepared), SMEW_INVALID);
    options = (struct smew_send_options)SMEW_SEND_OPTIONS_INIT;
    options.source = "";
    assert_int_equal(smew_bus_prepare(bus, "m", "N", &options, &prepared), SMEW_INVALID);
    assert_null(prepared);

    kit_register(bus, "m", kit_ignore, NULL);
    prepared = prepare(bus, "m", "N", NULL);
    assert_int_equal(smew_prepared_send(NULL, NULL, 0), SMEW_INVALID);
    assert_int_equal(smew_prepared_send(prepared, NULL, 1), SMEW_INVALID);
    assert_int_equal(smew_prepared_send(prepared, bytes, most), SMEW_TOO_BIG);
    assert_int_equal(smew_prepared_send(prepared, NULL, 0), SMEW_OK);
    kit_poll_all(bus);
    free(bytes);
    kit_close(bus);
    smew_prepared_free(prepared); /* needs no bus */
    smew_prepared_free(NULL);
}

BUS_CONTRACT_PART(bus_contract_prepared, SUPPORT_TEST(what_is_prepared_is_sent),
                  SUPPORT_TEST(all_ways_keep_one_order), SUPPORT_TEST(it_follows_its_target),
                  SUPPORT_TEST(it_outgrows_its_lane), SUPPORT_TEST(threads_use_it_in_turns),
                  SUPPORT_TEST(a_handler_sends_it),
                  SUPPORT_TEST(what_cannot_be_sent_is_not_prepared));
