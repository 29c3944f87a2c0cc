/* SPDX-License-Identifier: MIT */
/*
 * Messages that are run where they are read, bus/lane_run.h, as a hostile reader sees them: what is
 * counted, whose turn it is when every run is cut short, names that change their meaning, a machine
 * that ends under its handler, and a child of fork() in a handler.
 */
#include "tests/bus/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "bus/lane_in.h"
#include "bus/lane_out.h"
#include "bus/node.h"
#include "bus/sink.h"

enum { SOME = 20, ROUNDS_MOST = 2000, TURNS = 20 };

struct host {
    struct smew_bus *bus;
    struct smew_bus *sender;
    uint64_t next;
    uint64_t runs;
    uint64_t wrong;
    struct smew_message *held[64];
    unsigned held_count;
    atomic_uint step;
};

static struct kit_log notes;

static void open_both(struct host *host, smew_handler_fn handler)
{
    memset(host, 0, sizeof(*host));
    kit_log_init(&notes);
    host->bus = kit_open(NULL);
    host->sender = kit_open(NULL);
    kit_warm_up(host->sender, host->bus);
    kit_register(host->bus, "m", handler, host);
    kit_send(host->sender, "m", 0);
    while (host->next == 0)
        (void)!smew_bus_poll(host->bus, 10, 0);
    while (smew_bus_flush(host->sender, 1) != SMEW_OK)
        (void)!smew_bus_poll(host->bus, 1, 0);
}

static void close_both(struct host *host)
{
    while (smew_bus_flush(host->sender, 1) != SMEW_OK) {
        (void)!smew_bus_poll(host->bus, 1, 0);
        (void)!smew_bus_poll(host->sender, 0, 0);
    }
    kit_close(host->sender);
    kit_close(host->bus);
    assert_int_equal(host->wrong, 0);
}

static void note(struct host *host, const struct smew_message *message)
{
    host->wrong += kit_number(message) != host->next;
    host->runs += host->bus->run.working;
    host->next++;
}

/* ---- counting ---- */

static void on_held_at_once(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    note(user, message);
    smew_message_complete(smew_message_hold(message), SMEW_OK);
}

static void bytes_are_counted_once(void **state)
{
    struct host host;

    (void)state;
    open_both(&host, on_held_at_once);
    for (unsigned i = 0; host.runs < SOME; i++) {
        uint64_t end = host.next + SOME;

        assert_in_range(i, 0, ROUNDS_MOST);
        for (uint64_t number = host.next; number < end; number++)
            kit_send(host.sender, "m", number);
        while (host.next < end)
            (void)!smew_bus_poll(host.bus, 0, 0);
    }
    printf("runs %u, received %u bytes, sent %u\n", (unsigned)host.runs,
           (unsigned)kit_stats(host.bus).bytes_received,
           (unsigned)kit_stats(host.sender).bytes_sent);
    assert_int_equal(kit_stats(host.bus).bytes_received, kit_stats(host.sender).bytes_sent);
    close_both(&host);
}

/* ---- turns ---- */

static void on_flood(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;

    (void)bus;
    host->next++;
    if (!getenv("NO_HOLD"))
        smew_message_complete(smew_message_hold(message), SMEW_OK);
}

static void on_other(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)message;
    ++*(unsigned *)user;
}

static void *flood(void *argument)
{
    struct host *host = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    uint64_t number = 0;

    options.timeout_ms = 100;
    while (atomic_load(&host->step) == 0)
        (void)!kit_send_number(host->sender, "m", number++, &options);
    return NULL;
}

/* Each run of one lane is cut short: the lane behind it has its turn all the same. */
static void others_have_their_turn(void **state)
{
    static struct host host;
    struct smew_bus *other;
    unsigned late = 0;
    unsigned seen = 0;
    pthread_t thread;

    (void)state;
    open_both(&host, on_flood);
    kit_register(host.bus, "other", on_other, &seen);
    other = kit_open(NULL);
    kit_warm_up(other, host.bus);
    kit_send(other, "other", 0);
    while (seen == 0)
        (void)!smew_bus_poll(host.bus, 1, 0);
    pthread_create(&thread, NULL, flood, &host);
    for (unsigned i = 0; i < TURNS; i++) {
        uint64_t from, until = host.next + 2000;

        while (host.next < until)
            (void)!smew_bus_poll(host.bus, 0, 0);
        kit_send(other, "other", i);
        from = host.next;
        while (seen == i + 1 && host.next - from < 1000000)
            (void)!smew_bus_poll(host.bus, 0, 0);
        late += host.next - from > 2048;
    }
    atomic_store(&host.step, 1);
    while (smew_bus_flush(host.sender, 1) != SMEW_OK)
        (void)!smew_bus_poll(host.bus, 1, 0);
    pthread_join(thread, NULL);
    kit_poll_all(host.bus);
    assert_in_range(late, 0, TURNS / 2); /* the machine may do something else now and then */
    kit_close(other);
    close_both(&host);
}

/* ---- names ---- */

struct named {
    const char *name;
    unsigned seen;
    unsigned wrong;
};

static void on_named(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct named *named = user;

    (void)bus;
    named->seen++;
    named->wrong += strcmp(smew_message_target(message), named->name) != 0;
}

/* The sender says that m's number is q's from now on. */
static void redefine(struct smew_bus *sender)
{
    struct smew__producer *producer = smew__producer_get(sender);

    SMEW_LIST_EACH (link, &producer->lanes) {
        struct smew__lane_out *lane = SMEW_CONTAINER(link, struct smew__lane_out, link);
        struct smew__lane_name *name = smew__table_get(&lane->targets.by_text, "m", 1);

        if (!name || smew__table_get(&lane->targets.by_text, "q", 1))
            continue;
        name->known = name->told = false;
        assert_true(smew__table_put(&lane->targets.by_text, "q", 1, name));
    }
}

static void a_number_means_what_it_was_defined_as_last(void **state)
{
    struct named m = {.name = "m"}, q = {.name = "q"};
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);

    (void)state;
    kit_warm_up(sender, host);
    kit_register(host, "m", on_named, &m);
    kit_register(host, "q", on_named, &q);
    for (unsigned i = 0; i < 2000; i++) {
        kit_send(sender, "m", i);
        while (m.seen == i)
            (void)!smew_bus_poll(host, 0, 0);
    }
    redefine(sender);
    for (unsigned i = 0; i < 2000; i++) {
        kit_send(sender, "q", i);
        while (q.seen + m.seen == 2000 + i)
            (void)!smew_bus_poll(host, 0, 0);
    }
    printf("m's handler: %u of another target; q's handler %u of 2000\n", m.wrong, q.seen);
    assert_int_equal(m.wrong, 0);
    assert_int_equal(q.wrong, 0);
    kit_close(sender);
    kit_close(host);
}

/* ---- a machine that ends under its handler ---- */

static void deliver(struct smew_message *message, void *user)
{
    (void)user;
    smew_message_complete(message, SMEW_OK);
}

static void on_ended(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;

    (void)bus;
    host->next++;
    if (!host->bus->run.working || atomic_load(&host->step) != 0)
        return;
    atomic_store(&host->step, 1);
    while (atomic_load(&host->step) != 2)
        ;
    host->held[0] = smew_message_hold(message);
}

static void *become_a_sink(void *argument)
{
    struct host *host = argument;
    struct smew__sink sink = {.deliver = deliver};

    while (atomic_load(&host->step) != 1)
        ;
    host->wrong += smew_bus_unregister(host->bus, "m") != SMEW_OK;
    host->wrong += smew__bus_register_sink(host->bus, "m", &sink, NULL, NULL) != SMEW_OK;
    atomic_store(&host->step, 2);
    return NULL;
}

/* One message after the other, until a handler has come so far. */
static void send_until(struct host *host, unsigned step)
{
    while (atomic_load(&host->step) != step) {
        uint64_t next = host->next;

        kit_send(host->sender, "m", host->next);
        while (host->next == next)
            (void)!smew_bus_poll(host->bus, 0, 0);
    }
}

static void held_is_counted_down(void **state)
{
    static struct host host;
    pthread_t thread;

    (void)state;
    open_both(&host, on_ended);
    pthread_create(&thread, NULL, become_a_sink, &host);
    send_until(&host, 2);
    pthread_join(thread, NULL);
    assert_non_null(host.held[0]);
    smew_message_complete(host.held[0], SMEW_OK);
    printf("held: %u\n", kit_stats(host.bus).held);
    assert_int_equal(kit_stats(host.bus).held, 0);
    close_both(&host);
}

/* ---- a child ---- */

static int hold_it(void *argument)
{
    struct smew_message *held = smew_message_hold(argument);

    return held ? 1 : 0;
}

static void *keep_locked(void *argument)
{
    struct host *host = argument;

    while (atomic_load(&host->step) != 1)
        ;
    smew__bus_lock(host->bus);
    atomic_store(&host->step, 2);
    while (atomic_load(&host->step) != 3)
        ;
    smew__bus_unlock(host->bus);
    return NULL;
}

static void on_forking(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;
    pid_t child;

    (void)bus;
    host->next++;
    if (!host->bus->run.working || atomic_load(&host->step) != 0)
        return;
    atomic_store(&host->step, 1);
    while (atomic_load(&host->step) != 2)
        ;
    child = support_fork_bare(hold_it, (void *)(uintptr_t)message);
    atomic_store(&host->step, 3);
    host->wrong += support_reap(child, 5000) != 0;
}

static void a_child_holds_nothing(void **state)
{
    static struct host host;
    pthread_t thread;

    (void)state;
    open_both(&host, on_forking);
    pthread_create(&thread, NULL, keep_locked, &host);
    send_until(&host, 3);
    pthread_join(thread, NULL);
    close_both(&host);
}

/* ---- for ThreadSanitizer ---- */

static void on_kept(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;

    (void)bus;
    note(host, message);
    if (host->held_count < 64 && kit_number(message) % 2) {
        struct smew_message *held = smew_message_hold(message);

        host->held[host->held_count] = held;
        atomic_store_explicit(&host->step, ++host->held_count, memory_order_release);
    }
}

static void *complete_them(void *argument)
{
    struct host *host = argument;

    for (unsigned i = 0; i < 64; i++) {
        while (atomic_load_explicit(&host->step, memory_order_acquire) < 64)
            ;
        for (volatile unsigned spin = 0; spin < 100000; spin++)
            ;
        smew_message_complete(host->held[i], SMEW_OK);
    }
    return NULL;
}

/* Held messages are completed by another thread while others of their lane are run. */
static void others_complete_meanwhile(void **state)
{
    static struct host host;
    pthread_t thread;

    (void)state;
    open_both(&host, on_kept);
    pthread_create(&thread, NULL, complete_them, &host);
    while (host.held_count < 64 || host.next < 20000) {
        uint64_t end = host.next + 50;

        for (uint64_t number = host.next; number < end; number++)
            kit_send(host.sender, "m", number);
        while (host.next < end)
            (void)!smew_bus_poll(host.bus, 0, 0);
    }
    pthread_join(thread, NULL);
    close_both(&host);
}

struct names {
    struct host a, b;
    atomic_uint go;
};

static void on_first(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;

    (void)bus;
    host->next++;
    if (host->bus->run.working && atomic_load(&host->step) == 1 && !host->held[0])
        host->held[0] = smew_message_hold(message);
}

static atomic_uint go;

static void on_second(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;

    (void)message;
    host->next++;
    if (!bus->run.working || atomic_load_explicit(&go, memory_order_relaxed) != 1)
        return;
    atomic_store_explicit(&go, 2, memory_order_relaxed);
    while (atomic_load_explicit(&go, memory_order_relaxed) != 3)
        ;
}

static void *complete_first(void *argument)
{
    struct host *host = argument;

    while (atomic_load_explicit(&go, memory_order_relaxed) != 2)
        ;
    smew_message_complete(host->held[0], SMEW_OK);
    atomic_store_explicit(&go, 3, memory_order_relaxed);
    return NULL;
}

static bool is_retired(void *user)
{
    return kit_stats(((struct host *)user)->bus).connections < 3;
}

/* The last message of a lane that is over is completed while another lane's are run. */
static void names_of_a_lane_that_is_over(void **state)
{
    static struct host first, second;
    pthread_t thread;
    struct smew_bus *other;

    (void)state;
    atomic_store(&go, 0);
    open_both(&first, on_first);
    memset(&second, 0, sizeof(second));
    kit_register(first.bus, "n", on_second, &second);
    other = kit_open(NULL);
    kit_warm_up(other, first.bus);
    kit_send(other, "n", 0);
    while (second.next == 0)
        (void)!smew_bus_poll(first.bus, 1, 0);
    atomic_store(&first.step, 1);
    while (!first.held[0]) {
        uint64_t next = first.next;

        kit_send(first.sender, "m", first.next);
        while (first.next == next)
            (void)!smew_bus_poll(first.bus, 0, 0);
    }
    printf("connections %u\n", kit_stats(first.bus).connections);
    smew_bus_close(first.sender, 0, NULL);
    (void)support_wait_until(is_retired, &first, 300);
    printf("connections %u lanes_in %u\n", kit_stats(first.bus).connections,
           kit_stats(first.bus).lanes_in);
    pthread_create(&thread, NULL, complete_first, &first);
    atomic_store(&go, 1);
    while (atomic_load(&go) != 3) {
        uint64_t next = second.next;

        kit_send(other, "n", second.next);
        while (second.next == next)
            (void)!smew_bus_poll(first.bus, 0, 0);
    }
    pthread_join(thread, NULL);
    while (smew_bus_flush(other, 1) != SMEW_OK)
        (void)!smew_bus_poll(first.bus, 1, 0);
    kit_close(other);
    kit_close(first.bus);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(bytes_are_counted_once),
        SUPPORT_TEST(others_have_their_turn),
        SUPPORT_TEST(a_number_means_what_it_was_defined_as_last),
        SUPPORT_TEST(held_is_counted_down),
        SUPPORT_TEST(a_child_holds_nothing),
        SUPPORT_TEST(others_complete_meanwhile),
        SUPPORT_TEST(names_of_a_lane_that_is_over),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
