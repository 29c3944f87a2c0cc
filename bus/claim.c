/* SPDX-License-Identifier: MIT */
/*
 * Claims: register and unregister.
 *
 * Happy path: the directory's claim is atomic; OK makes it ours, and the registration is in place
 * before the claim is, so that no message finds a host without a handler.
 *
 * Failure modes: held by a living node (refused, or waited for with standby); inside another
 * node's pattern (that node is asked to let go, handover.h); that node dies while we wait (then
 * nobody is in the way).  Whatever fails, the claim and the registration are taken back.
 */

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "bus/handler.h"
#include "bus/intake.h"
#include "bus/options.h"
#include "bus/sink.h"

enum { STANDBY_TICK_MS = 2, HANDOVER_MS = 1000 };

bool smew__pattern_valid(const char *pattern)
{
    size_t size = strlen(pattern);
    const char *star = strchr(pattern, '*');

    return smew__text_is_name(pattern, size) && pattern[0] != '@' &&
           (!star || star == pattern + size - 1);
}

/* One call of smew_bus_register(). */
struct claim {
    struct smew_bus *bus;
    const char *id;
    struct smew_register_options options;
    uint64_t deadline_ns;
    struct smew__node_ref owner;
    struct smew_error *error;
};

static enum smew_status say_claimed(struct claim *claim)
{
    struct smew__node_record record;
    enum smew_status known;

    smew__bus_lock(claim->bus);
    known = smew__directory_node(claim->bus->directory, claim->owner, &record);
    smew__bus_unlock(claim->bus);
    if (known)
        return smew__fail(claim->error, SMEW_CLAIMED, "\"%s\" is hosted by another node",
                          claim->id);
    return smew__fail(claim->error, SMEW_CLAIMED,
                      "\"%s\" is hosted by %s (@%u.%u, pid %lld); stop that one, or wait for it "
                      "with standby",
                      claim->id, record.name, claim->owner.slot, claim->owner.generation,
                      (long long)record.process.pid);
}

/* Asks the directory until it answers something final.  OK, AGAIN (noted), or a failure. */
static enum smew_status ask_directory(struct claim *claim)
{
    struct smew_bus *bus = claim->bus;
    enum smew_status status;

    smew__bus_lock(bus);
    for (;;) {
        status = bus->closing ? SMEW_CLOSED
                              : smew__directory_claim(bus->directory, claim->id, &claim->owner);
        if (status != SMEW_CLAIMED || !claim->options.standby ||
            smew_now_ns() >= claim->deadline_ns)
            break;
        (void)smew__bus_wait(bus, smew__deadline_ns(STANDBY_TICK_MS));
    }
    smew__bus_unlock(bus);
    return status;
}

/* The claim is noted inside another node's pattern: that node is asked to let go of the id. */
static enum smew_status take_over(struct claim *claim)
{
    struct smew_bus *bus = claim->bus;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_message *reply = NULL;
    char address[SMEW__ADDRESS_SIZE];
    enum smew_status status;

    snprintf(address, sizeof(address), "@%u.%u", claim->owner.slot, claim->owner.generation);
    options.timeout_ms = smew__options_timeout(claim->options.timeout_ms, HANDOVER_MS);
    if (!options.timeout_ms)
        options.timeout_ms = SMEW_NOW;
    status = smew_bus_request(bus, address, "smew.release", claim->id, strlen(claim->id), &options,
                              &reply);
    smew_message_free(reply);
    if (status == SMEW_PEER_DEAD || status == SMEW_NO_MACHINE)
        status = SMEW_OK; /* nobody is in the way any more */
    smew__bus_lock(bus);
    if (!status)
        status = smew__directory_confirm(bus->directory, claim->id);
    smew__bus_unlock(bus);
    if (status)
        return smew__fail(claim->error, status,
                          "\"%s\" is inside a pattern of node %s, which did not let go of it: %s",
                          claim->id, address, smew_status_text(status));
    return SMEW_OK;
}

static enum smew_status claim_id(struct claim *claim)
{
    enum smew_status status = ask_directory(claim);

    if (status == SMEW_AGAIN)
        return take_over(claim);
    if (status == SMEW_CLAIMED)
        return say_claimed(claim);
    if (status)
        return smew__fail(claim->error, status, "cannot claim \"%s\": %s", claim->id,
                          smew_status_text(status));
    return SMEW_OK;
}

/* Registration first, claim second; taken back in the other order. */
static enum smew_status register_with(struct claim *claim, struct smew__registration *registration)
{
    struct smew_bus *bus = claim->bus;
    enum smew_status status = SMEW_OK;

    if (!registration)
        return smew__fail(claim->error, SMEW_NO_MEMORY, "out of memory");
    smew__bus_lock(bus);
    if (smew__table_get(&bus->registrations, registration->id, registration->size))
        status = SMEW_EXISTS;
    else if (!smew__registration_add(bus, registration))
        status = SMEW_NO_MEMORY;
    smew__bus_unlock(bus);
    if (status) {
        smew__registration_unref(registration);
        return smew__fail(claim->error, status, "cannot register \"%s\": %s", claim->id,
                          smew_status_text(status));
    }
    status = claim_id(claim);
    if (!status)
        return SMEW_OK;
    smew__bus_lock(bus);
    if (status != SMEW_EXISTS)
        (void)smew__directory_release(bus->directory, claim->id);
    smew__registration_remove(bus, registration);
    smew__bus_unlock(bus);
    return status;
}

static enum smew_status prepare(struct smew_bus *bus, const char *id,
                                const struct smew_register_options *options, struct claim *claim,
                                struct smew_error *error)
{
    *claim = (struct claim){.bus = bus, .id = id, .error = error};
    if (!smew__bus_ours(bus))
        return smew__fail(error, SMEW_FORKED, "%s", smew_status_text(SMEW_FORKED));
    if (smew__handler_current())
        return smew__fail(error, SMEW_WOULD_DEADLOCK, "a handler cannot register \"%s\"",
                          id ? id : "");
    if (!id || !smew__pattern_valid(id))
        return smew__fail(error, SMEW_INVALID,
                          "\"%s\" is no machine id: 1 to %d bytes of UTF-8, no control bytes, "
                          "no '@' first, '*' only at the end",
                          id ? id : "", SMEW_ID_MAX);
    if (smew__options_copy(&claim->options, sizeof(claim->options), options))
        return smew__fail(error, SMEW_INVALID, "the register options have a wrong size");
    claim->deadline_ns =
        smew__deadline_ns(smew__options_timeout(claim->options.timeout_ms, HANDOVER_MS));
    return SMEW_OK;
}

enum smew_status smew_bus_register(struct smew_bus *bus, const char *id, smew_handler_fn handler,
                                   void *user, const struct smew_register_options *options,
                                   struct smew_error *error)
{
    struct smew__registration *registration;
    struct claim claim;
    enum smew_status status = prepare(bus, id, options, &claim, error);

    if (status)
        return status;
    if (!handler)
        return smew__fail(error, SMEW_INVALID, "\"%s\" needs a handler", id);
    registration = smew__registration_create(id, strchr(id, '*') != NULL);
    if (registration) {
        registration->handler = handler;
        registration->user = user;
    }
    return register_with(&claim, registration);
}

enum smew_status smew__bus_register_sink(struct smew_bus *bus, const char *id,
                                         const struct smew__sink *sink,
                                         const struct smew_register_options *options,
                                         struct smew_error *error)
{
    struct smew__registration *registration;
    struct claim claim;
    enum smew_status status = prepare(bus, id, options, &claim, error);

    if (status)
        return status;
    registration = smew__registration_create(id, strchr(id, '*') != NULL);
    if (registration) {
        registration->sunk = true;
        registration->sink = *sink;
    }
    return register_with(&claim, registration);
}

enum smew_status smew_bus_unregister(struct smew_bus *bus, const char *id)
{
    struct smew__registration *registration;
    enum smew_status status = SMEW_NOT_FOUND;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (!id)
        return SMEW_INVALID;
    smew__bus_lock(bus);
    registration = smew__table_get(&bus->registrations, id, strlen(id));
    if (registration) {
        status = smew__directory_release(bus->directory, id);
        smew__registration_remove(bus, registration);
    }
    smew__bus_unlock(bus);
    return status;
}
