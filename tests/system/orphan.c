/* SPDX-License-Identifier: MIT */
/*
 * Messages whose sender died as soon as they were accepted.  A sender that kills itself right after
 * a send returned leaves nobody to send again, so what it accepted arrives only if it lies in its
 * receiver's memory: the half of G1 that shared memory adds.
 *
 * Each way to send is tried on many short lives.  Where a way makes the promise nothing may be
 * lost, unless the receiver let a send wait for so long (on a busy machine) that the promise ends;
 * in every way what arrives is a prefix of what was accepted, once and in order.
 *
 * Argument: how many lives a way.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/bus/kit.h"

enum {
    MESSAGES_MOST = 40, /* of a life */
    LARGE = 40000,      /* above half a lane */
    GONE_MS = 200,    /* for what may be lost: nothing came for so long, and nobody is connected */
    PATIENT_MS = 200, /* a receiver that gives no memory for so long is not waited for */
};

static unsigned lives = 20;

/* The present life, and what it told before it ended. */
struct way;
struct board {
    const struct way *way;
    uint64_t messages;
    _Atomic uint64_t accepted;
    _Atomic uint64_t longest_ns; /* of its sends */
};
static struct board *board;

/* What arrived of the present life. */
static uint64_t arrived;
static uint64_t wrong;

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)user;
    wrong += kit_number(message) != arrived + 1 || smew_message_redelivered(message);
    arrived = kit_number(message);
}

/* ---- ways ---------------------------------------------------------------------------- */

static enum smew_status send_sized(struct smew_bus *bus, uint64_t number, size_t size,
                                   const struct smew_send_options *options)
{
    static char payload[LARGE];

    memcpy(payload, &number, sizeof(number));
    return smew_bus_send(bus, "m", "N", payload, size, options);
}

static struct smew_send_options patient(void)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    options.wait_ms = KIT_WAIT_MS;
    return options;
}

static enum smew_status plainly(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();

    return send_sized(bus, number, 8 + number % 900, &options);
}

static enum smew_status with_everything(struct smew_bus *bus, uint64_t number)
{
    static const struct smew_header headers[] = {{"one", "1"}, {"two", "2"}};
    struct smew_send_options options = patient();

    options.expires_ms = KIT_WAIT_MS;
    options.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    options.headers = headers;
    options.header_count = 2;
    options.content = SMEW_CONTENT_JSON;
    return send_sized(bus, number, 8, &options);
}

static enum smew_status growing(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();

    options.on_full = SMEW_ON_FULL_GROW;
    return send_sized(bus, number, 9000, &options);
}

static enum smew_status in_place(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();
    struct smew_loan *loan;
    void *payload;
    enum smew_status status = smew_bus_loan(bus, "m", "N", 512, &options, &loan, &payload);

    if (status)
        return status;
    memcpy(payload, &number, sizeof(number));
    return smew_loan_send(loan, sizeof(number));
}

static enum smew_status by_request(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();

    return smew_bus_request_async(bus, "m", "ASK", &number, sizeof(number), &options,
                                  kit_note_reply, NULL);
}

static enum smew_status at_once(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();

    options.timeout_ms = SMEW_NOW;
    return send_sized(bus, number, 8, &options);
}

static enum smew_status from_a_source(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();

    options.source = "somebody";
    return send_sized(bus, number, 8, &options);
}

/* TIMEOUT says that it was accepted. */
static enum smew_status with_a_level(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();
    enum smew_status status;

    options.timeout_ms = SMEW_NOW;
    options.level = SMEW_LEVEL_PROCESSED;
    status = send_sized(bus, number, 8, &options);
    return status == SMEW_TIMEOUT ? SMEW_OK : status;
}

static enum smew_status largely(struct smew_bus *bus, uint64_t number)
{
    struct smew_send_options options = patient();

    return send_sized(bus, number, LARGE, &options);
}

static enum smew_status now_and_then_largely(struct smew_bus *bus, uint64_t number)
{
    return number % 5 == 2 ? largely(bus, number) : plainly(bus, number);
}

/* ---- lives --------------------------------------------------------------------------- */

struct way {
    const char *name;
    enum smew_status (*send)(struct smew_bus *bus, uint64_t number);
    bool survives;      /* whatever is accepted */
    uint32_t lane_room; /* that the receiver gives; 0: the default */
};

/* Dies with its last message's acceptance. */
static int live(void *unused)
{
    uint64_t number = 0;
    struct smew_bus *bus;

    (void)unused;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL))
        return 1;
    while (number < board->messages) {
        const uint64_t begun_ns = smew_now_ns();
        const enum smew_status status = board->way->send(bus, number + 1);
        const uint64_t took_ns = smew_now_ns() - begun_ns;

        if (took_ns > board->longest_ns)
            board->longest_ns = took_ns;
        if (!status)
            board->accepted = ++number;
        else if (status != SMEW_FULL)
            return 2;
    }
    return raise(SIGKILL);
}

static bool is_alone(struct smew_bus *bus)
{
    return kit_stats(bus).connections == 0;
}

/* Everything is here; or, where that is not promised, nothing more comes. */
static void poll_to_the_end(struct smew_bus *bus, const struct way *way)
{
    uint64_t begun_ns = smew_now_ns();

    while (arrived < board->accepted &&
           smew_now_ns() - begun_ns < KIT_WAIT_MS * UINT64_C(1000000)) {
        if (smew_bus_poll(bus, 10, 0) == SMEW_OK)
            begun_ns = smew_now_ns();
        if ((!way->survives || board->longest_ns >= PATIENT_MS * UINT64_C(1000000)) &&
            is_alone(bus) && smew_now_ns() - begun_ns > GONE_MS * UINT64_C(1000000))
            break;
    }
}

/* What became of the lives of a way. */
struct toll {
    uint64_t lost;
    uint64_t lost_slowly; /* of lives with a send that waited too long */
    uint64_t slow;
};

static void try_life(struct smew_bus *bus, const struct way *way, struct support_random *random,
                     struct toll *toll)
{
    uint64_t lost;
    pid_t child;

    board->way = way;
    board->messages = 1 + support_random_below(random, MESSAGES_MOST);
    board->accepted = 0;
    board->longest_ns = 0;
    arrived = 0;
    child = support_fork(live, NULL);
    while (board->accepted < board->messages)
        (void)!smew_bus_poll(bus, 1, support_random_below(random, 4) + 1);
    assert_int_equal(support_reap(child, KIT_WAIT_MS), -SIGKILL);
    poll_to_the_end(bus, way);
    lost = board->accepted - arrived;
    if (board->longest_ns >= PATIENT_MS * UINT64_C(1000000)) {
        toll->slow++;
        toll->lost_slowly += lost;
    } else {
        toll->lost += lost;
    }
    if (lost && way->survives)
        print_message("%" PRIu64 " of %" PRIu64 " lost, longest send %.1f ms\n", lost,
                      board->messages, (double)board->longest_ns / 1e6);
}

static void try_way(const struct way *way)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct support_random random = support_random_seeded();
    struct toll toll = {0};
    struct smew_bus *bus;

    options.lanes_max_bytes = way->lane_room;
    bus = kit_open(&options);
    wrong = 0;
    kit_register(bus, "m", on_message, NULL);
    for (unsigned i = 0; i < lives; i++)
        try_life(bus, way, &random, &toll);
    print_message("%s: %" PRIu64 " lost in %u lives; %" PRIu64 " in %" PRIu64 " slow ones\n",
                  way->name, toll.lost, lives, toll.lost_slowly, toll.slow);
    assert_int_equal(wrong, 0);
    if (way->survives)
        assert_int_equal(toll.lost, 0);
    assert_int_equal(kit_stats(bus).lane_lost, 0);
    kit_close(bus);
}

static void every_way_keeps_its_promise(void **state)
{
    static const struct way ways[] = {
        {"plainly", plainly, true, 0},
        {"with headers, a trace and an expiry", with_everything, true, 0},
        {"with lanes that grow", growing, true, 0},
        {"written in place", in_place, true, 0},
        {"requests", by_request, true, 0},
        {"without waiting", at_once, false, 0},
        {"from a source", from_a_source, true, 0},
        {"at a level", with_a_level, false, 0},
        {"larger than half a lane", largely, true, 0},
        {"now and then larger than half a lane", now_and_then_largely, true, 0},
        {"where no lane is given", plainly, true, 1},
    };

    (void)state;
    support_nursery_open();
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        try_way(&ways[i]);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(every_way_keeps_its_promise),
    };

    if (count > 1)
        lives = (unsigned)strtoul(arguments[1], NULL, 10);
    kit_use("shm");
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
