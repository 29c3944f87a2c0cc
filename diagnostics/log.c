/* SPDX-License-Identifier: MIT */
/*
 * The log sink of the program.
 *
 * Sink, argument and level belong together, are read with every line that somebody wants, and
 * change hardly ever: they are the words of a sequence lock.  So a line goes to one sink with that
 * sink's own argument, whoever replaces it meanwhile; whether a line is wanted at all is one
 * relaxed load.
 *
 * Failure mode: a process forked while a sink is being set may find the words locked for good in
 * the child, which then has no log: each of its lines is dropped after PATIENCE_MS.
 *
 * A line longer than LINE_SIZE is cut and ends in "...".
 */
#include "diagnostics/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sync/seqlock.h"

enum { LINE_SIZE = 1024, PATIENCE_MS = 100 };

/* What the words are, and the level that no line has. */
enum { SINK, USER, LEVEL, WORDS };
#define NOBODY UINT64_MAX

static struct smew__seqlock lock;
static _Atomic uint64_t words[WORDS] = {[LEVEL] = NOBODY};

void smew_log_set_sink(smew_log_fn sink, void *user, enum smew_log_level level)
{
    const uint64_t values[WORDS] = {
        [SINK] = (uint64_t)(uintptr_t)sink,
        [USER] = (uint64_t)(uintptr_t)user,
        [LEVEL] = sink != NULL ? (uint64_t)level : NOBODY,
    };

    (void)smew__seqlock_write(&lock, words, values, WORDS, smew__deadline_ns(PATIENCE_MS));
}

bool smew__log_wants(enum smew_log_level level)
{
    /* Relaxed: who writes the line reads all the words. */
    return (uint64_t)level >= atomic_load_explicit(&words[LEVEL], memory_order_relaxed);
}

void smew__log_write(enum smew_log_level level, const char *format, ...)
{
    uint64_t now[WORDS];
    char line[LINE_SIZE];
    smew_log_fn sink;
    va_list arguments;
    int length;

    if (!smew__seqlock_read(&lock, words, now, WORDS, smew__deadline_ns(PATIENCE_MS)) ||
        (uint64_t)level < now[LEVEL])
        return;
    sink = (smew_log_fn)(uintptr_t)now[SINK];
    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof line)
        memcpy(line + sizeof line - 4, "...", 4);
    sink(level, line, (void *)(uintptr_t)now[USER]);
}
