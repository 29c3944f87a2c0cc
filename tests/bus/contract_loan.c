/* SPDX-License-Identifier: MIT */
/*
 * The contract: loans.  The program writes a payload where it will lie, on every scheme.
 */
#include "tests/bus/contract.h"

#include <string.h>

static struct smew_loan *lend(struct smew_bus *bus, uint64_t number, size_t size, void **payload)
{
    struct smew_loan *loan = NULL;

    assert_int_equal(smew_bus_loan(bus, "m", "N", size, NULL, &loan, payload), SMEW_OK);
    assert_non_null(loan);
    assert_int_equal((uintptr_t)*payload % sizeof(uint64_t), 0);
    memset(*payload, 0xAB, size); /* all of it is ours */
    memcpy(*payload, &number, sizeof(number));
    return loan;
}

static void what_is_lent_is_sent(void **state)
{
    static const size_t sizes[] = {8, 100, 3000, 40000, 500000};
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    uint64_t number = 0;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *payload;
        struct smew_loan *loan = lend(sender, number++, sizes[i], &payload);

        assert_int_equal(smew_loan_send(loan, sizes[i]), SMEW_OK);
        loan = lend(sender, number++, sizes[i] + 1000, &payload); /* less than was asked for */
        assert_int_equal(smew_loan_send(loan, sizes[i]), SMEW_OK);
        kit_send(sender, "m", number++);
        kit_poll_until(host, &log, number);
        assert_int_equal(log.seen[number - 3].size, sizes[i]);
        assert_int_equal(log.seen[number - 2].size, sizes[i]);
    }
    kit_expect_run(&log, "m", 0, number);
    kit_close(sender);
    kit_close(host);
}

static void what_is_cancelled_is_not(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_loan *loan;
    void *payload;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    for (uint64_t number = 0; number < 20; number++) {
        smew_loan_cancel(lend(sender, 99, 1000, &payload));
        kit_send(sender, "m", number);
    }
    smew_loan_cancel(NULL);
    kit_poll_until(host, &log, 20);
    kit_expect_run(&log, "m", 0, 20);
    loan = lend(sender, 0, 16, &payload);
    assert_int_equal(smew_loan_send(loan, 17), SMEW_INVALID);
    smew_loan_cancel(loan);
    assert_int_equal(smew_loan_send(NULL, 0), SMEW_INVALID);
    kit_close(sender);
    kit_close(host);
}

static void a_loan_is_refused(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_loan *loan = NULL;
    void *payload;
    enum smew_status status;

    (void)state;
    assert_int_equal(smew_bus_loan(bus, "", "N", 8, NULL, &loan, &payload), SMEW_INVALID);
    assert_int_equal(smew_bus_loan(bus, "m", "N", 8, &options, &loan, &payload), SMEW_INVALID);
    assert_int_equal(smew_bus_loan(bus, "m", "N", 8, NULL, NULL, &payload), SMEW_INVALID);
    assert_int_equal(smew_bus_loan(bus, "m", "N", 100 << 20, NULL, &loan, &payload), SMEW_TOO_BIG);
    status = smew_bus_loan(bus, "m", "N", 8, NULL, &loan, &payload);
    if (status == SMEW_OK) /* where it is noticed only when it is sent */
        status = smew_loan_send(loan, 8);
    assert_int_equal(status, SMEW_NO_MACHINE);
    kit_close(bus);
}

/* Hosts lend too: in a handler the message goes to the outbox. */
static void lend_on(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number = kit_number(message);
    struct smew_loan *loan;
    void *payload;

    (void)user;
    assert_int_equal(smew_bus_loan(bus, "n", "N", 8, NULL, &loan, &payload), SMEW_OK);
    memcpy(payload, &number, sizeof(number));
    assert_int_equal(smew_loan_send(loan, 8), SMEW_OK);
}

static void a_handler_lends(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", lend_on, NULL);
    kit_register(host, "n", kit_note, &log);
    for (uint64_t number = 0; number < 50; number++)
        kit_send(sender, "m", number);
    kit_poll_until(host, &log, 50);
    kit_expect_run(&log, "n", 0, 50);
    kit_close(sender);
    kit_close(host);
}

BUS_CONTRACT_PART(bus_contract_loan, SUPPORT_TEST(what_is_lent_is_sent),
                  SUPPORT_TEST(what_is_cancelled_is_not), SUPPORT_TEST(a_loan_is_refused),
                  SUPPORT_TEST(a_handler_lends));
