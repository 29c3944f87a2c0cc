/* SPDX-License-Identifier: MIT */
/*
 * The rules for items, in one place for both codecs and both directions: a program's mistakes are
 * found before they are on a wire, a stranger's before anybody acts on them, and by the same code.
 *
 * Each rule answers OK or what is wrong, so that an item is a list of rules.
 */
#include "serialization/item.h"

#include <string.h>

#include <smew/transport.h>

#include "base/utf8.h"
#include "serialization/arena.h"

static bool has_control(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)data[i] < 0x20 || data[i] == 0x7F)
            return true;
    return false;
}

/* Eight bytes at a time: is every one in 0x20 to 0x7E? */
static bool is_printable(const char *data, size_t size)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t odd = 0;
    uint64_t word;

    for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        /* High bits: bytes of 0x80 and above; those that 1 lifts there; those that 0x20 drops. */
        odd |= word | (word + each) | (word - 0x20 * each);
    }
    for (; size > 0; data++, size--)
        odd |= (unsigned char)*data - 0x20u > 0x7Eu - 0x20u ? 0x80 : 0;
    return (odd & 0x80 * each) == 0;
}

bool smew__text_is_name(const char *data, size_t size)
{
    if (size >= 1 && size <= SMEW_ID_MAX && is_printable(data, size))
        return true;
    return size >= 1 && size <= SMEW_ID_MAX && !has_control(data, size) &&
           smew__utf8_valid(data, size);
}

static enum smew_status check_name(struct smew__text text)
{
    if (text.size > SMEW_ID_MAX)
        return SMEW_TOO_BIG;
    return smew__text_is_name(text.data, text.size) ? SMEW_OK : SMEW_INVALID;
}

/* One line for people: may be empty. */
static enum smew_status check_line(struct smew__text text, size_t most)
{
    if (text.size > most)
        return SMEW_TOO_BIG;
    if (text.size == 0)
        return SMEW_OK;
    return !has_control(text.data, text.size) && smew__utf8_valid(text.data, text.size)
               ? SMEW_OK
               : SMEW_INVALID;
}

/* A user's own text: anything that a terminated string can hold. */
static enum smew_status check_value(struct smew__text text)
{
    if (text.size > SMEW__HEADER_VALUE_MAX)
        return SMEW_TOO_BIG;
    if (text.size == 0)
        return SMEW_OK;
    return memchr(text.data, 0, text.size) == NULL && smew__utf8_valid(text.data, text.size)
               ? SMEW_OK
               : SMEW_INVALID;
}

static enum smew_status check_status(int32_t status)
{
    switch (status) {
#define KNOWN(name, code, text) case code:
        SMEW_STATUS_LIST(KNOWN)
#undef KNOWN
        return SMEW_OK;
    default:
        return status > 0 ? SMEW_INVALID : SMEW_VERSION;
    }
}

static enum smew_status check_hello(const struct smew__hello *hello)
{
    enum smew_status status = check_name(hello->bus);

    if (status == SMEW_OK)
        status = check_line(hello->name, SMEW_ID_MAX);
    if (status == SMEW_OK && hello->features != 0)
        status = SMEW_VERSION;
    return status;
}

static enum smew_status check_refuse(const struct smew__refuse *refuse)
{
    enum smew_status status = check_line(refuse->text, SMEW__REFUSE_TEXT_MAX);

    return status == SMEW_OK ? check_status(refuse->status) : status;
}

static enum smew_status check_codes(const struct smew__envelope *envelope)
{
    const uint32_t flags = SMEW__ENVELOPE_REDELIVERED | SMEW__ENVELOPE_LOSSY | SMEW__ENVELOPE_ALONE;

    if (envelope->kind < SMEW_KIND_EVENT || envelope->kind > SMEW_KIND_CONTROL)
        return SMEW_VERSION;
    if ((uint32_t)envelope->content > SMEW_CONTENT_PROTOBUF || (envelope->flags & ~flags) != 0)
        return SMEW_VERSION;
    return check_status(envelope->result);
}

static enum smew_status check_headers(const struct smew__envelope_header *headers, size_t count)
{
    enum smew_status status = count > SMEW_HEADERS_MAX ? SMEW_TOO_BIG : SMEW_OK;

    for (size_t i = 0; i < count && status == SMEW_OK; i++) {
        status = check_name(headers[i].name);
        if (status == SMEW_OK)
            status = check_value(headers[i].value);
    }
    return status;
}

static enum smew_status check_ack(const struct smew__ack *ack)
{
    enum smew_status status = SMEW_OK;

    if (ack->result_count > SMEW__ACK_RESULTS_MAX)
        return SMEW_TOO_BIG;
    if (ack->completed > ack->received)
        return SMEW_INVALID;
    for (size_t i = 0; i < ack->result_count && status == SMEW_OK; i++) {
        status = check_status(ack->results[i].status);
        if (ack->results[i].position == 0 || ack->results[i].position > ack->received)
            status = SMEW_INVALID;
    }
    return status;
}

enum smew_status smew__envelope_check(const struct smew__envelope *envelope, unsigned known)
{
    enum smew_status status = check_codes(envelope);

    if (envelope->kind == SMEW_KIND_REPLY && envelope->event.size == 0)
        known |= SMEW__ENVELOPE_EVENT;
    if (envelope->payload_size > SMEW_FRAME_MAX) /* the codecs may add sizes up after this */
        return SMEW_TOO_BIG;
    if (status == SMEW_OK && (known & SMEW__ENVELOPE_SOURCE) == 0)
        status = check_name(envelope->source);
    if (status == SMEW_OK && (known & SMEW__ENVELOPE_TARGET) == 0)
        status = check_name(envelope->target);
    if (status == SMEW_OK && (known & SMEW__ENVELOPE_EVENT) == 0)
        status = check_name(envelope->event);
    if (status == SMEW_OK)
        status = check_line(envelope->traceparent, SMEW__TRACEPARENT_MAX);
    if (status == SMEW_OK)
        status = check_headers(envelope->headers, envelope->header_count);
    return status;
}

enum smew_status smew__item_check(const struct smew__item *item)
{
    switch (item->type) {
    case SMEW__ITEM_HELLO:
        return check_hello(&item->hello);
    case SMEW__ITEM_REFUSE:
        return check_refuse(&item->refuse);
    case SMEW__ITEM_ENVELOPE:
        return smew__envelope_check(&item->envelope, 0);
    case SMEW__ITEM_ACK:
        return check_ack(&item->ack);
    default:
        return SMEW_INVALID;
    }
}

void smew__item_fini(struct smew__item *item)
{
    smew__wire_arena_free(item->memory);
    item->memory = NULL;
}
