/* SPDX-License-Identifier: MIT */
/* Work that is over within half a second shows nothing. */
#include "samples/dpkg/progress.h"

#include <inttypes.h>
#include <smew/transport.h>
#include <stdio.h>
#include <unistd.h>

#define SHOW_NS UINT64_C(500000000)

struct feeder_progress feeder_progress_start(uint64_t total)
{
    uint64_t now_ns = smew_now_ns();

    return (struct feeder_progress){total, now_ns, now_ns, isatty(STDERR_FILENO) == 1};
}

void feeder_progress_show(struct feeder_progress *progress, uint64_t done)
{
    uint64_t now_ns = smew_now_ns();

    if (!progress->terminal || now_ns - progress->shown_ns < SHOW_NS)
        return;
    progress->shown_ns = now_ns;
    fprintf(stderr, "\r%3u %%  %" PRIu64 " of %" PRIu64 " events, %.0f a second ",
            (unsigned)(done * 100 / progress->total), done, progress->total,
            (double)done * 1e9 / (double)(now_ns - progress->started_ns));
    fflush(stderr);
}

void feeder_progress_end(struct feeder_progress *progress)
{
    if (progress->shown_ns != progress->started_ns)
        fputs("\r\033[K", stderr);
}
