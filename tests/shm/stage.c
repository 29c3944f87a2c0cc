/* SPDX-License-Identifier: MIT */
/* A lane with both its ends in one process. */
#include "tests/shm/stage.h"

#include <string.h>

#include <fcntl.h>

#include "base/crc32c/crc32c.h"

enum { HEADER = sizeof(struct smew__record_header), WINDOW = 8, LANE = 7 };

static const uint32_t usual_sizes[] = {40};

static uint64_t mix(uint64_t value)
{
    struct support_random random = {value};

    return support_random_next(&random);
}

static uint64_t round_up(uint64_t size)
{
    return (size + SMEW__RECORD_ALIGNMENT - 1) / SMEW__RECORD_ALIGNMENT * SMEW__RECORD_ALIGNMENT;
}

static struct smew__record_header header_of(const struct stage *stage, uint64_t number)
{
    uint64_t mixed = mix(number);

    return (struct smew__record_header){
        .payload_size = stage->sizes[(number - stage->first_number) % stage->size_count],
        .target = (uint16_t)mixed,
        .sent = (uint32_t)(mixed >> 32),
        .content = (uint8_t)(mixed >> 16),
        .event = (uint16_t)(mixed >> 8),
        .kind = (uint8_t)(mixed >> 24),
        .extension_words = (uint8_t)(number % 3),
    };
}

static uint64_t content_size(const struct smew__record_header *header)
{
    return header->extension_words * (uint64_t)SMEW__RECORD_WORD + header->payload_size;
}

/* The body, word by word, and zeros up to the record's end. */
static void write_body(uint64_t number, uint64_t size, uint64_t padded, uint8_t *body)
{
    for (uint64_t at = 0; at < padded; at += sizeof(uint64_t)) {
        uint64_t word = mix(number * 1000003 + at);
        uint64_t bytes = size > at ? size - at : 0;

        if (bytes < sizeof word)
            word &= (UINT64_C(1) << (bytes * 8)) - 1;
        memcpy(body + at, &word, sizeof word);
    }
}

void stage_make(const struct stage *stage, uint64_t number, struct stage_record *record)
{
    record->header = header_of(stage, number);
    record->body_size = round_up(content_size(&record->header));
    assert_true(record->body_size <= sizeof record->body);
    write_body(number, content_size(&record->header), record->body_size, record->body);
    record->header.body_crc = smew__crc32c(0, record->body, record->body_size);
}

uint64_t stage_record_bytes(const struct stage *stage, uint64_t number)
{
    struct smew__record_header header = header_of(stage, number);

    return HEADER + round_up(content_size(&header));
}

bool stage_is_intact(const struct stage *stage, uint64_t number,
                     const struct smew__record_header *header, const uint8_t *body)
{
    static struct stage_record expected;

    stage_make(stage, number, &expected);
    expected.header.commit = header->commit;
    expected.header.header_crc = header->header_crc;
    return memcmp(header, &expected.header, sizeof *header) == 0 &&
           memcmp(body, expected.body, expected.body_size) == 0;
}

enum smew_status stage_put(struct stage *stage, const struct stage_record *made)
{
    uint8_t *record;
    enum smew_status status = smew__lane_writer_reserve(&stage->writer, made->body_size, &record);

    if (status != SMEW_OK)
        return status;
    memcpy(record + HEADER, made->body, made->body_size);
    (void)smew__lane_writer_commit(&stage->writer, &made->header);
    return SMEW_OK;
}

enum smew_status stage_put_in_place(struct stage *stage, const struct stage_record *made)
{
    struct smew__record_header header = made->header;
    uint8_t *record;
    enum smew_status status =
        smew__lane_writer_reserve(&stage->writer, 2 * made->body_size, &record);

    if (status != SMEW_OK)
        return status;
    for (uint64_t at = 0; at < made->body_size; at += sizeof(uint64_t))
        memcpy(record + HEADER + at, made->body + at, sizeof(uint64_t));
    header.body_crc = smew__crc32c(0, record + HEADER, made->body_size);
    (void)smew__lane_writer_commit(&stage->writer, &header);
    return SMEW_OK;
}

void stage_put_many(struct stage *stage, unsigned count)
{
    static struct stage_record made;

    for (unsigned i = 0; i < count; i++) {
        stage_make(stage, stage->writer.head_number, &made);
        assert_int_equal(stage_put(stage, &made), SMEW_OK);
    }
}

enum smew_status stage_take(struct stage *stage, bool in_place, struct smew__lane_record *record)
{
    static uint8_t copy[STAGE_BODY_MAX];
    enum smew_status status = smew__lane_reader_next(&stage->reader, record);

    if (status != SMEW_OK)
        return status;
    if (record->body_size > sizeof copy)
        return SMEW_TOO_BIG;
    status = smew__lane_record_check(record, in_place ? NULL : copy);
    if (status != SMEW_OK)
        smew__lane_reader_lose(&stage->reader, record);
    if (!in_place)
        record->body = copy;
    return status;
}

/* ---- scenes -------------------------------------------------------------------------- */

static void take_one(struct stage *stage, bool complete)
{
    struct smew__lane_record record;

    assert_int_equal(stage_take(stage, false, &record), SMEW_OK);
    if (complete)
        smew__lane_reader_complete(&stage->reader, record.number, SMEW_OK);
}

/* All were answered OK. */
static bool expect_none(void *owner, uint64_t number, enum smew_status status)
{
    (void)owner;
    fail_msg("record %llu: %s", (unsigned long long)number, smew_status_name(status));
    return true;
}

static void play(struct stage *stage, const struct stage_scene *scene)
{
    for (unsigned i = 0; i < scene->laps; i++) {
        stage_put_many(stage, 1);
        take_one(stage, true);
        (void)smew__lane_reader_publish(&stage->reader);
        assert_int_equal(smew__lane_writer_collect(&stage->writer, expect_none, NULL), SMEW_OK);
    }
    stage_put_many(stage, scene->ahead);
    for (unsigned i = 0; i < scene->taken; i++)
        take_one(stage, false);
    assert_int_equal(stage->writer.head_number, scene->number);
    assert_int_equal(stage->writer.head_position, scene->position);
}

/* A lane is passed as fds; this one stays in the process. */
static int duplicate(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    assert_true(copy >= 0);
    return copy;
}

void stage_open(struct stage *stage, const struct stage_scene *scene)
{
    struct smew__lane_spec spec = {
        .lane = LANE,
        .ring_bytes = scene->ring_bytes == 0 ? SMEW__LANE_BYTES_MIN : scene->ring_bytes,
        .window = scene->window == 0 ? WINDOW : scene->window,
        .first_number = scene->number - scene->laps - scene->ahead,
        .first_position = scene->position,
    };

    memset(stage, 0, sizeof *stage);
    stage->first_number = spec.first_number;
    stage->sizes = scene->sizes == NULL ? usual_sizes : scene->sizes;
    stage->size_count = scene->sizes == NULL ? 1 : scene->size_count;
    for (uint64_t number = spec.first_number; number != scene->number; number++)
        spec.first_position -= stage_record_bytes(stage, number);
    assert_int_equal(smew__lane_memory_create(&spec, &stage->consumer), SMEW_OK);
    if (!scene->unattached)
        assert_int_equal(smew__lane_memory_attach(duplicate(stage->consumer.ring_memory.fd),
                                                  duplicate(stage->consumer.cursor_memory.fd),
                                                  &stage->producer),
                         SMEW_OK);
    assert_int_equal(smew__lane_reader_init(&stage->reader, &stage->consumer), SMEW_OK);
    assert_int_equal(smew__lane_writer_init(&stage->writer, scene->unattached ? &stage->consumer
                                                                              : &stage->producer),
                     SMEW_OK);
    play(stage, scene);
}

void stage_close(struct stage *stage)
{
    smew__lane_writer_fini(&stage->writer);
    smew__lane_reader_fini(&stage->reader);
    smew__lane_memory_fini(&stage->producer);
    smew__lane_memory_fini(&stage->consumer);
}

void stage_expect_another(void)
{
    const struct stage_scene scene = {.number = 0, .position = 0};
    struct stage stage;

    stage_open(&stage, &scene);
    stage_put_many(&stage, 1);
    take_one(&stage, true);
    stage_close(&stage);
}

/* This process has all of it writable: the ring as the consumer that made it. */
void stage_describe(struct stage *stage, struct image_parts *parts)
{
    const struct smew__lane_memory *memory = &stage->consumer;
    size_t window = (size_t)memory->window;

    image_add(parts, memory->ring_memory.data, memory->ring_memory.size, true);
    image_add(parts, memory->cursor_memory.data, memory->cursor_memory.size, true);
    image_add(parts, &stage->reader, sizeof stage->reader, false);
    image_add(parts, stage->reader.done, window * sizeof *stage->reader.done, false);
    image_add(parts, &stage->writer, sizeof stage->writer, false);
    image_add(parts, stage->writer.flights, window * sizeof *stage->writer.flights, false);
}
