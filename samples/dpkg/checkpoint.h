/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_CHECKPOINT_H
#define SMEW_SAMPLES_DPKG_CHECKPOINT_H

/*
 * The place in a log up to which every line was processed, in a file of one line:
 *
 *     dpkg-feeder 1 LOG LINE
 *
 * LOG is the hash of the log's first line, in hexadecimal: a rotated log is another one.
 */

#include <stdbool.h>
#include <stdint.h>

struct feeder_checkpoint {
    uint64_t log;  /* feeder_log.first_hash */
    uint64_t line; /* 0: none */
};

/* False when the file is there and is no checkpoint; one that is not there is line 0. */
bool feeder_checkpoint_load(const char *path, struct feeder_checkpoint *checkpoint);

/* Whole or not at all: written beside it, then moved. */
bool feeder_checkpoint_save(const char *path, const struct feeder_checkpoint *checkpoint);

#endif
