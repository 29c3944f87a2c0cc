/* SPDX-License-Identifier: MIT */
/*
 * The test harness: actors on a virtual clock, and a queue between them instead of a bus.
 *
 * Happy path: send puts an event into the queue and settle() runs the queue until it is empty;
 * what machines send on the way goes to its end, as on a bus.  advance() steps from deadline to
 * deadline, settling after each.
 *
 * Failure modes: the first failure is the answer, and what comes after it goes on; machines that
 * answer each other for ever are a LIMIT, and what they sent last is dropped.
 */

#include <smew/testing.h>

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/table.h"
#include "orchestrator/actor.h"

enum { STEPS_MOST = 100000 }; /* events that one call may cause */

struct hosted {
    struct smew__list link;
    struct smew_chart *chart;
    void *user;
    size_t size; /* of id, without a '*' */
    bool pattern;
    char id[];
};

struct letter {
    struct smew__list link;
    char *target;
    char *type;
    void *payload;
    size_t payload_size;
    enum smew_content content;
};

struct smew_harness {
    uint64_t now_ns;
    struct smew__list hosts;
    struct smew__list queue;
    struct smew__table actors;
    struct smew__heap timers;
    struct smew__runner runner;
    size_t dead_letters;
    char *state; /* what smew_harness_state() gave last */
};

/* ---- letters ------------------------------------------------------------------------- */

static void letter_free(struct letter *letter)
{
    smew__free(letter->target);
    smew__free(letter->type);
    smew__free(letter->payload);
    smew__free(letter);
}

static enum smew_status enqueue(struct smew_harness *harness, const char *target,
                                const struct smew_event *event)
{
    struct letter *letter = smew__calloc(1, sizeof(*letter));

    if (!letter)
        return SMEW_NO_MEMORY;
    letter->target = smew__strdup(target);
    letter->type = smew__strdup(event->type);
    letter->payload = smew__calloc(1, event->payload_size + 1);
    letter->payload_size = event->payload_size;
    letter->content = event->content;
    if (!letter->target || !letter->type || !letter->payload) {
        letter_free(letter);
        return SMEW_NO_MEMORY;
    }
    if (event->payload_size)
        memcpy(letter->payload, event->payload, event->payload_size);
    smew__list_append(&harness->queue, &letter->link);
    return SMEW_OK;
}

/* ---- actors -------------------------------------------------------------------------- */

static bool is_id(const char *id, bool or_pattern)
{
    size_t size = id ? strlen(id) : 0;
    const char *star = size ? strchr(id, '*') : NULL;

    return size && size <= SMEW_ID_MAX && (!star || (or_pattern && star == id + size - 1));
}

static struct hosted *hosted_create(const char *id, struct smew_chart *chart, void *user)
{
    size_t size = strlen(id);
    struct hosted *host = smew__calloc(1, sizeof(*host) + size + 1);

    if (!host)
        return NULL;
    memcpy(host->id, id, size);
    host->pattern = id[size - 1] == '*';
    host->size = size - host->pattern;
    host->chart = smew_chart_ref(chart);
    host->user = user;
    return host;
}

static void hosted_free(struct hosted *host)
{
    smew_chart_unref(host->chart);
    smew__free(host);
}

/* The host of an id: an equal one, else the longest pattern. */
static struct hosted *host_of(const struct smew_harness *harness, const char *id)
{
    struct hosted *best = NULL;

    SMEW_LIST_EACH (link, &harness->hosts) {
        struct hosted *host = SMEW_CONTAINER(link, struct hosted, link);

        if (!host->pattern && strcmp(host->id, id) == 0)
            return host;
        if (host->pattern && strncmp(host->id, id, host->size) == 0 &&
            (!best || host->size > best->size))
            best = host;
    }
    return best;
}

static void stop(struct smew_harness *harness, struct smew__actor *actor)
{
    smew__heap_remove(&harness->timers, &actor->timer);
    smew__table_remove(&harness->actors, smew__actor_id(actor), strlen(smew__actor_id(actor)));
    smew__actor_destroy(actor);
}

static enum smew_status actor_of(struct smew_harness *harness, const char *id,
                                 struct smew__actor **actor)
{
    struct hosted *host = host_of(harness, id);
    struct smew__actor *found = smew__table_get(&harness->actors, id, strlen(id));
    enum smew_status status;

    *actor = found;
    if (found && found->host == host)
        return SMEW_OK;
    if (!host)
        return SMEW_NO_MACHINE;
    if (found) /* its id has a host of its own now */
        stop(harness, found);
    status = smew__actor_create(host->chart, id, host->user, &harness->runner, host,
                                harness->now_ns, actor);
    if (status)
        return status;
    if (!smew__table_put(&harness->actors, smew__actor_id(*actor), strlen(id), *actor)) {
        smew__actor_destroy(*actor);
        return SMEW_NO_MEMORY;
    }
    return smew__actor_schedule(*actor, &harness->timers);
}

static enum smew_status on_send(struct smew__actor *from, const char *target,
                                const struct smew_event *event, void *context)
{
    struct smew_harness *harness = context;

    (void)from;
    if (!is_id(target, false))
        return SMEW_INVALID;
    if (!host_of(harness, target)) {
        harness->dead_letters++;
        return SMEW_NO_MACHINE;
    }
    return enqueue(harness, target, event);
}

static enum smew_status run_letter(struct smew_harness *harness, const struct letter *letter)
{
    struct smew_event event = {.type = letter->type,
                               .payload = letter->payload,
                               .payload_size = letter->payload_size,
                               .content = letter->content};
    struct smew__actor *actor;
    struct smew_step step;
    enum smew_status status = actor_of(harness, letter->target, &actor);

    if (status)
        return status;
    status = smew__actor_handle(actor, &event, harness->now_ns, &step);
    if (status)
        return status;
    return smew__actor_schedule(actor, &harness->timers);
}

/* Runs the queue until it is empty; the first failure is the answer. */
static enum smew_status settle(struct smew_harness *harness)
{
    enum smew_status first = SMEW_OK;
    struct smew__list *link;
    size_t steps = 0;

    while ((link = smew__list_take(&harness->queue)) != NULL) {
        struct letter *letter = SMEW_CONTAINER(link, struct letter, link);
        enum smew_status status = steps++ < STEPS_MOST ? run_letter(harness, letter) : SMEW_LIMIT;

        letter_free(letter);
        if (status && !first)
            first = status;
    }
    return first;
}

/* ---- public -------------------------------------------------------------------------- */

enum smew_status smew_harness_create(struct smew_harness **out)
{
    struct smew_harness *harness;

    if (!out)
        return SMEW_INVALID;
    harness = smew__calloc(1, sizeof(*harness));
    if (!harness)
        return SMEW_NO_MEMORY;
    smew__list_init(&harness->hosts);
    smew__list_init(&harness->queue);
    smew__table_init(&harness->actors);
    smew__heap_init(&harness->timers);
    harness->runner = (struct smew__runner){.send = on_send, .context = harness};
    *out = harness;
    return SMEW_OK;
}

void smew_harness_destroy(struct smew_harness *harness)
{
    struct smew__list *link;
    struct smew__actor *actor;
    size_t cursor = 0;

    if (!harness)
        return;
    while ((link = smew__list_take(&harness->queue)) != NULL)
        letter_free(SMEW_CONTAINER(link, struct letter, link));
    while ((actor = smew__table_next(&harness->actors, &cursor)) != NULL)
        smew__actor_destroy(actor);
    smew__table_fini(&harness->actors);
    smew__heap_fini(&harness->timers);
    while ((link = smew__list_take(&harness->hosts)) != NULL)
        hosted_free(SMEW_CONTAINER(link, struct hosted, link));
    smew__free(harness->state);
    smew__free(harness);
}

static bool is_claimed(const struct smew_harness *harness, const char *id)
{
    SMEW_LIST_EACH (link, &harness->hosts) {
        if (strcmp(SMEW_CONTAINER(link, struct hosted, link)->id, id) == 0)
            return true;
    }
    return false;
}

/* A machine that cannot start is not hosted. */
static enum smew_status start(struct smew_harness *harness, struct hosted *host)
{
    struct smew__actor *actor;
    enum smew_status status = actor_of(harness, host->id, &actor);

    if (!status && actor->failed) {
        stop(harness, actor);
        status = SMEW_LIMIT;
    }
    if (!status)
        return settle(harness);
    smew__list_remove(&host->link);
    hosted_free(host);
    return status;
}

enum smew_status smew_harness_host(struct smew_harness *harness, const char *id,
                                   struct smew_chart *chart, void *user)
{
    struct hosted *host;

    if (!harness || !chart || !is_id(id, true))
        return SMEW_INVALID;
    if (is_claimed(harness, id))
        return SMEW_CLAIMED;
    host = hosted_create(id, chart, user);
    if (!host)
        return SMEW_NO_MEMORY;
    smew__list_append(&harness->hosts, &host->link);
    return host->pattern ? SMEW_OK : start(harness, host);
}

enum smew_status smew_harness_send(struct smew_harness *harness, const char *target,
                                   const char *event, const char *json)
{
    struct smew_event sent = {.type = event,
                              .payload = json ? json : "",
                              .payload_size = json ? strlen(json) : 0,
                              .content = json ? SMEW_CONTENT_JSON : SMEW_CONTENT_RAW};
    enum smew_status status;

    if (!harness || !is_id(target, false) || !event || !*event)
        return SMEW_INVALID;
    if (!host_of(harness, target)) {
        harness->dead_letters++;
        return SMEW_NO_MACHINE;
    }
    status = enqueue(harness, target, &sent);
    return status ? status : settle(harness);
}

enum smew_status smew_harness_advance(struct smew_harness *harness, uint64_t ms)
{
    uint64_t until_ns = SMEW_NEVER_NS;
    struct smew__heap_link *first;
    enum smew_status result = SMEW_OK;

    if (!harness)
        return SMEW_INVALID;
    if (ms < (SMEW_NEVER_NS - harness->now_ns) / SMEW_NS_PER_MS)
        until_ns = harness->now_ns + ms * SMEW_NS_PER_MS;
    while ((first = smew__heap_first(&harness->timers)) != NULL && first->key <= until_ns) {
        struct smew__actor *actor = SMEW_CONTAINER(first, struct smew__actor, timer);
        struct smew_step step;
        enum smew_status status;

        if (first->key > harness->now_ns)
            harness->now_ns = first->key;
        smew__heap_remove(&harness->timers, first);
        status = smew__actor_advance(actor, harness->now_ns, &step);
        if (!status)
            status = smew__actor_schedule(actor, &harness->timers);
        if (!status)
            status = settle(harness);
        if (status && !result)
            result = status;
    }
    harness->now_ns = until_ns;
    return result;
}

uint64_t smew_harness_now_ms(const struct smew_harness *harness)
{
    return harness->now_ns / SMEW_NS_PER_MS;
}

struct smew_machine *smew_harness_machine(struct smew_harness *harness, const char *id)
{
    struct smew__actor *actor = smew__table_get(&harness->actors, id, strlen(id));

    return actor ? actor->machine : NULL;
}

const char *smew_harness_state(struct smew_harness *harness, const char *id)
{
    const struct smew_machine *machine = smew_harness_machine(harness, id);
    size_t size = machine ? smew_machine_state(machine, NULL, 0) : 0;

    smew__free(harness->state);
    harness->state = smew__calloc(1, size + 1);
    if (!harness->state)
        return "";
    if (machine)
        smew_machine_state(machine, harness->state, size + 1);
    return harness->state;
}

bool smew_harness_in(struct smew_harness *harness, const char *id, const char *path)
{
    const struct smew_machine *machine = smew_harness_machine(harness, id);

    return machine && smew_machine_in(machine, path);
}

size_t smew_harness_dead_letters(const struct smew_harness *harness)
{
    return harness->dead_letters;
}
