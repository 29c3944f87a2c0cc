/* SPDX-License-Identifier: MIT */
/*
 * Random SIGKILLs, judged from what the survivors wrote down.
 *
 * Roles: the host of a machine; one of two hosts of which the other stands by; a sender beside
 * another one that lives; and a whole process with both ends (instead of pipe: inproc).  The
 * victim is started again at once and nobody cleans up after it.  After every kill an observer
 * lists the nodes and must not find the dead one among the living.
 *
 * What must hold: a living sender loses nothing it accepted, and each of its calls ends with OK
 * or a clear status; a message that comes again is flagged, and at most a window of them a crash;
 * first deliveries of a pair keep their order; what arrived of a killed sender is a prefix of what
 * it sent, without gaps; the runtime directory is empty in the end.
 *
 * Arguments: the scheme, how many kills a role, and a seed (default: SMEW_TEST_SEED or 1).
 */

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <smew/smew.h>

#include "tests/support/support.h"

enum {
    NUMBERS_MOST = 4 * 1024 * 1024,
    WINDOW = 1024,
    SLACK_MS = 2000,
    CALL_MS = 1000, /* a call ends within this, with OK or a status */
    SETTLE_MS = 30000,
    PAUSE_MOST_US = 8000, /* between two kills; the shorter, the more kills hit a beginning */
};

static char url[64];
static unsigned kills = 20;

/* What the processes write down; it outlives all of them but the test itself. */
struct board {
    const char *url;
    atomic_bool stop_sending;
    atomic_bool stop;            /* everybody else */
    _Atomic uint64_t accepted;   /* by the sender that lives: 1 to accepted were */
    _Atomic uint64_t refusals;   /* its calls that ended with NO_MACHINE or FULL */
    _Atomic uint64_t longest_ns; /* of its calls */
    _Atomic uint64_t strange;    /* with anything else */
    _Atomic uint64_t dead_letters;
    _Atomic uint64_t newest; /* first deliveries: the highest number */
    _Atomic uint64_t disorder;
    _Atomic uint64_t unflagged; /* came again without the flag */
    _Atomic uint64_t again;     /* came again */
    _Atomic uint64_t gaps;      /* in the stream of a sender that was killed */
    _Atomic uint64_t victims;   /* messages of killed senders that were handled */
    _Atomic uint64_t buried;    /* pid that the observer is to look for; 0: done */
    _Atomic uint64_t undead;    /* found alive after its death */
    _Atomic uint64_t starts;    /* of victims, complete */
    _Atomic uint8_t count[NUMBERS_MOST];
};
static struct board *board;

/* ---- hosts --------------------------------------------------------------------------- */

/* From the sender that lives: the number says everything. */
static void on_living(uint64_t number, bool flagged)
{
    if (number == 0 || number >= NUMBERS_MOST)
        return;
    board->again += board->count[number] != 0;
    board->unflagged += board->count[number] != 0 && !flagged;
    board->disorder += board->count[number] == 0 && number < board->newest;
    if (number > board->newest)
        board->newest = number;
    if (board->count[number] < UINT8_MAX)
        board->count[number]++;
}

/* From a sender that will be killed: numbers from 1 for each life, which is named by its node. */
static void on_victim(const struct smew_message *message, uint64_t number)
{
    static uint64_t node, last;
    const uint64_t sender = smew_message_id(message).node;

    if (sender != node)
        last = 0;
    board->gaps += number != last + 1;
    node = sender;
    last = number;
    board->victims++;
}

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number;

    (void)bus;
    (void)user;
    memcpy(&number, smew_message_payload(message), sizeof(number));
    if (strcmp(smew_message_event(message), "VICTIM") == 0)
        on_victim(message, number);
    else
        on_living(number, smew_message_redelivered(message));
}

static int host(void *unused)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_error error;
    struct smew_bus *bus;

    (void)unused;
    options.standby = true;
    options.timeout_ms = 100;
    if (smew_bus_open(board->url, NULL, &bus, &error)) {
        fprintf(stderr, "a host could not open: %s\n", error.text);
        return 1;
    }
    while (!board->stop) {
        enum smew_status status = smew_bus_register(bus, "m", on_message, NULL, &options, &error);

        if (status == SMEW_OK) {
            board->starts++;
            break;
        }
        if (status != SMEW_CLAIMED) {
            fprintf(stderr, "a host could not claim: %s\n", error.text);
            return 2;
        }
    }
    while (!board->stop) {
        if (smew_bus_poll(bus, 20, 256) == SMEW_BUSY)
            return 3;
    }
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

/* ---- senders ------------------------------------------------------------------------- */

static void on_dead_letter(struct smew_bus *bus, const struct smew_message *message,
                           enum smew_status reason, void *user)
{
    (void)bus;
    (void)message;
    (void)reason;
    (void)user;
    board->dead_letters++;
}

static enum smew_status send_number(struct smew_bus *bus, const char *event, uint64_t number)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = CALL_MS / 2;
    options.wait_ms = CALL_MS / 2;
    return smew_bus_send(bus, "m", event, &number, sizeof(number), &options);
}

/* TIMEOUT: in the sender's memory only. */
static bool is_accepted(enum smew_status status)
{
    return status == SMEW_OK || status == SMEW_TIMEOUT;
}

/* Sends until it is told to stop, then waits for everything it accepted. */
static int living_sender(void *unused)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_left left = {0};
    uint64_t number = 0;
    struct smew_bus *bus;
    bool flushed;

    (void)unused;
    options.on_dead_letter = on_dead_letter;
    options.linger_ms = SETTLE_MS;
    options.window = WINDOW;
    if (smew_bus_open(board->url, &options, &bus, NULL))
        return 1;
    while (!board->stop_sending && number + 1 < NUMBERS_MOST) {
        const uint64_t begun_ns = smew_now_ns();
        const enum smew_status status = send_number(bus, "LIVING", number + 1);

        if (is_accepted(status))
            board->accepted = ++number;
        board->refusals += status == SMEW_NO_MACHINE || status == SMEW_FULL;
        board->strange += !is_accepted(status) && status != SMEW_NO_MACHINE && status != SMEW_FULL;
        if (smew_now_ns() - begun_ns > board->longest_ns)
            board->longest_ns = smew_now_ns() - begun_ns;
    }
    flushed = smew_bus_flush(bus, SETTLE_MS) == SMEW_OK;
    if (smew_bus_poll(bus, 0, 0) == SMEW_BUSY)
        return 3;
    smew_bus_close(bus, 1000, &left);
    return flushed && left.unsent == 0 ? 0 : 4;
}

static int victim_sender(void *unused)
{
    struct smew_bus *bus;
    uint64_t number = 0;

    (void)unused;
    if (smew_bus_open(board->url, NULL, &bus, NULL))
        return 1;
    board->starts++;
    while (!board->stop) {
        number += is_accepted(send_number(bus, "VICTIM", number + 1));
    }
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

/* Both ends in one process. */
static int whole_process(void *unused)
{
    struct smew_bus *sender, *receiver;
    uint64_t number = 0;

    (void)unused;
    if (smew_bus_open(board->url, NULL, &receiver, NULL) ||
        smew_bus_open(board->url, NULL, &sender, NULL) ||
        smew_bus_register(receiver, "m", on_message, NULL, NULL, NULL))
        return 1;
    board->starts++;
    while (!board->stop) {
        if (send_number(sender, "VICTIM", number + 1) == SMEW_OK)
            number++;
        if (smew_bus_poll(receiver, 0, 0) == SMEW_BUSY)
            return 2;
    }
    smew_bus_close(sender, 1000, NULL);
    smew_bus_close(receiver, 1000, NULL);
    return 0;
}

/* ---- the observer -------------------------------------------------------------------- */

static bool is_undead(const struct smew_node_info *node, void *user)
{
    if (node->alive && (uint64_t)node->pid == *(uint64_t *)user)
        board->undead++;
    return true;
}

static int observe(void *unused)
{
    struct smew_bus *bus;

    (void)unused;
    if (smew_bus_open(board->url, NULL, &bus, NULL))
        return 1;
    while (!board->stop) {
        uint64_t pid = board->buried;

        if (pid) {
            if (smew_bus_each_node(bus, is_undead, &pid))
                return 2;
            board->buried = 0;
        }
        if (smew_bus_poll(bus, 1, 0) == SMEW_BUSY)
            return 3;
    }
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

static bool was_observed(void *unused)
{
    (void)unused;
    return board->buried == 0;
}

/* ---- killing ------------------------------------------------------------------------- */

static bool pause_is_over(void *until_ns)
{
    return smew_now_ns() >= *(uint64_t *)until_ns;
}

/* Lets the victims work for a random while: some are hit while they start. */
static void let_run(struct support_random *random)
{
    uint64_t until_ns = smew_now_ns() + support_random_below(random, PAUSE_MOST_US) * 1000;

    support_wait_until(pause_is_over, &until_ns, 1000);
}

/* Kills one of the victims again and again, and starts it anew each time. */
static void kill_victims(int (*role)(void *), pid_t *victims, uint32_t count)
{
    struct support_random random = support_random_seeded();

    for (unsigned i = 0; i < kills; i++) {
        pid_t *victim = &victims[support_random_below(&random, count)];

        let_run(&random);
        support_kill(*victim);
        board->buried = (uint64_t)*victim;
        assert_true(support_wait_until(was_observed, NULL, 10000));
        *victim = support_fork(role, NULL);
    }
}

static void begin(const char *bus_url)
{
    memset(board, 0, sizeof(*board));
    board->url = bus_url;
}

static bool has_worked(void *unused)
{
    (void)unused;
    return board->newest + board->victims >= 1000;
}

static void judge(void)
{
    uint64_t lost = 0;

    for (uint64_t number = 1; number <= board->accepted; number++)
        lost += board->count[number] == 0;
    print_message("%u kills: %" PRIu64 " accepted, %" PRIu64 " lost, %" PRIu64 " again, %" PRIu64
                  " refused, %" PRIu64 " of killed senders\n",
                  kills, board->accepted, lost, board->again, board->refusals, board->victims);
    print_message("longest call of the living sender: %.1f ms\n", (double)board->longest_ns / 1e6);
    assert_int_equal(lost, 0);
    /* Each call was given a second; what a busy machine adds is no promise of ours. */
    assert_true(board->longest_ns < (CALL_MS + SLACK_MS) * UINT64_C(1000000));
    assert_int_equal(board->strange, 0);
    assert_int_equal(board->dead_letters, 0);
    assert_int_equal(board->unflagged, 0);
    assert_int_equal(board->disorder, 0);
    assert_int_equal(board->gaps, 0);
    assert_int_equal(board->undead, 0);
    assert_true(board->again <= (uint64_t)kills * WINDOW);
}

/* The sender's rest is delivered first; then the others go. */
static void end(pid_t sender, pid_t observer)
{
    board->stop_sending = true;
    assert_int_equal(support_reap(sender, SETTLE_MS + 10000), 0);
    board->stop = true;
    assert_int_equal(support_reap(observer, 10000), 0);
}

/* `hosts` that are killed, beside a sender that lives. */
static void kill_hosts(uint32_t hosts)
{
    pid_t victims[2] = {0};
    pid_t sender, observer;

    begin(url);
    observer = support_fork(observe, NULL);
    for (uint32_t i = 0; i < hosts; i++)
        victims[i] = support_fork(host, NULL);
    sender = support_fork(living_sender, NULL);
    assert_true(support_wait_until(has_worked, NULL, 10000));
    kill_victims(host, victims, hosts);
    end(sender, observer);
    for (uint32_t i = 0; i < hosts; i++)
        assert_int_equal(support_reap(victims[i], 10000), 0);
    judge();
}

static void the_host(void **state)
{
    (void)state;
    kill_hosts(1);
}

static void a_host_or_its_standby(void **state)
{
    (void)state;
    kill_hosts(2);
}

static bool victim_has_worked(void *unused)
{
    (void)unused;
    return board->victims > 0;
}

static void a_sender_beside_another(void **state)
{
    pid_t victim, receiver, sender, observer;

    (void)state;
    begin(url);
    observer = support_fork(observe, NULL);
    receiver = support_fork(host, NULL);
    sender = support_fork(living_sender, NULL);
    assert_true(support_wait_until(has_worked, NULL, 10000));
    victim = support_fork(victim_sender, NULL);
    kill_victims(victim_sender, &victim, 1);
    assert_true(support_wait_until(victim_has_worked, NULL, 10000)); /* the last one at least */
    support_kill(victim);
    end(sender, observer);
    assert_int_equal(support_reap(receiver, 10000), 0);
    judge();
}

static void a_whole_process(void **state)
{
    pid_t victim, observer;

    (void)state;
    begin(strncmp(url, "pipe", 4) == 0 ? "inproc://kill" : url);
    observer = support_fork(observe, NULL);
    victim = support_fork(whole_process, NULL);
    assert_true(support_wait_until(has_worked, NULL, 10000));
    kill_victims(whole_process, &victim, 1);
    board->stop = true;
    assert_int_equal(support_reap(victim, 10000), 0);
    assert_int_equal(support_reap(observer, 10000), 0);
    judge();
    assert_true(board->starts > 1);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(the_host),
        SUPPORT_TEST(a_host_or_its_standby),
        SUPPORT_TEST(a_sender_beside_another),
        SUPPORT_TEST(a_whole_process),
    };

    (void)snprintf(url, sizeof(url), "%s://kill", count > 1 ? arguments[1] : "pipe");
    if (count > 2)
        kills = (unsigned)strtoul(arguments[2], NULL, 10);
    if (count > 3 && setenv("SMEW_TEST_SEED", arguments[3], 1))
        return 1;
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
