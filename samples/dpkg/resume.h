/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_RESUME_H
#define SMEW_SAMPLES_DPKG_RESUME_H

/*
 * Going on where an earlier feeder was killed.  A checkpoint stands before the first line without
 * an answer, and is written now and then; lines behind it may have been processed all the same.
 * Which ones, the machines know: the earlier feeder sent the lines in their order, so there is a
 * line up to which all of them were processed, and there every machine is where the log has it.
 *
 * Where there is no such line the host died too, and lives were cut: machines began again.  They
 * are told, and the log goes on behind the checkpoint.
 */

#include "samples/dpkg/feed.h"

/*
 * Moves feed->next behind what was processed.  False, with a sentence on stderr, when the machines
 * cannot be asked.
 */
bool feeder_resume(struct feeder_feed *feed);

/*
 * A machine is not in the state that it was last known in: its life was cut.  Told, and counted.
 */
void feeder_resume_note_cut(struct feeder_feed *feed, size_t number, enum feeder_status was);

#endif
