/* SPDX-License-Identifier: MIT */
/* Repeatable randomness. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct support_random support_random_seeded(void)
{
    const char *given = getenv("SMEW_TEST_SEED");
    struct support_random random = {.state = given == NULL ? 1 : strtoull(given, NULL, 0)};

    printf("SMEW_TEST_SEED=%llu\n", (unsigned long long)random.state);
    return random;
}

uint64_t support_random_next(struct support_random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

uint64_t support_random_below(struct support_random *random, uint64_t limit)
{
    return support_random_next(random) % limit;
}

void support_random_fill(struct support_random *random, void *data, size_t size)
{
    uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)support_random_next(random);
}
