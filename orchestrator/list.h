/* SPDX-License-Identifier: MIT */
#ifndef SMEW_ORCHESTRATOR_LIST_H
#define SMEW_ORCHESTRATOR_LIST_H

/*
 * What a host tells about all its machines: requests to the node itself.
 *
 *   "smew.machines", {"limit":N}
 *       {"machines":[{"id","chart","state","events","done"}…],"more":n,"patterns":["pkg:*"]}
 *   "smew.orchestrator"
 *       {"events","transitions","unhandled","machines","started","failed"}
 *
 * A list is made by a task that visits the event buses one after the other, so that no machine
 * needs a lock.
 */

#include "orchestrator/orchestrator.h"

/* EXISTS: this node has an orchestrator.  Once its event buses run. */
enum smew_status smew__lists_serve(struct smew_orchestrator *orchestrator);
/* What is asked for goes on.  Of one that does not serve: nothing to do. */
void smew__lists_withdraw(struct smew_orchestrator *orchestrator);

#endif
