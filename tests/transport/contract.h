/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_TRANSPORT_CONTRACT_H
#define SMEW_TESTS_TRANSPORT_CONTRACT_H

/*
 * The contract of <smew/transport.h> as one suite.  A scheme joins with CONTRACT_MAIN("scheme")
 * in a file of its own, or with contract_run() after it has registered itself.
 *
 * The rest of this header is what the parts of the suite (contract_*.c) share.  Helpers assert by
 * themselves, so they are called on the main thread only; threads of a test answer a status.
 */

#include <smew/transport.h>

#include "tests/support/support.h"

#define CONTRACT_MAIN(scheme)        \
    int main(void)                   \
    {                                \
        return contract_run(scheme); \
    }

/* Runs the whole suite over a registered scheme; the exit code. */
int contract_run(const char *scheme);

enum { CONTRACT_WAIT_MS = 10000 }; /* longer than any machine needs, shorter than a test may take */

/* A part of the suite. */
struct contract_part {
    const struct CMUnitTest *tests;
    size_t count;
};
extern const struct contract_part contract_flow;
extern const struct contract_part contract_pressure;
extern const struct contract_part contract_life;
extern const struct contract_part contract_interest;
extern const struct contract_part contract_fault;

#define CONTRACT_PART(name, ...)                                 \
    static const struct CMUnitTest part_tests[] = {__VA_ARGS__}; \
    const struct contract_part name = {part_tests, sizeof(part_tests) / sizeof(part_tests[0])}

/* The transport under test. */
const struct smew_transport_ops *contract_transport(void);

/* An endpoint in the running test's directory; "SLOT.GENERATION" is the place's last part. */
struct smew_endpoint contract_at(const char *place, uint32_t frame_max);

/* A listener and one connection. */
struct contract_link {
    struct smew_listener *listener;
    struct smew_channel *dialled;
    struct smew_channel *accepted;
};

struct contract_link contract_connect(uint32_t frame_max);
void contract_disconnect(struct contract_link *link); /* what is NULL was closed by the test */

struct smew_listener *contract_listen(const char *place);
struct smew_channel *contract_dial(const char *place);
/* Waits for the connection that was dialled. */
struct smew_channel *contract_accept(struct smew_listener *listener);

/* Is the fd ready now, as interest() asks? */
bool contract_ready(struct smew_interest interest);
/* The same within CONTRACT_WAIT_MS. */
bool contract_becomes_ready(const struct smew_channel *channel);

/* Bytes that are different for each number and size. */
void contract_fill(uint64_t number, void *data, size_t size);
bool contract_is_filled(uint64_t number, struct smew_bytes frame);

/* Sends the frame and flushes; room must be there. */
void contract_send(struct smew_channel *channel, uint64_t number, size_t size);
/* The next frame is that one. */
void contract_expect(struct smew_channel *channel, uint64_t number, size_t size);
/* Nothing is there to receive but this status. */
void contract_expect_status(struct smew_channel *channel, enum smew_status status);
/* Both directions carry a frame. */
void contract_expect_alive(const struct contract_link *link);
/* Sends frames numbered from `first` until AGAIN; how many there were. */
uint64_t contract_stuff(struct smew_channel *channel, uint64_t first, size_t size);
/* Receives frames numbered from `first` until AGAIN or RESET, with `sender` flushing meanwhile
   (NULL: none); how many there were. */
uint64_t contract_drain(struct smew_channel *channel, struct smew_channel *sender, uint64_t first,
                        size_t size);

#endif
