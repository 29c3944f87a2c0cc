/* SPDX-License-Identifier: MIT */
/*
 * Ten producers, ten receivers, and a random one of them killed again and again and started anew,
 * judged from what each wrote down in memory that outlives it: the sender what was accepted, the
 * receiver what it handled, before the message is complete.
 *
 * What must hold, for each pair of a producer's life and a machine:
 *   - first deliveries come in the order of sending, without gaps
 *   - what comes again is flagged, and at most a window of it for each of the receiver's deaths
 *   - a producer that lives to the end: everything that it accepted was handled
 *   - one that was killed: the same, if its receiver had heard all of what came back from an
 *     earlier receiver's death, and lived to handle the rest (the memory is the receiver's); not
 *     what a send answered TIMEOUT for.  What comes back is flagged, and the sends after it follow
 *     it: it was heard once that receiver handled one without the flag
 * And the first producer and the first receiver, who see all the others die, hold no more in the
 * end than half-way.
 *
 * Arguments: for how many seconds, and how many milliseconds lie between two deaths.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bus/kit.h"
#include "tests/system/holdings.h"

enum {
    SIDE = 10, /* producers, and receivers */
    LIVES_MOST = 128,
    NUMBERS_MOST = 512 * 1024, /* of a pair */
    WINDOW = 1024,
    CALL_MS = 500,
    MAPPINGS = 9, /* of a connection: a lane each way for frames, one for messages */
};

static unsigned seconds = 5;
static unsigned pause_ms = 200;

/* A producer's life and a machine. */
struct pair {
    _Atomic uint64_t accepted;
    _Atomic uint64_t newest; /* first deliveries */
    _Atomic uint64_t again;
    _Atomic uint64_t ours; /* the last one that was accepted in the sender's memory only */
    _Atomic unsigned host; /* the last one that handled a note which had not come back */
    bool judged;           /* of a killed one: its receiver has lived so far */
};

struct life {
    bool dead;
    struct pair pairs[SIDE];
};

struct board {
    atomic_bool stop_sending;
    atomic_bool stop;
    _Atomic uint64_t failures; /* of starts */
    _Atomic uint64_t strange;  /* answers of a send */
    _Atomic uint64_t dead_letters;
    _Atomic uint64_t disorder;
    _Atomic uint64_t unflagged;
    struct life lives[LIVES_MOST];
    _Atomic uint8_t count[LIVES_MOST][SIDE][NUMBERS_MOST];
};
static struct board *board;

struct note {
    uint64_t life;
    uint64_t number;
    char more[200];
};

/* ---- receivers ----------------------------------------------------------------------- */

struct host {
    unsigned machine;
    unsigned number; /* of the machine's hosts, from 0 */
};

static void on_note(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    const struct host *host = user;
    const unsigned machine = host->machine;
    struct pair *pair;
    struct note note;

    (void)bus;
    memcpy(&note, smew_message_payload(message), offsetof(struct note, more));
    if (note.life >= LIVES_MOST || note.number >= NUMBERS_MOST) {
        board->disorder++;
        return;
    }
    pair = &board->lives[note.life].pairs[machine];
    if (board->count[note.life][machine][note.number]) {
        pair->again++;
        board->unflagged += !smew_message_redelivered(message);
        return;
    }
    /* The same again where its first handler was killed between the two stores. */
    board->disorder += note.number != pair->newest + 1 && note.number != pair->newest;
    pair->newest = note.number;
    board->count[note.life][machine][note.number] = 1;
    if (!smew_message_redelivered(message))
        pair->host = host->number;
}

static void machine_name(unsigned machine, char name[8])
{
    (void)snprintf(name, 8, "m%u", machine);
}

static int receive(void *argument)
{
    struct host *host = argument;
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_error error = {0};
    struct smew_bus *bus;
    char name[8];

    machine_name(host->machine, name);
    options.timeout_ms = KIT_WAIT_MS;
    if (smew_bus_open(kit_test_url(), NULL, &bus, &error) ||
        smew_bus_register(bus, name, on_note, host, &options, &error)) {
        fprintf(stderr, "receiver %u could not start: %s\n", host->machine, error.text);
        board->failures++;
        return 1;
    }
    while (!board->stop) {
        if (smew_bus_poll(bus, 20, 256) == SMEW_BUSY)
            return 2;
    }
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

/* ---- producers ----------------------------------------------------------------------- */

static void on_dead_letter(struct smew_bus *bus, const struct smew_message *message,
                           enum smew_status reason, void *user)
{
    (void)bus;
    (void)user;
    fprintf(stderr, "a dead letter for %s: %s\n", smew_message_target(message),
            smew_status_text(reason));
    board->dead_letters++;
}

static void send_note(struct smew_bus *bus, unsigned life, unsigned machine, size_t more)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct pair *pair = &board->lives[life].pairs[machine];
    struct note note = {.life = life, .number = pair->accepted + 1};
    enum smew_status status;
    char name[8];

    machine_name(machine, name);
    options.timeout_ms = CALL_MS;
    options.wait_ms = CALL_MS;
    if (note.number >= NUMBERS_MOST)
        return;
    status = smew_bus_send(bus, name, "N", &note, offsetof(struct note, more) + more, &options);
    if (status == SMEW_TIMEOUT)
        pair->ours = note.number;
    if (status == SMEW_OK || status == SMEW_TIMEOUT)
        pair->accepted = note.number;
    else
        board->strange += status != SMEW_NO_MACHINE && status != SMEW_FULL;
}

static int produce(void *argument)
{
    const unsigned life = *(unsigned *)argument;
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct support_random random = {life};
    struct smew_left left = {0};
    struct smew_error error = {0};
    struct smew_bus *bus;
    bool flushed;

    options.linger_ms = KIT_WAIT_MS;
    options.window = WINDOW;
    options.on_dead_letter = on_dead_letter;
    if (smew_bus_open(kit_test_url(), &options, &bus, &error)) {
        fprintf(stderr, "producer life %u could not start: %s\n", life, error.text);
        board->failures++;
        return 1;
    }
    while (!board->stop_sending) {
        unsigned machine = (unsigned)support_random_below(&random, SIDE);

        for (unsigned i = (unsigned)support_random_below(&random, 20); i > 0; i--)
            send_note(bus, life, machine, support_random_below(&random, 200));
    }
    flushed = smew_bus_flush(bus, KIT_WAIT_MS) == SMEW_OK;
    (void)!smew_bus_poll(bus, 0, 0);
    smew_bus_close(bus, 1000, &left);
    return flushed && left.unsent == 0 ? 0 : 3;
}

/* ---- killing ------------------------------------------------------------------------- */

struct member {
    pid_t pid;
    unsigned life; /* of a producer */
    unsigned kills;
};

struct crowd {
    struct member producers[SIDE];
    struct member receivers[SIDE];
    unsigned lives;
    unsigned kills;
    unsigned cut; /* pairs whose receiver died with what it had not handled */
};

static void start_producer(struct crowd *crowd, unsigned place)
{
    crowd->producers[place].life = crowd->lives++;
    crowd->producers[place].pid = support_fork(produce, &crowd->producers[place].life);
}

static void start_receiver(struct crowd *crowd, unsigned machine)
{
    struct host host = {machine, crowd->receivers[machine].kills};

    crowd->receivers[machine].pid = support_fork(receive, &host);
}

static bool is_complete(const struct pair *pair)
{
    return pair->newest >= pair->accepted;
}

static void kill_producer(struct crowd *crowd, unsigned place)
{
    struct life *life = &board->lives[crowd->producers[place].life];

    support_kill(crowd->producers[place].pid);
    life->dead = true;
    for (unsigned i = 0; i < SIDE; i++) {
        struct pair *pair = &life->pairs[i];

        pair->judged = pair->newest >= pair->ours &&
                       (pair->host == crowd->receivers[i].kills || pair->accepted == 0);
    }
    start_producer(crowd, place);
}

static void kill_receiver(struct crowd *crowd, unsigned machine)
{
    for (unsigned i = 0; i < crowd->lives; i++) {
        struct pair *pair = &board->lives[i].pairs[machine];

        if (board->lives[i].dead && pair->judged && !is_complete(pair)) {
            pair->judged = false;
            crowd->cut++;
        }
    }
    crowd->receivers[machine].kills++;
    support_kill(crowd->receivers[machine].pid);
    start_receiver(crowd, machine);
}

static bool is_over(void *until_ns)
{
    return smew_now_ns() >= *(uint64_t *)until_ns;
}

static void wait_ms(unsigned ms)
{
    uint64_t until_ns = smew_now_ns() + ms * UINT64_C(1000000);

    (void)support_wait_until(is_over, &until_ns, ms + 1000);
}

/* The first of each side lives. */
static void kill_for(struct crowd *crowd, struct support_random *random, unsigned ms)
{
    const uint64_t until_ns = smew_now_ns() + ms * UINT64_C(1000000);

    while (smew_now_ns() < until_ns && crowd->lives < LIVES_MOST) {
        unsigned place = 1 + (unsigned)support_random_below(random, SIDE - 1);

        wait_ms(pause_ms);
        if (support_random_below(random, 2))
            kill_producer(crowd, place);
        else
            kill_receiver(crowd, place);
        crowd->kills++;
    }
}

/* ---- judging ------------------------------------------------------------------------- */

static bool all_judged_complete(void *argument)
{
    const struct crowd *crowd = argument;

    for (unsigned i = 0; i < crowd->lives; i++) {
        for (unsigned machine = 0; machine < SIDE; machine++) {
            const struct pair *pair = &board->lives[i].pairs[machine];

            if (board->lives[i].dead && pair->judged && !is_complete(pair))
                return false;
        }
    }
    return true;
}

struct sum {
    uint64_t accepted;
    uint64_t lost;
    uint64_t again;
    unsigned judged; /* pairs of those who were killed */
    unsigned unjudged;
};

static void judge_pair(const struct crowd *crowd, unsigned life, unsigned machine, struct sum *sum)
{
    const struct pair *pair = &board->lives[life].pairs[machine];
    const bool dead = board->lives[life].dead;
    uint64_t lost = 0;

    for (uint64_t number = 1; number <= pair->accepted; number++)
        lost += board->count[life][machine][number] == 0;
    sum->accepted += pair->accepted;
    sum->again += pair->again;
    sum->judged += dead && pair->judged;
    sum->unjudged += dead && !pair->judged;
    if (pair->again > (uint64_t)crowd->receivers[machine].kills * WINDOW)
        fail_msg("life %u, machine %u: %" PRIu64 " came again after %u kills", life, machine,
                 pair->again, crowd->receivers[machine].kills);
    if (dead && !pair->judged)
        return;
    sum->lost += lost;
    if (lost)
        print_message("life %u (%s), machine %u: %" PRIu64 " of %" PRIu64 " lost, newest %" PRIu64
                      ", host %u of %u\n",
                      life, dead ? "killed" : "lived", machine, lost, pair->accepted, pair->newest,
                      pair->host, crowd->receivers[machine].kills);
}

static void judge(const struct crowd *crowd)
{
    struct sum sum = {0};

    for (unsigned life = 0; life < crowd->lives; life++) {
        for (unsigned machine = 0; machine < SIDE; machine++)
            judge_pair(crowd, life, machine, &sum);
    }
    print_message("%u kills: %" PRIu64 " accepted, %" PRIu64 " lost, %" PRIu64
                  " again; pairs of killed senders: %u judged, %u not, of which %u were cut\n",
                  crowd->kills, sum.accepted, sum.lost, sum.again, sum.judged, sum.unjudged,
                  crowd->cut);
    assert_int_equal(sum.lost, 0);
    assert_int_equal(board->failures, 0);
    assert_int_equal(board->strange, 0);
    assert_int_equal(board->dead_letters, 0);
    assert_int_equal(board->disorder, 0);
    assert_int_equal(board->unflagged, 0);
    assert_true(sum.accepted > 1000 && sum.judged > 0);
}

struct growth {
    pid_t pid;
    struct holdings before;
};

static bool is_flat(void *argument)
{
    const struct growth *growth = argument;
    struct holdings now = holdings_of(growth->pid);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    now.own_bytes = 0; /* a sanitizer keeps what was freed */
#endif
    return now.fds <= growth->before.fds + SIDE / 2 && now.mappings <= SIDE * MAPPINGS + SIDE &&
           now.own_bytes <= growth->before.own_bytes + 4 * 1024 * 1024;
}

static void expect_flat(const char *who, struct growth *growth)
{
    bool flat = support_wait_until(is_flat, growth, 10000); /* those who died last are forgotten */
    struct holdings now = holdings_of(growth->pid);

    holdings_print(who, &growth->before);
    holdings_print(who, &now);
    assert_true(flat);
}

static void some_die_all_the_time(void **state)
{
    struct support_random random = support_random_seeded();
    struct crowd crowd = {0};
    struct growth producer, receiver;

    (void)state;
    for (unsigned i = 0; i < SIDE; i++) {
        start_receiver(&crowd, i);
        start_producer(&crowd, i);
    }
    kill_for(&crowd, &random, seconds * 500);
    producer = (struct growth){crowd.producers[0].pid, holdings_of(crowd.producers[0].pid)};
    receiver = (struct growth){crowd.receivers[0].pid, holdings_of(crowd.receivers[0].pid)};
    kill_for(&crowd, &random, seconds * 500);
    expect_flat("producer", &producer);
    expect_flat("receiver", &receiver);
    board->stop_sending = true;
    for (unsigned i = 0; i < SIDE; i++)
        assert_int_equal(support_reap(crowd.producers[i].pid, 2 * KIT_WAIT_MS), 0);
    (void)support_wait_until(all_judged_complete, &crowd, KIT_WAIT_MS);
    board->stop = true;
    for (unsigned i = 0; i < SIDE; i++)
        assert_int_equal(support_reap(crowd.receivers[i].pid, KIT_WAIT_MS), 0);
    judge(&crowd);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(some_die_all_the_time),
    };

    if (count > 1)
        seconds = (unsigned)strtoul(arguments[1], NULL, 10);
    if (count > 2)
        pause_ms = (unsigned)strtoul(arguments[2], NULL, 10);
    kit_use("shm");
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
