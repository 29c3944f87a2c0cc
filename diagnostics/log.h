/* SPDX-License-Identifier: MIT */
#ifndef SMEW_DIAGNOSTICS_LOG_H
#define SMEW_DIAGNOSTICS_LOG_H

/* Writing to the sink that the program set.  Costs one relaxed load when there is none. */

#include <stdbool.h>

#include <smew/log.h>

bool smew__log_wants(enum smew_log_level level);
void smew__log_write(enum smew_log_level level, const char *format, ...) SMEW_PRINTF(2, 3);

#define smew__log(level, ...)                    \
    do {                                         \
        if (smew__log_wants(level))              \
            smew__log_write(level, __VA_ARGS__); \
    } while (0)

#endif
