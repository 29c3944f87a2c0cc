/* SPDX-License-Identifier: MIT */
/* The table of items.  Its large texts are made once, at the first call. */
#include "tests/serialization/kit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_PAYLOAD = 1 << 20 };

static char longest_name[SMEW_ID_MAX];
static char longest_value[SMEW__HEADER_VALUE_MAX];
static char longest_reason[SMEW__REFUSE_TEXT_MAX];
static uint8_t large_payload[LARGE_PAYLOAD];
static struct smew__envelope_header most_headers[SMEW_HEADERS_MAX];
static struct smew__ack_result most_results[SMEW__ACK_RESULTS_MAX];

static const struct smew__envelope_header two_headers[] = {
    {{"unit", 4},
     {"\xC2\xB0"
      "C",
      3}},
    {{"empty", 5}, {"", 0}},
};

static const struct smew__ack_result three_results[] = {
    {5, SMEW_OK}, {7, SMEW_NO_MACHINE}, {UINT64_MAX, SMEW_REJECTED}};

#define LONGEST(array)         \
    {                          \
        (array), sizeof(array) \
    }
#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct kit_item table[] = {
    {"hello",
     {.type = SMEW__ITEM_HELLO,
      .hello = {.bus = TEXT("plant"),
                .name = TEXT("feeder"),
                .node = 0x1122334455667788,
                .slot = 3,
                .generation = 17,
                .window = 1024,
                .pid = 4711}}},
    {"hello-least", {.type = SMEW__ITEM_HELLO, .hello = {.bus = TEXT("p"), .pid = INT64_MIN}}},
    {"hello-most",
     {.type = SMEW__ITEM_HELLO,
      .hello = {.bus = LONGEST(longest_name),
                .name = LONGEST(longest_name),
                .node = UINT64_MAX,
                .slot = UINT32_MAX,
                .generation = UINT32_MAX,
                .window = UINT32_MAX,
                .pid = INT64_MAX}}},
    {"refuse",
     {.type = SMEW__ITEM_REFUSE,
      .refuse = {SMEW_VERSION, TEXT("the peer speaks smew wire versions 2 to 3, this library 1")}}},
    {"refuse-least", {.type = SMEW__ITEM_REFUSE}},
    {"refuse-most",
     {.type = SMEW__ITEM_REFUSE, .refuse = {SMEW_REJECTED, LONGEST(longest_reason)}}},
    {"event",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope = {.id = {0x1122334455667788, 2, 3},
                   .kind = SMEW_KIND_EVENT,
                   .content = SMEW_CONTENT_JSON,
                   .source = TEXT("@3.17"),
                   .target = TEXT("valve-3"),
                   .event = TEXT("OPEN"),
                   .payload = "{\"by\":1}",
                   .payload_size = 8,
                   .sent_ns = 1700000000000000000}}},
    {"event-least",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope =
          {.kind = SMEW_KIND_EVENT, .source = TEXT("a"), .target = TEXT("b"), .event = TEXT("c")}}},
    {"event-headers",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope = {.id = {1, 2, 3},
                   .kind = SMEW_KIND_EVENT,
                   .source = TEXT("a"),
                   .target = TEXT("b"),
                   .event = TEXT("c"),
                   .payload = "\0\1\2",
                   .payload_size = 3,
                   .traceparent = TEXT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                   .headers = two_headers,
                   .header_count = 2}}},
    {"request",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope = {.id = {1, 2, 3},
                   .kind = SMEW_KIND_REQUEST,
                   .flags = SMEW__ENVELOPE_REDELIVERED,
                   .content = SMEW_CONTENT_MSGPACK,
                   .source = TEXT("@3.17"),
                   .target = TEXT("pkg:libc6:amd64"),
                   .event = TEXT("state"),
                   .correlation = 99,
                   .deadline_ns = 123456789}}},
    {"reply",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope = {.id = {1, 2, 4},
                   .kind = SMEW_KIND_REPLY,
                   .source = TEXT("pkg:libc6:amd64"),
                   .target = TEXT("@3.17"),
                   .correlation = 99,
                   .result = SMEW_REJECTED}}},
    {"publish",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope = {.id = {1, 2, 5},
                   .kind = SMEW_KIND_PUBLISH,
                   .flags = SMEW__ENVELOPE_LOSSY,
                   .content = SMEW_CONTENT_PROTOBUF,
                   .source = TEXT("sensor-\xE2\x84\x83"),
                   .target = TEXT("topic"),
                   .event = TEXT("SAMPLE"),
                   .payload = "21.5",
                   .payload_size = 4,
                   .missed = 12}}},
    {"control",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope = {.id = {1, 2, 6},
                   .kind = SMEW_KIND_CONTROL,
                   .source = TEXT("a"),
                   .target = TEXT("b"),
                   .event = TEXT("smew.stat")}}},
    {"envelope-most",
     {.type = SMEW__ITEM_ENVELOPE,
      .envelope = {.id = {UINT64_MAX, UINT32_MAX, UINT64_MAX},
                   .kind = SMEW_KIND_REQUEST,
                   .flags = SMEW__ENVELOPE_REDELIVERED | SMEW__ENVELOPE_LOSSY,
                   .content = SMEW_CONTENT_PROTOBUF,
                   .source = LONGEST(longest_name),
                   .target = LONGEST(longest_name),
                   .event = LONGEST(longest_name),
                   .payload = large_payload,
                   .payload_size = LARGE_PAYLOAD,
                   .correlation = UINT64_MAX,
                   .result = SMEW_REJECTED,
                   .sent_ns = UINT64_MAX,
                   .deadline_ns = UINT64_MAX,
                   .missed = UINT64_MAX,
                   .traceparent = LONGEST(longest_name),
                   .headers = most_headers,
                   .header_count = SMEW_HEADERS_MAX}}},
    {"ack", {.type = SMEW__ITEM_ACK, .ack = {UINT64_MAX, 4, three_results, 3}}},
    {"ack-least", {.type = SMEW__ITEM_ACK}},
    {"ack-most",
     {.type = SMEW__ITEM_ACK,
      .ack = {UINT64_MAX, UINT64_MAX, most_results, SMEW__ACK_RESULTS_MAX}}},
};

/* Texts as long as they may be, ending in a character of four bytes. */
static void fill_text(char *text, size_t size)
{
    static const char last[] = {'\xF0', '\x9F', '\x90', '\xA6'};

    memset(text, 'x', size);
    memcpy(text + size - sizeof last, last, sizeof last);
}

static void fill_once(void)
{
    if (longest_name[0] != 0)
        return;
    fill_text(longest_name, sizeof longest_name);
    fill_text(longest_value, sizeof longest_value);
    fill_text(longest_reason, sizeof longest_reason);
    for (size_t i = 0; i < LARGE_PAYLOAD; i++)
        large_payload[i] = (uint8_t)(i * 2654435761u >> 24);
    for (size_t i = 0; i < SMEW_HEADERS_MAX; i++)
        most_headers[i] =
            (struct smew__envelope_header){LONGEST(longest_name), LONGEST(longest_value)};
    for (size_t i = 0; i < SMEW__ACK_RESULTS_MAX; i++)
        most_results[i] = (struct smew__ack_result){UINT64_MAX - i, SMEW_REJECTED};
}

const struct kit_item *kit_items(size_t *count)
{
    fill_once();
    *count = sizeof table / sizeof table[0];
    return table;
}

const struct smew__item *kit_item(const char *name)
{
    size_t count;
    const struct kit_item *items = kit_items(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i].item;
    abort();
}

static uint8_t digit(char letter)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = strchr(digits, letter);

    if (letter == 0 || found == NULL)
        abort();
    return (uint8_t)(found - digits);
}

void kit_from_hex(const char *hex, struct smew__buffer *out)
{
    for (; *hex != 0; hex += 2) {
        uint8_t byte = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));

        smew__buffer_append(out, &byte, 1);
    }
}

static bool same_bytes(const void *left, size_t left_size, const void *right, size_t right_size)
{
    return left_size == right_size && (left_size == 0 || memcmp(left, right, left_size) == 0);
}

static bool same_text(struct smew__text left, struct smew__text right)
{
    return same_bytes(left.data, left.size, right.data, right.size);
}

static bool same_hello(const struct smew__hello *left, const struct smew__hello *right)
{
    return left->features == right->features && same_text(left->bus, right->bus) &&
           same_text(left->name, right->name) && left->node == right->node &&
           left->slot == right->slot && left->generation == right->generation &&
           left->window == right->window && left->pid == right->pid;
}

static bool same_headers(const struct smew__envelope *left, const struct smew__envelope *right)
{
    if (left->header_count != right->header_count)
        return false;
    for (size_t i = 0; i < left->header_count; i++)
        if (!same_text(left->headers[i].name, right->headers[i].name) ||
            !same_text(left->headers[i].value, right->headers[i].value))
            return false;
    return true;
}

static bool same_numbers(const struct smew__envelope *left, const struct smew__envelope *right)
{
    return left->id.node == right->id.node && left->id.stream == right->id.stream &&
           left->id.sequence == right->id.sequence && left->kind == right->kind &&
           left->flags == right->flags && left->content == right->content &&
           left->correlation == right->correlation && left->result == right->result &&
           left->sent_ns == right->sent_ns && left->waits == right->waits &&
           left->deadline_ns == right->deadline_ns && left->missed == right->missed;
}

static bool same_envelope(const struct smew__envelope *left, const struct smew__envelope *right)
{
    return same_numbers(left, right) && same_text(left->source, right->source) &&
           same_text(left->target, right->target) && same_text(left->event, right->event) &&
           same_bytes(left->payload, left->payload_size, right->payload, right->payload_size) &&
           same_text(left->traceparent, right->traceparent) && same_headers(left, right);
}

static bool same_ack(const struct smew__ack *left, const struct smew__ack *right)
{
    if (left->received != right->received || left->completed != right->completed ||
        left->result_count != right->result_count)
        return false;
    for (size_t i = 0; i < left->result_count; i++)
        if (left->results[i].position != right->results[i].position ||
            left->results[i].status != right->results[i].status)
            return false;
    return true;
}

bool kit_equal(const struct smew__item *left, const struct smew__item *right)
{
    if (left->type != right->type)
        return false;
    switch (left->type) {
    case SMEW__ITEM_HELLO:
        return same_hello(&left->hello, &right->hello);
    case SMEW__ITEM_REFUSE:
        return left->refuse.status == right->refuse.status &&
               same_text(left->refuse.text, right->refuse.text);
    case SMEW__ITEM_ENVELOPE:
        return same_envelope(&left->envelope, &right->envelope);
    case SMEW__ITEM_ACK:
        return same_ack(&left->ack, &right->ack);
    }
    return false;
}

/* Asks the same of every text of an item, and for a payload. */
static bool each_text(const struct smew__item *item, bool (*holds)(struct smew__text text))
{
    const struct smew__envelope *envelope = &item->envelope;

    if (item->type == SMEW__ITEM_HELLO)
        return holds(item->hello.bus) && holds(item->hello.name);
    if (item->type == SMEW__ITEM_REFUSE)
        return holds(item->refuse.text);
    if (item->type == SMEW__ITEM_ACK)
        return true;
    for (size_t i = 0; i < envelope->header_count; i++)
        if (!holds(envelope->headers[i].name) || !holds(envelope->headers[i].value))
            return false;
    return envelope->payload != NULL && holds(envelope->source) && holds(envelope->target) &&
           holds(envelope->event) && holds(envelope->traceparent);
}

static bool is_there(struct smew__text text)
{
    return text.data != NULL;
}

static bool is_terminated(struct smew__text text)
{
    return text.data != NULL && text.data[text.size] == 0;
}

bool kit_is_complete(const struct smew__item *item)
{
    return each_text(item, is_there);
}

bool kit_is_terminated(const struct smew__item *item)
{
    return each_text(item, is_terminated);
}
