/* SPDX-License-Identifier: MIT */
/*
 * A lane's two segments: made by the consumer, attached by the producer, settled; and the word in
 * which the producer says how far it is.
 *
 * Happy path: the consumer allocates both and writes their prefixes, keeps the cursors to itself
 * and passes the fds; the producer looks at private copies of the prefixes, and by attaching the
 * ring seals it against further writers.
 *
 * Failure modes: no memory, no fds (nothing is left); segments that are none, of another version,
 * or not of one lane (refused before anything but the prefixes is read); a producer that made holes
 * before it sealed.
 */
#include "bus/shm/segment.h"

#include <string.h>

#include "base/hash.h"
#include "base/os/process.h"
#include "bus/shm/head.h"
#include "serialization/record.h"

/* ---- what segments look like --------------------------------------------------------- */

static uint64_t round_up(uint64_t size, uint64_t unit)
{
    return (size + unit - 1) / unit * unit;
}

static uint64_t power_of_two(uint64_t least, uint64_t size)
{
    while (least < size)
        least *= 2;
    return least;
}

/* What the tables of segment.h and record.h and this machine are like: others give another one. */
static uint64_t fingerprint(void)
{
    const uint32_t layout[] = {
        0x01020304, /* hashed as it lies in memory: the byte order */
        (uint32_t)smew__memory_page(),
        sizeof(struct smew__segment_prefix),
        offsetof(struct smew__ring_header, head),
        offsetof(struct smew__ring_header, waiting),
        offsetof(struct smew__ring_header, ended),
        offsetof(struct smew__ring_header, unfenced),
        offsetof(struct smew__ring_header, rings),
        offsetof(struct smew__cursors, completed),
        offsetof(struct smew__cursors, received),
        offsetof(struct smew__cursors, specials),
        offsetof(struct smew__cursors, turn),
        offsetof(struct smew__cursors, armed),
        offsetof(struct smew__cursors, state),
        offsetof(struct smew__cursors, reaches),
        offsetof(struct smew__cursors, answers),
        SMEW__HEAD_NUMBER_BITS,
        SMEW__HEAD_UNIT_BITS,
        sizeof(struct smew__record_header),
        offsetof(struct smew__record_header, commit),
        offsetof(struct smew__record_header, payload_size),
        offsetof(struct smew__record_header, target),
        offsetof(struct smew__record_header, event),
        offsetof(struct smew__record_header, sent),
        offsetof(struct smew__record_header, sent_high),
        offsetof(struct smew__record_header, content),
        offsetof(struct smew__record_header, kind),
        offsetof(struct smew__record_header, extension_words),
        offsetof(struct smew__record_header, body_crc),
        offsetof(struct smew__record_header, header_crc),
        SMEW__RECORD_VALUES,
    };

    return smew__hash(layout, sizeof layout);
}

static uint64_t cursor_bytes(uint64_t window)
{
    return round_up(sizeof(struct smew__cursors) + window * sizeof(uint64_t), smew__memory_page());
}

/* What is asked for, in the sizes that there are. */
static struct smew__lane_spec rounded(const struct smew__lane_spec *spec)
{
    const size_t page = smew__memory_page();
    struct smew__lane_spec result = *spec;

    result.ring_bytes =
        power_of_two(page > SMEW__LANE_BYTES_MIN ? page : SMEW__LANE_BYTES_MIN, spec->ring_bytes);
    result.window = (uint32_t)power_of_two(1, spec->window);
    return result;
}

static enum smew_status check_spec(const struct smew__lane_spec *spec)
{
    if (spec->ring_bytes > SMEW__LANE_BYTES_MAX || spec->window > SMEW__LANE_WINDOW_MAX)
        return SMEW_TOO_BIG;
    return spec->first_position % SMEW__RECORD_ALIGNMENT == 0 ? SMEW_OK : SMEW_INVALID;
}

static struct smew__segment_prefix ring_prefix(const struct smew__lane_spec *spec, uint64_t salt)
{
    const size_t page = smew__memory_page();

    return (struct smew__segment_prefix){
        .magic = SMEW__SEGMENT_MAGIC,
        .version = SMEW__SEGMENT_VERSION,
        .kind = SMEW__SEGMENT_RING,
        .size = page + spec->ring_bytes,
        .fingerprint = fingerprint(),
        .lane = spec->lane,
        .salt = salt,
        .first_number = spec->first_number,
        .first_position = spec->first_position,
        .data = (uint32_t)page,
        .window = spec->window,
    };
}

/* Of the same lane. */
static struct smew__segment_prefix cursor_prefix(const struct smew__segment_prefix *ring)
{
    struct smew__segment_prefix prefix = *ring;

    prefix.kind = SMEW__SEGMENT_CURSORS;
    prefix.size = cursor_bytes(ring->window);
    prefix.data = offsetof(struct smew__cursors, answers);
    return prefix;
}

/* Takes over both mappings, whose prefixes were written or checked. */
static struct smew__lane_memory describe(const struct smew__memory *ring,
                                         const struct smew__memory *cursors,
                                         const struct smew__segment_prefix *prefix)
{
    return (struct smew__lane_memory){
        .ring_memory = *ring,
        .cursor_memory = *cursors,
        .header = (struct smew__ring_header *)(void *)ring->data,
        .ring = ring->data + prefix->data,
        .cursors = (struct smew__cursors *)(void *)cursors->data,
        .ring_bytes = prefix->size - prefix->data,
        .window = prefix->window,
        .salt = prefix->salt,
        .first_number = prefix->first_number,
        .first_position = prefix->first_position,
        .lane = prefix->lane,
    };
}

uint64_t smew__lane_memory_bytes(const struct smew__lane_spec *spec)
{
    struct smew__lane_spec exact = rounded(spec);

    return smew__memory_page() + exact.ring_bytes + cursor_bytes(exact.window);
}

/* ---- the consumer -------------------------------------------------------------------- */

/* The words that do not begin as 0; nobody else has the segments yet. */
static void fill(struct smew__lane_memory *memory, const struct smew__segment_prefix *ring)
{
    memory->header->prefix = *ring;
    memory->cursors->prefix = cursor_prefix(ring);
    atomic_init(&memory->header->head, smew__head_pack(ring->first_number, ring->first_position));
    atomic_init(&memory->cursors->completed, ring->first_number);
    atomic_init(&memory->cursors->received, ring->first_number);
}

enum smew_status smew__lane_memory_sizes(const struct smew__lane_spec *spec,
                                         struct smew__lane_sizes *sizes)
{
    enum smew_status status = check_spec(spec);
    struct smew__lane_spec exact;

    if (status != SMEW_OK)
        return status;
    exact = rounded(spec);
    sizes->page = smew__memory_page();
    sizes->ring = sizes->page + (size_t)exact.ring_bytes;
    sizes->cursors = (size_t)cursor_bytes(exact.window);
    return SMEW_OK;
}

enum smew_status smew__lane_memory_lay_out(const struct smew__lane_spec *spec,
                                           const struct smew__memory *ring,
                                           const struct smew__memory *cursors,
                                           struct smew__lane_memory *memory)
{
    enum smew_status status = check_spec(spec);
    struct smew__segment_prefix prefix;
    struct smew__lane_spec exact;

    if (status != SMEW_OK)
        return status;
    exact = rounded(spec);
    prefix = ring_prefix(&exact, smew__random64());
    *memory = describe(ring, cursors, &prefix);
    fill(memory, &prefix);
    return SMEW_OK;
}

enum smew_status smew__lane_memory_create(const struct smew__lane_spec *spec,
                                          struct smew__lane_memory *memory)
{
    struct smew__memory ring = {.fd = -1};
    struct smew__memory cursors = {.fd = -1};
    struct smew__lane_sizes sizes;
    enum smew_status status = smew__lane_memory_sizes(spec, &sizes);

    if (status != SMEW_OK)
        return status;
    status = smew__memory_create("smew-ring", sizes.ring, sizes.page, &ring);
    if (status == SMEW_OK)
        status = smew__memory_create("smew-cursors", sizes.cursors, 0, &cursors);
    if (status == SMEW_OK)
        status = smew__memory_seal_writes(&cursors);
    if (status == SMEW_OK)
        status = smew__lane_memory_lay_out(spec, &ring, &cursors, memory);
    if (status != SMEW_OK) {
        smew__memory_fini(&ring);
        smew__memory_fini(&cursors);
    }
    return status;
}

enum smew_status smew__lane_memory_settle(struct smew__lane_memory *memory)
{
    enum smew_status status;

    if (memory->ring_memory.fd < 0)
        return SMEW_OK;
    status = smew__memory_settled(&memory->ring_memory);
    if (status == SMEW_OK)
        smew__lane_memory_close_fds(memory);
    return status;
}

/* ---- the producer -------------------------------------------------------------------- */

/* Private copies of what a consumer wrote, in segments of these sizes. */
static enum smew_status check_prefixes(const struct smew__segment_prefix *ring, uint64_t ring_size,
                                       const struct smew__segment_prefix *cursors,
                                       uint64_t cursor_size)
{
    struct smew__lane_spec spec = {.lane = ring->lane,
                                   .ring_bytes = ring_size - smew__memory_page(),
                                   .window = ring->window,
                                   .first_number = ring->first_number,
                                   .first_position = ring->first_position};
    struct smew__segment_prefix expected;

    if (ring->magic != SMEW__SEGMENT_MAGIC || cursors->magic != SMEW__SEGMENT_MAGIC)
        return SMEW_CORRUPT;
    if (ring->version != SMEW__SEGMENT_VERSION || cursors->version != SMEW__SEGMENT_VERSION)
        return SMEW_VERSION;
    if (ring->kind != SMEW__SEGMENT_RING || cursors->kind != SMEW__SEGMENT_CURSORS)
        return SMEW_CORRUPT;
    if (ring->fingerprint != fingerprint() || cursors->fingerprint != fingerprint())
        return SMEW_VERSION;
    if (check_spec(&spec) != SMEW_OK)
        return SMEW_CORRUPT;
    spec = rounded(&spec);
    expected = ring_prefix(&spec, ring->salt);
    if (expected.size != ring_size || memcmp(&expected, ring, sizeof expected) != 0)
        return SMEW_CORRUPT;
    expected = cursor_prefix(&expected);
    return expected.size == cursor_size && memcmp(&expected, cursors, sizeof expected) == 0
               ? SMEW_OK
               : SMEW_CORRUPT;
}

enum smew_status smew__lane_memory_adopt(const struct smew__memory *ring,
                                         const struct smew__memory *cursors,
                                         struct smew__lane_memory *memory)
{
    struct smew__segment_prefix ring_copy;
    struct smew__segment_prefix cursor_copy;
    enum smew_status status;

    memcpy(&ring_copy, ring->data, sizeof ring_copy);
    memcpy(&cursor_copy, cursors->data, sizeof cursor_copy);
    status = check_prefixes(&ring_copy, ring->size, &cursor_copy, cursors->size);
    if (status == SMEW_OK)
        *memory = describe(ring, cursors, &ring_copy);
    return status;
}

enum smew_status smew__lane_memory_attach(int ring_fd, int cursor_fd,
                                          struct smew__lane_memory *memory)
{
    const size_t page = smew__memory_page();
    struct smew__memory ring = {.fd = -1};
    struct smew__memory cursors = {.fd = -1};
    enum smew_status ring_status = smew__memory_attach(ring_fd, true, page + SMEW__LANE_BYTES_MIN,
                                                       page + SMEW__LANE_BYTES_MAX, page, &ring);
    enum smew_status status =
        smew__memory_attach(cursor_fd, false, (size_t)cursor_bytes(1),
                            (size_t)cursor_bytes(SMEW__LANE_WINDOW_MAX), 0, &cursors);

    if (ring_status != SMEW_OK)
        status = ring_status;
    if (status == SMEW_OK)
        status = smew__lane_memory_adopt(&ring, &cursors, memory);
    if (status != SMEW_OK) {
        smew__memory_fini(&ring);
        smew__memory_fini(&cursors);
        return status;
    }
    smew__lane_memory_close_fds(memory);
    return SMEW_OK;
}

/* ---- both ---------------------------------------------------------------------------- */

void smew__lane_memory_close_fds(struct smew__lane_memory *memory)
{
    smew__memory_close_fd(&memory->ring_memory);
    smew__memory_close_fd(&memory->cursor_memory);
}

void smew__lane_memory_fini(struct smew__lane_memory *memory)
{
    smew__memory_fini(&memory->ring_memory);
    smew__memory_fini(&memory->cursor_memory);
    memory->header = NULL;
    memory->ring = NULL;
    memory->cursors = NULL;
}
