/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LANE_REVIVE_H
#define SMEW_BUS_LANE_REVIVE_H

/*
 * What becomes of a lane's records when something is not as usual: they are parcels again
 * (lane_out.h, parcel.h).  With the producer's lock held.
 */

#include "bus/lane_out.h"

/*
 * Collects the answers.  Those other than OK become parcels, and blocks of the pool whose records
 * are answered are free.  CORRUPT: the consumer claims the impossible.  Takes the node's lock.
 */
enum smew_status smew__lane_collect(struct smew__lane_out *lane);
/*
 * What has no answer becomes parcels, flagged as doubtful; false when there is no memory for one.
 * All under one lock of the node, or younger ones would be sent again before older ones are
 * parcels.  With both locks held.
 */
bool smew__lane_revive_rest(struct smew__lane_out *lane);

#endif
