/* SPDX-License-Identifier: MIT */
#ifndef SMEW_LOG_H
#define SMEW_LOG_H

/*
 * Where the library's log lines go.  It prints nothing by itself: a program that wants to read
 * them sets a sink, once, before it opens anything.
 */

#include <smew/export.h>

#ifdef __cplusplus
extern "C" {
#endif

enum smew_log_level {
    SMEW_LOG_DEBUG = 0,
    SMEW_LOG_INFO = 1,
    SMEW_LOG_WARN = 2,
    SMEW_LOG_ERROR = 3
};

/* Called on whichever thread has something to say, several at once; must not call smew. */
typedef void (*smew_log_fn)(enum smew_log_level level, const char *text, void *user);

/*
 * Lines below `level` are not even formatted.  NULL switches the log off (the default).  Any
 * thread; a sink is replaced as a whole, with its argument and level, but may still be running for
 * a line that was begun before.
 */
SMEW_API void smew_log_set_sink(smew_log_fn sink, void *user, enum smew_log_level level);

#ifdef __cplusplus
}
#endif
#endif
