/* SPDX-License-Identifier: MIT */
/*
 * A host of shared memory stands still, and a process sends to it: what that was answered is so,
 * whether it is killed before the host goes on, or lives.  OK lies in the host's memory, TIMEOUT in
 * the sender's, and FULL nowhere.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/bus/kit.h"

enum {
    NUMBERS = 128,
    BYTES = 8 * 1024, /* some of them fill the memory of a connection */
    BRIEF_MS = 300,   /* longer than a lane is waited for */
};

/* What the processes tell each other, in memory that outlives them. */
struct board {
    bool early; /* the sender has a connection before the host is stopped */
    atomic_bool hosts;
    atomic_bool connected;
    atomic_bool stopped;
    atomic_bool sent;
    atomic_bool goes_on;
    atomic_bool over;
    unsigned count; /* of sends, the last one FULL */
    enum smew_status answers[NUMBERS + 1];
    _Atomic unsigned handled[NUMBERS + 2];
    _Atomic uint64_t newest;
    _Atomic unsigned disorder;
};
static struct board *board;

static bool is_set(void *flag)
{
    return *(atomic_bool *)flag;
}

static bool is_set_soon(atomic_bool *flag)
{
    return support_wait_until(is_set, flag, KIT_WAIT_MS);
}

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number = kit_number(message);

    (void)bus;
    (void)user;
    board->disorder += number < board->newest;
    board->newest = number;
    board->handled[number]++;
}

static int host(void *unused)
{
    struct smew_bus *bus;

    (void)unused;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) ||
        smew_bus_register(bus, "m", on_number, NULL, NULL, NULL))
        return 1;
    board->hosts = true;
    while (!board->over)
        (void)!smew_bus_poll(bus, 20, 0);
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

/* Until there is no room: on the common way, for who stands still grants no lane. */
static void fill(struct smew_bus *bus)
{
    static char payload[BYTES];
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    enum smew_status status = SMEW_OK;

    options.timeout_ms = BRIEF_MS;
    for (uint64_t number = 1; status != SMEW_FULL && number <= NUMBERS; number++) {
        memcpy(payload, &number, sizeof(number));
        status = smew_bus_send(bus, "m", "N", payload, sizeof(payload), &options);
        board->answers[number] = status;
        board->count++;
    }
}

static int send_numbers(void *unused)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_bus *bus;

    (void)unused;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) ||
        (board->early && kit_send_number(bus, "m", 0, &options)))
        return 1;
    board->connected = true;
    if (!is_set_soon(&board->stopped))
        return 2;
    fill(bus);
    board->sent = true;
    if (!is_set_soon(&board->goes_on))
        return 3;
    if (kit_send_number(bus, "m", NUMBERS + 1, &options)) /* behind all the others */
        return 4;
    smew_bus_close(bus, KIT_WAIT_MS, NULL);
    return 0;
}

/* Is what had to be? */
static bool is_handled(void *killed)
{
    for (unsigned number = 1; number <= board->count; number++) {
        enum smew_status status = board->answers[number];

        if (!board->handled[number] &&
            (status == SMEW_OK || (status == SMEW_TIMEOUT && !*(bool *)killed)))
            return false;
    }
    return true;
}

static void expect_honest(bool killed)
{
    unsigned timeouts = 0, fulls = 0;

    assert_true(support_wait_until(is_handled, &killed, KIT_WAIT_MS));
    for (unsigned number = 1; number <= board->count; number++) {
        enum smew_status status = board->answers[number];

        assert_true(status == SMEW_OK || status == SMEW_TIMEOUT || status == SMEW_FULL);
        assert_true(board->handled[number] <= (status == SMEW_FULL ? 0 : 1));
        timeouts += status == SMEW_TIMEOUT;
        fulls += status == SMEW_FULL;
    }
    print_message("%u sent: %u TIMEOUT, %u FULL\n", board->count, timeouts, fulls);
    assert_int_equal(board->disorder, 0);
    assert_int_equal(fulls, 1); /* memory has an end */
}

static void send_into_silence(bool early, bool killed)
{
    pid_t receiver, sender;

    memset(board, 0, sizeof(*board));
    board->early = early;
    receiver = support_fork(host, NULL);
    assert_true(is_set_soon(&board->hosts));
    sender = support_fork(send_numbers, NULL);
    assert_true(is_set_soon(&board->connected));
    support_stop(receiver);
    board->stopped = true;
    assert_true(is_set_soon(&board->sent));
    if (killed)
        support_kill(sender);
    assert_int_equal(kill(receiver, SIGCONT), 0);
    board->goes_on = true;
    if (!killed)
        assert_int_equal(support_reap(sender, 2 * KIT_WAIT_MS), 0);
    expect_honest(killed);
    board->over = true;
    assert_int_equal(support_reap(receiver, KIT_WAIT_MS), 0);
}

static void a_connected_sender_is_killed(void **state)
{
    (void)state;
    send_into_silence(true, true);
}

static void a_connected_sender_lives(void **state)
{
    (void)state;
    send_into_silence(true, false);
}

static void a_sender_without_connection_is_killed(void **state)
{
    (void)state;
    send_into_silence(false, true);
}

static void a_sender_without_connection_lives(void **state)
{
    (void)state;
    send_into_silence(false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_connected_sender_is_killed),
        SUPPORT_TEST(a_connected_sender_lives),
        SUPPORT_TEST(a_sender_without_connection_is_killed),
        SUPPORT_TEST(a_sender_without_connection_lives),
    };

    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
