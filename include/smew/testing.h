/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTING_H
#define SMEW_TESTING_H

/*
 * A harness for tests of machines: no thread, no socket, no real time.
 *
 *     struct smew_harness *h;
 *     smew_harness_create(&h);
 *     smew_harness_host(h, "light", chart, NULL);
 *     smew_harness_send(h, "light", "TIMER", NULL);
 *     smew_harness_advance(h, 5000);
 *     assert(smew_harness_in(h, "light", "red"));
 *
 * It runs machines with the orchestrator's own machine code on a virtual clock that moves only
 * when told, and steps to each deadline on the way.  What machines send to each other is
 * delivered in order before a call returns; what they send to ids that nobody hosts is kept as
 * dead letters.  One thread.
 */

#include <smew/chart.h>

#ifdef __cplusplus
extern "C" {
#endif

struct smew_harness;

SMEW_API SMEW_MUST_USE enum smew_status smew_harness_create(struct smew_harness **harness);
SMEW_API void smew_harness_destroy(struct smew_harness *harness); /* NULL is fine */

/*
 * Hosts a chart under an id, or under a pattern with a trailing '*'.  CLAIMED, INVALID; LIMIT: the
 * machine never came to rest, and is not hosted.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_harness_host(struct smew_harness *harness,
                                                          const char *id, struct smew_chart *chart,
                                                          void *user);

/*
 * Sends an event with a JSON payload (or NULL) and runs until nothing is left to do.  The first
 * failure on the way: NO_MACHINE, STOPPED (done, or failed before), LIMIT (a machine that does not
 * come to rest, or machines that answer each other for ever).
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_harness_send(struct smew_harness *harness,
                                                          const char *target, const char *event,
                                                          const char *json);

/* Moves the clock, running what falls due on the way, in due order. */
SMEW_API SMEW_MUST_USE enum smew_status smew_harness_advance(struct smew_harness *harness,
                                                             uint64_t ms);

SMEW_API uint64_t smew_harness_now_ms(const struct smew_harness *harness);

/* The machine, or NULL before it came to life. */
SMEW_API struct smew_machine *smew_harness_machine(struct smew_harness *harness, const char *id);
/* The state's text (see smew_machine_state), or "" ; lives until the next call. */
SMEW_API const char *smew_harness_state(struct smew_harness *harness, const char *id);
SMEW_API bool smew_harness_in(struct smew_harness *harness, const char *id, const char *path);

/* How many sends went to ids that nobody hosted. */
SMEW_API size_t smew_harness_dead_letters(const struct smew_harness *harness);

#ifdef __cplusplus
}
#endif
#endif
