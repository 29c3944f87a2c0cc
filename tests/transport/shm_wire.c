/* SPDX-License-Identifier: MIT */
/*
 * The datagrams of an shm connection: their bytes, as wire.h says them, and everything that is
 * not one of them.
 */
#include <stdio.h>
#include <string.h>

#include <smew/transport.h>

#include "bus/transport/shm/wire.h"
#include "tests/support/support.h"

/* Each type once, and what it must be. */
static const struct golden {
    struct smew__shm_datagram datagram;
    size_t fds;
    size_t size;
    uint8_t bytes[48];
} goldens[] = {
    {{.type = SMEW__SHM_HELLO, .frame_max = 0x00A00000},
     2,
     16,
     {1, 0, 0, 0, 'S', 'M', 'E', 'W', 1, 1, 0, 0, 0x00, 0xA0, 0x00, 0x00}},
    {{.type = SMEW__SHM_BELL}, 0, 4, {3, 0, 0, 0}},
    {{.type = SMEW__SHM_LARGE, .number = 0x0102030405060708},
     1,
     12,
     {4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}},
    {{.type = SMEW__SHM_ASK,
      .lane = 0x1112131415161718,
      .ring_bytes = 0x00010000,
      .window = 0x0400,
      .after = 0x2122232425262728,
      .pool_bytes = 0x00400000},
     0,
     32,
     {5,    0,    0,    0,    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
      0x18, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x21, 0x22,
      0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x00, 0x40, 0x00, 0x00}},
    {{.type = SMEW__SHM_GRANT, .lane = 7}, 2, 12, {6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}},
    {{.type = SMEW__SHM_DENY, .lane = 7, .status = SMEW_LIMIT},
     0,
     16,
     {7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0xFF, 0xFF, 0xFF, 0xE4}},
    {{.type = SMEW__SHM_NAMES,
      .frame_max = 0x00A00000,
      .pid = 0x31323334,
      .start_ticks = 0x4142434445464748,
      .number = 0x5152535455565758},
     0,
     40,
     {8,    0,    0,    0,    'S',  'M',  'E',  'W',  1,    1,    0,    0,    0x00, 0xA0,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44,
      0x45, 0x46, 0x47, 0x48, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58}},
};

enum { GOLDENS = sizeof goldens / sizeof goldens[0] };

static void expect_equal(const struct smew__shm_datagram *one, const struct smew__shm_datagram *two)
{
    assert_int_equal(one->type, two->type);
    assert_int_equal(one->frame_max, two->frame_max);
    assert_int_equal(one->number, two->number);
    assert_int_equal(one->pid, two->pid);
    assert_int_equal(one->start_ticks, two->start_ticks);
    assert_int_equal(one->lane, two->lane);
    assert_int_equal(one->ring_bytes, two->ring_bytes);
    assert_int_equal(one->window, two->window);
    assert_int_equal(one->after, two->after);
    assert_int_equal(one->pool_bytes, two->pool_bytes);
    assert_int_equal(one->status, two->status);
}

static void golden_bytes(void **state)
{
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    struct smew__shm_datagram parsed;

    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *golden = &goldens[i];

        memset(bytes, 0xEE, sizeof bytes);
        assert_int_equal(smew__shm_encode(&golden->datagram, bytes), golden->size);
        assert_memory_equal(bytes, golden->bytes, golden->size);
        memset(&parsed, 0xEE, sizeof parsed);
        assert_int_equal(smew__shm_parse(bytes, golden->size, golden->fds, &parsed), SMEW_OK);
        expect_equal(&parsed, &golden->datagram);
    }
}

static enum smew_status parse(const uint8_t *bytes, size_t size, size_t fds)
{
    struct smew__shm_datagram parsed = {.number = 77};
    enum smew_status status = smew__shm_parse(bytes, size, fds, &parsed);

    if (status != SMEW_OK)
        assert_int_equal(parsed.number, 77); /* written only on success */
    return status;
}

static void an_early_frame(void **state)
{
    static const struct smew__shm_datagram head = {.type = SMEW__SHM_FRAME};
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX + 1];
    struct smew__shm_datagram parsed;

    (void)state;
    assert_int_equal(smew__shm_encode(&head, bytes), SMEW__SHM_HEAD_SIZE);
    assert_memory_equal(bytes, "\2\0\0", 4);
    for (size_t size = SMEW__SHM_HEAD_SIZE; size <= SMEW__SHM_DATAGRAM_MAX; size++) {
        assert_int_equal(smew__shm_parse(bytes, size, 0, &parsed), SMEW_OK);
        assert_ptr_equal(parsed.frame, bytes + SMEW__SHM_HEAD_SIZE);
        assert_int_equal(parsed.frame_size, size - SMEW__SHM_HEAD_SIZE);
    }
    assert_int_equal(parse(bytes, SMEW__SHM_DATAGRAM_MAX + 1, 0), SMEW_CORRUPT);
    assert_int_equal(parse(bytes, 100, 1), SMEW_CORRUPT);
}

static void other_sizes_and_fds_are_refused(void **state)
{
    uint8_t bytes[64] = {0};

    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *golden = &goldens[i];

        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, golden->bytes, golden->size);
        for (size_t size = 0; size <= sizeof bytes; size++)
            for (size_t fds = 0; fds <= 4; fds++) {
                bool pooled = golden->datagram.type == SMEW__SHM_GRANT && fds == 3;
                bool right = size == golden->size && (fds == golden->fds || pooled);

                assert_int_equal(parse(bytes, size, fds), right ? SMEW_OK : SMEW_CORRUPT);
            }
    }
}

static void what_is_not_listed_is_refused(void **state)
{
    uint8_t bytes[48];

    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *golden = &goldens[i];

        for (int zero = 1; zero < 4; zero++) {
            memcpy(bytes, golden->bytes, sizeof bytes);
            bytes[zero] = 1;
            assert_int_equal(parse(bytes, golden->size, golden->fds), SMEW_CORRUPT);
        }
    }
    memset(bytes, 0, sizeof bytes);
    for (unsigned type = 0; type <= 255; type++)
        for (size_t fds = 0; fds <= 4; fds++) {
            bytes[0] = (uint8_t)type;
            if (type == 0 || type > SMEW__SHM_NAMES)
                assert_int_equal(parse(bytes, 12, fds), SMEW_CORRUPT);
        }
}

/* A golden one with one of its 32-bit words replaced. */
static enum smew_status parse_with(size_t index, size_t offset, uint32_t word)
{
    uint8_t bytes[48];

    memcpy(bytes, goldens[index].bytes, sizeof bytes);
    for (int i = 0; i < 4; i++)
        bytes[offset + (size_t)i] = (uint8_t)(word >> (24 - 8 * i));
    return parse(bytes, goldens[index].size, goldens[index].fds);
}

static void values_have_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_with(0, 12, 0), SMEW_CORRUPT);
    assert_int_equal(parse_with(0, 12, 1), SMEW_OK);
    assert_int_equal(parse_with(0, 12, SMEW_FRAME_MAX), SMEW_OK);
    assert_int_equal(parse_with(0, 12, SMEW_FRAME_MAX + 1), SMEW_CORRUPT);
    for (size_t i = 4; i < 6; i++) /* the lane of a channel is nobody's to ask for */
        assert_int_equal(parse_with(i, 8, 0), SMEW_CORRUPT);
    for (int status = -40; status <= 3; status++)
        assert_int_equal(parse_with(5, 12, (uint32_t)status),
                         status < SMEW_OK && status >= SMEW_REJECTED ? SMEW_OK : SMEW_CORRUPT);
}

static enum smew_status parse_hello(const char *bytes, size_t size, const char *sentence)
{
    char text[256];

    smew__shm_refusal((const uint8_t *)bytes, size, text, sizeof text);
    if (strstr(text, sentence) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, sentence);
    return parse((const uint8_t *)bytes, size, 2);
}

static void other_versions_are_refused_with_a_sentence(void **state)
{
    (void)state;
    assert_int_equal(parse_hello("\1\0\0\0SMEW\3\2\0\0\0\0\0\1", 16, "versions 2 to 3"),
                     SMEW_VERSION);
    /* Whatever else such a HELLO has in it. */
    assert_int_equal(parse_hello("\1\0\0\0SMEW\377\377\0\0", 12, "255"), SMEW_VERSION);
    assert_int_equal(parse_hello("\1\0\0\0SMEW\3\2\0\0\0\0\0\0 and so on", 26, "2 to 3"),
                     SMEW_VERSION);
    /* One in common is enough, and features that we do not know are ignored. */
    assert_int_equal(parse_hello("\1\0\0\0SMEW\7\1\377\377\0\0\0\1", 16, "not whole"), SMEW_OK);
    assert_int_equal(parse_hello("\1\0\0\0SMEX\1\1\0\0\0\0\0\1", 16, "not speak"), SMEW_CORRUPT);
    assert_int_equal(parse_hello("\1\0\0\0SMEW\1\2\0\0\0\0\0\1", 16, "not speak"), SMEW_CORRUPT);
    assert_int_equal(parse_hello("\1\0\0\0SMEW\1\0\0\0\0\0\0\1", 16, "not speak"), SMEW_CORRUPT);
    assert_int_equal(parse_hello("GET / HTTP/1.1\r\n", 16, "not speak"), SMEW_CORRUPT);
}

static void a_large_frame_has_a_stand_in(void **state)
{
    static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0xA0, 0, 0};
    const struct smew__shm_large large = {0x0102030405060708, SMEW_FRAME_MAX};
    uint8_t bytes[SMEW__SHM_LARGE_SIZE];
    struct smew__shm_large again;

    (void)state;
    smew__shm_put_large(&large, bytes);
    assert_memory_equal(bytes, expected, sizeof expected);
    again = smew__shm_get_large(bytes);
    assert_int_equal(again.number, large.number);
    assert_int_equal(again.size, large.size);
}

static void noise_is_a_status(void **state)
{
    struct support_random random = support_random_seeded();
    uint8_t bytes[64];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        size_t size = (size_t)support_random_below(&random, sizeof bytes + 1);
        enum smew_status status;

        support_random_fill(&random, bytes, size);
        if (size > 3) {
            bytes[0] = (uint8_t)support_random_below(&random, 10);
            memset(bytes + 1, 0, 3);
        }
        status = parse(bytes, size, (size_t)support_random_below(&random, 4));
        assert_true(status == SMEW_OK || status == SMEW_CORRUPT || status == SMEW_VERSION);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(an_early_frame),
        cmocka_unit_test(other_sizes_and_fds_are_refused),
        cmocka_unit_test(what_is_not_listed_is_refused),
        cmocka_unit_test(values_have_limits),
        cmocka_unit_test(other_versions_are_refused_with_a_sentence),
        cmocka_unit_test(a_large_frame_has_a_stand_in),
        cmocka_unit_test(noise_is_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
