/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_BUS_KIT_H
#define SMEW_TESTS_BUS_KIT_H

/*
 * What the tests of the bus share: nodes, threads that poll them, and a record of what handlers
 * saw.  Everything goes through the public API.  Helpers that assert are called on the main thread
 * only.
 */

#include <pthread.h>
#include <stdatomic.h>

#include <smew/bus.h>
#include <smew/transport.h>

#include "tests/support/support.h"

enum {
    KIT_WAIT_MS = 30000, /* longer than any machine needs, shorter than a test may take */
    KIT_SEEN_MOST = 8192,
    KIT_RARE_MS = 20000, /* heartbeats: they look after what was missed, and are no help */
};

/* The scheme under test; set before the first test. */
void kit_use(const char *name);
const char *kit_scheme(void);
/* Is a node of another process on this bus? */
bool kit_is_pipe(void);
/* "SCHEME://NAME", in one of a few buffers. */
const char *kit_url(const char *name);

/* The running test's own bus, so that one that fails does not spoil the next. */
const char *kit_test_url(void);

/* A node on that bus; fails the test when it cannot be opened. */
struct smew_bus *kit_open(const struct smew_bus_options *options);
struct smew_bus *kit_open_at(const char *url, const struct smew_bus_options *options);
/* Closes, and nothing may be left. */
void kit_close(struct smew_bus *bus);

/* A message as a handler saw it. */
struct kit_seen {
    char source[24];
    char target[32];
    char event[16];
    uint64_t number; /* the first 8 bytes of the payload */
    size_t size;
    uint64_t missed;
    struct smew_message_id id;
    enum smew_kind kind;
    enum smew_status status; /* of a dead letter or a callback */
    bool redelivered;
    uint64_t at_ns; /* when it was noted */
};

/* A record, safe to look at while other threads write.  Large: make it static. */
struct kit_log {
    pthread_mutex_t lock;
    size_t count;
    struct kit_seen seen[KIT_SEEN_MOST];
};

void kit_log_init(struct kit_log *log);
size_t kit_log_count(struct kit_log *log);
/* How many of an event, or of a target; NULL: any. */
size_t kit_log_matching(struct kit_log *log, const char *target, const char *event);
void kit_log_add(struct kit_log *log, const struct smew_message *message, enum smew_status status);

/* A handler; user is a struct kit_log. */
void kit_note(struct smew_bus *bus, const struct smew_message *message, void *user);
/* A dead-letter hook; user is a struct kit_log. */
void kit_note_letter(struct smew_bus *bus, const struct smew_message *message,
                     enum smew_status reason, void *user);
/* A callback of a request. */
void kit_note_reply(struct smew_bus *bus, enum smew_status status, const struct smew_message *reply,
                    void *user);
/* Answers each request with its own payload; no record. */
void kit_echo(struct smew_bus *bus, const struct smew_message *message, void *user);
/* Holds each message; user is where the next pointer to one goes, and is moved on. */
void kit_hold(struct smew_bus *bus, const struct smew_message *message, void *user);
/* Does nothing. */
void kit_ignore(struct smew_bus *bus, const struct smew_message *message, void *user);

/* Registers with a handler; fails the test when it is refused. */
void kit_register(struct smew_bus *bus, const char *id, smew_handler_fn handler, void *user);

/* Polls the bus until the record has so many entries; fails the test after KIT_WAIT_MS. */
void kit_poll_until(struct smew_bus *bus, struct kit_log *log, size_t count);
/* Polls until the bus has nothing to do. */
void kit_poll_all(struct smew_bus *bus);
/* Waits, without polling, until another thread's record has so many entries. */
void kit_wait_until(struct kit_log *log, size_t count);
/* The events' numbers are first, first + 1, ...; of one target, or NULL. */
void kit_expect_run(struct kit_log *log, const char *target, uint64_t first, size_t count);

/* The first 8 bytes of the payload, which lies anywhere. */
uint64_t kit_number(const struct smew_message *message);
/* Sends a number as the payload. */
enum smew_status kit_send_number(struct smew_bus *bus, const char *target, uint64_t number,
                                 const struct smew_send_options *options);
/* The same, and it is accepted. */
void kit_send(struct smew_bus *bus, const char *target, uint64_t number);
struct smew_send_options kit_level(enum smew_level level);

struct smew_bus_stats kit_stats(struct smew_bus *bus);
/* Waits until so many messages have reached the node, whether or not it polls. */
void kit_wait_delivered(struct smew_bus *bus, uint64_t count);

/*
 * Has the calling thread's lane to the host granted, which a busy machine may take a while to do:
 * sends to "warm" on the host, which it polls, until one of them went into a lane and all are
 * processed.
 */
void kit_warm_up(struct smew_bus *sender, struct smew_bus *host);

/* What a host's handler of numbers has seen. */
struct kit_host {
    struct smew_bus *bus;
    atomic_uint_fast64_t next; /* number that is expected */
    atomic_bool wrong;         /* another came, or one that was sent again */
};

/* A node with rare heartbeats, as the tests of lane_turn.h want it. */
struct smew_bus *kit_host_open(enum smew_waiting waiting);
/* Its sender: as one that has its lane, and whose first number to "m" is 0. */
struct smew_bus *kit_host_sender(struct kit_host *host);
/* Nothing was wrong: polls until all is handled, and closes both. */
void kit_host_close(struct kit_host *host, struct smew_bus *sender);

/* A thread that polls a node. */
struct kit_poller {
    struct smew_bus *bus;
    pthread_t thread;
    atomic_bool stop;
};
void kit_poller_start(struct kit_poller *poller, struct smew_bus *bus);
void kit_poller_stop(struct kit_poller *poller);

#endif
