/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a datagram of an shm connection; the first one says how many fds come with it.  What
 * is accepted has one form: written again it is the same, but for what a HELLO says of its sender.
 */
#include <string.h>

#include "bus/transport/shm/wire.h"
#include "tests/fuzz/fuzz.h"

static void check_form(const struct smew__shm_datagram *parsed, const uint8_t *bytes, size_t size)
{
    uint8_t again[SMEW__SHM_DATAGRAM_MAX];
    size_t written = smew__shm_encode(parsed, again);

    if (parsed->type == SMEW__SHM_FRAME) {
        FUZZ_CHECK(parsed->frame == bytes + written && parsed->frame_size == size - written);
        FUZZ_CHECK(memcmp(again, bytes, written) == 0);
        return;
    }
    FUZZ_CHECK(written == size);
    if (parsed->type == SMEW__SHM_HELLO || parsed->type == SMEW__SHM_NAMES)
        memcpy(again + 8, bytes + 8, 4); /* versions and features */
    FUZZ_CHECK(memcmp(again, bytes, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smew__shm_datagram parsed;
    char text[128];
    enum smew_status status;

    if (size == 0)
        return 0;
    smew__shm_refusal(data + 1, size - 1, text, sizeof text);
    FUZZ_CHECK(strlen(text) > 0);
    status = smew__shm_parse(data + 1, size - 1, data[0] % 5, &parsed);
    FUZZ_CHECK(status == SMEW_OK || status == SMEW_CORRUPT || status == SMEW_VERSION);
    if (status == SMEW_OK)
        check_form(&parsed, data + 1, size - 1);
    return 0;
}
