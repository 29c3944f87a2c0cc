/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_FUZZ_FUZZ_H
#define SMEW_TESTS_FUZZ_FUZZ_H

/*
 * What the fuzzers share.  A fuzzer is a file with LLVMFuzzerTestOneInput, named in a
 * CMakeLists.txt with smew_fuzzer(); the `fuzz` preset builds it and tests/fuzz/short.sh runs it.
 * It fails by a sanitizer's report, or by a property that does not hold.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_CHECK(property)                                                                    \
    do {                                                                                        \
        if (!(property)) {                                                                      \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property); \
            abort();                                                                            \
        }                                                                                       \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
