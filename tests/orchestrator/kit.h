/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_ORCHESTRATOR_KIT_H
#define SMEW_TESTS_ORCHESTRATOR_KIT_H

/*
 * What the tests of the orchestrator share: charts from text, nodes with an orchestrator on them,
 * questions to machines, and a record of what their actions saw.  Helpers that assert are called
 * on the main thread only.
 */

#include <pthread.h>
#include <stdatomic.h>

#include <jansson.h>
#include <smew/orchestrator.h>
#include <smew/testing.h>
#include <smew/transport.h>

#include "tests/support/support.h"

enum {
    KIT_WAIT_MS = 30000, /* longer than any machine needs, shorter than a test may take */
    KIT_SEEN_MOST = 40000,
};

/* ---- charts -------------------------------------------------------------------------- */

/* GO: red to green and back; anything else is not handled. */
extern const char kit_light[];
/* N: notes itself by the action "note"; BLOCK waits at the gate, DONE ends it. */
extern const char kit_noter[];
/* GO: an `always` that never ends. */
extern const char kit_endless[];

/*
 * A chart with the actions "note" (into the machine's user, a struct kit_record) and "gate" (waits
 * there until it is opened).  Quotes in the text may be written as '.  Fails the test.
 */
struct smew_chart *kit_chart(const char *text);

/* ---- what actions saw ---------------------------------------------------------------- */

struct kit_seen {
    char id[32];
    uint32_t sender; /* of the payload, see kit_number */
    uint32_t number;
    const void *machine; /* which of those that had the id */
};

struct kit_record {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;        /* the gate */
    unsigned waiting; /* at the gate */
    unsigned most_waiting;
    size_t count;
    struct kit_seen *seen; /* KIT_SEEN_MOST */
};

struct kit_record *kit_record_create(void);
void kit_record_free(struct kit_record *record);
size_t kit_record_count(struct kit_record *record);
bool kit_record_reaches(struct kit_record *record, size_t count);
/* Waits until so many machines stand at the gate. */
bool kit_gate_reaches(struct kit_record *record, unsigned waiting);
void kit_gate_open(struct kit_record *record);

/* What "note" reads from a payload. */
struct kit_number {
    uint32_t sender;
    uint32_t number;
};

/* ---- nodes --------------------------------------------------------------------------- */

/* A test program over one scheme, its first argument; a second one chooses tests by name. */
int kit_main(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t count);
#define KIT_MAIN(argc, argv, tests) \
    kit_main(argc, argv, __FILE__, tests, sizeof(tests) / sizeof((tests)[0]))

struct kit_node {
    struct smew_bus *bus;
    struct smew_orchestrator *orchestrator;
    struct kit_record *letters; /* dead letters; their id is "REASON target" */
};

struct smew_bus *kit_open(const struct smew_bus_options *options);
/* A node that keeps its dead letters, with an orchestrator. */
struct kit_node kit_node_open(const struct smew_orchestrator_options *options);
void kit_node_close(struct kit_node *node);
/* Runs what is due on a node, waiting a moment for it. */
void kit_poll(struct smew_bus *bus);
/* Waits until nobody claims the id or pattern, as it reads. */
bool kit_is_given_back(struct smew_bus *bus, const char *id);
/* Polls until so many dead letters came. */
bool kit_letters_reach(struct kit_node *node, size_t count);

/* Hosts text as a chart; fails the test when it is refused. */
void kit_host(struct kit_node *node, const char *id, const char *text, void *user);
struct smew_orchestrator_stats kit_stats(const struct kit_node *node);

/* A request's status, and its reply (NULL: none), which the caller releases. */
enum smew_status kit_request(struct smew_bus *bus, const char *target, const char *event,
                             const char *payload, json_t **reply);
/* The reply of a request that must succeed. */
json_t *kit_ask(struct smew_bus *bus, const char *target, const char *event, const char *payload);
/* Sends, and waits for the machine to be through with it. */
enum smew_status kit_process(struct smew_bus *bus, const char *target, const char *event);
/* The state of a machine, by inspection; "" when there is none. */
const char *kit_state(struct smew_bus *bus, const char *id);
/* Inspects until it has this state. */
bool kit_becomes(struct smew_bus *bus, const char *id, const char *state);

#endif
