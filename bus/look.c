/* SPDX-License-Identifier: MIT */
/* Looking at the bus: counters, nodes, claims, and cleaning up after the dead. */

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "bus/done.h"
#include "bus/lane_out.h"
#include "bus/node.h"

enum smew_status smew_bus_stats(struct smew_bus *bus, struct smew_bus_stats *stats)
{
    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (!stats)
        return SMEW_INVALID;
    smew__bus_lock(bus);
    (void)smew__done_take(bus);
    *stats = bus->stats;
    stats->in_flight = bus->in_flight;
    stats->held = atomic_load_explicit(&bus->held, memory_order_relaxed);
    smew__lanes_stats(bus, stats);
    smew__bus_unlock(bus);
    return SMEW_OK;
}

/*
 * What a walk found, copied under the lock, so that the program's function is called without it
 * and may call the bus.
 */
struct findings {
    struct smew_bus *bus;
    struct smew__buffer records; /* struct node_found, or struct claim_found */
};

struct node_found {
    struct smew__node_record record;
    bool alive;
};

struct claim_found {
    struct smew__node_ref owner;
    char id[SMEW_ID_MAX + 1];
};

static uint64_t since_ms(uint64_t now_ns, uint64_t then_ns)
{
    return then_ns < now_ns ? (now_ns - then_ns) / SMEW_NS_PER_MS : 0;
}

static bool find_node(const struct smew__node_record *record, void *user)
{
    struct findings *findings = user;
    struct node_found found = {.record = *record};

    found.alive = smew__directory_alive(findings->bus->directory, record->ref);
    if (!found.alive) {
        (void)smew__directory_bury(findings->bus->directory, record->ref);
        return true; /* the dead are not shown */
    }
    smew__buffer_append(&findings->records, &found, sizeof(found));
    return !findings->records.failed;
}

static bool tell_node(const struct smew_bus *bus, const struct node_found *found, smew_node_fn fn,
                      void *user)
{
    const struct smew__node_record *record = &found->record;
    uint64_t now_ns = smew_now_ns();
    char address[SMEW__ADDRESS_SIZE];
    struct smew_node_info info = {.address = address,
                                  .name = record->name,
                                  .pid = record->process.pid,
                                  .alive = found->alive,
                                  .silent_ms = since_ms(now_ns, record->beat_ns),
                                  .up_ms = since_ms(now_ns, record->joined_ns)};

    info.suspect = info.silent_ms >= bus->options.suspect_ms;
    snprintf(address, sizeof(address), "@%u.%u", record->ref.slot, record->ref.generation);
    return fn(&info, user);
}

enum smew_status smew_bus_each_node(struct smew_bus *bus, smew_node_fn fn, void *user)
{
    struct findings findings = {.bus = bus};
    const struct node_found *found;
    bool more;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (!fn)
        return SMEW_INVALID;
    smew__buffer_init(&findings.records);
    smew__bus_lock(bus);
    smew__directory_each_node(bus->directory, find_node, &findings);
    smew__bus_unlock(bus);
    more = !findings.records.failed;
    found = (const void *)findings.records.data;
    for (size_t i = 0; more && i < findings.records.size / sizeof(*found); i++)
        more = tell_node(bus, &found[i], fn, user);
    more = findings.records.failed;
    smew__buffer_fini(&findings.records);
    return more ? SMEW_NO_MEMORY : SMEW_OK;
}

static bool find_claim(const char *id, struct smew__node_ref owner, void *user)
{
    struct findings *findings = user;
    struct claim_found found = {.owner = owner};

    strncpy(found.id, id, SMEW_ID_MAX);
    smew__buffer_append(&findings->records, &found, sizeof(found));
    return !findings->records.failed;
}

static bool tell_claim(const struct claim_found *found, smew_claim_fn fn, void *user)
{
    char address[SMEW__ADDRESS_SIZE];

    snprintf(address, sizeof(address), "@%u.%u", found->owner.slot, found->owner.generation);
    return fn(found->id, address, user);
}

/* Is the claim's owner alive?  Asked once for each run of claims of the same node. */
static bool owner_lives(struct smew_bus *bus, struct smew__node_ref owner)
{
    bool alive;

    smew__bus_lock(bus);
    alive = smew__directory_alive(bus->directory, owner);
    smew__bus_unlock(bus);
    return alive;
}

enum smew_status smew_bus_each_claim(struct smew_bus *bus, smew_claim_fn fn, void *user)
{
    struct findings findings = {.bus = bus};
    struct smew__node_ref asked = {0};
    const struct claim_found *found;
    bool alive = false;
    bool failed, more;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (!fn)
        return SMEW_INVALID;
    smew__buffer_init(&findings.records);
    smew__bus_lock(bus);
    smew__directory_each_claim(bus->directory, find_claim, &findings);
    smew__bus_unlock(bus);
    failed = findings.records.failed;
    more = !failed;
    found = (const void *)findings.records.data;
    for (size_t i = 0; more && i < findings.records.size / sizeof(*found); i++) {
        if (found[i].owner.slot != asked.slot || found[i].owner.generation != asked.generation)
            alive = owner_lives(bus, found[i].owner);
        asked = found[i].owner;
        more = !alive || tell_claim(&found[i], fn, user);
    }
    smew__buffer_fini(&findings.records);
    return failed ? SMEW_NO_MEMORY : SMEW_OK;
}

enum smew_status smew_bus_clean(const char *runtime_dir, struct smew_clean_report *report,
                                struct smew_error *error)
{
    struct smew__clean_counts counts = {0};
    enum smew_status status = smew__directory_clean(runtime_dir, &counts, error);

    if (!status && report)
        *report = (struct smew_clean_report){counts.buses, counts.reaped, counts.in_use};
    return status;
}
