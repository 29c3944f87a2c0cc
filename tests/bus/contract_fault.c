/* SPDX-License-Identifier: MIT */
/*
 * The contract, last part: too little memory at every place, system calls that fail, and many nodes
 * at once.  Every failure is a status; nothing crashes, hangs or leaks.
 */
#include "tests/bus/contract.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 100, SHORT_MS = 100 };

/* What may come of an attempt whose memory runs out somewhere. */
static bool is_expected(enum smew_status status)
{
    return status == SMEW_OK || status == SMEW_NO_MEMORY || status == SMEW_TIMEOUT ||
           status == SMEW_NO_MACHINE || status == SMEW_FULL;
}

struct attempt {
    unsigned opened;
    unsigned replies;
    unsigned calls;
    enum smew_status wrong;
};

static void check(struct attempt *attempt, enum smew_status status)
{
    if (!is_expected(status) && attempt->wrong == SMEW_OK)
        attempt->wrong = status;
}

static void count_reply(struct smew_bus *bus, enum smew_status status,
                        const struct smew_message *reply, void *user)
{
    struct attempt *attempt = user;

    (void)bus;
    (void)reply;
    check(attempt, status == SMEW_CLOSED ? SMEW_OK : status);
    attempt->replies++;
}

/* Everything once, on one node that talks to itself and to another one. */
static void use(struct attempt *attempt, struct smew_bus *bus, struct smew_bus *other)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_subscription *subscription;
    struct smew_bus_stats stats;
    enum smew_status status;

    options.timeout_ms = SHORT_MS;
    check(attempt, smew_bus_register(bus, "m", kit_echo, NULL, NULL, NULL));
    check(attempt, smew_bus_register(other, "p:*", kit_echo, NULL, NULL, NULL));
    check(attempt, smew_bus_subscribe(other, "t*", kit_ignore, NULL, &subscription));
    check(attempt, smew_bus_publish(bus, "t", "E", "abc", 3, SMEW_CONTENT_RAW));
    check(attempt, smew_bus_send(bus, "p:1", "E", "abc", 3, &options));
    check(attempt, smew_bus_send(bus, "m", "E", "abc", 3, &options));
    status = smew_bus_request_async(bus, "p:2", "E", "abc", 3, &options, count_reply, attempt);
    check(attempt, status);
    attempt->calls += status == SMEW_OK;
    for (int i = 0; i < 10 && attempt->replies < attempt->calls; i++) {
        (void)!smew_bus_poll(other, 5, 0);
        (void)!smew_bus_poll(bus, 5, 0);
    }
    check(attempt, smew_bus_unregister(bus, "m") == SMEW_OK ? SMEW_OK : SMEW_NO_MEMORY);
    check(attempt, smew_bus_stats(bus, &stats));
}

static void try_everything(void *argument)
{
    struct attempt *attempt = argument;
    struct smew_bus *bus = NULL;
    struct smew_bus *other = NULL;
    struct smew_error error = {0};
    enum smew_status status = smew_bus_open(kit_test_url(), NULL, &bus, &error);

    attempt->replies = 0;
    attempt->calls = 0;
    if (status == SMEW_OK)
        status = smew_bus_open(kit_test_url(), NULL, &other, &error);
    check(attempt, status);
    if (status != SMEW_OK && (error.status != status || strlen(error.text) < 5))
        attempt->wrong = SMEW_INVALID;
    if (status == SMEW_OK) {
        attempt->opened++;
        use(attempt, bus, other);
    }
    smew_bus_close(bus, SHORT_MS, NULL);
    smew_bus_close(other, SHORT_MS, NULL);
    if (attempt->replies != attempt->calls) /* exactly once for each that was accepted */
        attempt->wrong = SMEW_CANCELLED;
}

static void every_failed_allocation_is_a_status(void **state)
{
    struct attempt attempt = {0};
    unsigned rounds = support_walk_allocations(try_everything, &attempt);

    (void)state;
    if (attempt.wrong != SMEW_OK)
        fail_msg("an attempt answered %s", smew_status_name(attempt.wrong));
    assert_true(rounds >= 50);
    assert_true(attempt.opened > rounds / 4);
}

static void try_open(void *argument)
{
    struct smew_bus *bus = NULL;
    struct smew_error error = {0};
    enum smew_status status = smew_bus_open(kit_test_url(), NULL, &bus, &error);

    if (status == SMEW_OK)
        smew_bus_close(bus, SHORT_MS, NULL);
    else if (error.status != status || strlen(error.text) < 5)
        *(enum smew_status *)argument = SMEW_INVALID;
}

static void every_failed_call_of_open_is_a_status(void **state)
{
    enum smew_status wrong = SMEW_OK;

    (void)state;
    assert_true(support_walk_calls(EMFILE, try_open, &wrong) > 0);
    assert_true(support_walk_calls(ENOMEM, try_open, &wrong) > 0);
    assert_true(support_walk_calls(EACCES, try_open, &wrong) > 0);
    assert_int_equal(wrong, SMEW_OK);
}

/* ---- many ---------------------------------------------------------------------------- */

static void a_hundred_nodes_talk_to_each_other(void **state)
{
    static struct kit_log log;
    struct smew_bus *nodes[NODES];
    char id[32];

    (void)state;
    kit_log_init(&log);
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i] = kit_open(NULL);
        (void)snprintf(id, sizeof(id), "node-%u", i);
        kit_register(nodes[i], id, kit_note, &log);
    }
    for (unsigned i = 0; i < NODES; i++)
        for (unsigned j = 1; j <= 3; j++) {
            (void)snprintf(id, sizeof(id), "node-%u", (i * 7 + j) % NODES);
            kit_send(nodes[i], id, i);
        }
    for (unsigned i = 0; i < NODES; i++) {
        (void)snprintf(id, sizeof(id), "node-%u", i);
        while (kit_log_matching(&log, id, NULL) < 3)
            assert_int_equal(smew_bus_poll(nodes[i], KIT_WAIT_MS, 0), SMEW_OK);
    }
    assert_int_equal(log.count, 3 * NODES);
    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(smew_bus_flush(nodes[i], KIT_WAIT_MS), SMEW_OK);
    for (unsigned i = 0; i < NODES; i++)
        kit_close(nodes[i]);
}

BUS_CONTRACT_PART(bus_contract_fault, SUPPORT_TEST(every_failed_allocation_is_a_status),
                  SUPPORT_TEST(every_failed_call_of_open_is_a_status),
                  SUPPORT_TEST(a_hundred_nodes_talk_to_each_other));
