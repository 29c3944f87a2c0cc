/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_TRANSPORT_SHM_RAW_H
#define SMEW_TESTS_TRANSPORT_SHM_RAW_H

/*
 * An accepted `shm` channel with somebody at the other end who speaks by hand: what the tests of
 * hostile peers share.
 */

#include <smew/transport.h>

#include "bus/shm/writer.h"
#include "bus/transport/shm/wire.h"
#include "tests/support/support.h"

enum { SHM_RAW_WAIT_MS = 10000 };

struct shm_raw {
    struct smew_listener *listener;
    struct smew_channel *channel; /* under test */
    int fd;                       /* of who speaks by hand */
    struct smew__lane_memory in;  /* made by hand: what the channel sends in */
    struct smew__lane_memory out; /* the channel's own, once greeted */
    struct smew__lane_writer writer;
    bool greeted;
};

struct smew_endpoint shm_raw_endpoint(void);
const char *shm_raw_path(void); /* of the listener's socket */

struct smew_listener *shm_raw_listen(void);
int shm_raw_connect(void);
/* Waits for a connection and accepts it. */
struct smew_channel *shm_raw_accept(struct smew_listener *listener);

/* Connected and accepted; nothing was said by hand. */
struct shm_raw shm_raw_open(void);
void shm_raw_close(struct shm_raw *raw);

/* HELLO with a lane of its own, and the other's HELLO taken: all that an honest peer does. */
void shm_raw_greet(struct shm_raw *raw);
/* HELLO with these fds, whatever they are; they stay the caller's. */
void shm_raw_hello(const struct shm_raw *raw, const int *fds, size_t count);
/* A datagram. */
void shm_raw_say(const struct shm_raw *raw, const void *bytes, size_t size, const int *fds,
                 size_t count);
void shm_raw_say_datagram(const struct shm_raw *raw, const struct smew__shm_datagram *datagram,
                          const int *fds, size_t count);
/* The next datagram by hand, within the time; fds that come with it are closed. */
struct smew__shm_datagram shm_raw_hear(const struct shm_raw *raw);

/* A record with that payload; of `header` the CRC is set here. */
void shm_raw_commit(struct shm_raw *raw, struct smew__record_header header, const void *payload);
/* A record as an honest peer has it. */
void shm_raw_frame(struct shm_raw *raw, const void *data, size_t size);

/* Hangs up by hand. */
void shm_raw_hang_up(struct shm_raw *raw);

/* The status of the channel's next receive, which must come in time. */
enum smew_status shm_raw_receive(const struct shm_raw *raw);
/* The next frame is this text. */
void shm_raw_expect(const struct shm_raw *raw, const char *text);
/* The status comes, stays, and nothing can be sent any more. */
void shm_raw_expect_end(const struct shm_raw *raw, enum smew_status status);

/* Keeps warnings of the library from now on; ends with NULL, and answers the last one. */
void shm_raw_log(bool on);
const char *shm_raw_logged(void);

#endif
