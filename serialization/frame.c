/* SPDX-License-Identifier: MIT */
/*
 * Items as protobuf, wire.proto: the codec of streams between processes.
 *
 * Common envelopes are written and read by wire_envelope.c; everything else goes this way:
 * Encoding: the item is checked, the generated struct is filled with pointers into it, the exact
 * size is computed, and the bytes are packed straight into the caller's buffer.
 * Decoding: protobuf-c unpacks into an arena, which the item then points into and owns.
 *
 * Failure modes of decoding: bytes that are no protobuf, break a rule of item.c, or ask for more
 * memory than any honest frame of their size needs are CORRUPT; an item or a code that is unknown
 * is VERSION.  Fields that are unknown are skipped, as wire.proto says.
 */
#include "serialization/frame.h"

#include <string.h>

#include <protobuf-c/protobuf-c.h>
#include <wire.pb-c.h>

#include <smew/transport.h>

#include "base/alloc.h"
#include "serialization/arena.h"
#include "serialization/wire_envelope.h"

/*
 * What unpacking may take: the bytes themselves once, and the structs around them.  The largest
 * such, an ACK's results, take 12 bytes each in protobuf's arrays and 16 in ours.
 */
enum { STRUCTS_MAX = 28 * SMEW__ACK_RESULTS_MAX + 64 * 1024 };

/* A tag and a length in front of the one field that a Frame has. */
enum { PREFIX_MAX = 1 + 5, WIRE_TYPE_LENGTH = 2 };

/* protobuf-c never writes through what it packs, but its structs serve unpacking too. */
static ProtobufCBinaryData bytes_of(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)data};
}

static ProtobufCBinaryData bytes_of_text(struct smew__text text)
{
    return bytes_of(text.data, text.size);
}

static size_t put_varint(uint8_t *at, size_t value)
{
    size_t used = 0;

    for (; value >= 0x80; value >>= 7)
        at[used++] = (uint8_t)(value | 0x80);
    at[used++] = (uint8_t)value;
    return used;
}

/*
 * Appends a Frame with this item.  Its prefix is written here: protobuf-c's own packing of a
 * nested message finds its length last, and then moves the whole of it, payload included.
 */
static enum smew_status pack(const ProtobufCMessage *message, enum smew__item_type type,
                             struct smew__buffer *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t prefix[PREFIX_MAX] = {(uint8_t)((uint32_t)type << 3 | WIRE_TYPE_LENGTH)};
    size_t prefix_size;
    uint8_t *at;

    if (size > SMEW_FRAME_MAX - PREFIX_MAX)
        return SMEW_TOO_BIG;
    prefix_size = 1 + put_varint(prefix + 1, size);
    at = smew__buffer_reserve(out, prefix_size + size);
    if (at == NULL)
        return SMEW_NO_MEMORY;
    memcpy(at, prefix, prefix_size);
    out->size += prefix_size + protobuf_c_message_pack(message, at + prefix_size);
    return SMEW_OK;
}

static enum smew_status encode_hello(const struct smew__hello *hello, struct smew__buffer *out)
{
    Smew__Wire__Hello wire = SMEW__WIRE__HELLO__INIT;

    wire.features = hello->features;
    wire.bus = bytes_of_text(hello->bus);
    wire.name = bytes_of_text(hello->name);
    wire.node = hello->node;
    wire.slot = hello->slot;
    wire.generation = hello->generation;
    wire.window = hello->window;
    wire.pid = hello->pid;
    return pack(&wire.base, SMEW__ITEM_HELLO, out);
}

static enum smew_status encode_refuse(const struct smew__refuse *refuse, struct smew__buffer *out)
{
    Smew__Wire__Refuse wire = SMEW__WIRE__REFUSE__INIT;

    wire.status = refuse->status;
    wire.text = bytes_of_text(refuse->text);
    return pack(&wire.base, SMEW__ITEM_REFUSE, out);
}

static enum smew_status encode_envelope(const struct smew__envelope *envelope,
                                        struct smew__buffer *out)
{
    Smew__Wire__Envelope wire = SMEW__WIRE__ENVELOPE__INIT;
    Smew__Wire__Header headers[SMEW_HEADERS_MAX];
    Smew__Wire__Header *each_header[SMEW_HEADERS_MAX];

    for (size_t i = 0; i < envelope->header_count; i++) {
        smew__wire__header__init(&headers[i]);
        headers[i].name = bytes_of_text(envelope->headers[i].name);
        headers[i].value = bytes_of_text(envelope->headers[i].value);
        each_header[i] = &headers[i];
    }
    wire.n_headers = envelope->header_count;
    wire.headers = each_header;
    wire.node = envelope->id.node;
    wire.stream = envelope->id.stream;
    wire.sequence = envelope->id.sequence;
    wire.kind = (uint32_t)envelope->kind;
    wire.flags = envelope->flags;
    wire.content = (uint32_t)envelope->content;
    wire.source = bytes_of_text(envelope->source);
    wire.target = bytes_of_text(envelope->target);
    wire.event = bytes_of_text(envelope->event);
    wire.payload = bytes_of(envelope->payload, envelope->payload_size);
    wire.correlation = envelope->correlation;
    wire.result = envelope->result;
    wire.sent_ns = envelope->sent_ns;
    wire.deadline_ns = envelope->deadline_ns;
    wire.missed = envelope->missed;
    wire.traceparent = bytes_of_text(envelope->traceparent);
    wire.waits = envelope->waits;
    return pack(&wire.base, SMEW__ITEM_ENVELOPE, out);
}

static enum smew_status encode_ack(const struct smew__ack *ack, struct smew__buffer *out)
{
    Smew__Wire__Ack wire = SMEW__WIRE__ACK__INIT;
    size_t count = ack->result_count;
    enum smew_status status;

    wire.received = ack->received;
    wire.completed = ack->completed;
    if (count == 0)
        return pack(&wire.base, SMEW__ITEM_ACK, out);
    wire.positions = smew__calloc(count, sizeof *wire.positions + sizeof *wire.statuses);
    if (wire.positions == NULL)
        return SMEW_NO_MEMORY;
    wire.statuses = (int32_t *)(wire.positions + count);
    wire.n_positions = wire.n_statuses = count;
    for (size_t i = 0; i < count; i++) {
        wire.positions[i] = ack->results[i].position;
        wire.statuses[i] = ack->results[i].status;
    }
    status = pack(&wire.base, SMEW__ITEM_ACK, out);
    smew__free(wire.positions);
    return status;
}

static enum smew_status encode_item(const struct smew__item *item, struct smew__buffer *out)
{
    switch (item->type) {
    case SMEW__ITEM_HELLO:
        return encode_hello(&item->hello, out);
    case SMEW__ITEM_REFUSE:
        return encode_refuse(&item->refuse, out);
    case SMEW__ITEM_ENVELOPE:
        return encode_envelope(&item->envelope, out);
    case SMEW__ITEM_ACK:
        return encode_ack(&item->ack, out);
    }
    return SMEW_INVALID;
}

static bool is_common(const struct smew__item *item)
{
    return item->type == SMEW__ITEM_ENVELOPE && item->envelope.header_count == 0;
}

/* Checked before it is written; what fails leaves `out` as it was. */
static enum smew_status encode_around(const struct smew__item *item, struct smew__buffer *out,
                                      struct smew_bytes *payload, size_t *before)
{
    enum smew_status status = smew__item_check(item);
    bool failed = out->failed;
    size_t size = out->size;
    bool common = is_common(item);

    if (status != SMEW_OK)
        return status == SMEW_VERSION ? SMEW_INVALID : status;
    *payload = (struct smew_bytes){NULL, 0};
    if (common)
        status = smew__wire_envelope_write(&item->envelope, out, before);
    else
        status = encode_item(item, out);
    if (status != SMEW_OK)
        out->failed = failed;
    else if (common)
        *payload = (struct smew_bytes){item->envelope.payload, item->envelope.payload_size};
    else
        *before = out->size - size;
    return status;
}

static enum smew_status encode(const struct smew__item *item, struct smew__buffer *out)
{
    size_t start = out->size;
    bool failed = out->failed;
    struct smew_bytes payload;
    size_t before;
    uint8_t *at;
    enum smew_status status = encode_around(item, out, &payload, &before);

    if (status != SMEW_OK || payload.size == 0)
        return status;
    if (smew__buffer_reserve(out, payload.size) == NULL) {
        out->failed = failed;
        out->size = start;
        return SMEW_NO_MEMORY;
    }
    at = out->data + start + before;
    memmove(at + payload.size, at, out->size - start - before);
    memcpy(at, payload.data, payload.size);
    out->size += payload.size;
    return SMEW_OK;
}

enum smew_status smew__frame_encode_generated(const struct smew__item *item,
                                              struct smew__buffer *out)
{
    return encode_item(item, out);
}

static void *unpack_alloc(void *arena, size_t size)
{
    return smew__wire_arena_alloc(arena, size);
}

/* The arena is freed as a whole. */
static void unpack_free(void *arena, void *piece)
{
    (void)arena;
    (void)piece;
}

/* An empty one was never allocated. */
static struct smew__text text_of(ProtobufCBinaryData bytes)
{
    return (struct smew__text){bytes.len == 0 ? "" : (const char *)bytes.data, bytes.len};
}

/* Why the arena gave nothing: the machine has no more, or the frame wants too much. */
static enum smew_status refusal(const struct smew__wire_arena *arena)
{
    return arena->failed ? SMEW_NO_MEMORY : SMEW_CORRUPT;
}

static enum smew_status decode_hello(const Smew__Wire__Hello *wire, struct smew__hello *hello)
{
    *hello = (struct smew__hello){.features = wire->features,
                                  .bus = text_of(wire->bus),
                                  .name = text_of(wire->name),
                                  .node = wire->node,
                                  .slot = wire->slot,
                                  .generation = wire->generation,
                                  .window = wire->window,
                                  .pid = wire->pid};
    return SMEW_OK;
}

static enum smew_status decode_refuse(const Smew__Wire__Refuse *wire, struct smew__refuse *refuse)
{
    *refuse = (struct smew__refuse){(enum smew_status)wire->status, text_of(wire->text)};
    return SMEW_OK;
}

static enum smew_status decode_envelope(const Smew__Wire__Envelope *wire,
                                        struct smew__wire_arena *arena,
                                        struct smew__envelope *envelope)
{
    struct smew__envelope_header *headers = NULL;

    if (wire->n_headers > SMEW_HEADERS_MAX)
        return SMEW_CORRUPT;
    if (wire->n_headers != 0) {
        headers = smew__wire_arena_alloc(arena, wire->n_headers * sizeof *headers);
        if (headers == NULL)
            return refusal(arena);
    }
    for (size_t i = 0; i < wire->n_headers; i++)
        headers[i] = (struct smew__envelope_header){text_of(wire->headers[i]->name),
                                                    text_of(wire->headers[i]->value)};
    *envelope =
        (struct smew__envelope){.id = {wire->node, wire->stream, wire->sequence},
                                .kind = (enum smew_kind)wire->kind,
                                .flags = wire->flags,
                                .content = (enum smew_content)wire->content,
                                .source = text_of(wire->source),
                                .target = text_of(wire->target),
                                .event = text_of(wire->event),
                                .payload = wire->payload.len == 0 ? "" : (void *)wire->payload.data,
                                .payload_size = wire->payload.len,
                                .correlation = wire->correlation,
                                .result = wire->result,
                                .sent_ns = wire->sent_ns,
                                .deadline_ns = wire->deadline_ns,
                                .missed = wire->missed,
                                .traceparent = text_of(wire->traceparent),
                                .headers = headers,
                                .header_count = wire->n_headers,
                                .waits = wire->waits};
    return SMEW_OK;
}

static enum smew_status decode_ack(const Smew__Wire__Ack *wire, struct smew__wire_arena *arena,
                                   struct smew__ack *ack)
{
    struct smew__ack_result *results = NULL;

    if (wire->n_positions != wire->n_statuses || wire->n_positions > SMEW__ACK_RESULTS_MAX)
        return SMEW_CORRUPT;
    if (wire->n_positions != 0) {
        results = smew__wire_arena_alloc(arena, wire->n_positions * sizeof *results);
        if (results == NULL)
            return refusal(arena);
    }
    for (size_t i = 0; i < wire->n_positions; i++)
        results[i] =
            (struct smew__ack_result){wire->positions[i], (enum smew_status)wire->statuses[i]};
    *ack = (struct smew__ack){wire->received, wire->completed, results, wire->n_positions};
    return SMEW_OK;
}

static enum smew_status decode_item(const Smew__Wire__Frame *wire, struct smew__wire_arena *arena,
                                    struct smew__item *item)
{
    switch (wire->item_case) {
    case SMEW__WIRE__FRAME__ITEM_HELLO:
        item->type = SMEW__ITEM_HELLO;
        return decode_hello(wire->hello, &item->hello);
    case SMEW__WIRE__FRAME__ITEM_REFUSE:
        item->type = SMEW__ITEM_REFUSE;
        return decode_refuse(wire->refuse, &item->refuse);
    case SMEW__WIRE__FRAME__ITEM_ENVELOPE:
        item->type = SMEW__ITEM_ENVELOPE;
        return decode_envelope(wire->envelope, arena, &item->envelope);
    case SMEW__WIRE__FRAME__ITEM_ACK:
        item->type = SMEW__ITEM_ACK;
        return decode_ack(wire->ack, arena, &item->ack);
    default: /* protobuf, but with an item of another version */
        return SMEW_VERSION;
    }
}

static enum smew_status unpack(const void *data, size_t size, struct smew__wire_arena *arena,
                               struct smew__item *item)
{
    ProtobufCAllocator allocator = {unpack_alloc, unpack_free, arena};
    Smew__Wire__Frame *wire;

    wire = smew__wire__frame__unpack(&allocator, size, data);
    return wire == NULL ? refusal(arena) : decode_item(wire, arena, item);
}

enum smew_status smew__frame_decode_generated(const void *data, size_t size,
                                              struct smew__item *item)
{
    struct smew__item decoded = {0};
    struct smew__wire_arena arena;
    enum smew_status status;

    smew__wire_arena_init(&arena, size + STRUCTS_MAX);
    status = unpack(data, size, &arena, &decoded);
    decoded.memory = smew__wire_arena_release(&arena);
    if (status == SMEW_OK)
        *item = decoded;
    else
        smew__item_fini(&decoded);
    return status;
}

static enum smew_status decode(const void *data, size_t size, struct smew__item *item)
{
    struct smew__item decoded = {.type = SMEW__ITEM_ENVELOPE};
    enum smew_status status = SMEW_OK;

    if (size == 0 || size > SMEW_FRAME_MAX)
        return SMEW_CORRUPT;
    if (!smew__wire_envelope_read(data, size, &decoded.envelope))
        status = smew__frame_decode_generated(data, size, &decoded);
    if (status != SMEW_OK)
        return status;
    status = smew__item_check(&decoded);
    if (status == SMEW_OK)
        *item = decoded;
    else
        smew__item_fini(&decoded);
    return status == SMEW_OK || status == SMEW_VERSION ? status : SMEW_CORRUPT;
}

const struct smew__codec smew__codec_frame = {"frame", encode, encode_around, decode};
