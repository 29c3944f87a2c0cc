/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_CHECK_H
#define SMEW_SAMPLES_DPKG_CHECK_H

/*
 * Are the machines where the log, and dpkg itself, say that the packages are?  Each is asked by a
 * request of its own, whatever its answers to the events were.
 */

#include "samples/dpkg/feed.h"

enum { FEEDER_STATUSES = FEEDER_UNKNOWN + 1 };

struct feeder_check {
    struct feeder_exchange exchange; /* the questions to the machines */
    uint64_t machines;               /* asked */
    uint64_t is[FEEDER_STATUSES];
    uint64_t said[FEEDER_STATUSES];
    uint64_t query[FEEDER_STATUSES];
    uint64_t log_mismatches;
    uint64_t query_mismatches;
    uint64_t moved; /* packages that changed their architecture: half a life each */
    bool queried;   /* the three above are of a comparison that was made */
};

/* After the bus was closed; zeroed is fine. */
void feeder_check_fini(struct feeder_check *check);

/*
 * Asks every machine that was sent something, and lists those that are elsewhere than the log
 * said.  Once on a zeroed check.  False, with a sentence on stderr, when not all could be asked.
 */
/* Asks the machines that were sent something, or all; false, with a sentence, when it cannot. */
bool feeder_check_ask(struct feeder_check *check, struct feeder_feed *feed, bool unknown);
bool feeder_check_machines(struct feeder_check *check, struct feeder_feed *feed);

/*
 * Compares the first round's machines with what dpkg-query said, and lists mismatches.  A package
 * that the log does not mention is not compared; one that dpkg-query does not know is not
 * installed.  False, with a sentence on stderr, when the file is none of dpkg-query.
 */
bool feeder_check_query(struct feeder_check *check, const struct feeder_feed *feed);

#endif
