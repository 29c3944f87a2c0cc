/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_TIMED_H
#define SMEW_CHART_TIMED_H

/*
 * Does it matter to a chart's machines what time it is?  For whoever runs machines: where it does
 * not, an event needs no look at a clock, which takes as long as half a transition.
 */

#include <smew/chart.h>

/*
 * False: nothing in it waits, evaluates (a script may ask for the date) or has children, so that
 * smew_machine_send() may be given any time, 0 too.  Looks through the whole chart: ask once.  Any
 * thread.
 */
bool smew__chart_is_timed(const struct smew_chart *chart);

#endif
