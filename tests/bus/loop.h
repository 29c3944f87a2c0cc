/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_BUS_LOOP_H
#define SMEW_TESTS_BUS_LOOP_H

/*
 * Two schemes from outside, written against <smew/transport.h> alone.  Both connect nodes of one
 * process over smew_channel_pair(), and do not say that they do: the bus uses frames and a
 * directory in files on them.
 *
 *   loop    has no room for a frame two times out of three
 *   flaky   loses each connection after a while, as loop_break_after() says
 */

#include <smew/transport.h>

/* Registers both; 0, or 1 after a line on stderr. */
int loop_register(void);

/*
 * Each end of a connection of `flaky` breaks after a random number of frames received, two at least
 * and so many on average; 0: never.
 */
void loop_break_after(unsigned frames);
/* How many have. */
unsigned loop_broken(void);

#endif
