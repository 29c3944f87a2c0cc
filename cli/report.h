/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_REPORT_H
#define SMEW_CLI_REPORT_H

/*
 * What a verb that goes on for long tells on stderr while it works: the library's log, notices
 * of the bus and dead letters, a line each with the time of day.
 */

#include <smew/bus.h>
#include <smew/log.h>
#include <stdbool.h>

/* Library lines from INFO on, with `verbose` all; notices of comings and goings only then. */
void smew__report_start(bool verbose);
void smew__report_line(enum smew_log_level level, const char *format, ...) SMEW_PRINTF(2, 3);

/* To be set in struct smew_bus_options. */
void smew__report_notice(struct smew_bus *bus, const struct smew_notice *notice, void *user);
void smew__report_dead_letter(struct smew_bus *bus, const struct smew_message *message,
                              enum smew_status reason, void *user);

#endif
