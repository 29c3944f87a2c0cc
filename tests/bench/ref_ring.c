/* SPDX-License-Identifier: MIT */
/* The reference ring is a ring: what goes in comes out, in order, round and round, and no more. */
#include <string.h>
#include <sys/mman.h>

#include "bench/ref_ring.h"
#include "tests/support/support.h"

enum { RING = 4096, BODY_MOST = 1000, RECORDS = 20000 };

struct both {
    struct ref_ring ring;
    struct ref_ring_writer writer;
    struct ref_ring_reader reader;
};

static void open_both(struct both *both)
{
    assert_true(ref_ring_make(&both->ring, RING));
    ref_ring_writer_init(&both->writer, &both->ring);
    ref_ring_reader_init(&both->reader, &both->ring);
}

static void close_both(struct both *both)
{
    assert_int_equal(munmap(both->ring.bytes, (size_t)RING * 2), 0);
    assert_int_equal(munmap(both->ring.cursor, REF_RING_PAGE), 0);
}

static size_t make_body(uint64_t number, uint8_t *body)
{
    struct support_random random = {number};
    const size_t size = support_random_next(&random) % BODY_MOST;

    support_random_fill(&random, body, size);
    return size;
}

/* Records of every size, written until there is no room and read until there is nothing. */
static void keeps_order_and_bytes(void **state)
{
    uint64_t written = 0, read = 0, full = 0;
    uint8_t body[BODY_MOST];
    struct both both;

    (void)state;
    open_both(&both);
    while (read < RECORDS) {
        const void *got;
        size_t size;

        while (ref_ring_write(&both.writer, body, make_body(written, body)))
            written++;
        full++;
        while (ref_ring_read(&both.reader, &got, &size) == REF_RING_RECORD) {
            assert_int_equal(size, make_body(read, body));
            assert_memory_equal(got, body, size);
            read++;
        }
        assert_int_equal(read, written);
    }
    assert_true(full > 100);
    close_both(&both);
}

/* A record that would leave no place for the commit word behind it is refused. */
static void is_never_quite_full(void **state)
{
    const uint8_t body[RING] = {0};
    struct both both;

    (void)state;
    open_both(&both);
    assert_false(ref_ring_write(&both.writer, body, RING - REF_RING_ALIGN));
    assert_true(ref_ring_write(&both.writer, body, RING - 2 * REF_RING_ALIGN));
    assert_false(ref_ring_write(&both.writer, body, 0));
    close_both(&both);
}

static void finds_a_flipped_bit(void **state)
{
    const uint8_t body[64] = {1, 2, 3};
    struct both both;
    const void *got;
    size_t size;

    (void)state;
    open_both(&both);
    assert_true(ref_ring_write(&both.writer, body, sizeof(body)));
    both.ring.bytes[REF_RING_ALIGN + 40] ^= 1;
    assert_int_equal(ref_ring_read(&both.reader, &got, &size), REF_RING_DAMAGED);
    close_both(&both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(keeps_order_and_bytes),
        SUPPORT_TEST(is_never_quite_full),
        SUPPORT_TEST(finds_a_flipped_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
