/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_FEED_H
#define SMEW_SAMPLES_DPKG_FEED_H

/*
 * From the log to the machines: reads lines, sends each status as a request to its machine, and
 * counts what the answers say.
 */

#include "samples/dpkg/checkpoint.h"
#include "samples/dpkg/exchange.h"
#include "samples/dpkg/fleet.h"
#include "samples/dpkg/history.h"
#include "samples/dpkg/log.h"
#include "samples/dpkg/options.h"

enum { FEEDER_STATE_ROOM = 32 };

/* An event that its machine had no transition for. */
struct feeder_refusal {
    uint64_t index; /* which event */
    char state[FEEDER_STATE_ROOM];
};

struct feeder_feed {
    const struct feeder_options *options;
    struct feeder_log log;
    struct feeder_history history;
    struct feeder_fleet fleet;
    struct feeder_exchange exchange;
    uint64_t first;      /* events before it were processed by an earlier feeder */
    uint64_t next;       /* the event to send next */
    uint64_t file_first; /* the first event of the present file: a rotation moves it */
    uint64_t saved_ns;   /* when the checkpoint was last written */
    uint64_t took_ns;    /* sending and waiting for answers */
    uint64_t lines;
    uint64_t malformed;
    uint64_t transitions;            /* answers of machines that had one for the event */
    uint64_t changes;                /* those that led to another state */
    uint64_t refused;                /* those that had none */
    uint64_t cuts;                   /* lives of machines that ended with their host */
    struct feeder_refusal *refusals; /* the first options->show of them */
    bool telling;                    /* print every transition: the log is being followed */
};

/* Opens the log; false, with a sentence on stderr, when that or memory fails. */
bool feeder_feed_init(struct feeder_feed *feed, const struct feeder_options *options,
                      struct smew_bus *bus);
/* After the bus was closed. */
void feeder_feed_fini(struct feeder_feed *feed);

/*
 * Reads the log, sends what it says, waits for the answers; with --follow until a signal.  False,
 * with a sentence on stderr, when it could not be done to the end.
 */
bool feeder_feed_run(struct feeder_feed *feed);

/* "line 812", and in which round; "" for none. */
void feeder_feed_where(const struct feeder_feed *feed, uint64_t index, char *text, size_t room);

#endif
