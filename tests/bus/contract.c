/* SPDX-License-Identifier: MIT */
/* The suite's frame: which parts there are. */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bus_contract_run(const char *scheme)
{
    const struct bus_contract_part *parts[] = {
        &bus_contract_open,     &bus_contract_claim,    &bus_contract_handover, &bus_contract_send,
        &bus_contract_pressure, &bus_contract_request,  &bus_contract_handler,  &bus_contract_topic,
        &bus_contract_loan,     &bus_contract_prepared, &bus_contract_poll,     &bus_contract_close,
        &bus_contract_fault,
    };
    struct CMUnitTest tests[192];
    size_t count = 0;

    if (smew_transport_find(scheme) == NULL) {
        fprintf(stderr, "there is no transport %s\n", scheme);
        return 1;
    }
    kit_use(scheme);
    if (getenv("SMEW_TEST_FILTER") != NULL) /* a pattern, for whoever looks into one */
        cmocka_set_test_filter(getenv("SMEW_TEST_FILTER"));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (count + parts[i]->count > sizeof(tests) / sizeof(tests[0]))
            return 1;
        memcpy(tests + count, parts[i]->tests, parts[i]->count * sizeof(tests[0]));
        count += parts[i]->count;
    }
    return _cmocka_run_group_tests(scheme, tests, count, NULL, NULL);
}
