/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_H
#define SMEW_BUS_H

/*
 * A node: this program's membership of a bus.
 *
 *     struct smew_bus *bus;
 *     smew_bus_open("pipe://plant", NULL, &bus, &error);
 *     smew_bus_send(bus, "valve-3", "OPEN", NULL, 0, NULL);
 *     smew_bus_close(bus, 1000, NULL);
 *
 * Each node has one service thread of its own that accepts, re-sends, acknowledges and keeps
 * time.  Handlers and callbacks run only inside smew_bus_poll(), on the thread that calls it.
 *
 * From where a function may be called is said with it:
 *   [any]      any thread, also inside a handler
 *   [outside]  any thread, not inside a handler (there it answers WOULD_DEADLOCK)
 *   [poller]   one thread at a time
 *   [handler]  inside a handler, or with a held message
 *
 * Every timeout is in milliseconds; no call waits without one.  0 as an argument means "do not
 * wait".  Option structs begin with their size: initialise with the _INIT macro and set what you
 * need; zero always means the default there, and SMEW_NOW "do not wait".
 * In a child after fork() every call that answers a status answers FORKED; close does nothing.
 */

#include <smew/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct smew_bus;
struct smew_subscription;

/* A timeout in an option struct: do not wait. */
#define SMEW_NOW UINT32_MAX

/* ---- notices and dead letters -------------------------------------------------------- */

enum smew_notice_type {
    SMEW_NOTICE_PEER_CONNECTED = 1, /* first message to a node can flow */
    SMEW_NOTICE_PEER_DISCONNECTED,  /* channel lost; the process lives; reconnecting */
    SMEW_NOTICE_PEER_LEFT,          /* it closed its bus; what was unacked goes elsewhere */
    SMEW_NOTICE_PEER_DEAD,          /* the kernel says so; what was unacked goes elsewhere */
    SMEW_NOTICE_PEER_SUSPECT,       /* heartbeat missed for 1 s; nothing is taken away */
    SMEW_NOTICE_PEER_RECOVERED,     /* its heart beats again */
    SMEW_NOTICE_MACHINE_RELEASED,   /* a claim of ours was handed over to another node */
};

struct smew_notice {
    enum smew_notice_type type;
    const char *node;    /* address, "@3.17" */
    const char *machine; /* or NULL */
    const char *text;    /* a sentence */
};

/* Runs in smew_bus_poll(). */
typedef void (*smew_notice_fn)(struct smew_bus *bus, const struct smew_notice *notice, void *user);

/*
 * An accepted message that cannot be delivered any more: NO_MACHINE, PEER_DEAD (nobody took the
 * machine over within linger_ms), EXPIRED, STOPPED, REJECTED, FULL, CLOSED.  Runs in
 * smew_bus_poll() and smew_bus_close(), on the sender's side.  The message is the library's.
 * At most 65,536 wait for a program that does not poll; beyond, they are counted and logged only.
 */
typedef void (*smew_dead_letter_fn)(struct smew_bus *bus, const struct smew_message *message,
                                    enum smew_status reason, void *user);

/* A message for which a send answered QUEUED was accepted.  Runs in smew_bus_poll(). */
typedef void (*smew_accepted_fn)(struct smew_bus *bus, const struct smew_message *message,
                                 void *user);

/* What a send does when there is no room towards the receiver. */
enum smew_on_full {
    SMEW_ON_FULL_DEFAULT = 0, /* the node's option, and there: wait */
    SMEW_ON_FULL_WAIT,        /* until timeout_ms, then FULL */
    SMEW_ON_FULL_GROW,        /* shared memory: ask for a lane twice as large, up to 16 MiB, which
                                 takes over in order; wait meanwhile.  Elsewhere: wait */
    SMEW_ON_FULL_KEEP_NEWEST, /* never wait: QUEUED, in an overflow queue of this node's; when that
                                 is full too its oldest message is a dead letter with reason FULL */
    SMEW_ON_FULL_KEEP_OLDEST, /* the same; when the queue is full the new one is refused with FULL
                               */
};

/* ---- opening and closing ------------------------------------------------------------- */

/*
 * What smew_bus_poll() does while there is nothing, and on shared memory a send while its lane is
 * full.  On sockets a poller looks once it runs the node's loop itself: ADAPTIVE after some
 * messages that came soon one after the other, SPIN from its first wait on (it sleeps until a
 * thread of the node's has given it the loop); who waits on smew_bus_fd() never does.
 */
enum smew_waiting {
    SMEW_WAITING_ADAPTIVE = 0, /* looks again for up to 50 us, where that has paid; then sleeps */
    SMEW_WAITING_SPIN,  /* looks again until its timeout: for threads with a core of their own */
    SMEW_WAITING_SLEEP, /* sleeps at once: each wake costs microseconds, and nothing else does */
};

struct smew_bus_options {
    size_t size;             /* sizeof(struct smew_bus_options) */
    const char *name;        /* what `smew ps` shows; default: the program's name */
    const char *runtime_dir; /* default: $SMEW_RUNTIME_DIR, $XDG_RUNTIME_DIR/smew, /run/smew */
    uint32_t window; /* unacked messages to one node, and 16 MiB; default 1024, at most 65536.
                        Between processes a send that may wait does so at 2 MiB, for 2 ms at most: a
                        receiver that is behind comes first, while all is still in caches */
    uint32_t outbox; /* sends inside handlers not accepted yet; default 4096 */
    uint32_t outbox_wait_ms; /* how long a full outbox stops the intake, and a handled message
                                waits for its handler's sends to be accepted; default 1000 */
    uint32_t linger_ms;      /* how long messages wait for a takeover; default 5000 */
    uint32_t heartbeat_ms;   /* default 100 */
    uint32_t suspect_ms;     /* silence after which a node is suspect; default 1000 */
    uint32_t payload_max;    /* bytes; default 1 MiB, at most 8 MiB */
    uint32_t publish_queue;  /* published messages a slow subscriber may be behind; 4096 */
    /* Shared memory: the ring that each sending thread asks of a receiver, 4 KiB to 16 MiB; default
       64 KiB. */
    uint32_t lane_bytes;
    /*
     * Shared memory that this node makes for others to write in; default 128 MiB.  A connection has
     * 272 KiB of its own; what they leave is for lanes (80 KiB with the default size) and their
     * payload pools (4 payload_max).  Who is denied a lane sends through the connection.
     */
    uint64_t lanes_max_bytes;
    /*
     * Shared memory: payloads from this size on are handed to handlers where they lie, without a
     * copy.  Whoever sends them can change them meanwhile: for buses whose programs trust each
     * other.  Default 0: never; every payload is a private copy.  Recommended for such
     * buses: 1024, from where on it was 1.6 to 2.6 times as fast up to 16 KiB and 1.2 to 1.6 times
     * up to 256 KiB, in a lane of 4 MiB (docs/performance.md, "Reading in place").
     */
    uint32_t in_place_bytes;
    enum smew_on_full on_full; /* for sends that do not say */
    uint32_t overflow;         /* messages that SMEW_ON_FULL_KEEP_* may keep; default 1024 */
    smew_notice_fn on_notice;
    smew_dead_letter_fn on_dead_letter;
    smew_accepted_fn on_accepted;
    void *user; /* given to all three */
    /*
     * Sockets: what this node tells its senders of messages that are complete.  Default 0: at once,
     * which under load is many of them together.  Otherwise what nobody waits for, as
     * smew_bus_send() with a level does, is told so much later, or when ack_batch are complete
     * (default 100), or half of a window is out: fewer system calls, but round trips are slower
     * where a core that sleeps is slow to wake, and senders' smew_bus_flush() and smew_bus_close()
     * take so much longer.
     */
    uint32_t ack_delay_ms;
    uint32_t ack_batch;
    enum smew_waiting waiting;
};
#define SMEW_BUS_OPTIONS_INIT SMEW_SIZED(struct smew_bus_options)

/*
 * Joins the bus that the URL names, "pipe://NAME" or "inproc://NAME" (a name is 1 to 64 of
 * A-Z a-z 0-9 . _ -, no dot first), creating it when this node is the first.  Copies what it needs
 * of the options.  `options` and `error` may be NULL.  [outside]
 *
 * INVALID, UNSUPPORTED (no such scheme), PERMISSION (the directory is another user's),
 * PATH_TOO_LONG, NO_FDS, NO_SPACE, NO_MEMORY, LIMIT (1024 nodes), VERSION, TIMEOUT.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_open(const char *url,
                                                      const struct smew_bus_options *options,
                                                      struct smew_bus **bus,
                                                      struct smew_error *error);

/* What close could not finish. */
struct smew_left {
    size_t unsent;      /* accepted, never processed by anybody; each became a dead letter */
    size_t unprocessed; /* received, not handled; their senders re-send or report them */
    size_t requests;    /* waiting for a reply: their callbacks ran with CLOSED */
};

/*
 * Releases every claim, delivers what was accepted until the deadline, turns the rest into
 * dead letters, leaves the bus and frees it.  `left` may be NULL.  NULL bus is fine.  [outside],
 * once, when no other thread uses the bus any more.
 */
SMEW_API void smew_bus_close(struct smew_bus *bus, uint32_t timeout_ms, struct smew_left *left);

/* Waits until everything this node accepted has been processed: OK or TIMEOUT.  [outside] */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_flush(struct smew_bus *bus, uint32_t timeout_ms);

/* This node's address on the bus, "@3.17"; lives as long as the bus.  [any] */
SMEW_API const char *smew_bus_address(const struct smew_bus *bus);

/* ---- sending ------------------------------------------------------------------------- */

enum smew_level {
    SMEW_LEVEL_ACCEPTED = 0,  /* in the bounded window towards the host, or its memory: below */
    SMEW_LEVEL_RECEIVED = 1,  /* the hosting node has it */
    SMEW_LEVEL_PROCESSED = 2, /* its handler returned; for a machine: the transition is complete */
};

struct smew_send_options {
    size_t size;               /* sizeof(struct smew_send_options) */
    const char *source;        /* the sending machine, if one sends */
    uint32_t timeout_ms;       /* how long to wait for room, and then for the level */
    uint32_t wait_ms;          /* how long to wait for the machine to appear */
    uint32_t expires_ms;       /* the message is worthless afterwards; 0: never */
    enum smew_level level;     /* above ACCEPTED: [outside] only */
    enum smew_on_full on_full; /* inside handlers the outbox is what there is */
    enum smew_content content;
    const char *traceparent;
    const struct smew_header *headers;
    size_t header_count;
};
#define SMEW_SEND_OPTIONS_INIT SMEW_SIZED(struct smew_send_options)

/*
 * Sends an event to a machine.  Copies target, event and payload; `payload` may be NULL when
 * size_bytes is 0.  Inside a handler it never waits: the message is accepted when the handler
 * returns or, from the node's outbox, when there is room.  [any]
 *
 * Accepted means on `inproc` and sockets that it is in the sender's window, and on shared memory
 * that it lies in the receiver's, where it survives the sender: OK waits for that until the
 * deadline.  Who does not wait (SMEW_NOW, on_full that keeps) may have it in the window there, too,
 * where the thread has no lane yet; and so may a request, after 200 ms: its reply tells.
 *
 * OK: accepted (and the level reached).  QUEUED: on_full says to keep it.  NO_MACHINE: nobody hosts
 * the target.  FULL: no room until the deadline, nothing accepted, and nothing will arrive.
 * TIMEOUT: accepted, the level not reached yet: not to be sent again.  At the level ACCEPTED only
 * shared memory answers it, rarely: the message was on its way already as the receiver stood still
 * until the deadline, and is in the window. WOULD_DEADLOCK: a level above ACCEPTED whose handler
 * only this thread can run. EXPIRED, STOPPED, REJECTED: what became of it (levels above ACCEPTED).
 * TOO_BIG, INVALID, NO_MEMORY, CLOSED, FORKED.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_send(struct smew_bus *bus, const char *target,
                                                      const char *event, const void *payload,
                                                      size_t size_bytes,
                                                      const struct smew_send_options *options);

/*
 * Sends many events in their order, each as smew_bus_send() would with these options, until one is
 * neither accepted nor kept: what that one's send answered.  *sent (NULL is fine) is how many were
 * before it; those are not taken back.  QUEUED: all were, some of them kept.  TIMEOUT: the last of
 * those *sent is accepted, as smew_bus_send() says, and none behind it was tried.  On shared memory
 * this costs less than a call each: what needs doing once is done once.  [any]
 */
struct smew_outgoing {
    const char *target;
    const char *event;
    const void *payload; /* may be NULL when size_bytes is 0 */
    size_t size_bytes;
};
SMEW_API SMEW_MUST_USE enum smew_status
smew_bus_send_many(struct smew_bus *bus, const struct smew_outgoing *messages, size_t count,
                   const struct smew_send_options *options, size_t *sent);

/*
 * What many sends have in common, said once: a target, an event and options.  Each send is one of
 * smew_bus_send() with these, in order with all others of its thread, and costs less, most on
 * shared memory: names are not checked, compared and looked up again.  Nothing is reserved, so the
 * target may come, move and go.
 *
 * Target, event and source are copied.  What differs from message to message (headers, traceparent)
 * has no place here: INVALID.  Otherwise INVALID for names that are none, NO_MEMORY, FORKED.  [any]
 */
struct smew_prepared;
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_prepare(struct smew_bus *bus, const char *target,
                                                         const char *event,
                                                         const struct smew_send_options *options,
                                                         struct smew_prepared **prepared);

/* One thread at a time, before the bus is closed.  Statuses as of smew_bus_send().  [any] */
SMEW_API SMEW_MUST_USE enum smew_status smew_prepared_send(struct smew_prepared *prepared,
                                                           const void *payload, size_t size_bytes);

/* NULL is fine.  On any thread, also when the bus was closed. */
SMEW_API void smew_prepared_free(struct smew_prepared *prepared);

/*
 * Lends room for the payload of an event, so that the program writes it where it will lie: on
 * shared memory in the receiver's own memory, without any copy.  *payload has room for size_bytes,
 * is aligned for 64-bit values, and holds whatever it held.  Options as for smew_bus_send(), with
 * the level ACCEPTED.  [any]
 *
 * A thread has one loan towards a node at a time: until it is sent or cancelled other sends of this
 * thread to that node answer BUSY.  Statuses as of smew_bus_send().
 */
struct smew_loan;
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_loan(struct smew_bus *bus, const char *target,
                                                      const char *event, size_t size_bytes,
                                                      const struct smew_send_options *options,
                                                      struct smew_loan **loan, void **payload);

/*
 * Sends what was written, size_bytes of it, not more than was lent.  The loan is gone whatever the
 * result, but for INVALID and FORKED.  On the thread that it was lent to, before the bus is closed.
 * Statuses as of smew_bus_send().
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_loan_send(struct smew_loan *loan, size_t size_bytes);

/* Gives it back; nobody ever sees it.  NULL is fine.  On the same thread. */
SMEW_API void smew_loan_cancel(struct smew_loan *loan);

/*
 * Publishes an event under a topic (usually the publishing machine's id) to whoever subscribed
 * to it: at most once per subscriber; one that falls behind is told how many it missed.
 * Costs two loads when nobody subscribed.  Never waits.  [any]
 *
 * A subscriber whose last messages did not fit, so that none follows which could tell it, gets an
 * event "smew.missed" of kind CONTROL with the count (it may concern other topics of its node).
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_publish(struct smew_bus *bus, const char *topic,
                                                         const char *event, const void *payload,
                                                         size_t size_bytes,
                                                         enum smew_content content);

/* True when somebody on the bus subscribed to the topic: asks before a costly payload.  [any] */
SMEW_API bool smew_bus_has_subscribers(struct smew_bus *bus, const char *topic);

/* ---- requests ------------------------------------------------------------------------ */

/*
 * Sends a request and waits for its reply, which the caller frees.  options->timeout_ms bounds
 * the whole (default 1000).  [outside]; WOULD_DEADLOCK where only this thread can run the
 * handler.  TIMEOUT: no reply in time.  Otherwise as smew_bus_send().
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_request(struct smew_bus *bus, const char *target,
                                                         const char *event, const void *payload,
                                                         size_t size_bytes,
                                                         const struct smew_send_options *options,
                                                         struct smew_message **reply);

/*
 * `status` is OK with a reply (the library's, until the callback returns) or says why there is
 * none, with reply NULL.  Runs exactly once for each request that was accepted, in
 * smew_bus_poll() or smew_bus_close().
 */
typedef void (*smew_reply_fn)(struct smew_bus *bus, enum smew_status status,
                              const struct smew_message *reply, void *user);

/* As smew_bus_request(), without waiting for the reply (it may wait for room).  [any] */
SMEW_API SMEW_MUST_USE enum smew_status
smew_bus_request_async(struct smew_bus *bus, const char *target, const char *event,
                       const void *payload, size_t size_bytes,
                       const struct smew_send_options *options, smew_reply_fn callback, void *user);

/* Answers a request, once: EXISTS the second time, INVALID for what is no request.  [handler] */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_reply(struct smew_bus *bus,
                                                       const struct smew_message *request,
                                                       const void *payload, size_t size_bytes,
                                                       enum smew_content content);

/* ---- receiving ----------------------------------------------------------------------- */

/* The message is the library's until the handler returns.  Runs in smew_bus_poll(). */
typedef void (*smew_handler_fn)(struct smew_bus *bus, const struct smew_message *message,
                                void *user);

struct smew_register_options {
    size_t size;         /* sizeof(struct smew_register_options) */
    bool standby;        /* wait for a claim that another node holds; otherwise CLAIMED at once */
    uint32_t timeout_ms; /* with standby: how long; without: for a handover, default 1000 */
};
#define SMEW_REGISTER_OPTIONS_INIT SMEW_SIZED(struct smew_register_options)

/*
 * Claims a machine id, or with a trailing '*' every id with that prefix, for this node.  Atomic
 * on the whole bus; dies with the node.  An id wins over a pattern, a longer pattern over a
 * shorter; an equal one is refused with CLAIMED.  An id inside another node's pattern takes
 * effect when that node has let go of it.  [outside]
 *
 * CLAIMED (the sentence names the holder), EXISTS (it is ours), TIMEOUT (the other node did not
 * let go), FULL (the directory has no room), INVALID, NO_MEMORY, CLOSED, FORKED.
 */
SMEW_API SMEW_MUST_USE enum smew_status
smew_bus_register(struct smew_bus *bus, const char *id, smew_handler_fn handler, void *user,
                  const struct smew_register_options *options, struct smew_error *error);

/* Gives a claim back.  Messages not handled yet go to whoever claims it next.  [any] */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_unregister(struct smew_bus *bus, const char *id);

/*
 * Asks for what is published under a topic, or with a trailing '*' under every topic with that
 * prefix.  Takes effect at once for nodes of this process and within a heartbeat for others;
 * *subscription is the library's.  [any]
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_subscribe(struct smew_bus *bus, const char *topic,
                                                           smew_handler_fn handler, void *user,
                                                           struct smew_subscription **subscription);

/* After it returns the handler is not called again (its own may still be running).  [any] */
SMEW_API void smew_bus_unsubscribe(struct smew_bus *bus, struct smew_subscription *subscription);

/*
 * Keeps a message beyond its handler's return: it counts as unprocessed until completed.  The
 * result is the message, now the caller's; what the handler was given may end with it.  Once for a
 * message.  NULL when out of memory.  [handler]
 */
SMEW_API SMEW_MUST_USE struct smew_message *smew_message_hold(const struct smew_message *message);

/* Completes a held message with OK, REJECTED or STOPPED, and frees it.  [any] */
SMEW_API void smew_message_complete(struct smew_message *message, enum smew_status result);

/* In a handler: answers the message's sender REJECTED instead of OK.  [handler] */
SMEW_API void smew_message_reject(const struct smew_message *message);

/* ---- polling ------------------------------------------------------------------------- */

/*
 * Runs the handlers and callbacks that are due, up to `most` of them (0: no bound), waiting up
 * to the timeout for the first.  OK when something ran, TIMEOUT otherwise.  [poller]; BUSY when
 * another thread polls, WOULD_DEADLOCK inside a handler.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_poll(struct smew_bus *bus, uint32_t timeout_ms,
                                                      size_t most);

/*
 * An fd that is readable when smew_bus_poll() has something to do: for a loop of the program's
 * own.  Never read from it; it belongs to the bus.  [any]
 */
SMEW_API int smew_bus_fd(const struct smew_bus *bus);

/* Makes a waiting smew_bus_poll() return.  Any thread, and safe in a signal handler. */
SMEW_API void smew_bus_wake(struct smew_bus *bus);

/* ---- looking ------------------------------------------------------------------------- */

struct smew_bus_stats {
    uint64_t sent;        /* accepted, to any level */
    uint64_t delivered;   /* handed to handlers here */
    uint64_t processed;   /* of what this node sent: completed by its receiver */
    uint64_t redelivered; /* re-sent by this node */
    uint64_t duplicates;  /* found and dropped here */
    uint64_t refused;     /* sends that answered FULL */
    uint64_t dead_letters;
    uint64_t published;
    uint64_t publish_missed; /* dropped for slow subscribers */
    uint64_t late_replies;   /* came after their request had timed out */
    uint64_t bad_frames;     /* refused: damaged, oversized, of another version */
    uint64_t bytes_sent;     /* of payload */
    uint64_t bytes_received; /* of payload, from other nodes */
    uint64_t reconnects;
    uint32_t connections; /* channels open now, both directions */
    uint32_t in_flight;   /* accepted and not processed yet */
    uint32_t held;        /* messages held beyond their handlers' return */
    /* shared memory */
    uint32_t lanes_out;     /* of this node's threads into other nodes' memory */
    uint32_t lanes_in;      /* of other nodes' threads into this node's memory */
    uint64_t lanes_denied;  /* that other nodes did not give */
    uint64_t lanes_refused; /* that this node did not give: lanes_max_bytes */
    uint64_t lanes_grown;   /* larger ones that took over */
    uint64_t lanes_sent;    /* of `sent`: straight into lanes */
    uint64_t pooled;        /* messages whose payload went through a lane's payload pool */
    uint64_t polled;        /* messages that smew_bus_poll() itself read */
    uint64_t in_place;      /* messages handed out where they lay */
    uint64_t lane_lost;     /* records that were damaged in memory */
    /* SMEW_ON_FULL_KEEP_* */
    uint64_t overflow_queued;  /* sends that answered QUEUED */
    uint64_t overflow_dropped; /* of those: dead letters; and sends that it refused */
    uint32_t overflow;         /* kept now */
};

/* [any] */
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_stats(struct smew_bus *bus,
                                                       struct smew_bus_stats *stats);

struct smew_node_info {
    const char *address; /* "@3.17" */
    const char *name;
    int64_t pid;
    bool alive;         /* by the kernel's word; the dead are left out */
    bool suspect;       /* alive, and silent for suspect_ms */
    uint64_t silent_ms; /* since its last heartbeat */
    uint64_t up_ms;     /* since it joined */
};

/* Called for each node of the bus, this one included; return false to stop. */
typedef bool (*smew_node_fn)(const struct smew_node_info *node, void *user);
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_each_node(struct smew_bus *bus, smew_node_fn fn,
                                                           void *user); /* [any] */

/* Called for each id and pattern that a living node claims; return false to stop. */
typedef bool (*smew_claim_fn)(const char *id, const char *node_address, void *user);
SMEW_API SMEW_MUST_USE enum smew_status smew_bus_each_claim(struct smew_bus *bus, smew_claim_fn fn,
                                                            void *user); /* [any] */

struct smew_clean_report {
    size_t buses;  /* looked at */
    size_t reaped; /* sockets, announcements and directories removed */
    size_t in_use; /* buses left alone because somebody lives on them */
};

/*
 * Removes what crashed nodes left behind below the runtime directory (NULL: the default one).
 * Never touches what a living node uses.  Opening a bus does the same for that bus.  [any]
 */
SMEW_API SMEW_MUST_USE enum smew_status
smew_bus_clean(const char *runtime_dir, struct smew_clean_report *report, struct smew_error *error);

#ifdef __cplusplus
}
#endif
#endif
