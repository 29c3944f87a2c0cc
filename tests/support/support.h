/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SUPPORT_SUPPORT_H
#define SMEW_TESTS_SUPPORT_SUPPORT_H

/*
 * What the tests share: a runtime directory of their own, leak checks, waiting with a deadline,
 * children that cannot outlive the test, repeatable randomness, and walks over every place where
 * an allocation or a system call can fail.
 *
 * A test file includes this and nothing of cmocka: its headers come along, in their order.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/*
 * Fixtures for cmocka_unit_test_setup_teardown() and for groups.
 *
 * support_setup makes an empty runtime directory, /tmp/smew.XXXXXX, exports it as SMEW_RUNTIME_DIR
 * and notes how many fds, threads and allocations there are.  support_teardown waits up to
 * support_settle_ms (10000) until there are as many again and the directory is empty, removes the
 * directory, and fails the test with a line for each thing that is left.  *state is not touched.
 */
int support_setup(void **state);
int support_teardown(void **state);
extern unsigned support_settle_ms;

/* A test with these fixtures. */
#define SUPPORT_TEST(function) \
    cmocka_unit_test_setup_teardown(function, support_setup, support_teardown)

/* The directory of the running test. */
const char *support_runtime_dir(void);
/* True when nothing is left in it; else says on stderr what is. */
bool support_runtime_dir_empty(void);
/* Removes a folder and what is in it, symlinks not followed; a missing one is fine. */
void support_remove_tree(const char *path);

unsigned support_count_fds(void);
unsigned support_count_threads(void);

/*
 * Waits until the condition holds, asking every millisecond; false when it does not within the
 * time.  The condition is asked once more at the end, so a test on a busy machine is not unfair.
 */
bool support_wait_until(bool (*condition)(void *argument), void *argument, unsigned timeout_ms);

/*
 * A child that runs `run` and exits with what it answers (0 to 255), at once: no atexit, no
 * teardown.  It is killed when the test dies.  Fails the test when it cannot be made.
 */
pid_t support_fork(int (*run)(void *argument), void *argument);
/*
 * Of a process with threads a child inherits every lock as it is, and whatever another thread held
 * stays locked: AddressSanitizer's heap is such a thing, so in its builds support_fork() refuses
 * there.  A test that forks beside threads opens the nursery before it has any: from then on its
 * children are copies of the test as it was then, and what the argument points to has to be memory
 * that both share.  The teardown closes it.
 */
void support_nursery_open(void);
/* Forks beside threads none the less, for a child that allocates nothing. */
pid_t support_fork_bare(int (*run)(void *argument), void *argument);
/* SIGKILL and reap. */
void support_kill(pid_t pid);
/* SIGSTOP, and the child does stand still: the signal alone is only on its way. */
void support_stop(pid_t pid);
/*
 * Waits for the child's end: its exit code, or minus the number of the signal that killed it.  One
 * that goes on beyond the time is killed, and the test fails.
 */
int support_reap(pid_t pid, unsigned timeout_ms);

/* SplitMix64 (Steele, Lea, Flood 2014).  The same seed gives the same numbers. */
struct support_random {
    uint64_t state;
};
/* $SMEW_TEST_SEED, or 1; printed, so that a failure can be had again. */
struct support_random support_random_seeded(void);
uint64_t support_random_next(struct support_random *random);
uint64_t support_random_below(struct support_random *random, uint64_t limit); /* limit > 0 */
void support_random_fill(struct support_random *random, void *data, size_t size);

/*
 * Calls `attempt` again and again, with the first, the second, the n-th system call of base/os
 * failing with this errno, until three attempts in a row run through without meeting the fault (a
 * busy machine may cut one short).  `attempt`
 * gives back what it got, at the latest support_settle_ms after it (other threads may run).  Fails
 * the test when a round leaks an fd or an allocation.  Answers how many rounds met the fault: a
 * walk of 0 tested nothing.
 */
unsigned support_walk_calls(int error_number, void (*attempt)(void *argument), void *argument);
/* The same with allocations. */
unsigned support_walk_allocations(void (*attempt)(void *argument), void *argument);

#endif
