/* SPDX-License-Identifier: MIT */
/* A lane with both its ends over one mapping. */
#include "tests/shm/lane.h"

#include <string.h>

#include "base/crc32c/crc32c.h"

enum { HEADER = sizeof(struct smew__record_header), WORD = SMEW__RECORD_WORD };

void lane_open_at(struct lane *lane, const struct smew__lane_spec *spec)
{
    memset(lane, 0, sizeof *lane);
    assert_int_equal(smew__lane_memory_create(spec, &lane->memory), SMEW_OK);
    assert_int_equal(smew__lane_reader_init(&lane->reader, &lane->memory), SMEW_OK);
    assert_int_equal(smew__lane_writer_init(&lane->writer, &lane->memory), SMEW_OK);
}

void lane_open(struct lane *lane, uint64_t ring_bytes, uint32_t window)
{
    lane_open_at(lane, &(struct smew__lane_spec){.ring_bytes = ring_bytes, .window = window});
}

void lane_close(struct lane *lane)
{
    smew__lane_reader_fini(&lane->reader);
    smew__lane_writer_fini(&lane->writer);
    smew__lane_memory_fini(&lane->memory);
}

/* ---- the producer -------------------------------------------------------------------- */

uint64_t lane_record_bytes(uint64_t payload_size)
{
    return HEADER + smew__ring_padded(payload_size);
}

static uint64_t content(uint64_t number, uint64_t at)
{
    uint64_t mixed = (number * UINT64_C(0x9E3779B97F4A7C15) ^ at) * UINT64_C(0xBF58476D1CE4E5B9);

    return mixed ^ mixed >> 29;
}

/* The body's word at an offset: zeros behind the payload's end. */
static uint64_t body_word(uint64_t number, uint64_t payload_size, uint64_t at)
{
    uint64_t word = content(number, at);

    if (at >= payload_size)
        return 0;
    return payload_size - at < WORD ? word & ((UINT64_C(1) << (payload_size - at) * 8) - 1) : word;
}

uint8_t *lane_reserve(struct lane *lane, uint64_t body_size)
{
    uint8_t *record = NULL;

    assert_int_equal(smew__lane_writer_reserve(&lane->writer, body_size, &record), SMEW_OK);
    return record;
}

enum smew_status lane_write(struct lane *lane, uint32_t payload_size,
                            struct smew__record_header *header)
{
    uint64_t number = lane->writer.sealed_number;
    uint64_t size = smew__ring_padded(payload_size);
    uint8_t *record;
    enum smew_status status = smew__lane_writer_reserve(&lane->writer, payload_size, &record);

    if (status != SMEW_OK)
        return status;
    for (uint64_t at = 0; at < size; at += WORD) {
        uint64_t word = body_word(number, payload_size, at);

        memcpy(record + HEADER + at, &word, WORD);
    }
    *header = (struct smew__record_header){
        .payload_size = payload_size,
        .target = (uint16_t)content(number, UINT64_MAX),
        .event = (uint16_t)number,
        .kind = SMEW_KIND_EVENT,
        .body_crc = smew__crc32c(0, record + HEADER, (size_t)size),
    };
    return SMEW_OK;
}

enum smew_status lane_seal(struct lane *lane, uint32_t payload_size)
{
    struct smew__record_header header;
    enum smew_status status = lane_write(lane, payload_size, &header);

    if (status == SMEW_OK)
        (void)smew__lane_writer_seal(&lane->writer, &header);
    return status;
}

enum smew_status lane_put(struct lane *lane, uint32_t payload_size)
{
    struct smew__record_header header;
    enum smew_status status = lane_write(lane, payload_size, &header);

    if (status == SMEW_OK)
        (void)smew__lane_writer_commit(&lane->writer, &header);
    return status;
}

void lane_put_many(struct lane *lane, unsigned count, uint32_t payload_size)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(lane_put(lane, payload_size), SMEW_OK);
}

bool lane_on_answer(void *answers, uint64_t number, enum smew_status status)
{
    struct lane_answers *list = answers;

    if (list->refuse > 0) {
        list->refuse--;
        return false;
    }
    assert_true(list->count < LANE_ANSWERS);
    list->numbers[list->count] = number;
    list->statuses[list->count++] = status;
    return true;
}

void lane_collect(struct lane *lane)
{
    struct lane_answers answers = {0};

    assert_int_equal(smew__lane_writer_collect(&lane->writer, lane_on_answer, &answers), SMEW_OK);
    assert_int_equal(answers.count, 0);
}

/* ---- the consumer -------------------------------------------------------------------- */

bool lane_is_intact(const struct smew__lane_record *record, const uint8_t *body)
{
    const struct smew__record_header *header = &record->header;

    if (record->body_size != smew__ring_padded(header->payload_size) ||
        header->target != (uint16_t)content(record->number, UINT64_MAX) ||
        header->event != (uint16_t)record->number || header->kind != SMEW_KIND_EVENT)
        return false;
    for (uint64_t at = 0; at < record->body_size; at += WORD) {
        uint64_t word;

        memcpy(&word, body + at, WORD);
        if (word != body_word(record->number, header->payload_size, at))
            return false;
    }
    return true;
}

enum smew_status lane_take(struct lane *lane, struct smew__lane_record *record)
{
    enum smew_status status = smew__lane_reader_next(&lane->reader, record);

    if (status != SMEW_OK)
        return status;
    status = smew__lane_record_check(record, NULL);
    if (status != SMEW_OK)
        smew__lane_reader_lose(&lane->reader, record);
    return status;
}

uint64_t lane_expect(struct lane *lane, bool complete)
{
    uint64_t number = lane->reader.next_number;
    struct smew__lane_record record;

    assert_true(smew__lane_reader_ready(&lane->reader));
    assert_int_equal(lane_take(lane, &record), SMEW_OK);
    assert_true(record.number == number);
    assert_true(lane_is_intact(&record, record.body));
    if (complete)
        smew__lane_reader_complete(&lane->reader, number, SMEW_OK);
    return number;
}

unsigned lane_drain(struct lane *lane)
{
    unsigned count = 0;

    while (smew__lane_reader_ready(&lane->reader)) {
        (void)lane_expect(lane, true);
        count++;
    }
    (void)smew__lane_reader_publish(&lane->reader);
    return count;
}
