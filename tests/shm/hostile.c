/* SPDX-License-Identifier: MIT */
/*
 * R6, at the ring: a process that has a lane's ring mapped writes into it whatever it likes, while
 * another one reads.  It knows all that a producer knows, and where the reader is: so it forges
 * records that are almost right, changes what is being read, and lies about the end and the head.
 * Whatever comes of it comes soon; nothing outside of the lane is read or written (a sanitizer
 * would say so); and another lane of the same reader loses nothing.
 *
 *     tests_shm_hostile [MILLISECONDS]      1000 by default
 */
#include "tests/shm/lane.h"

#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/crc32c/crc32c.h"

enum {
    RING = 16 * 1024,
    WINDOW = 64,
    HEADER = sizeof(struct smew__record_header),
    LINE = SMEW__RECORD_ALIGNMENT,
    HELD_MOST = 16,
    SLOW_MS = 30000, /* far more than any call takes, also on a machine that does much else */
    SEEN_MS = 60000, /* the same for what should come about */
};

static unsigned run_ms = 1000;

/* What the two processes tell each other. */
struct control {
    atomic_bool stop;
    atomic_uint_fast64_t number; /* the reader's next, and where */
    atomic_uint_fast64_t position;
};

struct scene {
    struct lane lane;
    struct control *control;
    struct support_random random;
};

static uint64_t below(struct scene *scene, uint64_t limit)
{
    return support_random_below(&scene->random, limit);
}

/* ---- the hostile process ------------------------------------------------------------- */

static void store(const struct scene *scene, uint64_t position, uint64_t word)
{
    atomic_store_explicit(smew__ring_word(&scene->lane.memory, position / 8 * 8), word,
                          memory_order_relaxed);
}

static void scribble(struct scene *scene)
{
    uint8_t *page = scene->lane.memory.ring_memory.data;
    uint64_t word = support_random_next(&scene->random);

    if (below(scene, 8) == 0)
        memcpy(page + below(scene, 256 / 8) * 8, &word, sizeof word);
    else
        store(scene, below(scene, RING), below(scene, 4) == 0 ? 0 : word);
}

static void lie_about_head(struct scene *scene, uint64_t number, uint64_t position)
{
    struct smew__ring_header *header = scene->lane.memory.header;
    uint64_t records = below(scene, 8) == 0 ? below(scene, 1u << 24) : below(scene, WINDOW + 2);
    uint64_t lines = below(scene, below(scene, 2) == 0 ? 64 : RING / LINE + 2);

    atomic_store(&header->head, smew__head_pack(number + records, position + lines * LINE));
    if (below(scene, 64) == 0)
        atomic_store(&header->ended, (uint32_t)below(scene, 3));
    atomic_store(&header->waiting, (uint32_t)support_random_next(&scene->random) & 3);
}

/* A header whose CRC is right, and whatever else is not. */
static struct smew__record_header forge(struct scene *scene, uint64_t number)
{
    struct smew__record_header header;

    support_random_fill(&scene->random, &header, sizeof header);
    header.commit = smew__record_commit(number, scene->lane.memory.salt);
    header.kind = (uint8_t)below(scene, 7);
    header.extension_words = (uint8_t)below(scene, below(scene, 4) == 0 ? 256 : 12);
    header.payload_size = (uint32_t)below(scene, RING / 2 + 64);
    switch (below(scene, 4)) {
    case 0:
        header.payload_size = (uint32_t)support_random_next(&scene->random);
        break;
    case 1:
        header.payload_size = (uint32_t)below(scene, 200);
        break;
    default:
        break;
    }
    return header;
}

static void publish_forgery(struct scene *scene, uint64_t number, uint64_t position)
{
    const struct smew__lane_memory *memory = &scene->lane.memory;
    struct smew__record_header header = forge(scene, number);
    uint64_t size = smew__record_size(&header);
    uint8_t *record = smew__ring_at(memory, position);

    if (size <= RING && below(scene, 4) != 0)
        header.body_crc = smew__crc32c(0, record + HEADER, (size_t)size - HEADER);
    header.header_crc = smew__record_header_crc(&header);
    memcpy(record + 8, (uint8_t *)&header + 8, HEADER - 8);
    store(scene, position + size, below(scene, 2) == 0 ? 0 : support_random_next(&scene->random));
    atomic_store(smew__ring_word(memory, position), header.commit);
    if (below(scene, 2) == 0)
        atomic_store(&memory->header->head, smew__head_pack(number + 1, position + size));
}

/* A record that says something; not at all if there is no room. */
static void put_envelope(struct scene *scene)
{
    static const struct smew__record_implied implied = {{1, 2, 3}, {"@3.17", 5}};
    const struct smew__record_numbers numbers = {
        .target = 1, .event = 2, .defines = (uint8_t)below(scene, 8)};
    const struct smew__envelope envelope = {.id = {1, 2, below(scene, 8)},
                                            .kind = SMEW_KIND_EVENT,
                                            .target = {"valve", 5},
                                            .source = {"@3.17", 5},
                                            .event = {"OPEN", 4},
                                            .payload = "21.5",
                                            .payload_size = below(scene, 5),
                                            .sent_ns = below(scene, 2)};
    struct smew__record_header header;
    struct smew__record_shape shape;
    uint8_t *record;

    if (smew__record_measure(&envelope, &implied, &numbers, &shape) != SMEW_OK ||
        smew__lane_writer_reserve(&scene->lane.writer, shape.body_size, &record) != SMEW_OK)
        return;
    smew__record_write(&envelope, &shape, record + HEADER, &header);
    (void)smew__lane_writer_commit(&scene->lane.writer, &header);
}

/* Records one behind the other, the way an honest producer does it, and some changed afterwards. */
static void publish_some(struct scene *scene, uint64_t number, uint64_t position)
{
    struct lane *lane = &scene->lane;

    lane->writer.head_number = lane->writer.tail_number = number;
    lane->writer.sealed_number = number;
    lane->writer.head_position = lane->writer.tail_position = position / LINE * LINE;
    lane->writer.sealed_position = lane->writer.head_position;
    for (uint64_t i = below(scene, 15); i > 0; i--) {
        put_envelope(scene);
        (void)lane_put(lane, (uint32_t)below(scene, 300));
    }
    for (uint64_t i = below(scene, 20) / 8; i > 0; i--)
        smew__ring_at(&lane->memory, position)[below(scene, 2000)] ^=
            (uint8_t)(1u << below(scene, 8));
}

static int be_hostile(void *argument)
{
    struct scene *scene = argument;

    while (!atomic_load(&scene->control->stop)) {
        uint64_t number = atomic_load(&scene->control->number);
        uint64_t position = atomic_load(&scene->control->position);

        switch (below(scene, 8)) {
        case 0:
            for (int i = 0; i < 100; i++)
                scribble(scene);
            break;
        case 1:
            lie_about_head(scene, number, position);
            break;
        case 2:
            for (int i = 0; i < 200; i++) /* what is being read right now */
                store(scene, position - below(scene, 1024), support_random_next(&scene->random));
            break;
        case 3:
            publish_forgery(scene, number, position);
            break;
        default:
            publish_some(scene, number, position);
        }
    }
    return 0;
}

/* ---- the reader ---------------------------------------------------------------------- */

struct tally {
    uint64_t delivered; /* whole, as far as CRCs can tell */
    uint64_t envelopes; /* that say something, too */
    uint64_t lost;
    uint64_t lanes; /* given up, and begun anew */
    uint64_t slowest_ns;
};

struct held {
    uint64_t numbers[HELD_MOST];
    unsigned count;
};

static bool resolve(void *owner, enum smew__envelope_names name, uint32_t number,
                    struct smew__text *text)
{
    (void)owner;
    (void)name;
    *text = (struct smew__text){"known", 5};
    return number < 1000;
}

static void read_record(const struct smew__lane_record *record, const uint8_t *copy,
                        struct tally *tally)
{
    static const struct smew__record_lane terms = {{{1, 2, 3}, {"@3.17", 5}}, resolve, NULL};
    struct smew__item item;
    unsigned defines;
    enum smew_status status = smew__record_read(&record->header, copy, &terms, &defines, &item);

    tally->delivered++;
    if (status == SMEW_OK) {
        tally->envelopes++;
        assert_int_equal(smew__item_check(&item), SMEW_OK);
        smew__item_fini(&item);
    } else {
        assert_true(status == SMEW_CORRUPT || status == SMEW_VERSION);
    }
}

/* In any order, sooner or later. */
static void complete_some(struct scene *scene, struct held *held, unsigned leave)
{
    while (held->count > leave) {
        unsigned which = (unsigned)below(scene, held->count);

        smew__lane_reader_complete(&scene->lane.reader, held->numbers[which],
                                   below(scene, 4) == 0 ? SMEW_REJECTED : SMEW_OK);
        held->numbers[which] = held->numbers[--held->count];
    }
    (void)smew__lane_reader_publish(&scene->lane.reader);
}

/* The lane was given up: a new one, of other numbers, in the same memory under the same hand. */
static void begin_anew(struct scene *scene, struct held *held, struct tally *tally)
{
    struct lane *lane = &scene->lane;

    complete_some(scene, held, 0);
    tally->lanes++;
    smew__lane_reader_fini(&lane->reader);
    lane->memory.first_number = support_random_next(&scene->random);
    lane->memory.first_position = support_random_next(&scene->random) / LINE * LINE;
    atomic_store(&lane->memory.cursors->state, SMEW__LANE_OPEN);
    atomic_store(&lane->memory.header->ended, 0);
    atomic_store(&lane->memory.header->head,
                 smew__head_pack(lane->memory.first_number, lane->memory.first_position));
    assert_int_equal(smew__lane_reader_init(&lane->reader, &lane->memory), SMEW_OK);
}

/* One call of next, and what follows from it.  False when there was nothing. */
static bool read_once(struct scene *scene, struct held *held, struct tally *tally)
{
    static uint8_t copy[RING / 2];
    struct smew__lane_reader *reader = &scene->lane.reader;
    uint64_t lost = reader->losses.lost;
    struct smew__lane_record record;

    switch (smew__lane_reader_next(reader, &record)) {
    case SMEW_OK:
        assert_true(record.body_size <= sizeof copy);
        if (smew__lane_record_check(&record, copy) != SMEW_OK) {
            smew__lane_reader_lose(reader, &record);
            tally->lost++;
            return true;
        }
        read_record(&record, copy, tally);
        (void)smew__lane_record_check(&record, NULL); /* whatever is there by now */
        held->numbers[held->count++] = record.number;
        return true;
    case SMEW_CORRUPT:
        assert_in_range(reader->losses.lost - lost, 1, WINDOW);
        tally->lost += reader->losses.lost - lost;
        return true;
    case SMEW_RESET:
    case SMEW_CLOSED:
        begin_anew(scene, held, tally);
        return true;
    case SMEW_AGAIN:
        return false;
    default:
        fail_msg("a status that next does not have");
        return false;
    }
}

static void serve(struct scene *scene, struct held *held, struct tally *tally)
{
    struct smew__lane_reader *reader = &scene->lane.reader;
    uint64_t start_ns = smew_now_ns();
    uint64_t took_ns;

    if (!read_once(scene, held, tally))
        (void)smew__lane_reader_arm(reader);
    smew__lane_reader_disarm(reader);
    took_ns = smew_now_ns() - start_ns;
    if (took_ns > tally->slowest_ns)
        tally->slowest_ns = took_ns;
    if (held->count == HELD_MOST || below(scene, 8) == 0)
        complete_some(scene, held, (unsigned)below(scene, HELD_MOST / 2));
    atomic_store(&scene->control->number, reader->next_number);
    atomic_store(&scene->control->position, reader->next_position);
}

/* A lane of somebody else's, all the while. */
static void serve_other(struct lane *other, uint64_t *delivered)
{
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(lane_put(other, 8 * i), SMEW_OK);
    assert_int_equal(lane_drain(other), 8);
    lane_collect(other);
    *delivered += 8;
}

/* Whatever a scribbler can bring about has come about: on a busy machine it needs longer. */
static bool has_seen_all(const struct tally *tally)
{
    return tally->envelopes > 0 && tally->lost > 0 && tally->lanes > 0;
}

static void test_scribbler(void **state)
{
    struct scene scene = {.random = support_random_seeded()};
    struct tally tally = {0};
    struct held held = {.count = 0};
    uint64_t until_ns = smew__deadline_ns(run_ms);
    uint64_t last_ns = until_ns + SEEN_MS * SMEW_NS_PER_MS;
    uint64_t delivered = 0;
    struct lane other;
    pid_t child;

    (void)state;
    scene.control = mmap(NULL, sizeof *scene.control, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(scene.control != MAP_FAILED);
    lane_open(&scene.lane, RING, WINDOW);
    lane_open(&other, RING, WINDOW);
    child = support_fork(be_hostile, &scene);
    while (smew_now_ns() < until_ns || (!has_seen_all(&tally) && smew_now_ns() < last_ns)) {
        for (unsigned i = 0; i < 64; i++)
            serve(&scene, &held, &tally);
        serve_other(&other, &delivered);
    }
    atomic_store(&scene.control->stop, true);
    assert_int_equal(support_reap(child, 30000), 0);
    complete_some(&scene, &held, 0);
    print_message("%llu records came, %llu of them envelopes; %llu were lost; %llu lanes given up; "
                  "slowest call %llu us; beside it %llu\n",
                  (unsigned long long)tally.delivered, (unsigned long long)tally.envelopes,
                  (unsigned long long)tally.lost, (unsigned long long)tally.lanes,
                  (unsigned long long)tally.slowest_ns / 1000, (unsigned long long)delivered);
    assert_true(tally.slowest_ns < SLOW_MS * SMEW_NS_PER_MS);
    assert_true(has_seen_all(&tally) && delivered > 0);
    assert_int_equal(other.reader.losses.lost, 0);
    lane_close(&scene.lane);
    lane_close(&other);
    assert_int_equal(munmap(scene.control, sizeof *scene.control), 0);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_scribbler)};

    if (argument_count > 1)
        run_ms = (unsigned)strtoul(arguments[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
