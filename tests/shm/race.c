/* SPDX-License-Identifier: MIT */
/*
 * Does ThreadSanitizer see a race in a lane?  Then its silence over tests_shm_threads means
 * something.  Two threads over one mapping, and a mistake that lanes are made to prevent:
 *
 *     tests_shm_race early     the producer stores the commit word before the body
 *     tests_shm_race late      the consumer completes a record before it reads it
 *     tests_shm_race none      neither
 *
 * Only built where there is ThreadSanitizer; the first two tests expect its report.
 */
#include "tests/shm/lane.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc32c/crc32c.h"
#include "base/os/thread.h"

enum { RECORDS = 2000, SIZE = 256, HEADER = sizeof(struct smew__record_header), WAIT_MS = 20 };

enum mistake { NONE, EARLY, LATE };

static struct lane lane;
static enum mistake mistake;

static bool on_answer(void *owner, uint64_t number, enum smew_status status)
{
    (void)owner;
    (void)number;
    (void)status;
    return true;
}

static bool put(const uint8_t *body)
{
    const struct smew__record_header header = {
        .payload_size = SIZE, .kind = SMEW_KIND_EVENT, .body_crc = smew__crc32c(0, body, SIZE)};
    uint8_t *record;

    if (smew__lane_writer_reserve(&lane.writer, SIZE, &record) != SMEW_OK)
        return false;
    if (mistake == EARLY)
        (void)smew__lane_writer_commit(&lane.writer, &header);
    memcpy(record + HEADER, body, SIZE);
    if (mistake != EARLY)
        (void)smew__lane_writer_commit(&lane.writer, &header);
    return true;
}

static void produce(void *argument)
{
    uint8_t body[SIZE];

    (void)argument;
    for (unsigned i = 0; i < RECORDS; i++) {
        memset(body, (int)(i & 0xff), SIZE);
        while (!put(body)) {
            uint32_t turn = smew__lane_writer_turn(&lane.writer);

            (void)smew__lane_writer_wait(&lane.writer, turn, smew__deadline_ns(WAIT_MS));
            if (smew__lane_writer_collect(&lane.writer, on_answer, NULL) != SMEW_OK ||
                atomic_load(&lane.memory.cursors->state) != SMEW__LANE_OPEN)
                return;
        }
    }
    smew__lane_writer_end(&lane.writer);
}

/* False at the end. */
static bool take(void)
{
    struct smew__lane_record record;
    enum smew_status status = smew__lane_reader_next(&lane.reader, &record);

    if (status == SMEW_AGAIN)
        (void)smew__lane_reader_arm(&lane.reader);
    if (status != SMEW_OK)
        return status != SMEW_RESET && status != SMEW_CLOSED;
    if (mistake == LATE) {
        smew__lane_reader_complete(&lane.reader, record.number, SMEW_OK);
        (void)smew__lane_reader_publish(&lane.reader);
    }
    status = smew__lane_record_check(&record, NULL);
    if (mistake == LATE)
        return true;
    if (status == SMEW_OK)
        smew__lane_reader_complete(&lane.reader, record.number, SMEW_OK);
    else
        smew__lane_reader_lose(&lane.reader, &record);
    (void)smew__lane_reader_publish(&lane.reader);
    return true;
}

int main(int argument_count, char **arguments)
{
    struct smew__thread producer = {0};

    if (argument_count != 2)
        return 2;
    if (strcmp(arguments[1], "early") == 0)
        mistake = EARLY;
    else if (strcmp(arguments[1], "late") == 0)
        mistake = LATE;
    lane_open(&lane, SMEW__LANE_BYTES_MIN, 16);
    if (smew__thread_start(&producer, "producer", produce, NULL) != SMEW_OK)
        return 2;
    while (take())
        ;
    smew__thread_join(&producer);
    lane_close(&lane);
    (void)printf("it is over\n");
    return 0;
}
