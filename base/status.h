/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_STATUS_H
#define SMEW_BASE_STATUS_H

/* Filling in a caller's `struct smew_error`: one line wherever something fails. */

#include <smew/status.h>

/*
 * Writes the status and its sentence into `error` (NULL is fine) and answers the status, so that
 * a failure is `return smew__fail(error, SMEW_INVALID, "...", ...)`.
 */
enum smew_status smew__fail(struct smew_error *error, enum smew_status status, const char *format,
                            ...) SMEW_PRINTF(3, 4);

#endif
