/* SPDX-License-Identifier: MIT */
#include "bench/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

bool bench_scratch_make(char path[BENCH_SCRATCH_SIZE])
{
    (void)snprintf(path, BENCH_SCRATCH_SIZE, "/tmp/smew-bench.XXXXXX");
    return mkdtemp(path) != NULL;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void bench_scratch_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
