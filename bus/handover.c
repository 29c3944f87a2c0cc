/* SPDX-License-Identifier: MIT */
/*
 * Handovers.  A claimant that is dead when we answer costs a failed reply; one that dies, or gives
 * up, before it confirms ends its claim with that, and the id is ours again.  Without memory the
 * claimant is refused with NO_MEMORY, and nothing has changed.
 */

#include "bus/handover.h"

#include <string.h>

#include "base/alloc.h"
#include "bus/letter.h"
#include "bus/request.h"

struct smew__release {
    struct smew_bus *bus;
    struct smew__registration *registration;
    struct smew_message *request; /* until it was answered */
    size_t size;
    char id[];
};

static struct smew__text text_of(const struct smew__release *release)
{
    return (struct smew__text){release->id, release->size};
}

/* The request is answered; the note stays, so that nothing new comes in for the id. */
static void let_go(struct smew__release *release)
{
    struct smew_bus *bus = release->bus;

    if (!release->request)
        return;
    (void)smew__reply(bus, release->request, NULL, 0, SMEW_CONTENT_RAW);
    smew__intake_settle(release->request);
    smew__message_unref(release->request);
    release->request = NULL;
    smew__notice_post(bus, SMEW_NOTICE_MACHINE_RELEASED, bus->address, release->id,
                      "handed over to another node");
}

void smew__release_done(struct smew__release *ticket)
{
    struct smew_bus *bus = ticket->bus;

    smew__bus_lock(bus);
    let_go(ticket);
    smew__registration_unref(ticket->registration);
    smew__bus_unlock(bus);
}

/* The release that concerns an id: the equal one, else the one of the longest pattern. */
static struct smew__release *find(const struct smew__registration *registration,
                                  struct smew__text id)
{
    struct smew__release *found = smew__table_get(&registration->released, id.data, id.size);
    char pattern[SMEW_ID_MAX + 1];

    if (found || !registration->released_patterns || id.size > SMEW_ID_MAX)
        return found;
    memcpy(pattern, id.data, id.size);
    for (size_t size = id.size < SMEW_ID_MAX ? id.size + 1 : SMEW_ID_MAX; !found && size; size--) {
        pattern[size - 1] = '*';
        found = smew__table_get(&registration->released, pattern, size);
    }
    return found;
}

static bool is_pattern(const struct smew__release *release)
{
    return release->id[release->size - 1] == '*';
}

static struct smew__release *create(struct smew_bus *bus, struct smew__registration *registration,
                                    struct smew_message *request)
{
    size_t size = request->envelope.payload_size;
    struct smew__release *release = smew__calloc(1, sizeof(*release) + size + 1);

    if (!release)
        return NULL;
    release->bus = bus;
    release->registration = registration;
    release->request = request;
    release->size = size;
    memcpy(release->id, request->envelope.payload, size);
    if (!smew__table_put(&registration->released, release->id, size, release)) {
        smew__free(release);
        return NULL;
    }
    registration->released_patterns += is_pattern(release);
    smew__intake_changed(bus);
    return release;
}

static void forget(struct smew__release *release)
{
    release->registration->released_patterns -= is_pattern(release);
    smew__table_remove(&release->registration->released, release->id, release->size);
    smew__free(release);
}

/* Ends a request that needs no release, or gets none. */
static void answer_at_once(struct smew_bus *bus, struct smew_message *request,
                           enum smew_status status)
{
    request->delivery.result = status;
    if (!status)
        (void)smew__reply(bus, request, NULL, 0, SMEW_CONTENT_RAW);
    smew__intake_settle(request);
    smew__message_unref(request);
}

/* The sink lets go in its own time.  False: it cannot. */
static bool ask_sink(struct smew__release *release)
{
    struct smew__registration *registration = release->registration;

    if (!registration->sink.release(release->id, release, registration->sink.user))
        return false;
    registration->references++; /* until smew__release_done() */
    return true;
}

void smew__handover_begin(struct smew_bus *bus, struct smew_message *request)
{
    struct smew__text id = {request->envelope.payload, request->envelope.payload_size};
    struct smew__registration *registration = NULL;
    struct smew__release *release;

    if (smew__text_is_name(id.data, id.size))
        registration = smew__registration_find(bus, id);
    release = registration ? smew__table_get(&registration->released, id.data, id.size) : NULL;
    if (release && release->request) { /* its first request has timed out; it drains for both */
        answer_at_once(bus, release->request, SMEW_TIMEOUT);
        release->request = request;
        return;
    }
    if (!registration || !registration->pattern) {
        answer_at_once(bus, request, SMEW_OK);
        return;
    }
    if (release)
        forget(release); /* of a handover that is over */
    release = create(bus, registration, request);
    if (release && registration->sunk && !ask_sink(release)) {
        forget(release);
        release = NULL;
    }
    if (!release) {
        answer_at_once(bus, request, SMEW_NO_MEMORY);
        return;
    }
    smew__intake_refuse(bus, registration, text_of(release));
    if (!registration->sunk && !smew__intake_busy(bus, registration, text_of(release)))
        let_go(release);
}

bool smew__handover_gone(struct smew_bus *bus, struct smew__registration *registration,
                         struct smew__text id)
{
    struct smew__release *release = registration->released.count ? find(registration, id) : NULL;

    if (!release)
        return false;
    if (release->request || smew__directory_contested(bus->directory, release->id))
        return true;
    forget(release);
    return false;
}

void smew__handover_check(struct smew_bus *bus, const struct smew_message *message)
{
    struct smew__registration *registration = message->delivery.registration;
    struct smew__release *release;

    if (!registration || registration->sunk || registration->released.count == 0)
        return;
    release = find(registration, message->envelope.target);
    if (release && release->request && !smew__intake_busy(bus, registration, text_of(release)))
        let_go(release);
}

static void check_all(struct smew_bus *bus, struct smew__registration *registration)
{
    struct smew__release *release;
    size_t cursor = 0;

    while ((release = smew__table_next(&registration->released, &cursor)) != NULL) {
        if (release->request && !smew__intake_busy(bus, registration, text_of(release)))
            let_go(release);
    }
}

void smew__handovers_check(struct smew_bus *bus)
{
    struct smew__registration *registration;
    size_t cursor = 0;

    while ((registration = smew__table_next(&bus->registrations, &cursor)) != NULL) {
        if (!registration->sunk)
            check_all(bus, registration);
    }
}

void smew__handover_forget(struct smew__registration *registration)
{
    struct smew__release *release;
    size_t cursor = 0;

    while ((release = smew__table_next(&registration->released, &cursor)) != NULL) {
        let_go(release);
        forget(release);
        cursor = 0;
    }
}
