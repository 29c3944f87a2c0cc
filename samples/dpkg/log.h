/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_LOG_H
#define SMEW_SAMPLES_DPKG_LOG_H

/*
 * A log file as lines: read to its end, and further when it grew or was rotated meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "samples/dpkg/line.h"

struct feeder_log {
    const char *path; /* the caller's */
    FILE *file;
    uint64_t number;     /* of the last line, from 1; starts again after a rotation */
    uint64_t first_hash; /* of the first line's bytes: tells one log from another */
    size_t length;       /* of the line so far; what is beyond FEEDER_LINE_MAX is not kept */
    bool taken;          /* the line was given to the caller */
    bool replaced;       /* another file has the path: read this one's end once more */
    char text[FEEDER_LINE_MAX];
};

enum feeder_read {
    FEEDER_READ_LINE,    /* log->text, log->length, log->number */
    FEEDER_READ_END,     /* nothing more for the moment */
    FEEDER_READ_ROTATED, /* goes on with line 1 of the file that has the path now */
    FEEDER_READ_FAILED,
};

/* False when it cannot be opened. */
bool feeder_log_open(struct feeder_log *log, const char *path);
void feeder_log_close(struct feeder_log *log);

/*
 * The next line.  While the log is followed, a line without its newline is not yet one, and at the
 * end the path is looked at again: a file that was moved away is read to its end first.
 */
enum feeder_read feeder_log_next(struct feeder_log *log, bool follow);

#endif
