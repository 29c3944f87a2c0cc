/* SPDX-License-Identifier: MIT */
/*
 * The log sink of the program.
 *
 * `threshold` alone decides whether there is one: it is stored last, with release, and whoever
 * finds a level at or above it sees the sink and its argument.  A program sets its sink once,
 * before it opens anything (smew/log.h); replacing it while lines are written may hand a line to
 * neither.
 *
 * A line longer than LINE_SIZE is cut and ends in "...".
 */
#include "diagnostics/log.h"

#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { LINE_SIZE = 1024 };

static _Atomic int threshold = INT_MAX;
static _Atomic(smew_log_fn) log_sink;
static _Atomic(void *) log_user;

void smew_log_set_sink(smew_log_fn sink, void *user, enum smew_log_level level)
{
    atomic_store(&threshold, INT_MAX);
    atomic_store(&log_sink, sink);
    atomic_store(&log_user, user);
    if (sink != NULL)
        atomic_store(&threshold, (int)level);
}

bool smew__log_wants(enum smew_log_level level)
{
    return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void smew__log_write(enum smew_log_level level, const char *format, ...)
{
    char line[LINE_SIZE];
    smew_log_fn sink;
    va_list arguments;
    int length;

    if ((int)level < atomic_load(&threshold))
        return;
    sink = atomic_load(&log_sink);
    if (sink == NULL)
        return;
    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof line)
        memcpy(line + sizeof line - 4, "...", 4);
    sink(level, line, atomic_load(&log_user));
}
