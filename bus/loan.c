/* SPDX-License-Identifier: MIT */
/*
 * Loans: messages whose payload the program writes where it will lie.
 *
 * Happy path on shared memory: the record is begun in the calling thread's lane, the program writes
 * its payload there, or in the lane's pool, and sending commits it: no copy at all.  Everywhere
 * else, and where no lane or pool was given, the payload is written into the message itself, which
 * is then sent without another copy.
 *
 * Failure modes: between loan and send the lane may be lost, or something of the pair may have gone
 * the common way: then the payload is copied into a message and goes that way too.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/direct.h"
#include "bus/handler.h"
#include "bus/send.h"
#include "bus/speaker.h"

struct smew_loan {
    struct smew_bus *bus;
    struct smew_send_options options; /* its texts are the message's */
    uint32_t timeout_ms;
    size_t size;
    struct smew_message *message; /* names and options; and the payload, unless it is in a lane */
    bool direct;                  /* it is in a lane, or its pool */
    struct smew__direct_loan lane;
    void *payload;
};

/* A message that holds the names, and room for the payload where no lane has it. */
static enum smew_status set_message(struct smew_loan *loan, struct smew__envelope *envelope)
{
    envelope->payload = NULL;
    if (loan->direct)
        envelope->payload_size = 0;
    loan->message = smew__message_create(envelope);
    if (!loan->message)
        return SMEW_NO_MEMORY;
    loan->payload = loan->direct ? loan->lane.draft.payload
                                 : (void *)(uintptr_t)loan->message->envelope.payload;
    return SMEW_OK;
}

static enum smew_status lend(struct smew_loan *loan, const struct smew__post *post)
{
    struct smew__envelope_header headers[SMEW_HEADERS_MAX];
    struct smew__behind behind = {0};
    struct smew__envelope envelope;
    enum smew_status status =
        smew__send_envelope(loan->bus, post, &loan->options, headers, &envelope);
    bool passed = true;

    if (status)
        return status;
    if (smew__send_is_direct(loan->bus, post, &loan->options))
        status = smew__direct_lend(loan->bus, post, &loan->options, &envelope, &passed, &behind,
                                   &loan->lane);
    smew__behind_drop(&behind); /* what is before it is asked for again when it is sent */
    if (!passed && status)
        return status;
    loan->direct = !passed;
    status = set_message(loan, &envelope);
    if (status && loan->direct)
        smew__direct_release(&loan->lane);
    return status;
}

enum smew_status smew_bus_loan(struct smew_bus *bus, const char *target, const char *event,
                               size_t size_bytes, const struct smew_send_options *options,
                               struct smew_loan **out, void **payload)
{
    static const char nothing[1];
    struct smew__post post = {.kind = SMEW_KIND_EVENT,
                              .target = target,
                              .event = event,
                              .payload = nothing,
                              .payload_size = size_bytes};
    struct smew_send_options own;
    struct smew_loan *loan;
    enum smew_status status = smew__send_prepare(bus, options, &own, &post);

    if (status || !out || !payload || own.level != SMEW_LEVEL_ACCEPTED)
        return status ? status : SMEW_INVALID;
    loan = smew__calloc(1, sizeof(*loan));
    if (!loan)
        return SMEW_NO_MEMORY;
    loan->bus = bus;
    loan->options = own;
    loan->size = size_bytes;
    post.deadline_ns = smew__deadline_ns(post.timeout_ms);
    loan->timeout_ms = post.timeout_ms;
    status = lend(loan, &post);
    if (status) {
        smew__free(loan);
        return status;
    }
    *out = loan;
    *payload = loan->payload;
    return SMEW_OK;
}

/* What the message says, as a send would: the options' own texts may be gone. */
static void restate(struct smew_loan *loan, struct smew__post *post)
{
    const struct smew__envelope *envelope = &loan->message->envelope;

    *post = (struct smew__post){.kind = SMEW_KIND_EVENT,
                                .target = envelope->target.data,
                                .event = envelope->event.data,
                                .payload_size = envelope->payload_size,
                                .timeout_ms = loan->timeout_ms,
                                .deadline_ns = smew__deadline_ns(loan->timeout_ms)};
}

/* The payload leaves the lane, into a message with the same names. */
static enum smew_status copy_out(struct smew_loan *loan, size_t size_bytes)
{
    struct smew__envelope envelope = loan->message->envelope;
    struct smew_message *message;

    envelope.payload = loan->payload;
    envelope.payload_size = size_bytes;
    envelope.flags = 0;
    message = smew__message_create(&envelope);
    if (!message)
        return SMEW_NO_MEMORY;
    smew__message_unref(loan->message);
    loan->message = message;
    return SMEW_OK;
}

static enum smew_status send_direct(struct smew_loan *loan, size_t size_bytes, bool *sent,
                                    struct smew__behind *behind)
{
    struct smew__envelope envelope = loan->message->envelope;
    enum smew_status status;

    envelope.payload = loan->payload;
    envelope.payload_size = size_bytes;
    *sent = smew__direct_return(&loan->lane, &envelope, behind);
    if (*sent)
        return SMEW_OK;
    status = copy_out(loan, size_bytes);
    smew__direct_release(&loan->lane);
    return status;
}

enum smew_status smew_loan_send(struct smew_loan *loan, size_t size_bytes)
{
    struct smew_bus *bus = loan ? loan->bus : NULL;
    struct smew__behind behind = {0};
    enum smew_status status = SMEW_OK;
    struct smew__route *route = NULL;
    struct smew__post post;
    bool sent = false;

    if (!loan || size_bytes > loan->size)
        return SMEW_INVALID;
    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (loan->direct) {
        status = send_direct(loan, size_bytes, &sent, &behind);
    } else {
        ((char *)loan->payload)[size_bytes] = '\0';
        loan->message->envelope.payload_size = size_bytes;
        loan->message->envelope.sent_ns = 0; /* now, and not when it was lent */
        if (bus->codec == &smew__codec_frame)
            smew__message_sum(loan->message);
        route = smew__send_leave(bus, smew_message_target(loan->message), &loan->options, &behind);
    }
    if (!status && !sent) {
        restate(loan, &post);
        smew__message_ref(loan->message);
        status = smew__send_message(bus, &post, &loan->options, loan->message, &behind);
    }
    smew__speaker_arrived(bus, route);
    smew__behind_drop(&behind);
    smew__message_unref(loan->message);
    smew__free(loan);
    return status;
}

void smew_loan_cancel(struct smew_loan *loan)
{
    if (!loan || !smew__bus_ours(loan->bus))
        return;
    if (loan->direct)
        smew__direct_release(&loan->lane);
    smew__message_unref(loan->message);
    smew__free(loan);
}
