/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_DIRECTORY_KIT_H
#define SMEW_TESTS_DIRECTORY_KIT_H

/*
 * What the tests of the directory share: handles on a bus called "t" in files or in memory, and a
 * way to lose one as a kill would.
 */

#include "bus/directory/core.h"
#include "bus/directory/directory.h"
#include "tests/support/support.h"

/* A test body runs over both storages: KIT_BOTH(name) makes two tests of `name(bool)`. */
#define KIT_WRAP(name)                         \
    static void name##_in_files(void **state)  \
    {                                          \
        (void)state;                           \
        name(false);                           \
    }                                          \
    static void name##_in_memory(void **state) \
    {                                          \
        (void)state;                           \
        name(true);                            \
    }
#define KIT_ENTRY(name) SUPPORT_TEST(name##_in_files), SUPPORT_TEST(name##_in_memory),

/* Options for a node on pipe://t, or inproc://t, with five seconds. */
struct smew__directory_options kit_options(bool in_process);
/* Opens, or fails the test. */
struct smew__directory *kit_open(bool in_process);
/* Lets go of a handle as the kernel does for a process that is killed: nothing is tidied up. */
void kit_crash(struct smew__directory *directory);

/* claim, with an owner that nobody looks at. */
enum smew_status kit_claim(struct smew__directory *directory, const char *id);
/* Does a lookup lead to that node?  NULL: to nobody. */
void kit_expect_host(struct smew__directory *directory, const char *id,
                     const struct smew__directory *host);
bool kit_same(struct smew__node_ref a, struct smew__node_ref b);

/* An fd of the board's file, with a description of its own: to lock, cut or scribble. */
int kit_board_fd(void);
/* The folder of pipe://t; making an empty file in there; asking for one. */
const char *kit_folder(void);
void kit_make_file(const char *name);
bool kit_is_there(const char *name);

/*
 * A child that has joined pipe://t and claimed "x" and "pkg:*", and waits to be killed.  With
 * `forks` it has a child of its own, told in *grandchild (else 0), that outlives it.
 */
pid_t kit_start_member(bool forks, pid_t *grandchild);

#endif
