/* SPDX-License-Identifier: MIT */
#include "bench/ref_ring.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32c/crc32c.h"

enum { CHUNK = 16 * 1024 };

struct record {
    _Atomic uint64_t commit;
    uint32_t size;
    uint32_t crc;
};

static_assert(sizeof(struct record) == REF_RING_ALIGN, "a header keeps its record's alignment");

/* Two views of the same pages, one behind the other. */
static uint8_t *map_twice(int fd, size_t size)
{
    const int flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
    uint8_t *place = mmap(NULL, size * 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (place == MAP_FAILED ||
        mmap(place, size, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED ||
        mmap(place + size, size, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED)
        return NULL;
    return place;
}

bool ref_ring_make(struct ref_ring *ring, size_t size)
{
    const int fd = memfd_create("ref-ring", MFD_CLOEXEC);
    bool fine = fd >= 0 && ftruncate(fd, (off_t)size) == 0;

    ring->size = size;
    ring->bytes = fine ? map_twice(fd, size) : NULL;
    ring->cursor = mmap(NULL, REF_RING_PAGE, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    fine = ring->bytes != NULL && (void *)ring->cursor != MAP_FAILED;
    if (fd >= 0)
        (void)close(fd);
    return fine;
}

void ref_ring_writer_init(struct ref_ring_writer *writer, const struct ref_ring *ring)
{
    *writer = (struct ref_ring_writer){
        .bytes = ring->bytes,
        .mask = ring->size - 1,
        .limit = ring->size,
        .cursor = ring->cursor,
    };
}

void ref_ring_reader_init(struct ref_ring_reader *reader, const struct ref_ring *ring)
{
    *reader = (struct ref_ring_reader){
        .bytes = ring->bytes,
        .mask = ring->size - 1,
        .turn = ring->size / 8,
        .cursor = ring->cursor,
    };
}

static struct record *record_at(uint8_t *bytes, uint64_t offset)
{
    return (struct record *)(void *)(bytes + offset);
}

static uint64_t record_size(size_t body)
{
    return (sizeof(struct record) + body + REF_RING_ALIGN - 1) & ~(uint64_t)(REF_RING_ALIGN - 1);
}

/* Copies and answers the CRC, in chunks that are still in the nearest cache for the second. */
static uint32_t copy_in(void *to, const void *from, size_t size)
{
    uint32_t crc = 0;
    size_t done = 0;

    for (; size - done > CHUNK; done += CHUNK) {
        crc = smew__crc32c(crc, (const uint8_t *)from + done, CHUNK);
        memcpy((uint8_t *)to + done, (const uint8_t *)from + done, CHUNK);
    }
    crc = smew__crc32c(crc, (const uint8_t *)from + done, size - done);
    memcpy((uint8_t *)to + done, (const uint8_t *)from + done, size - done);
    return crc;
}

bool ref_ring_write(struct ref_ring_writer *writer, const void *body, size_t size)
{
    const uint64_t taken_bytes = record_size(size);
    struct record *record = record_at(writer->bytes, writer->position & writer->mask);
    const uint64_t end = writer->position + taken_bytes;

    if (end + sizeof(*record) > writer->limit) {
        /* pairs with give_back */
        writer->limit =
            atomic_load_explicit(&writer->cursor->taken, memory_order_acquire) + writer->mask + 1;
        if (end + sizeof(*record) > writer->limit)
            return false;
    }
    record->size = (uint32_t)size;
    record->crc = copy_in(record + 1, body, size);
    atomic_store_explicit(&record_at(writer->bytes, end & writer->mask)->commit, 0,
                          memory_order_relaxed);
    /* pairs with ref_ring_read */
    atomic_store_explicit(&record->commit, writer->position + 1, memory_order_release);
    writer->position = end;
    return true;
}

static void give_back(struct ref_ring_reader *reader)
{
    reader->given = reader->position;
    /* pairs with ref_ring_write */
    atomic_store_explicit(&reader->cursor->taken, reader->position, memory_order_release);
}

enum ref_ring_found ref_ring_read(struct ref_ring_reader *reader, const void **body, size_t *size)
{
    struct record *record = record_at(reader->bytes, reader->position & reader->mask);
    uint32_t found;

    if (reader->position - reader->given >= reader->turn)
        give_back(reader);
    /* pairs with ref_ring_write */
    if (atomic_load_explicit(&record->commit, memory_order_acquire) != reader->position + 1) {
        if (reader->position != reader->given)
            give_back(reader);
        return REF_RING_NOTHING;
    }
    found = record->size;
    if (found > reader->mask || smew__crc32c(0, record + 1, found) != record->crc)
        return REF_RING_DAMAGED;
    *body = record + 1;
    *size = found;
    reader->position += record_size(found);
    return REF_RING_RECORD;
}
