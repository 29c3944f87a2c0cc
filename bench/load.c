/* SPDX-License-Identifier: MIT */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/clock.h"

/* The columns of the first line of /proc/stat, as proc(5) has them. */
enum column { USER, NICE, SYSTEM, IDLE, WAITING, IRQ, SOFT_IRQ, STEAL, COLUMNS };

static double busy_s(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char line[256] = "";
    char *at = line + 3; /* behind "cpu" */
    double ticks = 0;

    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) == NULL)
        line[0] = 0;
    (void)fclose(file);
    for (int i = 0; i < COLUMNS && line[0] != 0; i++) {
        const double column = strtod(at, &at);

        ticks += i == IDLE || i == WAITING ? 0 : column;
    }
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Children count when they are reaped, and theirs with them. */
static double ours_s(void)
{
    struct rusage own = {0}, children = {0};

    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return seconds(own.ru_utime) + seconds(own.ru_stime) + seconds(children.ru_utime) +
           seconds(children.ru_stime);
}

void bench_load_begin(struct bench_load *load)
{
    load->begun_ns = bench_now_ns();
    load->busy_s = busy_s();
    load->ours_s = ours_s();
}

double bench_load_others(const struct bench_load *load)
{
    const double all_s =
        (double)(bench_now_ns() - load->begun_ns) / 1e9 * (double)sysconf(_SC_NPROCESSORS_ONLN);
    const double others_s = (busy_s() - load->busy_s) - (ours_s() - load->ours_s);
    const double share = others_s / all_s;

    return share < 0 ? 0 : share > 1 ? 1 : share;
}
