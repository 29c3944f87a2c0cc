/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SMEW_H
#define SMEW_SMEW_H

/* All of smew but its test harness.  Each header also compiles alone, in any order. */

#include <smew/bus.h>
#include <smew/chart.h>
#include <smew/log.h>
#include <smew/message.h>
#include <smew/orchestrator.h>
#include <smew/status.h>
#include <smew/transport.h>
#include <smew/value.h>
#include <smew/version.h>

#endif
