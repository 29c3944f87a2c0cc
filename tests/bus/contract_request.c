/* SPDX-License-Identifier: MIT */
/*
 * The contract, sixth part: requests.  Each accepted one ends exactly once: with its reply, or with
 * a status that says why there is none.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <string.h>

static struct smew_send_options within(uint32_t timeout_ms)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = timeout_ms;
    return options;
}

static void a_request_is_answered(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(KIT_WAIT_MS);
    struct kit_poller poller;

    (void)state;
    options.content = SMEW_CONTENT_MSGPACK;
    kit_register(host, "m", kit_echo, NULL);
    kit_poller_start(&poller, host);
    for (int i = 0; i < 100; i++) {
        struct smew_message *reply = NULL;
        struct smew_bus *from = i % 2 == 0 ? host : asker;

        assert_int_equal(smew_bus_request(from, "m", "GET", &i, sizeof(i), &options, &reply),
                         SMEW_OK);
        assert_non_null(reply);
        assert_int_equal(smew_message_kind(reply), SMEW_KIND_REPLY);
        assert_string_equal(smew_message_source(reply), "m");
        assert_string_equal(smew_message_event(reply), "GET");
        assert_int_equal(smew_message_content(reply), SMEW_CONTENT_MSGPACK);
        assert_int_equal(smew_message_payload_size(reply), sizeof(i));
        assert_memory_equal(smew_message_payload(reply), &i, sizeof(i));
        smew_message_free(reply);
    }
    kit_poller_stop(&poller);
    assert_int_equal(kit_stats(asker).late_replies, 0);
    kit_close(asker);
    kit_close(host);
    smew_message_free(NULL);
}

static void a_late_reply_is_counted(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(20);
    struct smew_message *reply = NULL;
    struct kit_poller poller;

    (void)state;
    kit_register(host, "m", kit_echo, NULL);
    assert_int_equal(smew_bus_request(asker, "m", "GET", NULL, 0, &options, &reply), SMEW_TIMEOUT);
    options.timeout_ms = SMEW_NOW;
    assert_int_equal(smew_bus_request(asker, "m", "GET", NULL, 0, &options, &reply), SMEW_TIMEOUT);
    assert_null(reply);
    kit_poller_start(&poller, host);
    options.timeout_ms = KIT_WAIT_MS; /* the replies come in order, the late ones first */
    assert_int_equal(smew_bus_request(asker, "m", "GET", NULL, 0, &options, &reply), SMEW_OK);
    smew_message_free(reply);
    assert_int_equal(kit_stats(asker).late_replies, 2);
    kit_poller_stop(&poller);
    kit_close(asker);
    kit_close(host);
}

/* ---- misuse -------------------------------------------------------------------------- */

struct answers {
    enum smew_status first;
    enum smew_status second;
    enum smew_status to_event;
    enum smew_status big;
    enum smew_status null;
};

static void answer_twice(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct answers *answers = user;
    char byte = 0;

    if (smew_message_kind(message) != SMEW_KIND_REQUEST) {
        answers->to_event = smew_bus_reply(bus, message, NULL, 0, SMEW_CONTENT_RAW);
        return;
    }
    answers->null = smew_bus_reply(bus, message, NULL, 1, SMEW_CONTENT_RAW);
    answers->big = smew_bus_reply(bus, message, &byte, 64 * 1024 * 1024, SMEW_CONTENT_RAW);
    answers->first = smew_bus_reply(bus, message, "1", 1, SMEW_CONTENT_RAW);
    answers->second = smew_bus_reply(bus, message, "2", 1, SMEW_CONTENT_RAW);
}

static void a_request_is_answered_once(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(KIT_WAIT_MS);
    struct answers answers = {0};
    struct smew_message *reply = NULL;
    struct kit_poller poller;

    (void)state;
    kit_register(host, "m", answer_twice, &answers);
    kit_send(asker, "m", 1);
    kit_poller_start(&poller, host);
    assert_int_equal(smew_bus_request(asker, "m", "GET", NULL, 0, &options, &reply), SMEW_OK);
    kit_poller_stop(&poller);
    assert_int_equal(smew_bus_reply(host, reply, NULL, 0, SMEW_CONTENT_RAW), SMEW_INVALID);
    assert_int_equal(smew_bus_reply(host, NULL, NULL, 0, SMEW_CONTENT_RAW), SMEW_INVALID);
    assert_memory_equal(smew_message_payload(reply), "1", 2);
    smew_message_free(reply);
    assert_int_equal(answers.first, SMEW_OK);
    assert_int_equal(answers.second, SMEW_EXISTS);
    assert_int_equal(answers.to_event, SMEW_INVALID);
    assert_int_equal(answers.big, SMEW_TOO_BIG);
    assert_int_equal(answers.null, SMEW_INVALID);
    assert_int_equal(smew_bus_request(asker, "m", "GET", NULL, 0, &options, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_request_async(asker, "m", "GET", NULL, 0, &options, NULL, NULL),
                     SMEW_INVALID);
    kit_close(asker);
    kit_close(host);
}

static void reject(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)user;
    smew_message_reject(message);
}

static void a_rejected_request_says_so(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(KIT_WAIT_MS);
    struct smew_message *reply = NULL;
    struct kit_poller poller;

    (void)state;
    kit_register(host, "m", reject, NULL);
    kit_poller_start(&poller, host);
    assert_int_equal(smew_bus_request(asker, "m", "GET", NULL, 0, &options, &reply), SMEW_REJECTED);
    assert_null(reply);
    kit_poller_stop(&poller);
    kit_close(asker);
    kit_close(host);
}

/* ---- with a callback ----------------------------------------------------------------- */

static void a_callback_runs_once(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(KIT_WAIT_MS);
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_echo, NULL);
    kit_poller_start(&poller, host);
    for (uint64_t i = 0; i < 500; i++)
        assert_int_equal(smew_bus_request_async(asker, "m", "GET", &i, sizeof(i), &options,
                                                kit_note_reply, &log),
                         SMEW_OK);
    assert_int_equal(log.count, 0); /* only where this thread polls */
    kit_poll_until(asker, &log, 500);
    kit_expect_run(&log, NULL, 0, 500);
    kit_poller_stop(&poller);
    kit_poll_all(asker);
    assert_int_equal(log.count, 500);
    kit_close(asker);
    kit_close(host);
}

static void a_callback_hears_of_the_timeout(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(20);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_echo, NULL);
    assert_int_equal(
        smew_bus_request_async(asker, "m", "GET", NULL, 0, &options, kit_note_reply, &log),
        SMEW_OK);
    kit_poll_until(asker, &log, 1);
    assert_int_equal(log.seen[0].status, SMEW_TIMEOUT);
    while (kit_stats(host).sent == 0) /* answers now, which nobody waits for */
        (void)!smew_bus_poll(host, 10, 0);
    assert_int_equal(smew_bus_flush(host, KIT_WAIT_MS), SMEW_OK);
    kit_poll_all(asker);
    assert_int_equal(log.count, 1);
    assert_int_equal(kit_stats(asker).late_replies, 1);
    /* What was not accepted has no callback. */
    assert_int_equal(
        smew_bus_request_async(asker, "nobody", "GET", NULL, 0, &options, kit_note_reply, &log),
        SMEW_NO_MACHINE);
    kit_poll_all(asker);
    assert_int_equal(log.count, 1);
    kit_close(asker);
    kit_close(host);
}

/* A reply says more than any level, so a level is not waited for. */
static void a_level_does_not_delay_a_request(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_echo, NULL);
    assert_int_equal(
        smew_bus_request_async(asker, "m", "GET", NULL, 0, &options, kit_note_reply, &log),
        SMEW_OK);
    while (log.count == 0) {
        (void)!smew_bus_poll(host, 1, 0);
        (void)!smew_bus_poll(asker, 1, 0);
    }
    assert_int_equal(log.seen[0].status, SMEW_OK);
    kit_close(asker);
    kit_close(host);
}

/* ---- chains -------------------------------------------------------------------------- */

struct chain {
    struct smew_message *held;
    unsigned count;
};

static void pass_back(struct smew_bus *bus, enum smew_status status,
                      const struct smew_message *reply, void *user)
{
    struct chain *chain = user;

    if (status == SMEW_OK)
        (void)!smew_bus_reply(bus, chain->held, smew_message_payload(reply),
                              smew_message_payload_size(reply), SMEW_CONTENT_RAW);
    smew_message_complete(chain->held, status == SMEW_OK ? SMEW_OK : SMEW_REJECTED);
    chain->held = NULL;
    chain->count++;
}

static void pass_on(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct chain *chain = user;
    struct smew_send_options options = within(KIT_WAIT_MS);

    chain->held = smew_message_hold(message);
    if (chain->held == NULL ||
        smew_bus_request_async(bus, "last", "GET", smew_message_payload(message),
                               smew_message_payload_size(message), &options, pass_back,
                               chain) != SMEW_OK)
        smew_message_reject(message);
}

static void a_handler_may_ask_somebody_else(void **state)
{
    struct smew_bus *first = kit_open(NULL);
    struct smew_bus *last = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(KIT_WAIT_MS);
    struct kit_poller pollers[2];
    struct chain chain = {0};

    (void)state;
    kit_register(first, "first", pass_on, &chain);
    kit_register(last, "last", kit_echo, NULL);
    kit_poller_start(&pollers[0], first);
    kit_poller_start(&pollers[1], last);
    for (uint64_t i = 0; i < 50; i++) {
        struct smew_message *reply = NULL;

        assert_int_equal(smew_bus_request(asker, "first", "GET", &i, sizeof(i), &options, &reply),
                         SMEW_OK);
        assert_memory_equal(smew_message_payload(reply), &i, sizeof(i));
        smew_message_free(reply);
    }
    kit_poller_stop(&pollers[0]);
    kit_poller_stop(&pollers[1]);
    assert_int_equal(chain.count, 50);
    kit_close(asker);
    kit_close(first);
    kit_close(last);
}

/* ---- many threads -------------------------------------------------------------------- */

enum { ASKERS = 4, QUESTIONS = 250 };

struct asker {
    struct smew_bus *bus;
    unsigned wrong;
    pthread_t thread;
};

static void *ask(void *argument)
{
    struct asker *asker = argument;
    struct smew_send_options options = within(KIT_WAIT_MS);

    for (uint64_t i = 0; i < QUESTIONS; i++) {
        uint64_t question = i ^ (uintptr_t)asker;
        struct smew_message *reply = NULL;
        enum smew_status status =
            smew_bus_request(asker->bus, "m", "GET", &question, sizeof(question), &options, &reply);

        asker->wrong += status != SMEW_OK ||
                        memcmp(smew_message_payload(reply), &question, sizeof(question)) != 0;
        smew_message_free(reply);
    }
    return NULL;
}

static void each_thread_gets_its_own_reply(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *node = kit_open(NULL);
    struct asker askers[ASKERS];
    struct kit_poller poller;

    (void)state;
    kit_register(host, "m", kit_echo, NULL);
    kit_poller_start(&poller, host);
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.bus = node};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_int_equal(askers[i].wrong, 0);
    }
    kit_poller_stop(&poller);
    kit_close(node);
    kit_close(host);
}

/* ---- to a node ----------------------------------------------------------------------- */

static void a_node_tells_its_counters(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *asker = kit_open(NULL);
    struct smew_send_options options = within(KIT_WAIT_MS);
    struct smew_message *reply = NULL;

    (void)state;
    kit_poll_all(host); /* its service thread answers, whoever polls */
    assert_int_equal(
        smew_bus_request(asker, smew_bus_address(host), "smew.stat", NULL, 0, &options, &reply),
        SMEW_OK);
    assert_int_equal(smew_message_content(reply), SMEW_CONTENT_JSON);
    assert_non_null(strstr(smew_message_payload(reply), "\"delivered\":1"));
    smew_message_free(reply);
    assert_int_equal(
        smew_bus_request(asker, smew_bus_address(host), "smew.nothing", NULL, 0, &options, &reply),
        SMEW_REJECTED);
    kit_close(asker);
    kit_close(host);
}

BUS_CONTRACT_PART(bus_contract_request, SUPPORT_TEST(a_request_is_answered),
                  SUPPORT_TEST(a_late_reply_is_counted), SUPPORT_TEST(a_request_is_answered_once),
                  SUPPORT_TEST(a_rejected_request_says_so), SUPPORT_TEST(a_callback_runs_once),
                  SUPPORT_TEST(a_callback_hears_of_the_timeout),
                  SUPPORT_TEST(a_level_does_not_delay_a_request),
                  SUPPORT_TEST(a_handler_may_ask_somebody_else),
                  SUPPORT_TEST(each_thread_gets_its_own_reply),
                  SUPPORT_TEST(a_node_tells_its_counters));
