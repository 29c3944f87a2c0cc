/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_STOP_H
#define SMEW_SAMPLES_DPKG_STOP_H

/*
 * SIGINT and SIGTERM end the feeder at the next turn of its loop, with its report.
 */

#include <stdbool.h>

/* False when the system refuses. */
bool feeder_stop_on_signals(void);
bool feeder_stopped(void);

#endif
