/* SPDX-License-Identifier: MIT */
/*
 * R6: a member of the bus scribbles over the bus's directory: over the board, and over every
 * node's announcement, with garbage, with zeros, with what lies elsewhere in there, and with
 * cells and life words as a liar would make them.  Meanwhile one node hosts "m" and another one
 * "o", a sender sends numbers to "m", and a caller does everything else that asks the directory.
 *
 * Each round is a bus of its own.  In its first half what leads to "m" is spared, so that the
 * sender goes on in its lane while the epochs race and all else is garbage; then nothing is.
 *
 * What must hold while it does: no process falls, no call comes back much later than it said, no
 * machine handles what was meant for another, and of what the sender was told is accepted each
 * message is handled once and in order, or comes back as a dead letter.  Calls may fail, each with
 * a status that says so, but sends to "m" in the first half fail for want of room only.  Once the
 * hostile one is dead, a newcomer can join; and when all have left, the next ones start on the same
 * bus as if nothing had been.
 *
 * How many calls failed, with what, how long the longest took, and what the first half left of the
 * sender's rate, is printed.  Whoever wants the nodes' memory watched runs this in the asan preset.
 * $SMEW_TEST_SEED is the hostile one's seed.
 *
 * Argument: for how many milliseconds it scribbles.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/bus/kit.h"
#include "tests/system/scribbler.h"

enum {
    NUMBERS_MOST = 16 * 1024 * 1024, /* in a round */
    ROUND_MS = 1000,
    CALM_MS = 200,     /* before it begins */
    SLICE_MS = 25,     /* of one kind of hostility */
    CALL_MS = 50,      /* what a call is told */
    MARGIN_MS = 10000, /* what a busy machine and a sanitizer may add */
    LINGER_MS = 500,
    STATUSES = 64,
};

static unsigned hostile_ms = 3000;
static double rate_calm, rate_spared; /* numbers a second, summed over the rounds */

/* What is known of a number. */
enum { MARK_HANDLED = 1, MARK_LETTER = 0x10, MARK_AGAIN = 0x20 };

/* What is asked, for the times that it took. */
enum { SEND, CLOSE, LIST_NODES, LIST_CLAIMS, COME_AND_GO, ASK, PUBLISH, CLAIM, KINDS };
static const char *const kinds[KINDS] = {"send",        "close", "list nodes", "list claims",
                                         "come and go", "ask",   "publish",    "claim"};

struct shared {
    struct support_random seed; /* of the next hostile one */
    atomic_bool stop;
    atomic_bool merciless; /* the second half */
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused; /* in the first half, but for FULL */
    _Atomic uint64_t handled;
    _Atomic uint64_t scribbles;
    _Atomic uint64_t misdelivered; /* handled by a machine that it was not for */
    _Atomic uint64_t disordered;   /* numbers handled after a higher one */
    _Atomic uint64_t lies;         /* answers that cannot be */
    /* of all rounds */
    _Atomic uint64_t sends[STATUSES];
    _Atomic uint64_t calls[STATUSES];
    _Atomic uint64_t slowest_ms[KINDS];
    _Atomic uint8_t marks[NUMBERS_MOST];
};
static struct shared *shared;

/* ---- hosts --------------------------------------------------------------------------- */

/* A handler; user is the machine's id. */
static void on_call(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    shared->misdelivered += strcmp(smew_message_target(message), user) != 0;
    if (smew_message_kind(message) == SMEW_KIND_REQUEST)
        kit_echo(bus, message, user);
}

static uint64_t newest; /* number handled; of the host */

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number;

    on_call(bus, message, user);
    if (strcmp(smew_message_event(message), "NUMBER") != 0)
        return;
    number = kit_number(message);
    if (number == 0 || number >= NUMBERS_MOST) {
        shared->lies++;
        return;
    }
    if (smew_message_redelivered(message))
        shared->marks[number] |= MARK_AGAIN;
    shared->marks[number] += MARK_HANDLED;
    shared->disordered += number <= newest;
    newest = number;
    shared->handled++;
}

static struct smew_bus *join(const char *name, smew_dead_letter_fn on_letter)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;

    options.name = name;
    options.linger_ms = LINGER_MS;
    options.on_dead_letter = on_letter;
    return smew_bus_open(kit_test_url(), &options, &bus, NULL) ? NULL : bus;
}

static int host_other(void *unused)
{
    struct smew_bus *bus = join("other", NULL);
    static char id[] = "o";

    (void)unused;
    if (!bus || smew_bus_register(bus, id, on_call, id, NULL, NULL))
        return 1;
    while (!shared->stop)
        (void)!smew_bus_poll(bus, 20, 256);
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

/* ---- the sender ---------------------------------------------------------------------- */

/* Since `begun_ns`: the longest is kept. */
static void note_time(int kind, uint64_t begun_ns)
{
    uint64_t took_ms = (smew_now_ns() - begun_ns) / 1000000;
    uint64_t slowest_ms = shared->slowest_ms[kind];

    while (took_ms > slowest_ms &&
           !atomic_compare_exchange_weak(&shared->slowest_ms[kind], &slowest_ms, took_ms))
        ;
}

static void note_status(_Atomic uint64_t *counts, enum smew_status status, int kind,
                        uint64_t begun_ns)
{
    note_time(kind, begun_ns);
    counts[-(int)status % STATUSES]++;
}

static void on_letter(struct smew_bus *bus, const struct smew_message *message,
                      enum smew_status reason, void *user)
{
    uint64_t number = kit_number(message);

    (void)bus;
    (void)reason;
    (void)user;
    if (number > 0 && number < NUMBERS_MOST)
        shared->marks[number] |= MARK_LETTER;
}

static int send_numbers(void *unused)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus = join("sender", on_letter);
    uint64_t begun_ns;

    (void)unused;
    options.timeout_ms = CALL_MS;
    options.wait_ms = 2;
    while (bus && !shared->stop && shared->accepted + 2 < NUMBERS_MOST) {
        uint64_t number = shared->accepted + 1;
        enum smew_status status;

        begun_ns = smew_now_ns();
        status = smew_bus_send(bus, "m", "NUMBER", &number, sizeof(number), &options);
        note_status(shared->sends, status, SEND, begun_ns);
        if (status == SMEW_OK || status == SMEW_TIMEOUT) /* the other is in our memory only */
            shared->accepted++;
        else if (status != SMEW_FULL && shared->handled > 0 && !shared->merciless)
            shared->refused++;
        if (status != SMEW_OK || number % 256 == 0)
            (void)!smew_bus_poll(bus, 0, 0);
    }
    if (!bus)
        return 1;
    begun_ns = smew_now_ns();
    smew_bus_close(bus, CALL_MS + MARGIN_MS, NULL);
    note_time(CLOSE, begun_ns);
    return 0;
}

/* ---- the caller ---------------------------------------------------------------------- */

static bool see_node(const struct smew_node_info *node, void *user)
{
    (void)user;
    return node->address[0] == '@' && strlen(node->name) < 64;
}

static bool see_claim(const char *id, const char *address, void *user)
{
    (void)user;
    return address[0] == '@' && strlen(id) <= SMEW_ID_MAX;
}

static enum smew_status ask(struct smew_bus *bus, const char *id, uint64_t number,
                            uint32_t timeout_ms)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_message *reply = NULL;
    enum smew_status status;

    options.timeout_ms = timeout_ms;
    options.wait_ms = 2;
    status = smew_bus_request(bus, id, "ASK", &number, sizeof(number), &options, &reply);
    if (status == SMEW_OK)
        shared->lies += kit_number(reply) != number || strcmp(id, "nobody") == 0;
    smew_message_free(reply);
    return status;
}

static enum smew_status claim_and_release(struct smew_bus *bus, uint64_t number)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    enum smew_status status;
    char id[32];

    (void)snprintf(id, sizeof(id), number % 4 ? "c%" PRIu64 : "p%" PRIu64 ":*", number % 64);
    options.timeout_ms = CALL_MS;
    status = smew_bus_register(bus, id, on_call, id, &options, NULL);
    if (status == SMEW_OK)
        status = smew_bus_unregister(bus, id);
    return status;
}

static enum smew_status subscribe_and_publish(struct smew_bus *bus, uint64_t number)
{
    struct smew_subscription *subscription;
    enum smew_status status = smew_bus_subscribe(bus, "news*", kit_ignore, NULL, &subscription);

    if (status)
        return status;
    status = smew_bus_publish(bus, "news", "NEWS", &number, sizeof(number), SMEW_CONTENT_RAW);
    smew_bus_unsubscribe(bus, subscription);
    return status;
}

static enum smew_status come_and_go(void)
{
    struct smew_bus *bus;
    enum smew_status status = smew_bus_open(kit_test_url(), NULL, &bus, NULL);

    if (status == SMEW_OK)
        smew_bus_close(bus, CALL_MS, NULL);
    return status;
}

static enum smew_status call(struct smew_bus *bus, int kind, uint64_t number)
{
    static const char *const ids[] = {"m", "o", "nobody"};

    switch (kind) {
    case LIST_NODES:
        return smew_bus_each_node(bus, see_node, NULL);
    case LIST_CLAIMS:
        return smew_bus_each_claim(bus, see_claim, NULL);
    case COME_AND_GO:
        return come_and_go();
    case ASK:
        return ask(bus, ids[number % 3], number, CALL_MS);
    case PUBLISH:
        return subscribe_and_publish(bus, number);
    default:
        return claim_and_release(bus, number);
    }
}

static int call_all(void *unused)
{
    struct smew_bus *bus = join("caller", NULL);

    static const int turns[] = {LIST_NODES,  ASK,     CLAIM, ASK, PUBLISH, CLAIM,      ASK,
                                LIST_CLAIMS, PUBLISH, CLAIM, ASK, PUBLISH, COME_AND_GO};

    (void)unused;
    for (uint64_t number = 0; bus && !shared->stop; number++) {
        int kind = turns[number % (sizeof(turns) / sizeof(turns[0]))];
        uint64_t begun_ns = smew_now_ns();

        note_status(shared->calls, call(bus, kind, number), kind, begun_ns);
        (void)!smew_bus_poll(bus, 0, 0);
    }
    smew_bus_close(bus, CALL_MS, NULL);
    return bus ? 0 : 1;
}

/* ---- the hostile one ----------------------------------------------------------------- */

/* It joins like anybody, and goes on until it is killed. */
static int be_hostile(void *unused)
{
    struct smew_bus *bus = join("hostile", NULL);
    char path[128];

    (void)unused;
    if (!bus)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/shm%s", support_runtime_dir(),
                   strrchr(support_runtime_dir(), '/'));
    scribble_on(path, &shared->merciless, &shared->scribbles, shared->seed);
    return 2;
}

static bool is_over(void *until_ns)
{
    return smew_now_ns() >= *(uint64_t *)until_ns;
}

/* ---- the test ------------------------------------------------------------------------ */

static bool has_handled(void *number)
{
    return shared->handled >= *(uint64_t *)number;
}

static void print_counts(const char *what, const _Atomic uint64_t *counts)
{
    print_message("%s:", what);
    for (int i = 0; i < STATUSES; i++) {
        if (counts[i])
            print_message(" %" PRIu64 " %s;", counts[i],
                          i ? smew_status_text((enum smew_status) - i) : "ok");
    }
    print_message("\n");
}

/* What became of the numbers of one round. */
struct sum {
    uint64_t lost, twice, letters, again;
};

static struct sum add_up(void)
{
    struct sum sum = {0};

    for (uint64_t number = 1; number <= shared->accepted; number++) {
        uint8_t mark = shared->marks[number];

        sum.lost += (mark & ~MARK_AGAIN) == 0;
        sum.twice += (mark & (MARK_LETTER - 1)) > MARK_HANDLED;
        sum.letters += (mark & MARK_LETTER) != 0;
        sum.again += (mark & MARK_AGAIN) != 0;
    }
    return sum;
}

/* Each accepted number was handled once, or came back. */
static void judge(unsigned round)
{
    struct sum sum = add_up();

    print_message("round %u: %" PRIu64 " accepted, %" PRIu64 " handled, %" PRIu64
                  " dead letters, %" PRIu64 " redelivered; %" PRIu64 " lost, %" PRIu64
                  " twice, %" PRIu64 " out of order; %" PRIu64 " scribbles\n",
                  round, shared->accepted, shared->handled, sum.letters, sum.again, sum.lost,
                  sum.twice, shared->disordered, shared->scribbles);
    assert_int_equal(sum.lost, 0);
    assert_int_equal(sum.twice, 0);
    assert_int_equal(shared->disordered, 0);
    assert_int_equal(shared->misdelivered, 0);
    assert_int_equal(shared->lies, 0);
    assert_int_equal(shared->refused, 0);
    assert_true(shared->scribbles > 0);
    for (int kind = 0; kind < KINDS; kind++) {
        if (shared->slowest_ms[kind] >= CALL_MS + MARGIN_MS)
            fail_msg("%s took %" PRIu64 " ms", kinds[kind], shared->slowest_ms[kind]);
    }
}

static bool can_join(void *unused)
{
    struct smew_bus *bus = join("newcomer", NULL);

    (void)unused;
    smew_bus_close(bus, CALL_MS, NULL);
    return bus != NULL;
}

static void judge_next_start(void)
{
    static char id[] = "m";
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct kit_poller poller;

    kit_register(host, id, on_call, id);
    kit_poller_start(&poller, host);
    assert_int_equal(ask(sender, id, 7, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(ask(sender, "nobody", 7, KIT_WAIT_MS), SMEW_NO_MACHINE);
    kit_poller_stop(&poller);
    kit_close(sender);
    kit_close(host);
}

/* Lets time pass; the numbers a second that were handled meanwhile. */
static double pass(unsigned for_ms)
{
    const uint64_t begun_ns = smew_now_ns();
    const uint64_t before = shared->handled;
    uint64_t until_ns = begun_ns + for_ms * UINT64_C(1000000);

    (void)support_wait_until(is_over, &until_ns, for_ms + KIT_WAIT_MS);
    return (double)(shared->handled - before) * 1e9 / (double)(smew_now_ns() - begun_ns);
}

/* From the first number on: calm, the sparing half, the merciless one; then it is killed. */
static void scribble_for_a_round(void)
{
    uint64_t first = 1;
    pid_t hostile;

    assert_true(support_wait_until(has_handled, &first, KIT_WAIT_MS));
    rate_calm += pass(CALM_MS);
    hostile = support_fork(be_hostile, NULL);
    rate_spared += pass(ROUND_MS / 2);
    shared->merciless = true;
    (void)pass(ROUND_MS / 2);
    assert_int_equal(waitpid(hostile, NULL, WNOHANG), 0); /* its node does not fall either */
    support_kill(hostile);
    assert_true(support_wait_until(can_join, NULL, KIT_WAIT_MS));
    shared->seed.state = support_random_next(&shared->seed);
}

static void begin_round(void)
{
    memset((void *)shared->marks, 0, shared->accepted + 1);
    shared->stop = shared->merciless = false;
    shared->accepted = shared->handled = shared->scribbles = 0;
    newest = 0;
}

static void run_round(unsigned round)
{
    int (*const roles[])(void *) = {host_other, send_numbers, call_all};
    static char id[] = "m";
    struct smew_bus *bus;
    struct kit_poller poller;
    pid_t children[3];
    uint64_t begun_ns;

    begin_round();
    bus = join("host", NULL);
    assert_non_null(bus);
    kit_register(bus, id, on_number, id);
    kit_poller_start(&poller, bus);
    for (int i = 0; i < 3; i++)
        children[i] = support_fork(roles[i], NULL);
    scribble_for_a_round();
    shared->stop = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(support_reap(children[i], 2 * KIT_WAIT_MS), 0);
    kit_poller_stop(&poller);
    begun_ns = smew_now_ns();
    smew_bus_close(bus, CALL_MS, NULL);
    note_time(CLOSE, begun_ns);
    judge(round);
}

static void a_damaged_directory_costs_lookups_only(void **state)
{
    (void)state;
    support_nursery_open();
    shared->seed = support_random_seeded();
    for (unsigned round = 1; round <= (hostile_ms + ROUND_MS - 1) / ROUND_MS; round++)
        run_round(round);
    judge_next_start();
    print_message("in the first halves the sender had %.0f %% of its rate; the longest calls:",
                  rate_calm > 0 ? rate_spared * 100 / rate_calm : 0);
    for (int kind = 0; kind < KINDS; kind++)
        print_message(" %s %" PRIu64 " ms;", kinds[kind], shared->slowest_ms[kind]);
    print_message("\n");
    print_counts("sends", shared->sends);
    print_counts("calls", shared->calls);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_damaged_directory_costs_lookups_only),
    };

    if (count > 1)
        hostile_ms = (unsigned)strtoul(arguments[1], NULL, 10);
    kit_use("shm");
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
