/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CLI_DRIVER_H
#define SMEW_TESTS_CLI_DRIVER_H

/*
 * The program as people type it: lines of words, its exit code, what it wrote.  Words are split
 * at spaces; `'…'` keeps spaces together, as in a shell.  Programs that go on are children of the
 * test and die with it.  Every wait has a deadline that fails the test.
 */

#include "tests/support/support.h"

/* The program under test and the folder of the test charts, `light.json` in a line meaning theirs.
 */
void driver_init(const char *program, const char *charts);

struct driver_program {
    pid_t pid;
    int out; /* files without a name; the driver's */
    int err;
};

/* What a program wrote and answered; static buffers, until the next driver_do or driver_end. */
struct driver_result {
    int code; /* minus the number of the signal that killed it */
    const char *out;
    const char *err;
};

/* Runs a line to its end. */
struct driver_result driver_do(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a line and asserts its exit code; on another one, shows what it wrote. */
struct driver_result driver_expect(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct driver_program driver_start(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Waits until the program has written the text to stdout. */
void driver_wait_for(const struct driver_program *program, const char *text);
/* The same, to stderr. */
void driver_wait_for_error(const struct driver_program *program, const char *text);
/* Lines that the program has written to stdout so far. */
size_t driver_lines(const struct driver_program *program);
/* Sends a signal (0: none), waits for the end. */
struct driver_result driver_end(struct driver_program *program, int number);

/* A host that is ready. */
struct driver_program driver_host(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails the test unless `text` contains `part`. */
void driver_contains(const char *text, const char *part);

#endif
