/* SPDX-License-Identifier: MIT */
/* Fuzzes the SCXML loader. */
#include "tests/chart/fuzz_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_load(smew_chart_load_scxml, data, size);
}
