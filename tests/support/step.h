/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SUPPORT_STEP_H
#define SMEW_TESTS_SUPPORT_STEP_H

/*
 * A child under ptrace, that stands still between any two of its instructions, or at any system
 * call, and goes on or is killed there.
 *
 *     child                          parent
 *     run() begins                   pid = support_step_start(run, argument)
 *       ...
 *       support_step_stop()   <----  ... returned
 *       what is walked over          support_step(pid, 17): stands after 17 instructions
 *       support_step_stop()          support_step_to_stop(pid), or support_step_kill(pid)
 *
 * While the child stands every store that it made is in memory: the kernel has switched away from
 * it.  So the parent sees what anybody would see if the child had been killed there, and may do
 * what another process could do meanwhile.
 *
 * A step is a few system calls: some 3 us on an idle machine, 20 on a busy one, and ten times as
 * much when the two run on different processors (support_step_setup binds them to one).  A walk
 * that visits each of n instructions with a child of its own takes n * n / 2 steps, so it visits a
 * choice of them: struct support_points.
 */

#include "tests/support/support.h"

/*
 * Walks over another process's instructions or calls are of no use under a sanitizer, which makes
 * them ten times as many and sees none of it: such a test says so and ends with 77, skipped.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SUPPORT_SANITIZED = true };
#else
enum { SUPPORT_SANITIZED = false };
#endif
enum { SUPPORT_SKIPPED = 77 };

/* support_setup, and from now on this process and its children share one processor. */
int support_step_setup(void **state);

/* A test with these fixtures. */
#define SUPPORT_STEP_TEST(function) \
    cmocka_unit_test_setup_teardown(function, support_step_setup, support_teardown)

/* In the child: the parent's turn. */
void support_step_stop(void);

/* A child at its first support_step_stop().  Skips the test where nobody may trace. */
pid_t support_step_start(int (*run)(void *argument), void *argument);

/* Runs that many instructions; false when the child came to its next stop before. */
bool support_step(pid_t pid, unsigned count);
/* The same with entries into and exits from system calls; false also when it ended, with 0. */
bool support_step_calls(pid_t pid, unsigned count);
void support_step_to_stop(pid_t pid);
/* Lets it run freely to its end, which is 0. */
void support_step_to_end(pid_t pid);
void support_step_kill(pid_t pid);

/*
 * Which instructions a walk visits, counted from 1: before and after each one that changed what the
 * walk watches, since that is where a kill or a rival makes a difference, and others in equal
 * strides from a random one on.
 */
enum { SUPPORT_EDGES = 4096 };

struct support_points {
    unsigned total;
    unsigned edges[SUPPORT_EDGES]; /* instructions that changed something */
    unsigned edge_count;
    bool after_only; /* edges are not visited from before: that is from after the edge before */
    unsigned stride;
    unsigned next; /* in strides */
    unsigned taken;
};

/* Once for each instruction of a first run, on a zeroed struct. */
void support_points_note(struct support_points *points, bool changed);
/*
 * The stride, so that a walk takes about `budget` steps, edges aside; $SMEW_TEST_STEPS is used
 * instead where it is set, and SUPPORT_EVERY visits every instruction.
 */
enum { SUPPORT_EVERY = 1 << 30 };
void support_points_plan(struct support_points *points, uint64_t budget);
/* The next one: kill, or stop, after *at instructions.  False: that was all of them. */
bool support_points_next(struct support_points *points, unsigned *at);

#endif
