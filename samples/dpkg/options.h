/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_OPTIONS_H
#define SMEW_SAMPLES_DPKG_OPTIONS_H

/*
 * What the feeder was told on its command line.  Strings are the program's own.
 */

#include <stdbool.h>
#include <stdint.h>

struct feeder_options {
    const char *log;        /* the log's path */
    const char *url;        /* of the bus */
    const char *chart;      /* host this chart in this program; NULL: somebody else does */
    const char *dpkg_query; /* a file of what dpkg-query says, "-" for stdin; or NULL */
    const char *states;     /* write the machines' states there; or NULL */
    const char *checkpoint; /* keep the place in the log there; or NULL */
    uint32_t window;        /* requests on their way */
    uint32_t wait_ms;       /* for a host to appear */
    uint32_t timeout_ms;    /* for an answer */
    uint32_t show;          /* findings of each kind that are listed */
    uint64_t events;        /* go round the log up to so many; 0: once */
    uint64_t seed;          /* of the shuffle */
    bool shuffle;
    bool follow;
};

/*
 * Reads the arguments.  -1 to go on; else the program ends with this exit code, and what there
 * was to say is printed.
 */
int feeder_options_parse(struct feeder_options *options, int argc, char **argv);

/* Exit codes. */
enum feeder_exit {
    FEEDER_EXIT_AGREE = 0,    /* every line had a transition, every machine agrees */
    FEEDER_EXIT_DISAGREE = 1, /* a line without a transition, or a mismatch */
    FEEDER_EXIT_USAGE = 2,
    FEEDER_EXIT_FAILED = 3, /* it could not be found out: no log, no host, a bus that failed */
};

#endif
