/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_HANDOVER_H
#define SMEW_BUS_HANDOVER_H

/*
 * Handing one id, or a longer pattern, out of a pattern over to a node that claims it.
 *
 * The claimant notes its claim in the directory (routes stay) and asks the pattern's node with
 * the request "smew.release".  That node lets nothing new in for the id, refuses what no handler
 * has seen, lets what runs or is held end, and stops the machine if it has a sink; then it
 * answers, and the claimant confirms.  What was refused meanwhile waits in its sender's limbo.
 * A sink keeps the registration until it is done, so that its ticket outlives the claim.
 *
 *            smew.release          nothing of it runs           the new claim has ended
 *   (ours) --------------> ASKED ----------------------> GONE --------------------------> (ours)
 *
 * If the claimant dies or gives up before it confirms, its claim has ended likewise.
 *
 * With the node's lock held.
 */

#include "bus/intake.h"

/* Begins to let go of the id that the request's payload names; the request is kept. */
void smew__handover_begin(struct smew_bus *bus, struct smew_message *request);
/* Is this id handed over, or about to be? */
bool smew__handover_gone(struct smew_bus *bus, struct smew__registration *registration,
                         struct smew__text id);
/* A message has completed: perhaps a handover waited for it. */
void smew__handover_check(struct smew_bus *bus, const struct smew_message *message);
/* The same for any. */
void smew__handovers_check(struct smew_bus *bus);
/* The pattern ends, and what it handed over with it. */
void smew__handover_forget(struct smew__registration *registration);

#endif
