/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_DUKTAPE_DUK_CONFIG_H
#define SMEW_CHART_DUKTAPE_DUK_CONFIG_H

/*
 * How smew builds Duktape from the sources that Debian's duktape-dev brings
 * (/usr/share/duktape): Debian's own configuration, and on top of it Duktape's documented hooks
 * for time, memory and the stack, which the shared library is built without.
 *
 * duktape.h includes "duk_config.h" from its own folder; the build puts its copy beside this file
 * and Debian's configuration beside it as duk_config_debian.h (see chart/CMakeLists.txt).  Beside
 * that, duktape.c is compiled with the compiler's hook for each basic block, which lands in
 * smew__script_tick(): so that loops inside the engine (a regular expression that backtracks,
 * a search through four thousand million holes of an array) count like those of a script.
 */

#if defined(__has_include)
#if __has_include(<duk_config_debian.h>)
#include <duk_config_debian.h>
#endif
#endif

#include <stddef.h>

/* Nobody but smew sees this copy. */
#undef DUK_EXTERNAL_DECL
#undef DUK_EXTERNAL
#define DUK_EXTERNAL_DECL extern __attribute__((visibility("hidden")))
#define DUK_EXTERNAL __attribute__((visibility("hidden")))

/*
 * gcc and clang call __sanitizer_cov_trace_pc() in each basic block (-fsanitize-coverage=trace-pc).
 * The build gives that name of duktape.c's object ours: libFuzzer has its own.
 */
void smew__script_tick(void);

/* All in chart/duktape/window.c; `thread` and `data` are not looked at. */
int smew__script_is_late(void *data);
int smew__script_is_deep(void);
double smew__script_now(void *thread);
double smew__script_random(void *data);
void smew__script_charge(size_t bytes);

/* A script that has used up its steps cannot catch what it gets then. */
#undef DUK_USE_INTERRUPT_COUNTER
#define DUK_USE_INTERRUPT_COUNTER
#undef DUK_USE_EXEC_TIMEOUT_CHECK
#define DUK_USE_EXEC_TIMEOUT_CHECK(data) smew__script_is_late(data)
#undef DUK_USE_NATIVE_STACK_CHECK
#define DUK_USE_NATIVE_STACK_CHECK() smew__script_is_deep()

/* Time is an argument, and chance is the same in every run. */
#undef DUK_USE_DATE_GET_NOW
#define DUK_USE_DATE_GET_NOW(thread) smew__script_now(thread)
#undef DUK_USE_GET_MONOTONIC_TIME
#define DUK_USE_GET_MONOTONIC_TIME(thread) smew__script_now(thread)
#undef DUK_USE_GET_RANDOM_DOUBLE
#define DUK_USE_GET_RANDOM_DOUBLE(data) smew__script_random(data)

/* What the C library does for the engine is paid by its size. */
#undef DUK_MEMCMP
#define DUK_MEMCMP(a, b, size) (smew__script_charge(size), memcmp((a), (b), (size)))
#undef DUK_MEMCPY
#define DUK_MEMCPY(to, from, size) (smew__script_charge(size), memcpy((to), (from), (size)))
#undef DUK_MEMMOVE
#define DUK_MEMMOVE(to, from, size) (smew__script_charge(size), memmove((to), (from), (size)))
#undef DUK_MEMSET
#define DUK_MEMSET(to, byte, size) (smew__script_charge(size), memset((to), (byte), (size)))

#endif
