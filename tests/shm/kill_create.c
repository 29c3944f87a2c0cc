/* SPDX-License-Identifier: MIT */
/*
 * A consumer is killed while it makes a lane and passes it: at every system call, before and behind
 * it, and at a choice of instructions.  Nobody else has the memory then, so what a kill leaves is
 * in the kernel: the producer is given all of the lane or nothing, and is told that the consumer is
 * gone; what it was given never fails under its hands; and nothing is left when it lets go of it.
 */
#include "tests/shm/walk.h"

#include <stdio.h>
#include <string.h>

#include "base/os/fd.h"
#include "base/os/packet.h"

enum { RING = SMEW__LANE_BYTES_MIN };

static const uint32_t sizes[] = {64, 1, 200, 0, 33, 120, 9};
enum { SIZES = sizeof sizes / sizeof *sizes };

enum { CREATE_BUDGET = 30000 };

/* A consumer that makes a lane, passes it, and takes what comes. */
static int create_run(void *argument)
{
    const struct smew__lane_spec spec = {.lane = 3, .ring_bytes = RING, .window = 8};
    const int *socket = argument;
    struct smew__lane_memory memory = {.lane = 0};
    struct smew__lane_reader reader;
    struct smew__lane_record record;
    int fds[2];

    support_step_stop();
    if (smew__lane_memory_create(&spec, &memory) != SMEW_OK)
        return 1;
    fds[0] = memory.ring_memory.fd;
    fds[1] = memory.cursor_memory.fd;
    if (smew__packet_send(*socket, "lane", 4, fds, 2) != SMEW_OK)
        return 2;
    if (smew__lane_memory_settle(&memory) != SMEW_AGAIN ||
        smew__lane_reader_init(&reader, &memory) != SMEW_OK ||
        smew__lane_reader_next(&reader, &record) != SMEW_AGAIN)
        return 3;
    smew__lane_reader_fini(&reader);
    smew__lane_memory_fini(&memory);
    support_step_stop();
    return 0;
}

/* How many mappings this process has of any lane. */
static unsigned count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned count = 0;
    char line[512];

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "memfd:") != NULL;
    (void)fclose(maps);
    return count;
}

/* A lane whose consumer is dead: it can be filled to the last byte, and all of it sent again. */
static unsigned fill(const int fds[2])
{
    static struct stage_record made;
    struct stage stage = {.sizes = sizes, .size_count = SIZES};
    struct smew__record_header header;
    enum smew_status status;
    const uint8_t *body;
    uint64_t number;

    assert_int_equal(smew__lane_memory_attach(fds[0], fds[1], &stage.producer), SMEW_OK);
    assert_int_equal(smew__lane_writer_init(&stage.writer, &stage.producer), SMEW_OK);
    do {
        stage_make(&stage, stage.writer.head_number, &made);
        status = stage_put(&stage, &made);
    } while (status == SMEW_OK);
    assert_true(status == SMEW_FULL || status == SMEW_CLOSED);
    number = stage.writer.tail_number;
    while (smew__lane_writer_unanswered(&stage.writer, &number, &header, &body) == SMEW_OK) {
        assert_true(stage_is_intact(&stage, number, &header, body));
        number++;
    }
    assert_int_equal(number, stage.writer.head_number);
    smew__lane_writer_fini(&stage.writer);
    smew__lane_memory_fini(&stage.producer);
    return (unsigned)number;
}

struct created {
    unsigned points;
    unsigned passed;
};

/* `stand` brings the child to where it is killed; false when it ended before. */
static bool kill_creator(bool (*stand)(pid_t pid, unsigned at), unsigned at,
                         struct created *created)
{
    unsigned fds_before = support_count_fds();
    unsigned mappings = count_mappings();
    int fds[SMEW__PACKET_FDS_MAX];
    enum smew_status status;
    size_t count;
    size_t size;
    char text[8];
    bool alive;
    int ends[2];
    pid_t pid;

    assert_int_equal(smew__packet_pair(ends), SMEW_OK);
    pid = support_step_start(create_run, &ends[1]);
    smew__fd_close(&ends[1]);
    alive = stand(pid, at);
    support_step_kill(pid);
    status = smew__packet_receive(ends[0], text, sizeof text, &size, fds, &count);
    if (status == SMEW_OK) {
        assert_int_equal(count, 2);
        assert_true(fill(fds) > 0);
        created->passed++;
        status = smew__packet_receive(ends[0], text, sizeof text, &size, fds, &count);
    }
    assert_int_equal(status, SMEW_RESET);
    smew__fd_close(&ends[0]);
    stage_expect_another();
    assert_int_equal(support_count_fds(), fds_before);
    assert_int_equal(count_mappings(), mappings);
    created->points++;
    return alive;
}

static void test_a_consumer_that_makes_a_lane_at_any_call(void **state)
{
    struct created created = {0};

    (void)state;
    while (kill_creator(support_step_calls, created.points, &created))
        continue;
    print_message("create: killed at %u ends of calls, passed before %u of them\n", created.points,
                  created.passed);
    assert_true(created.points > 20 && created.passed > 2 && created.passed < created.points);
}

static void test_a_consumer_that_makes_a_lane_at_any_instruction(void **state)
{
    struct support_points points = {0};
    struct created created = {0};
    int ends[2];
    unsigned at;
    pid_t pid;

    (void)state;
    assert_int_equal(smew__packet_pair(ends), SMEW_OK);
    pid = support_step_start(create_run, &ends[1]);
    while (support_step(pid, 1))
        support_points_note(&points, false);
    support_step_kill(pid);
    smew__fd_close(&ends[0]);
    smew__fd_close(&ends[1]);
    support_points_plan(&points, walk_budget(CREATE_BUDGET, 100 * CREATE_BUDGET));
    while (support_points_next(&points, &at))
        (void)kill_creator(support_step, at, &created);
    print_message("create: killed at %u of %u instructions, passed before %u of them\n",
                  created.points, points.total, created.passed);
    assert_true(created.passed > 0 && created.passed < created.points);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WALK_TEST(test_a_consumer_that_makes_a_lane_at_any_call),
        WALK_TEST(test_a_consumer_that_makes_a_lane_at_any_instruction),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    walk_arguments(argc, argv);
    return cmocka_run_group_tests_name("shm/kill_create", tests, NULL, NULL);
}
