/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_BUILTIN_H
#define SMEW_BUS_TRANSPORT_BUILTIN_H

/* The transports that need no registration, and what they ask of an endpoint alike. */

#include <smew/transport.h>

extern const struct smew_transport_ops smew__transport_pipe;
extern const struct smew_transport_ops smew__transport_inproc;
extern const struct smew_transport_ops smew__transport_shm;

#ifdef SMEW_SHM_POSIX
extern const struct smew_transport_ops smew__transport_shm_posix;
#endif

/* Is it something else than sending that this channel waits for with POLLOUT? */
bool smew__shm_waits_otherwise(const struct smew_channel *channel);
/*
 * Waits as this channel's scheme does it best, until something may have changed: OK, TIMEOUT;
 * UNSUPPORTED: wait for what interest() says.
 */
enum smew_status smew__shm_wait(const struct smew_channel *channel, uint64_t deadline_ns);

/* Has a place, and a frame_max within the limit; INVALID says what is wrong. */
enum smew_status smew__endpoint_check(const struct smew_endpoint *endpoint,
                                      struct smew_error *error);

/* The endpoint's limit with the default filled in. */
uint32_t smew__endpoint_frame_max(const struct smew_endpoint *endpoint);

#endif
