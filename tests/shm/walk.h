/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SHM_WALK_H
#define SMEW_TESTS_SHM_WALK_H

/*
 * One side of a lane is killed at every instruction of what it does; the other side judges.
 *
 * Standing is as good as dying.  What a killed process leaves to the other side is what it stored
 * in the shared memory, and nothing else: its own memory is gone, its locks and fds are the
 * kernel's affair and come with a closed socket.  A kill takes effect between two instructions (or
 * two rounds of a repeated one, where a single step stops too), and the stores of all before it
 * are in memory then, as they are when the process stands there under ptrace.  So a walk
 *
 *   1  stops one child after each of its instructions.  The survivor judges the shared memory as
 *      it is there; then the memory, and what the survivor keeps for itself, are put back as they
 *      were, and the child goes on.
 *   2  kills a child of its own after each instruction that changed a byte of the shared memory,
 *      and at others in strides (at all of them with the argument `whole`).  The memory that it
 *      leaves must be that of 1 at the same instruction, and is judged again.
 *   3  kills a child of its own at each system call, before and behind it.
 *
 * The bytes are compared after each step, so no store is missed, whatever the compiler made of it.
 * Stores of one process are seen by the other in their order here; that they are so on weaker
 * processors is for tests/shm's threaded run and the model.
 */

#include "tests/shm/stage.h"
#include "tests/support/step.h"

enum { WALK_STAGES = 2 };

/* Where children are killed, beside every system call. */
enum walk_kind {
    WALK_EVERY,  /* after each store; the whole walk: after every instruction */
    WALK_STORES, /* after each store, and in strides; the whole walk: in shorter strides */
    WALK_THIN,   /* in strides, since another walk over the same code has more; whole: as above */
};

struct walk {
    struct stage stages[WALK_STAGES];
    unsigned stage_count;
    /* In the child: what it is killed in.  True when all went as it should. */
    bool (*operate)(struct walk *walk);
    /* In the survivor, over the stages as they are: what is wrong, or NULL. */
    const char *(*judge)(struct walk *walk);
    /* What there is beside the stages; NULL: nothing. */
    void (*describe)(struct walk *walk, struct image_parts *parts);
    /*
     * Makes what a child uses up, before each child; NULL: nothing.  What it leaves is then not
     * compared with another child's.
     */
    void (*renew)(struct walk *walk);
    const void *argument; /* of all of these */
    enum walk_kind kind;
    bool in_child;
    bool is_dead;  /* the child that the judge judges: it does not go on */
    uint64_t seen; /* by the judge, at instructions before this one; 0 at first */

    /* What came of it. */
    struct support_points points;
    unsigned stores;
    unsigned kills;
    unsigned calls;
};

/* Looks for the argument `whole`.  Called by main(). */
void walk_arguments(int argc, char **argv);
uint64_t walk_budget(uint64_t usual, uint64_t whole); /* the one or the other */

/* Fixtures, and a test with them. */
int walk_setup(void **state);
int walk_teardown(void **state);
#define WALK_TEST(function) cmocka_unit_test_setup_teardown(function, walk_setup, walk_teardown)

/* The child's word, in memory that is not the lane's, about its operations 0 to 63. */
void walk_begin(unsigned operation); /* from now on its effect may be seen */
void walk_end(unsigned operation);   /* from now on it must be seen */
bool walk_has_begun(unsigned operation);
bool walk_has_ended(unsigned operation);
unsigned walk_begun(void); /* how many */
unsigned walk_ended(void);

/*
 * The whole walk.  The stages are open, and as they were when it returns; a sentence about the
 * first kill that was not survived, or NULL.
 */
const char *walk_run(struct walk *walk);
/* The same; fails the test, or says how many points there were. */
void walk_expect_survival(struct walk *walk, const char *name);

/* ---- for judges ---------------------------------------------------------------------- */

/* Answers what was taken when the walk began. */
void walk_answer_taken(struct stage *stage);
/* Takes and answers all there are; whole and in order they must be. */
const char *walk_drain(struct stage *stage, unsigned *count, enum smew_status *last);
/* After that: everything was answered, nothing was lost, and the consumer may sleep. */
const char *walk_judge_end(struct stage *stage, enum smew_status last);
/* A sentence for a judge to return. */
const char *walk_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
