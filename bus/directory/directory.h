/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_DIRECTORY_H
#define SMEW_BUS_DIRECTORY_DIRECTORY_H

/*
 * Who hosts which machine: the directory of one bus, shared by all its nodes, without a process
 * of its own.  Its format, algorithms and failure modes are written above `struct` in layout.h.
 *
 * A bus of processes keeps it in files of its folder (RUNTIME/SCHEME/NAME/); a bus of one process
 * (in_process) keeps the same table in memory, found by its name.
 *
 * Threads: a node calls these with its own lock held, one at a time, but for the two epochs and
 * smew__directory_beat(), which any thread may call at any time.  Nothing blocks beyond the
 * deadline of open; nothing waits for another node.
 */

#include <stdbool.h>
#include <stdint.h>

#include <smew/status.h>

#include "base/os/process.h"

struct smew__directory;

enum { SMEW__DIRECTORY_NODES = 1024 };

/* A node for one life: a slot is used again with another generation. */
struct smew__node_ref {
    uint32_t slot;
    uint32_t generation; /* never 0 */
};

struct smew__directory_options {
    const char *scheme;
    const char *bus;         /* checked by the caller */
    const char *runtime_dir; /* NULL: the default */
    const char *node_name;   /* for people; cut to 63 bytes */
    uint64_t node;           /* incarnation */
    bool in_process;
    uint64_t deadline_ns;
};

/*
 * Joins the bus's directory, making it when there is none, reaping what crashed nodes left of the
 * slot it takes.  PERMISSION, LIMIT (no free slot), VERSION, CORRUPT, NO_SPACE, NO_FDS, TIMEOUT,
 * PATH_TOO_LONG, NO_MEMORY, IO: each with a sentence.
 */
enum smew_status smew__directory_open(const struct smew__directory_options *options,
                                      struct smew__directory **directory, struct smew_error *error);
/* Drops every claim and the slot; the last node removes the files and the folder. */
void smew__directory_close(struct smew__directory *directory);

struct smew__node_ref smew__directory_self(const struct smew__directory *directory);
/* The bus's folder, absolute; NULL for a bus of one process. */
const char *smew__directory_path(const struct smew__directory *directory);

/* ---- claims -------------------------------------------------------------------------- */

/*
 * Moves whenever a claim begins or ends; there until the directory is closed.  Loaded with acquire,
 * so that a lookup after it sees what the epoch stands for: pairs with smew__epoch_move.
 */
const _Atomic uint64_t *smew__directory_epoch(const struct smew__directory *directory);

/*
 * Claims an id, or a prefix with a trailing '*', for this node.
 *   OK       it is ours from now on
 *   EXISTS   it is ours already
 *   CLAIMED  a living node (*owner) has the equal id or pattern
 *   AGAIN    it is inside a pattern of another living node (*owner): the claim is noted, but
 *            routes stay; smew__directory_confirm() after that node let go of it
 *   FULL     the table has no room for it;  NO_MEMORY, NO_SPACE
 *   CORRUPT  somebody scribbles over the table all the time
 * A claim whose owner is dead by the kernel's word is taken over at once.
 */
enum smew_status smew__directory_claim(struct smew__directory *directory, const char *id,
                                       struct smew__node_ref *owner);
/* Makes a noted claim effective.  NOT_FOUND. */
enum smew_status smew__directory_confirm(struct smew__directory *directory, const char *id);
/* Gives a claim back, noted or effective.  NOT_FOUND. */
enum smew_status smew__directory_release(struct smew__directory *directory, const char *id);

/* Does another living node claim, or have noted that it wants, exactly this id or pattern? */
bool smew__directory_contested(struct smew__directory *directory, const char *id);

/*
 * The node that hosts an id: an equal id, else the longest matching pattern.  NO_MACHINE.  The
 * node was alive when last somebody looked; see smew__directory_bury().
 */
enum smew_status smew__directory_lookup(struct smew__directory *directory, const char *id,
                                        struct smew__node_ref *owner);

/* ---- subscriptions ------------------------------------------------------------------- */

/* Moves whenever a subscription begins or ends: one relaxed load. */
uint64_t smew__directory_topic_epoch(const struct smew__directory *directory);
/* Notes that this node wants a topic, or with a trailing '*' a prefix.  EXISTS, FULL. */
enum smew_status smew__directory_subscribe(struct smew__directory *directory, const char *topic);
enum smew_status smew__directory_unsubscribe(struct smew__directory *directory, const char *topic);
/*
 * Calls fn for each subscription of a node that is not buried, this one included.  NO_FDS or
 * NO_MEMORY when some could not be read: then ask again, whatever the epoch says.
 */
typedef bool (*smew__subscription_fn)(struct smew__node_ref node, const char *topic, void *user);
enum smew_status smew__directory_each_subscription(struct smew__directory *directory,
                                                   smew__subscription_fn fn, void *user);

/* ---- liveness ------------------------------------------------------------------------ */

/*
 * Moves this node's heartbeat counter, and puts right what somebody scribbled over: the board's
 * header and this node's own slot (layout.h, DAMAGE).
 */
void smew__directory_beat(struct smew__directory *directory);

/*
 * By the kernel's word: its slot is locked, and the process that took it exists and is no zombie.
 * False for a generation that is over.  Costs a few system calls; of the node itself it is always
 * true, and free.
 */
bool smew__directory_alive(struct smew__directory *directory, struct smew__node_ref node);

/*
 * Tells everybody that a node is dead: its claims and subscriptions end for all, the epochs move.
 * Does nothing when the kernel says that it lives.  True when the node is dead.
 */
bool smew__directory_bury(struct smew__directory *directory, struct smew__node_ref node);

struct smew__node_record {
    struct smew__node_ref ref;
    uint64_t node; /* incarnation */
    struct smew__process process;
    char name[64];
    uint64_t beats;     /* the heartbeat counter */
    uint64_t beat_ns;   /* monotonic time of the last beat, by its own word */
    uint64_t joined_ns; /* monotonic */
};

/* NOT_FOUND for a generation that is over; a buried one is told until its slot is reaped. */
enum smew_status smew__directory_node(struct smew__directory *directory, struct smew__node_ref node,
                                      struct smew__node_record *record);

/* Each slot in use; dead ones too, until they are buried or reaped. */
typedef bool (*smew__node_record_fn)(const struct smew__node_record *record, void *user);
void smew__directory_each_node(struct smew__directory *directory, smew__node_record_fn fn,
                               void *user);
/* Each effective claim of a node that is not buried. */
typedef bool (*smew__directory_claim_fn)(const char *id, struct smew__node_ref owner, void *user);
void smew__directory_each_claim(struct smew__directory *directory, smew__directory_claim_fn fn,
                                void *user);

/* ---- cleaning ------------------------------------------------------------------------ */

struct smew__clean_counts {
    size_t buses;
    size_t reaped;
    size_t in_use;
};
/* What smew_bus_clean() does: every bus below the runtime directory. */
enum smew_status smew__directory_clean(const char *runtime_dir, struct smew__clean_counts *counts,
                                       struct smew_error *error);

#endif
