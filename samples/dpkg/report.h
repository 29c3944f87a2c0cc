/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_REPORT_H
#define SMEW_SAMPLES_DPKG_REPORT_H

/*
 * What people read at the end, on stdout.
 */

#include "samples/dpkg/check.h"
#include "samples/dpkg/feed.h"

/* What was sent, how fast, and the lines without a transition. */
void feeder_report_feed(const struct feeder_feed *feed);

/* The table of states and the verdict. */
void feeder_report_check(const struct feeder_feed *feed, const struct feeder_check *check);

/* Writes "ID STATE" lines, sorted; false, with a sentence on stderr, when it cannot. */
bool feeder_report_states(const struct feeder_feed *feed, const char *path);

#endif
