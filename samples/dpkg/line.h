/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_LINE_H
#define SMEW_SAMPLES_DPKG_LINE_H

/*
 * One line of a dpkg log, as dpkg(1) describes it:
 *
 *     2025-06-24 14:36:25 status half-configured libudev1:amd64 252.36-1~deb12u1
 *     2025-06-24 14:36:25 upgrade libudev1:amd64 252.36-1~deb12u1 252.38-1~deb12u1
 *
 * Only status lines are events; the others tell what dpkg sets out to do.
 */

#include <stddef.h>

/* dpkg's states, in its own order; then what is said of a package that nothing is known of. */
enum feeder_status {
    FEEDER_NOT_INSTALLED,
    FEEDER_CONFIG_FILES,
    FEEDER_HALF_INSTALLED,
    FEEDER_UNPACKED,
    FEEDER_HALF_CONFIGURED,
    FEEDER_TRIGGERS_AWAITED,
    FEEDER_TRIGGERS_PENDING,
    FEEDER_INSTALLED,
    FEEDER_UNKNOWN,
};

/* "half-installed"; "unknown" for FEEDER_UNKNOWN.  Static. */
const char *feeder_status_name(enum feeder_status status);
/* FEEDER_UNKNOWN for a word that is none. */
enum feeder_status feeder_status_of(const char *word, size_t length);

enum {
    FEEDER_LINE_MAX = 4096,   /* bytes of a line that is looked at */
    FEEDER_PACKAGE_MAX = 200, /* bytes of NAME:ARCH, so that an id has room for it */
};

enum feeder_line_kind {
    FEEDER_LINE_EVENT,
    FEEDER_LINE_OTHER,
    FEEDER_LINE_MALFORMED,
};

struct feeder_line {
    enum feeder_line_kind kind;
    enum feeder_status status; /* of an event */
    const char *package;       /* of an event: NAME:ARCH within the text, not terminated */
    size_t package_length;
    const char *fault; /* of a malformed one: what is wrong, as half a sentence */
};

/* The text has no newline, may hold any bytes, and must live as long as the result is used. */
struct feeder_line feeder_line_parse(const char *text, size_t length);

#endif
