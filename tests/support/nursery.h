/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SUPPORT_NURSERY_H
#define SMEW_TESTS_SUPPORT_NURSERY_H

/* What support_fork() and support_teardown() ask of the nursery; tests open it (support.h). */

#include "tests/support/support.h"

bool support_nursery_is_open(void);
/* As support_fork(); the nursery is open. */
pid_t support_nursery_fork(int (*run)(void *argument), void *argument);
/* Nothing when it is not open.  Children go on. */
void support_nursery_close(void);

/* The end of a child that answered `code`. */
_Noreturn void support_end_child(int code);

#endif
