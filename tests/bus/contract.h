/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_BUS_CONTRACT_H
#define SMEW_TESTS_BUS_CONTRACT_H

/*
 * What <smew/bus.h> says, as one suite over every scheme.  A scheme joins with
 * BUS_CONTRACT_MAIN("scheme") in a file of its own, or with bus_contract_run() after it has
 * registered itself.  The parts are in contract_*.c.
 */

#include "tests/bus/kit.h"

#define BUS_CONTRACT_MAIN(scheme)        \
    int main(void)                       \
    {                                    \
        return bus_contract_run(scheme); \
    }

/* Runs the whole suite over a registered scheme; the exit code. */
int bus_contract_run(const char *scheme);

/* A part of the suite. */
struct bus_contract_part {
    const struct CMUnitTest *tests;
    size_t count;
};
extern const struct bus_contract_part bus_contract_open;
extern const struct bus_contract_part bus_contract_claim;
extern const struct bus_contract_part bus_contract_handover;
extern const struct bus_contract_part bus_contract_send;
extern const struct bus_contract_part bus_contract_pressure;
extern const struct bus_contract_part bus_contract_request;
extern const struct bus_contract_part bus_contract_handler;
extern const struct bus_contract_part bus_contract_topic;
extern const struct bus_contract_part bus_contract_loan;
extern const struct bus_contract_part bus_contract_prepared;
extern const struct bus_contract_part bus_contract_poll;
extern const struct bus_contract_part bus_contract_close;
extern const struct bus_contract_part bus_contract_fault;

#define BUS_CONTRACT_PART(name, ...)                             \
    static const struct CMUnitTest part_tests[] = {__VA_ARGS__}; \
    const struct bus_contract_part name = {part_tests, sizeof(part_tests) / sizeof(part_tests[0])}

#endif
