/* SPDX-License-Identifier: MIT */
/*
 * R6: a process that joined the bus like any other scribbles over all memory that it shares with
 * its receiver, and says nonsense on its connections, while another one sends.
 *
 * What must hold: the receiver goes on, and neither hangs nor hands out what nobody sent; the other
 * sender loses nothing, and nothing of it comes twice or out of order.  Its rate beside somebody
 * equally busy who behaves, and beside the hostile one, is printed.
 *
 * The hostile one may well fall over its own feet; then another one takes its place.  Whoever wants
 * the receiver's memory watched runs this in the asan preset.
 *
 * Argument: for how many milliseconds each of the two is beside the sender.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bus/kit.h"

enum {
    PLACES_MOST = 64,
    FDS_MOST = 256,
    BODY_MOST = 300,
    LIFE_MS = 150, /* of a hostile one: then it begins anew, with an innocent lane */
    HELLOS = 20,   /* innocent messages */
    ROUNDS_MOST = 10,
};

static unsigned phase_ms = 2500;

struct board {
    atomic_bool stop;
    _Atomic uint64_t accepted;
    _Atomic uint64_t scribbles;
    _Atomic uint64_t datagrams;
    _Atomic uint64_t opened; /* what was read-only and could be made writable */
    char sender[32];         /* addresses */
};
static struct board *board;

/* What the receiver saw; its handlers run on one thread. */
static _Atomic uint64_t handled;
static uint64_t wrong;
static uint64_t others;

struct note {
    uint64_t number;
    uint8_t body[BODY_MOST];
};

static size_t make_note(uint64_t number, struct note *note)
{
    struct support_random random = {number};
    size_t size = support_random_below(&random, BODY_MOST);

    note->number = number;
    support_random_fill(&random, note->body, size);
    return offsetof(struct note, body) + size;
}

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    const size_t size = smew_message_payload_size(message);
    struct note expected;

    (void)bus;
    (void)user;
    wrong += strcmp(smew_message_target(message), "m") != 0;
    if (strcmp(smew_message_source(message), board->sender) != 0) {
        wrong += strcmp(smew_message_event(message), "OTHER") != 0 || size != sizeof(uint64_t);
        others++;
        return;
    }
    wrong += make_note(handled + 1, &expected) != size ||
             memcmp(&expected, smew_message_payload(message), size) != 0 ||
             strcmp(smew_message_event(message), "NOTE") != 0 || smew_message_redelivered(message);
    handled++;
}

/* ---- those who behave ---------------------------------------------------------------- */

static int send_notes(void *unused)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus;
    bool flushed;

    (void)unused;
    options.timeout_ms = KIT_WAIT_MS;
    options.wait_ms = KIT_WAIT_MS;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL))
        return 1;
    (void)snprintf(board->sender, sizeof(board->sender), "%s", smew_bus_address(bus));
    while (!board->stop) {
        struct note note;
        size_t size = make_note(board->accepted + 1, &note);

        if (smew_bus_send(bus, "m", "NOTE", &note, size, &options))
            return 2;
        board->accepted++;
    }
    flushed = smew_bus_flush(bus, KIT_WAIT_MS) == SMEW_OK;
    smew_bus_close(bus, 1000, NULL);
    return flushed ? 0 : 3;
}

static int be_busy(void *unused)
{
    struct smew_bus *bus;

    (void)unused;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL))
        return 1;
    for (uint64_t number = 0;; number++)
        (void)!smew_bus_send(bus, "m", "OTHER", &number, sizeof(number), NULL);
}

/* ---- the hostile one ----------------------------------------------------------------- */

struct place {
    uint8_t *data;
    size_t size;
    bool writable;
};

/* What it has of the test itself, since it was forked: not the hostile one's to touch. */
struct heirloom {
    struct place places[PLACES_MOST];
    size_t place_count;
    bool fds[FDS_MOST];
};
static struct heirloom heirloom;

static size_t list_places(struct place *places)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    size_t count = 0;
    char line[512];

    while (maps && count < PLACES_MOST && fgets(line, sizeof(line), maps)) {
        char *end;
        uintptr_t from = strtoull(line, &end, 16);
        uintptr_t to = strtoull(end + 1, &end, 16);

        if (strstr(line, "/memfd:"))
            places[count++] = (struct place){
                .data = (uint8_t *)from, .size = to - from, .writable = end[2] == 'w'};
    }
    if (maps)
        (void)fclose(maps);
    return count;
}

static void note_heirloom(void)
{
    heirloom.place_count = list_places(heirloom.places);
    for (int fd = 0; fd < FDS_MOST; fd++)
        heirloom.fds[fd] = fcntl(fd, F_GETFD) >= 0;
}

static bool is_inherited(const struct place *place)
{
    for (size_t i = 0; i < heirloom.place_count; i++) {
        if (heirloom.places[i].data == place->data)
            return true;
    }
    return false;
}

/* What it shares with others and may write; what it may only read it tries to open. */
static size_t find_places(struct place *places)
{
    size_t found = list_places(places);
    size_t count = 0;

    for (size_t i = 0; i < found; i++) {
        struct place place = places[i];

        if (is_inherited(&place))
            continue;
        if (!place.writable && mprotect(place.data, place.size, PROT_READ | PROT_WRITE))
            continue;
        board->opened += !place.writable;
        places[count++] = place;
    }
    return count;
}

static void scribble(const struct place *places, size_t count, struct support_random *random)
{
    const struct place *place = &places[support_random_below(random, count)];
    size_t size = 1 + support_random_below(random, 64);
    size_t where = support_random_below(random, place->size - size);

    if (support_random_below(random, 4) == 0)
        where %= 256; /* the words that rule the rest */
    if (support_random_below(random, 8) == 0)
        memset(place->data + where, 0, size);
    else
        support_random_fill(random, place->data + where, size);
    board->scribbles++;
}

/* On each seqpacket connection: the types that there are and some that there are not. */
static void say_nonsense(struct support_random *random)
{
    uint8_t bytes[128];
    size_t size = 1 + support_random_below(random, sizeof(bytes));

    support_random_fill(random, bytes, size);
    if (support_random_below(random, 4)) {
        memset(bytes, 0, size < 4 ? size : 4);
        bytes[0] = (uint8_t)support_random_below(random, 12);
    }
    for (int fd = 3; fd < FDS_MOST; fd++) {
        int type = 0;

        if (!heirloom.fds[fd] &&
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof(type)}) == 0 &&
            type == SOCK_SEQPACKET)
            board->datagrams += send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
    }
}

static void *scribble_on(void *argument)
{
    const uint64_t until_ns = smew_now_ns() + LIFE_MS * UINT64_C(1000000);
    struct support_random random = {smew_now_ns()};
    struct place places[PLACES_MOST];
    size_t count = find_places(places);
    bool talks = support_random_below(&random, 3) == 0; /* else its connection lasts longer */

    while (count && smew_now_ns() < until_ns) {
        scribble(places, count, &random);
        if (talks && support_random_below(&random, 1000) == 0)
            say_nonsense(&random);
    }
    _exit(0);
    return argument;
}

static int be_hostile(void *unused)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus;
    pthread_t thread;

    (void)unused;
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);        /* it dies like anybody, */
    (void)!freopen("/dev/null", "w", stderr); /* and without a word */
    note_heirloom();
    options.timeout_ms = 100;
    options.wait_ms = KIT_WAIT_MS;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL))
        return 1;
    for (uint64_t number = 0; number < HELLOS; number++)
        (void)!smew_bus_send(bus, "m", "OTHER", &number, sizeof(number), &options);
    if (pthread_create(&thread, NULL, scribble_on, NULL))
        return 2;
    for (uint64_t number = 0;; number++)
        (void)!smew_bus_send(bus, "m", "OTHER", &number, sizeof(number), &options);
}

/* ---- the test ------------------------------------------------------------------------ */

static bool is_over(void *until_ns)
{
    return smew_now_ns() >= *(uint64_t *)until_ns;
}

/* Messages a second of the sender that behaves, while somebody is beside it. */
static double run_beside(int (*role)(void *), unsigned *lives)
{
    const uint64_t begun_ns = smew_now_ns();
    const uint64_t until_ns = begun_ns + phase_ms * UINT64_C(1000000);
    const uint64_t before = handled;
    pid_t child = support_fork(role, NULL);

    *lives = 1;
    while (smew_now_ns() < until_ns) {
        uint64_t soon_ns = smew_now_ns() + 5000000;

        (void)support_wait_until(is_over, &soon_ns, 1000);
        if (waitpid(child, NULL, WNOHANG) != child)
            continue;
        child = support_fork(role, NULL);
        ++*lives;
    }
    support_kill(child);
    return (double)(handled - before) * 1e9 / (double)(smew_now_ns() - begun_ns);
}

static bool has_handled(void *number)
{
    return handled > *(uint64_t *)number;
}

/* Has the hostile one done, and been refused, what it is there for? */
static bool has_hurt(struct smew_bus *bus)
{
    struct smew_bus_stats stats = kit_stats(bus);

    return board->scribbles > 0 && stats.lane_lost > 0 && stats.bad_frames > 0;
}

static void others_lose_nothing(void **state)
{
    struct smew_bus *bus;
    struct kit_poller poller;
    pid_t sender;
    uint64_t nothing = 0;
    struct smew_bus_stats stats;
    double good, bad;
    unsigned lives;

    (void)state;
    support_nursery_open();
    bus = kit_open(NULL);
    kit_register(bus, "m", on_message, NULL);
    sender = support_fork(send_notes, NULL);
    kit_poller_start(&poller, bus);
    assert_true(support_wait_until(has_handled, &nothing, KIT_WAIT_MS));
    good = run_beside(be_busy, &lives);
    bad = run_beside(be_hostile, &lives);
    for (int i = 0; i < ROUNDS_MOST && !has_hurt(bus); i++) /* a busy machine gave it no time */
        bad = run_beside(be_hostile, &lives);
    assert_true(support_wait_until(has_handled, &(uint64_t){handled}, KIT_WAIT_MS));
    board->stop = true;
    assert_int_equal(support_reap(sender, 2 * KIT_WAIT_MS), 0);
    kit_poller_stop(&poller);
    stats = kit_stats(bus);
    print_message("%u hostile lives, %" PRIu64 " scribbles, %" PRIu64 " datagrams; %" PRIu64
                  " records lost, %" PRIu64 " connections refused\n",
                  lives, board->scribbles, board->datagrams, stats.lane_lost, stats.bad_frames);
    print_message("%.0f a second beside one that behaves, %.0f beside a hostile one: %.0f %%\n",
                  good, bad, good > 0 ? bad * 100 / good : 0);
    assert_int_equal(handled, board->accepted);
    assert_int_equal(wrong, 0);
    assert_int_equal(board->opened, 0);
    assert_true(has_hurt(bus));
    kit_close(bus);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(others_lose_nothing),
    };

    if (count > 1)
        phase_ms = (unsigned)strtoul(arguments[1], NULL, 10);
    kit_use("shm");
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
