/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_EXIT_H
#define SMEW_CLI_EXIT_H

/*
 * What the command's exit code says.  One list makes the codes, the table of
 * `smew help exit-codes` and the mapping's targets, so that none is undocumented.
 */

#include <smew/status.h>

#define SMEW__EXIT_LIST(X)                                                           \
    X(OK, 0, "done")                                                                 \
    X(FAILED, 1, "it failed or was refused; the sentence on stderr says why")        \
    X(USAGE, 2, "the command line is not valid, a JSON payload included")            \
    X(NO_MACHINE, 3, "no node hosts this machine, or the one that did is dead")      \
    X(TIMEOUT, 4, "no answer until the deadline")                                    \
    X(NO_TRANSITION, 5, "the machine has no transition for this event in its state") \
    X(CLAIMED, 6, "another node hosts this machine or pattern, and no --standby")    \
    X(CHART, 7, "a chart is not valid or cannot be read")                            \
    X(BUS, 8, "the bus cannot be joined: directory, path, version, limits")          \
    X(STOPPED, 9, "the machine has stopped: it is in a final state, or it was ended")

enum smew__exit {
#define SMEW__EXIT_ENUM(name, code, text) SMEW__EXIT_##name = (code),
    SMEW__EXIT_LIST(SMEW__EXIT_ENUM)
#undef SMEW__EXIT_ENUM
};

/* The exit code for what a machine's send or request answered. */
enum smew__exit smew__exit_of(enum smew_status status);

/* The i-th code with its text, for the help; NULL beyond the last. */
struct smew__exit_row {
    int code;
    const char *text;
};
const struct smew__exit_row *smew__exit_row(unsigned index);

#endif
