/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_INTERRUPT_H
#define SMEW_CLI_INTERRUPT_H

/*
 * SIGTERM and SIGINT for verbs that go on until stopped.  The first signal asks to end in order
 * and wakes the bus's poll; a second one ends the process at once with 128 + its number, whatever
 * the main thread waits for, and the next start cleans up as after a crash.
 */

#include <smew/bus.h>
#include <stdbool.h>

/* From now on signals are noted.  Before any other thread starts; once. */
enum smew_status smew__interrupt_begin(void);
/* The bus whose poll a signal wakes; NULL before it is closed. */
void smew__interrupt_wakes(struct smew_bus *bus);
bool smew__interrupted(void);
void smew__interrupt_end(void);

#endif
