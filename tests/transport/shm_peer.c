/* SPDX-License-Identifier: MIT */
/*
 * What may be at the other end of an shm connection: strangers, other versions, memory that is not
 * what it should be, datagrams that nobody asked for.  Each ends in a status, costs nobody else
 * anything and leaves no fd behind.
 */
#include "tests/transport/shm_raw.h"

#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/fd.h"
#include "base/os/frozen.h"
#include "base/os/packet.h"

enum { NOBODY = 65534 };

static void end_with(struct shm_raw *raw, enum smew_status status, const char *word)
{
    shm_raw_log(true);
    shm_raw_expect_end(raw, status);
    shm_raw_log(false);
    if (strstr(shm_raw_logged(), word) == NULL)
        fail_msg("the log says \"%s\", not \"%s\"", shm_raw_logged(), word);
    shm_raw_close(raw);
}

/* ---- the first datagram -------------------------------------------------------------- */

static void refuse_first(const char *bytes, size_t size, enum smew_status status, const char *word)
{
    struct shm_raw raw = shm_raw_open();

    shm_raw_say(&raw, bytes, size, NULL, 0);
    end_with(&raw, status, word);
}

static void strangers_are_refused(void **state)
{
    static const char noise[5000];

    (void)state;
    refuse_first("GET / HTTP/1.1\r\n", 16, SMEW_CORRUPT, "not speak");
    refuse_first("x", 1, SMEW_CORRUPT, "not speak");
    refuse_first("\1\0\0\0SMEX\1\1\0\0\0\xA0\0\0", 16, SMEW_CORRUPT, "not speak");
    refuse_first("\3\0\0\0", 4, SMEW_CORRUPT, "HELLO");                            /* a bell */
    refuse_first("\2\0\0\0frame", 9, SMEW_CORRUPT, "HELLO");                       /* a frame */
    refuse_first(noise, sizeof noise, SMEW_CORRUPT, "no shm connection");          /* too long */
    refuse_first("\1\0\0\0SMEW\1\1\0\0\0\xA0\0\0", 16, SMEW_CORRUPT, "not whole"); /* without fds */
}

static void another_version_is_refused_with_a_sentence(void **state)
{
    (void)state;
    refuse_first("\1\0\0\0SMEW\3\2\0\0\0\xA0\0\0", 16, SMEW_VERSION, "versions 2 to 3");
    refuse_first("\1\0\0\0SMEW\377\377\0\0 and more", 21, SMEW_VERSION, "255");
}

static void an_end_without_a_word_is_a_reset(void **state)
{
    struct shm_raw raw = shm_raw_open();

    (void)state;
    shm_raw_hang_up(&raw);
    shm_raw_expect_end(&raw, SMEW_RESET);
    shm_raw_close(&raw);
}

static void an_honest_peer_is_served(void **state)
{
    struct shm_raw raw = shm_raw_open();

    (void)state;
    shm_raw_greet(&raw);
    shm_raw_frame(&raw, "by hand", 7);
    shm_raw_expect(&raw, "by hand");
    shm_raw_frame(&raw, "", 0);
    shm_raw_expect(&raw, "");
    shm_raw_hang_up(&raw);
    shm_raw_expect_end(&raw, SMEW_RESET);
    shm_raw_close(&raw);
}

static void a_second_hello_is_corrupt(void **state)
{
    struct shm_raw raw = shm_raw_open();
    int fds[2] = {STDIN_FILENO, STDIN_FILENO};

    (void)state;
    shm_raw_greet(&raw);
    shm_raw_frame(&raw, "whole", 5);
    shm_raw_expect(&raw, "whole");
    shm_raw_hello(&raw, fds, 2);
    end_with(&raw, SMEW_CORRUPT, "nobody asked for");
}

/* ---- memory -------------------------------------------------------------------------- */

static void refuse_fds(const int *fds, size_t count, enum smew_status status)
{
    struct shm_raw raw = shm_raw_open();

    shm_raw_hello(&raw, fds, count);
    end_with(&raw, status, "");
}

static void a_lane_needs_two_fds(void **state)
{
    const struct smew__lane_spec spec = {.ring_bytes = 4096, .window = 16};
    struct smew__lane_memory lane = {0};
    int fds[4];

    (void)state;
    assert_int_equal(smew__lane_memory_create(&spec, &lane), SMEW_OK);
    for (int i = 0; i < 4; i++)
        fds[i] = i % 2 == 0 ? lane.ring_memory.fd : lane.cursor_memory.fd;
    for (size_t count = 0; count <= 4; count++)
        if (count != 2)
            refuse_fds(fds, count, SMEW_CORRUPT);
    refuse_fds(fds + 1, 2, SMEW_CORRUPT); /* the wrong way round */
    smew__lane_memory_fini(&lane);
}

static void five_fds_are_corrupt(void **state)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(5 * sizeof(int))];
    } control = {.bytes = {0}};
    const int fds[5] = {0, 0, 0, 0, 0};
    struct iovec part = {"\3\0\0\0", 4};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.bytes};
    struct shm_raw raw = shm_raw_open();

    (void)state;
    shm_raw_greet(&raw);
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = 1};
    memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
    assert_int_equal(sendmsg(raw.fd, &message, 0), 4);
    end_with(&raw, SMEW_CORRUPT, "no shm connection");
}

static void what_is_no_memory_is_refused(void **state)
{
    int ends[2];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int plain = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    refuse_fds(ends, 2, SMEW_CORRUPT);
    refuse_fds((int[]){null, null}, 2, SMEW_CORRUPT);
    refuse_fds((int[]){plain, plain}, 2, SMEW_CORRUPT);
    assert_int_equal(ftruncate(plain, 2 * 4096), 0);
    refuse_fds((int[]){plain, plain}, 2, SMEW_CORRUPT);
    assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    refuse_fds((int[]){plain, plain}, 2, SMEW_CORRUPT); /* sealed, and full of holes */
    smew__fd_close(&null);
    smew__fd_close(&plain);
    smew__fd_close(&ends[0]);
    smew__fd_close(&ends[1]);
}

/* A lane whose prefix is changed in one place before it is passed. */
static void refuse_prefix(size_t offset, uint8_t flip, enum smew_status status)
{
    const struct smew__lane_spec spec = {.ring_bytes = 4096, .window = 16};
    struct smew__lane_memory lane = {0};
    int fds[2];

    assert_int_equal(smew__lane_memory_create(&spec, &lane), SMEW_OK);
    lane.ring_memory.data[offset] ^= flip;
    lane.cursor_memory.data[offset] ^= flip;
    fds[0] = lane.ring_memory.fd;
    fds[1] = lane.cursor_memory.fd;
    refuse_fds(fds, 2, status);
    smew__lane_memory_fini(&lane);
}

static void a_lane_of_another_layout_is_refused(void **state)
{
    (void)state;
    refuse_prefix(0, 1, SMEW_CORRUPT);  /* magic */
    refuse_prefix(4, 2, SMEW_VERSION);  /* version */
    refuse_prefix(6, 1, SMEW_CORRUPT);  /* kind */
    refuse_prefix(8, 1, SMEW_CORRUPT);  /* size */
    refuse_prefix(16, 1, SMEW_VERSION); /* fingerprint */
    refuse_prefix(24, 1, SMEW_CORRUPT); /* lane: not that of frames */
    refuse_prefix(56, 1, SMEW_CORRUPT); /* data */
    refuse_prefix(60, 1, SMEW_CORRUPT); /* window: not a power of two */
}

/* Memory cannot be taken away under the channel, by whoever has its fds. */
static void what_was_passed_stays(void **state)
{
    const struct smew__shm_datagram bell = {.type = SMEW__SHM_BELL};
    struct shm_raw raw = shm_raw_open();

    (void)state;
    shm_raw_greet(&raw);
    assert_int_equal(ftruncate(raw.in.ring_memory.fd, 0), -1);
    assert_int_equal(ftruncate(raw.in.cursor_memory.fd, 0), -1);
    shm_raw_say_datagram(&raw, &bell, NULL, 0);
    assert_int_equal(smew_channel_send(raw.channel, "fine", 4, SHM_RAW_WAIT_MS), SMEW_OK);
    /* Attached by the channel: nobody can make holes any more, either. */
    assert_int_equal(
        fallocate(raw.in.ring_memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    shm_raw_close(&raw);
}

static void a_lane_with_holes_is_refused(void **state)
{
    const struct smew__lane_spec spec = {.ring_bytes = 4096, .window = 16};
    struct smew__lane_memory lane = {0};
    int fds[2];

    (void)state;
    assert_int_equal(smew__lane_memory_create(&spec, &lane), SMEW_OK);
    fds[0] = lane.ring_memory.fd;
    fds[1] = lane.cursor_memory.fd;
    assert_int_equal(fallocate(fds[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), 0);
    refuse_fds(fds, 2, SMEW_CORRUPT);
    smew__lane_memory_fini(&lane);
}

/* ---- datagrams that nobody asked for ------------------------------------------------- */

static void refuse_datagram(const struct smew__shm_datagram *datagram, const int *fds, size_t count)
{
    struct shm_raw raw = shm_raw_open();

    shm_raw_greet(&raw);
    shm_raw_frame(&raw, "whole", 5);
    shm_raw_expect(&raw, "whole");
    shm_raw_say_datagram(&raw, datagram, fds, count);
    end_with(&raw, SMEW_CORRUPT, "nobody asked for");
}

static void answers_without_a_question_are_corrupt(void **state)
{
    const int fds[2] = {STDIN_FILENO, STDIN_FILENO};

    (void)state;
    refuse_datagram(&(struct smew__shm_datagram){.type = SMEW__SHM_GRANT, .lane = 7}, fds, 2);
    refuse_datagram(
        &(struct smew__shm_datagram){.type = SMEW__SHM_DENY, .lane = 7, .status = SMEW_LIMIT}, NULL,
        0);
}

static void too_many_questions_are_corrupt(void **state)
{
    struct smew__shm_datagram ask = {
        .type = SMEW__SHM_ASK, .ring_bytes = 65536, .window = 1024, .lane = 1};
    struct shm_raw raw = shm_raw_open();
    struct smew_bytes frame;

    (void)state;
    shm_raw_greet(&raw);
    for (; ask.lane <= 64; ask.lane++)
        shm_raw_say_datagram(&raw, &ask, NULL, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(raw.channel->ops->try_receive(raw.channel, &frame), SMEW_AGAIN);
    shm_raw_say_datagram(&raw, &ask, NULL, 0);
    end_with(&raw, SMEW_CORRUPT, "nobody asked for");
}

static void an_early_frame_is_not_late(void **state)
{
    struct smew__shm_datagram frame = {.type = SMEW__SHM_FRAME};
    struct shm_raw raw = shm_raw_open();

    (void)state;
    shm_raw_greet(&raw);
    shm_raw_say(&raw, "\2\0\0\0early", 9, NULL, 0);
    shm_raw_frame(&raw, "in the lane", 11);
    shm_raw_expect(&raw, "early");
    shm_raw_expect(&raw, "in the lane");
    shm_raw_say_datagram(&raw, &frame, NULL, 0);
    end_with(&raw, SMEW_CORRUPT, "nobody asked for");
}

/* Bells without end: each call comes to its own. */
static void bells_do_not_hold_anybody_up(void **state)
{
    const struct smew__shm_datagram bell = {.type = SMEW__SHM_BELL};
    struct shm_raw raw = shm_raw_open();
    struct smew_bytes frame;
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    size_t size = smew__shm_encode(&bell, bytes);

    (void)state;
    shm_raw_greet(&raw);
    for (int round = 0; round < 100; round++) {
        while (smew__packet_send(raw.fd, bytes, size, NULL, 0) == SMEW_OK)
            ;
        assert_int_equal(raw.channel->ops->try_receive(raw.channel, &frame), SMEW_AGAIN);
    }
    shm_raw_frame(&raw, "still here", 10);
    shm_raw_expect(&raw, "still here");
    shm_raw_close(&raw);
}

/* Whoever rings and has nothing does not keep a node busy. */
static void a_bell_for_nothing_does_not_spin(void **state)
{
    const struct smew__lane_spec spec = {.ring_bytes = 4096, .window = 16};
    const struct smew__shm_datagram bell = {.type = SMEW__SHM_BELL};
    struct shm_raw raw = shm_raw_open();
    struct smew_bytes frame;
    int fds[2];

    (void)state;
    assert_int_equal(smew__lane_memory_create(&spec, &raw.in), SMEW_OK);
    fds[0] = raw.in.ring_memory.fd;
    fds[1] = raw.in.cursor_memory.fd;
    shm_raw_hello(&raw, fds, 2);
    for (int i = 0; i < 3; i++) { /* and never attaches the channel's lane */
        shm_raw_say_datagram(&raw, &bell, NULL, 0);
        assert_int_equal(raw.channel->ops->try_receive(raw.channel, &frame), SMEW_AGAIN);
        assert_int_equal(raw.channel->ops->interest(raw.channel).events, 1 /* POLLIN */);
    }
    shm_raw_close(&raw);
}

/* ---- large frames -------------------------------------------------------------------- */

static void announce(struct shm_raw *raw, uint64_t number, int fd)
{
    const struct smew__shm_datagram large = {.type = SMEW__SHM_LARGE, .number = number};

    shm_raw_say_datagram(raw, &large, &fd, 1);
}

static void stand_in(struct shm_raw *raw, uint64_t number, uint64_t size)
{
    const struct smew__shm_large large = {number, size};
    uint8_t bytes[SMEW__SHM_LARGE_SIZE];

    smew__shm_put_large(&large, bytes);
    shm_raw_commit(raw,
                   (struct smew__record_header){.kind = SMEW_KIND_CONTROL,
                                                .event = SMEW__SHM_RECORD_LARGE,
                                                .payload_size = sizeof bytes},
                   bytes);
}

static int freeze(const char *text)
{
    struct smew_bytes part = {text, strlen(text)};
    int fd = -1;

    assert_int_equal(smew__frozen_create("test", &part, 1, part.size, &fd), SMEW_OK);
    return fd;
}

static void a_large_frame_by_hand(void **state)
{
    struct shm_raw raw = shm_raw_open();
    int fd = freeze("frozen");

    (void)state;
    shm_raw_greet(&raw);
    for (uint64_t i = 0; i < 9; i++) {
        announce(&raw, i, fd);
        stand_in(&raw, i, 6);
        shm_raw_expect(&raw, "frozen");
    }
    smew__fd_close(&fd);
    shm_raw_close(&raw);
}

/* A large frame that is not as it was said to be. */
static void refuse_large(uint64_t said_number, int fd, uint64_t number, uint64_t size)
{
    struct shm_raw raw = shm_raw_open();

    shm_raw_greet(&raw);
    if (fd >= 0)
        announce(&raw, said_number, fd);
    stand_in(&raw, number, size);
    end_with(&raw, SMEW_CORRUPT, "");
}

static void a_large_frame_that_lies_is_corrupt(void **state)
{
    int fd = freeze("frozen");
    int thawed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    refuse_large(0, -1, 0, 6); /* never sent */
    refuse_large(1, fd, 0, 6);
    refuse_large(0, fd, 1, 6);
    refuse_large(0, fd, 0, 5);
    refuse_large(0, fd, 0, 7);
    refuse_large(0, fd, 0, 0);
    refuse_large(0, fd, 0, (uint64_t)SMEW_FRAME_MAX + 1);
    refuse_large(0, fd, 0, UINT64_MAX);
    assert_int_equal(write(thawed, "thawed", 6), 6);
    refuse_large(0, thawed, 0, 6);
    refuse_large(0, STDIN_FILENO, 0, 6);
    smew__fd_close(&thawed);
    smew__fd_close(&fd);
}

static void too_many_large_frames_are_corrupt(void **state)
{
    struct shm_raw raw = shm_raw_open();
    int fd = freeze("frozen");

    (void)state;
    shm_raw_greet(&raw);
    for (uint64_t i = 0; i < 5; i++)
        announce(&raw, i, fd);
    smew__fd_close(&fd);
    end_with(&raw, SMEW_CORRUPT, "nobody asked for");
}

/* ---- users --------------------------------------------------------------------------- */

static int connect_as_nobody(void *argument)
{
    char byte;

    if (seteuid(NOBODY) != 0)
        return 1;
    (void)shm_raw_connect();
    return (int)read(*(int *)argument, &byte, 1);
}

static void another_user_is_refused(void **state)
{
    struct smew_listener *listener = shm_raw_listen();
    struct smew_interest interest = listener->ops->interest(listener);
    struct smew_channel *channel = NULL;
    int ends[2];
    pid_t child;

    (void)state;
    if (geteuid() == 0) {
        /* As if somebody had opened it to everybody. */
        assert_int_equal(chmod(support_runtime_dir(), 0711), 0);
        assert_int_equal(chmod(shm_raw_path(), 0666), 0);
        assert_int_equal(pipe(ends), 0);
        child = support_fork(connect_as_nobody, &ends[0]);
        assert_int_equal(smew__fd_wait(interest.fd, interest.events, UINT64_MAX), SMEW_OK);
        shm_raw_log(true);
        assert_int_equal(listener->ops->try_accept(listener, &channel), SMEW_AGAIN);
        shm_raw_log(false);
        assert_null(channel);
        assert_non_null(strstr(shm_raw_logged(), "user 65534"));
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_int_equal(support_reap(child, SHM_RAW_WAIT_MS), 1);
        smew__fd_close(&ends[0]);
        smew__fd_close(&ends[1]);
        assert_int_equal(chmod(support_runtime_dir(), 0700), 0);
    }
    listener->ops->close(listener);
    if (geteuid() != 0)
        skip();
}

static void a_stranger_harms_nobody_else(void **state)
{
    struct shm_raw raw = shm_raw_open();
    struct shm_raw other = {.listener = raw.listener};

    (void)state;
    other.fd = shm_raw_connect();
    other.channel = shm_raw_accept(raw.listener);
    shm_raw_greet(&other);
    shm_raw_say(&raw, "noise noise", 11, NULL, 0);
    shm_raw_expect_end(&raw, SMEW_CORRUPT);
    shm_raw_frame(&other, "still here", 10);
    shm_raw_expect(&other, "still here");
    other.listener = NULL;
    shm_raw_close(&other);
    shm_raw_close(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(strangers_are_refused),
        SUPPORT_TEST(another_version_is_refused_with_a_sentence),
        SUPPORT_TEST(an_end_without_a_word_is_a_reset),
        SUPPORT_TEST(an_honest_peer_is_served),
        SUPPORT_TEST(a_second_hello_is_corrupt),
        SUPPORT_TEST(a_lane_needs_two_fds),
        SUPPORT_TEST(five_fds_are_corrupt),
        SUPPORT_TEST(what_is_no_memory_is_refused),
        SUPPORT_TEST(a_lane_of_another_layout_is_refused),
        SUPPORT_TEST(what_was_passed_stays),
        SUPPORT_TEST(a_lane_with_holes_is_refused),
        SUPPORT_TEST(answers_without_a_question_are_corrupt),
        SUPPORT_TEST(too_many_questions_are_corrupt),
        SUPPORT_TEST(an_early_frame_is_not_late),
        SUPPORT_TEST(bells_do_not_hold_anybody_up),
        SUPPORT_TEST(a_bell_for_nothing_does_not_spin),
        SUPPORT_TEST(a_large_frame_by_hand),
        SUPPORT_TEST(a_large_frame_that_lies_is_corrupt),
        SUPPORT_TEST(too_many_large_frames_are_corrupt),
        SUPPORT_TEST(another_user_is_refused),
        SUPPORT_TEST(a_stranger_harms_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
