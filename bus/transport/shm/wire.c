/* SPDX-License-Identifier: MIT */
/*
 * Datagrams of an shm connection, as bytes; wire.h is their description.
 *
 * Failure modes of parsing: CORRUPT for everything that wire.h does not allow, VERSION for a HELLO
 * that names no version that we speak.
 */
#include "bus/transport/shm/wire.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <smew/transport.h>

#include "base/bytes.h"

enum {
    HELLO_SIZE = 16,
    HELLO_LEAST = 12, /* magic and versions, in any version */
    BELL_SIZE = 4,
    LARGE_SIZE = 12,
    ASK_SIZE = 32,
    GRANT_SIZE = 12,
    DENY_SIZE = 16,
    NAMES_SIZE = 40,
};

static const uint8_t magic[4] = {'S', 'M', 'E', 'W'};

static void put_be64(uint8_t *at, uint64_t value)
{
    smew__put_be32(at, (uint32_t)(value >> 32));
    smew__put_be32(at + 4, (uint32_t)value);
}

static uint64_t get_be64(const uint8_t *at)
{
    return (uint64_t)smew__get_be32(at) << 32 | smew__get_be32(at + 4);
}

static size_t put_hello(const struct smew__shm_datagram *datagram, uint8_t *bytes)
{
    memcpy(bytes + 4, magic, sizeof magic);
    bytes[8] = SMEW__SHM_VERSION_NEWEST;
    bytes[9] = SMEW__SHM_VERSION_OLDEST;
    bytes[10] = 0;
    bytes[11] = 0;
    smew__put_be32(bytes + 12, datagram->frame_max);
    return HELLO_SIZE;
}

size_t smew__shm_encode(const struct smew__shm_datagram *datagram,
                        uint8_t bytes[SMEW__SHM_DATAGRAM_MAX])
{
    memset(bytes, 0, SMEW__SHM_HEAD_SIZE);
    bytes[0] = (uint8_t)datagram->type;
    switch (datagram->type) {
    case SMEW__SHM_HELLO:
        return put_hello(datagram, bytes);
    case SMEW__SHM_NAMES:
        (void)put_hello(datagram, bytes);
        put_be64(bytes + 16, (uint64_t)datagram->pid);
        put_be64(bytes + 24, datagram->start_ticks);
        put_be64(bytes + 32, datagram->number);
        return NAMES_SIZE;
    case SMEW__SHM_FRAME:
        return SMEW__SHM_HEAD_SIZE;
    case SMEW__SHM_BELL:
        return BELL_SIZE;
    case SMEW__SHM_LARGE:
        put_be64(bytes + 4, datagram->number);
        return LARGE_SIZE;
    case SMEW__SHM_ASK:
        put_be64(bytes + 4, datagram->lane);
        smew__put_be32(bytes + 12, datagram->ring_bytes);
        smew__put_be32(bytes + 16, datagram->window);
        put_be64(bytes + 20, datagram->after);
        smew__put_be32(bytes + 28, datagram->pool_bytes);
        return ASK_SIZE;
    case SMEW__SHM_GRANT:
        put_be64(bytes + 4, datagram->lane);
        return GRANT_SIZE;
    case SMEW__SHM_DENY:
        put_be64(bytes + 4, datagram->lane);
        smew__put_be32(bytes + 12, (uint32_t)datagram->status);
        return DENY_SIZE;
    }
    return 0;
}

static bool is_hello(const uint8_t *bytes, size_t size)
{
    return size >= HELLO_LEAST && (bytes[0] == SMEW__SHM_HELLO || bytes[0] == SMEW__SHM_NAMES) &&
           memcmp(bytes + 4, magic, sizeof magic) == 0 && bytes[9] >= 1 && bytes[9] <= bytes[8];
}

static bool speaks_ours(const uint8_t *hello)
{
    return hello[9] <= SMEW__SHM_VERSION_NEWEST && hello[8] >= SMEW__SHM_VERSION_OLDEST;
}

static enum smew_status get_hello(const uint8_t *bytes, size_t size, size_t fd_count,
                                  struct smew__shm_datagram *datagram)
{
    if (!is_hello(bytes, size))
        return SMEW_CORRUPT;
    if (!speaks_ours(bytes))
        return SMEW_VERSION;
    if (datagram->type == SMEW__SHM_HELLO && (size != HELLO_SIZE || fd_count != 2))
        return SMEW_CORRUPT;
    if (datagram->type == SMEW__SHM_NAMES) {
        if (size != NAMES_SIZE || fd_count != 0)
            return SMEW_CORRUPT;
        datagram->pid = (int64_t)get_be64(bytes + 16);
        datagram->start_ticks = get_be64(bytes + 24);
        datagram->number = get_be64(bytes + 32);
    }
    datagram->frame_max = smew__get_be32(bytes + 12);
    if (datagram->frame_max == 0 || datagram->frame_max > SMEW_FRAME_MAX)
        return SMEW_CORRUPT;
    return SMEW_OK;
}

/* A status that a DENY may have: one of ours that is none of success. */
static bool is_reason(enum smew_status status)
{
    return status < SMEW_OK && status >= SMEW_REJECTED;
}

/* What each type behind HELLO must have; the index is the type. */
static const struct {
    size_t least;
    size_t most;
    size_t fds_least;
    size_t fds_most;
} rules[] = {
    [SMEW__SHM_FRAME] = {SMEW__SHM_HEAD_SIZE, SMEW__SHM_DATAGRAM_MAX, 0, 0},
    [SMEW__SHM_BELL] = {BELL_SIZE, BELL_SIZE, 0, 0},
    [SMEW__SHM_LARGE] = {LARGE_SIZE, LARGE_SIZE, 1, 1},
    [SMEW__SHM_ASK] = {ASK_SIZE, ASK_SIZE, 0, 0},
    [SMEW__SHM_GRANT] = {GRANT_SIZE, GRANT_SIZE, 2, 3},
    [SMEW__SHM_DENY] = {DENY_SIZE, DENY_SIZE, 0, 0},
};

static bool is_by_the_rules(uint8_t type, size_t size, size_t fd_count)
{
    return size >= rules[type].least && size <= rules[type].most &&
           fd_count >= rules[type].fds_least && fd_count <= rules[type].fds_most;
}

/* The fields of a datagram whose type, size and count of fds are right. */
static enum smew_status get_fields(const uint8_t *bytes, size_t size,
                                   struct smew__shm_datagram *datagram)
{
    if (datagram->type == SMEW__SHM_FRAME) {
        datagram->frame = bytes + SMEW__SHM_HEAD_SIZE;
        datagram->frame_size = size - SMEW__SHM_HEAD_SIZE;
        return SMEW_OK;
    }
    if (datagram->type == SMEW__SHM_BELL)
        return SMEW_OK;
    if (datagram->type == SMEW__SHM_LARGE) {
        datagram->number = get_be64(bytes + 4);
        return SMEW_OK;
    }
    datagram->lane = get_be64(bytes + 4);
    if (datagram->lane == 0)
        return SMEW_CORRUPT;
    if (datagram->type == SMEW__SHM_ASK) {
        datagram->ring_bytes = smew__get_be32(bytes + 12);
        datagram->window = smew__get_be32(bytes + 16);
        datagram->after = get_be64(bytes + 20);
        datagram->pool_bytes = smew__get_be32(bytes + 28);
    }
    if (datagram->type == SMEW__SHM_DENY) {
        datagram->status = (enum smew_status)(int32_t)smew__get_be32(bytes + 12);
        if (!is_reason(datagram->status))
            return SMEW_CORRUPT;
    }
    return SMEW_OK;
}

enum smew_status smew__shm_parse(const uint8_t *bytes, size_t size, size_t fd_count,
                                 struct smew__shm_datagram *datagram)
{
    struct smew__shm_datagram parsed = {0};
    enum smew_status status;
    uint8_t type;

    if (size < SMEW__SHM_HEAD_SIZE || bytes[1] != 0 || bytes[2] != 0 || bytes[3] != 0)
        return SMEW_CORRUPT;
    type = bytes[0];
    if (type < SMEW__SHM_HELLO || type > SMEW__SHM_NAMES)
        return SMEW_CORRUPT;
    parsed.type = (enum smew__shm_type)type;
    parsed.fd_count = fd_count;
    if (type == SMEW__SHM_HELLO || type == SMEW__SHM_NAMES)
        status = get_hello(bytes, size, fd_count, &parsed);
    else if (!is_by_the_rules(type, size, fd_count))
        status = SMEW_CORRUPT;
    else
        status = get_fields(bytes, size, &parsed);
    if (status == SMEW_OK)
        *datagram = parsed;
    return status;
}

void smew__shm_refusal(const uint8_t *bytes, size_t size, char *text, size_t text_size)
{
    if (!is_hello(bytes, size))
        (void)snprintf(text, text_size, "the peer does not speak smew's shared memory");
    else if (speaks_ours(bytes))
        (void)snprintf(text, text_size, "the peer's first words are not whole");
    else
        (void)snprintf(text, text_size,
                       "the peer speaks versions %u to %u of smew's shared memory, this library "
                       "%u to %u",
                       (unsigned)bytes[9], (unsigned)bytes[8], (unsigned)SMEW__SHM_VERSION_OLDEST,
                       (unsigned)SMEW__SHM_VERSION_NEWEST);
}

void smew__shm_put_large(const struct smew__shm_large *large, uint8_t bytes[SMEW__SHM_LARGE_SIZE])
{
    put_be64(bytes, large->number);
    put_be64(bytes + 8, large->size);
}

struct smew__shm_large smew__shm_get_large(const uint8_t bytes[SMEW__SHM_LARGE_SIZE])
{
    return (struct smew__shm_large){get_be64(bytes), get_be64(bytes + 8)};
}
