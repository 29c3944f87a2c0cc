/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_PROGRESS_H
#define SMEW_SAMPLES_DPKG_PROGRESS_H

/*
 * How far long work is, on a terminal: one line on stderr, twice a second, gone at the end.
 */

#include <stdbool.h>
#include <stdint.h>

struct feeder_progress {
    uint64_t total;
    uint64_t started_ns;
    uint64_t shown_ns;
    bool terminal; /* somebody looks */
};

struct feeder_progress feeder_progress_start(uint64_t total);
void feeder_progress_show(struct feeder_progress *progress, uint64_t done);
void feeder_progress_end(struct feeder_progress *progress);

#endif
