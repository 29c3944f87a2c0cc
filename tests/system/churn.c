/* SPDX-License-Identifier: MIT */
/*
 * Threads that come and go: each sends a few messages of all sizes through lanes that are small,
 * grow and get pools, and ends whatever becomes of them; the host is slow now and then, holds some
 * messages for a while, and gives its machine up and takes it again.  Nobody is killed, so each
 * message is handled once, and those of a thread in order.
 *
 * Arguments: for how many milliseconds; $SMEW_TEST_SEED says how.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bus/kit.h"

enum {
    THREADS = 4,
    LIVES_MOST = 1 << 20,
    MESSAGES_MOST = 120, /* of a life */
    LARGE_MOST = 150000, /* bytes */
    HELD_MOST = 32,
    HEARTBEAT_MS = 3,
    TOLD_MOST = 5,
};

static unsigned churn_ms = 2000;

/* ---- the senders ----------------------------------------------------------------------- */

struct note {
    uint32_t life;
    uint32_t number; /* from 1 on */
};

static atomic_uint lives;
static atomic_bool over;
static atomic_uint_fast64_t accepted;
static atomic_uint refused;

static size_t size_of_one(struct support_random *random)
{
    const uint64_t kind = support_random_below(random, 100);
    const uint64_t most = kind < 80 ? 200 : kind < 96 ? 8000 : LARGE_MOST;

    return sizeof(struct note) + support_random_below(random, most);
}

static void live(struct smew_bus *bus, struct support_random *random, char *payload)
{
    const uint64_t count = 1 + support_random_below(random, MESSAGES_MOST);
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct note note = {.life = lives++};

    options.on_full = support_random_below(random, 2) ? SMEW_ON_FULL_GROW : SMEW_ON_FULL_WAIT;
    options.timeout_ms = options.wait_ms = KIT_WAIT_MS;
    for (note.number = 1; note.number <= count; note.number++) {
        memcpy(payload, &note, sizeof(note));
        if (smew_bus_send(bus, "m", "N", payload, size_of_one(random), &options) == SMEW_OK)
            accepted++;
        else
            refused++;
    }
}

/* Lives one after the other, each a thread of its own. */
struct line {
    struct smew_bus *bus;
    struct support_random random;
    pthread_t thread;
    char payload[sizeof(struct note) + LARGE_MOST];
};
static atomic_uint lines_left;

static void *live_and_end(void *argument)
{
    struct line *line = argument;

    live(line->bus, &line->random, line->payload);
    return NULL;
}

static void *raise_lives(void *argument)
{
    struct line *line = argument;
    pthread_t life;

    while (!over && lives < LIVES_MOST - THREADS) {
        if (pthread_create(&life, NULL, live_and_end, line) || pthread_join(life, NULL))
            break;
    }
    lines_left--;
    return NULL;
}

/* ---- the host -------------------------------------------------------------------------- */

/* All on the thread that polls. */
static uint32_t last[LIVES_MOST]; /* number handled, by life */
static uint64_t handled, wrong;
static struct smew_message *held[HELD_MOST];
static size_t held_count;
static struct support_random whims;

static void complete_one(void)
{
    const size_t which = (size_t)support_random_below(&whims, held_count);

    smew_message_complete(held[which], SMEW_OK);
    held[which] = held[--held_count];
}

static void dawdle(uint64_t most_ns)
{
    const uint64_t until_ns = smew_now_ns() + support_random_below(&whims, most_ns);

    while (smew_now_ns() < until_ns)
        ;
}

static void on_note(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    const uint64_t whim = support_random_below(&whims, 1000);
    struct note note = {0};

    (void)bus;
    (void)user;
    memcpy(&note, smew_message_payload(message), sizeof(note));
    if (note.life >= LIVES_MOST || note.number != last[note.life] + 1) {
        if (wrong++ < TOLD_MOST)
            print_message("life %u: number %u comes after %u, redelivered %d\n", note.life,
                          note.number, note.life < LIVES_MOST ? last[note.life] : 0,
                          smew_message_redelivered(message));
    } else {
        last[note.life] = note.number;
    }
    handled++;
    if (whim < 2)
        dawdle(3000000);
    else if (whim < 100)
        dawdle(30000);
    else if (whim < 200 && held_count < HELD_MOST)
        held[held_count++] = smew_message_hold(message);
    if (held_count && support_random_below(&whims, 4) == 0)
        complete_one();
}

/* It gives its machine up now and then: what is queued is refused, and follows. */
static void be_moody(struct smew_bus *bus)
{
    if (support_random_below(&whims, 400))
        return;
    assert_int_equal(smew_bus_unregister(bus, "m"), SMEW_OK);
    kit_register(bus, "m", on_note, NULL);
}

static void poll_once(struct smew_bus *bus)
{
    (void)!smew_bus_poll(bus, (uint32_t)support_random_below(&whims, 3),
                         (size_t)support_random_below(&whims, 50));
    if (held_count && support_random_below(&whims, 8) == 0)
        complete_one();
}

/* ---- the test -------------------------------------------------------------------------- */

static void settle(struct smew_bus *host, struct smew_bus *sender)
{
    const uint64_t until_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);

    while ((handled < accepted || smew_bus_flush(sender, 0) != SMEW_OK) &&
           smew_now_ns() < until_ns) {
        poll_once(host);
        while (held_count)
            complete_one();
    }
    assert_int_equal(smew_bus_flush(sender, 0), SMEW_OK);
    kit_poll_all(host); /* what would come twice */
}

static void start_lines(struct line *lines, struct smew_bus *sender)
{
    lines_left = THREADS;
    for (unsigned i = 0; i < THREADS; i++) {
        lines[i].bus = sender;
        lines[i].random.state = support_random_next(&whims);
        assert_int_equal(pthread_create(&lines[i].thread, NULL, raise_lives, &lines[i]), 0);
    }
}

static void churn(struct smew_bus *host)
{
    const uint64_t until_ns = smew_now_ns() + churn_ms * UINT64_C(1000000);

    while (smew_now_ns() < until_ns) {
        poll_once(host);
        be_moody(host);
    }
    over = true;
    while (lines_left)
        poll_once(host);
}

static void each_is_handled_once(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    static struct line lines[THREADS];
    struct smew_bus *host, *sender;

    (void)state;
    whims = support_random_seeded();
    options.heartbeat_ms = HEARTBEAT_MS;
    options.suspect_ms = KIT_WAIT_MS;
    host = kit_open(&options);
    options.lane_bytes = 4096;
    sender = kit_open(&options);
    kit_register(host, "m", on_note, NULL);
    start_lines(lines, sender);
    churn(host);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(lines[i].thread, NULL), 0);
    settle(host, sender);
    print_message("%u lives, %" PRIu64 " messages, %" PRIu64 " handled, %" PRIu64 " wrong; %" PRIu64
                  " lanes grew, %" PRIu64 " payloads in pools\n",
                  (unsigned)lives, (uint64_t)accepted, handled, wrong,
                  kit_stats(sender).lanes_grown, kit_stats(sender).pooled);
    assert_int_equal(refused, 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(handled, accepted);
    kit_close(sender);
    kit_close(host);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(each_is_handled_once),
    };

    if (count > 1)
        churn_ms = (unsigned)strtoul(arguments[1], NULL, 10);
    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
