/* SPDX-License-Identifier: MIT */
/*
 * Who reads the lanes, bus/lane_turn.h: a thread that polls busily does so itself, one that stops
 * to do so leaves nothing lying.  Sleeping and waking: sleeps.c.
 */
#include "tests/bus/kit.h"

#include <poll.h>

#include "bus/sink.h"

enum {
    NUMBERS = 20000,
    QUEUE_MOST = 4096,
    READ_FOR_SINKS = 500,
};

static struct smew_bus *open_host(void)
{
    return kit_host_open(SMEW_WAITING_ADAPTIVE);
}

static void *send_all(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    for (uint64_t number = 0; number < NUMBERS; number++) {
        if (kit_send_number(argument, "m", number, &options) != SMEW_OK)
            return argument;
    }
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------- */

static void poll_for_all(struct kit_host *host, struct smew_bus *sender, uint32_t timeout_ms)
{
    pthread_t thread;
    void *failed;

    assert_int_equal(pthread_create(&thread, NULL, send_all, sender), 0);
    while (host->next < NUMBERS && !host->wrong)
        (void)!smew_bus_poll(host->bus, timeout_ms, 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
}

static void a_busy_poller_reads_itself(void **state)
{
    struct kit_host host = {.bus = open_host()};
    struct smew_bus *sender = kit_host_sender(&host);

    (void)state;
    poll_for_all(&host, sender, 0);
    assert_true(kit_stats(host.bus).polled > 0);
    kit_host_close(&host, sender);
}

static void a_sleepy_one_misses_nothing(void **state)
{
    struct kit_host host = {.bus = open_host()};
    struct smew_bus *sender = kit_host_sender(&host);

    (void)state;
    poll_for_all(&host, sender, KIT_WAIT_MS);
    kit_host_close(&host, sender);
}

/* However it waits, nothing is missed; one that never sleeps keeps to its timeout, too. */
static void it_may_wait_as_it_likes(void **state)
{
    static const enum smew_waiting ways[] = {SMEW_WAITING_SPIN, SMEW_WAITING_SLEEP};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct kit_host host = {.bus = kit_host_open(ways[i])};
        struct smew_bus *sender = kit_host_sender(&host);

        poll_for_all(&host, sender, 100);
        assert_int_equal(smew_bus_poll(host.bus, 2, 0), SMEW_TIMEOUT);
        kit_host_close(&host, sender);
    }
}

static void it_waits_in_no_other_way(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;

    (void)state;
    options.waiting = SMEW_WAITING_SLEEP + 1;
    assert_int_equal(smew_bus_open(kit_test_url(), &options, &bus, NULL), SMEW_INVALID);
}

/* Its fd tells of what the service thread has read, so that has to read all. */
static void with_a_loop_of_its_own_it_does_not(void **state)
{
    struct kit_host host = {.bus = open_host()};
    struct smew_bus *sender = kit_host_sender(&host);
    struct pollfd ready = {.fd = smew_bus_fd(host.bus), .events = POLLIN};
    uint64_t polled = kit_stats(host.bus).polled;
    pthread_t thread;
    void *failed;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, send_all, sender), 0);
    while (host.next < NUMBERS && !host.wrong) {
        assert_int_equal(poll(&ready, 1, KIT_WAIT_MS), 1);
        (void)!smew_bus_poll(host.bus, 0, 3);
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(kit_stats(host.bus).polled, polled);
    kit_host_close(&host, sender);
}

/* What a sink has and its thread has not completed. */
struct queue {
    pthread_mutex_t lock;
    struct smew_message *messages[QUEUE_MOST]; /* more than the window */
    size_t count;
};

static void put_aside(struct smew_message *message, void *user)
{
    struct queue *queue = user;

    (void)pthread_mutex_lock(&queue->lock);
    queue->messages[queue->count++] = message;
    (void)pthread_mutex_unlock(&queue->lock);
}

static void complete_all(struct queue *queue)
{
    struct smew_message *message;

    do {
        (void)pthread_mutex_lock(&queue->lock);
        message = queue->count ? queue->messages[--queue->count] : NULL;
        (void)pthread_mutex_unlock(&queue->lock);
        if (message)
            smew_message_complete(message, SMEW_OK);
    } while (message);
}

struct flood {
    struct smew_bus *bus;
    struct queue *queue;
    atomic_bool stop;
};

static void *send_to_sink(void *argument)
{
    struct flood *flood = argument;

    while (!flood->stop) {
        (void)!smew_bus_send(flood->bus, "sink", "N", NULL, 0, NULL);
        complete_all(flood->queue);
    }
    return NULL;
}

/* What it finds may be for others, and goes straight to them. */
static void a_poller_reads_for_sinks_too(void **state)
{
    static struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct smew__sink sink = {.deliver = put_aside, .user = &queue};
    struct kit_host host = {.bus = open_host()};
    struct flood flood = {.bus = kit_host_sender(&host), .queue = &queue};
    uint64_t polled = kit_stats(host.bus).polled;
    pthread_t thread;

    (void)state;
    assert_int_equal(smew__bus_register_sink(host.bus, "sink", &sink, NULL, NULL), SMEW_OK);
    assert_int_equal(pthread_create(&thread, NULL, send_to_sink, &flood), 0);
    while (kit_stats(host.bus).polled < polled + READ_FOR_SINKS)
        (void)!smew_bus_poll(host.bus, 1, 0);
    flood.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    while (smew_bus_flush(flood.bus, 0) != SMEW_OK) {
        complete_all(&queue);
        (void)!smew_bus_poll(host.bus, 1, 0);
    }
    kit_host_close(&host, flood.bus);
}

/* ---- giving back --------------------------------------------------------------------- */

/* Whoever has taken the lanes and does not come back: the service thread reads on. */
static void who_stops_polling_leaves_nothing_lying(void **state)
{
    struct kit_host host = {.bus = open_host()};
    struct smew_bus *sender = kit_host_sender(&host);
    uint64_t number = 0;

    (void)state;
    for (int i = 0; i < 20; i++) {
        uint64_t polled = kit_stats(host.bus).polled;
        uint64_t delivered;

        while (kit_stats(host.bus).polled == polled) {
            kit_send(sender, "m", number++);
            for (int looks = 0; looks < 200; looks++) /* as one does who is busy */
                (void)!smew_bus_poll(host.bus, 0, 0);
        }
        while (host.next < number)
            (void)!smew_bus_poll(host.bus, 0, 0);
        delivered = kit_stats(host.bus).delivered;
        kit_send(sender, "m", number++);
        kit_wait_delivered(host.bus, delivered + 1); /* though nobody polls */
    }
    while (host.next < number)
        (void)!smew_bus_poll(host.bus, 10, 0);
    kit_host_close(&host, sender);
}

/* ---- waking ---------------------------------------------------------------------------- */

enum { WAKES = 20000, LOOKS = 5 };

struct waker {
    struct smew_bus *bus;
    atomic_uint asked;
    atomic_uint done;
    pthread_t thread;
};

static void *wake(void *argument)
{
    struct waker *waker = argument;

    for (unsigned i = 1; i <= WAKES; i++) {
        while (waker->asked < i)
            ;
        smew_bus_wake(waker->bus);
        waker->done = i;
    }
    return NULL;
}

/* Polled while it happens, and a little longer: then the fd says that there is nothing. */
static void a_wake_leaves_nothing_behind(void **state)
{
    struct waker waker = {.bus = open_host()};
    struct pollfd ready = {.fd = smew_bus_fd(waker.bus), .events = POLLIN};

    (void)state;
    assert_int_equal(pthread_create(&waker.thread, NULL, wake, &waker), 0);
    for (unsigned i = 1; i <= WAKES; i++) {
        waker.asked = i;
        while (waker.done < i)
            (void)!smew_bus_poll(waker.bus, 0, 0);
        for (int looks = 0; looks < LOOKS; looks++)
            (void)!smew_bus_poll(waker.bus, 0, 0);
        assert_int_equal(poll(&ready, 1, 0), 0);
    }
    assert_int_equal(pthread_join(waker.thread, NULL), 0);
    kit_close(waker.bus);
}

/* ---- closing ----------------------------------------------------------------------------- */

static void note_handled(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)message;
    ++*(unsigned *)user;
}

/* What was handled is told, however early the poller stopped and the bus was closed. */
static void what_was_handled_is_no_dead_letter(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *host = open_host();
    struct smew_bus *senders[2];
    static struct kit_log letters;
    unsigned handled[2] = {0, 0};

    (void)state;
    kit_log_init(&letters);
    options.on_dead_letter = kit_note_letter;
    options.user = &letters;
    options.linger_ms = 100;
    for (int i = 0; i < 2; i++) {
        senders[i] = kit_open(&options);
        kit_warm_up(senders[i], host);
    }
    kit_register(host, "a", note_handled, &handled[0]);
    kit_register(host, "b", note_handled, &handled[1]);
    for (int looks = 0; looks < NUMBERS; looks++) /* it takes the lanes */
        (void)!smew_bus_poll(host, 0, 0);
    for (int i = 0; i < 2; i++) {
        kit_send(senders[0], "a", 1);
        kit_send(senders[1], "b", 1);
    }
    while (handled[0] + handled[1] < 3)
        (void)!smew_bus_poll(host, 0, 1);
    smew_bus_close(host, 0, NULL);
    for (int i = 0; i < 2; i++) {
        while (kit_stats(senders[i]).in_flight)
            (void)!smew_bus_poll(senders[i], 10, 0);
        (void)!smew_bus_poll(senders[i], 10, 0);
    }
    assert_int_equal(handled[0] + handled[1] + letters.count, 4);
    for (int i = 0; i < 2; i++)
        kit_close(senders[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_busy_poller_reads_itself),
        SUPPORT_TEST(a_sleepy_one_misses_nothing),
        SUPPORT_TEST(it_may_wait_as_it_likes),
        SUPPORT_TEST(it_waits_in_no_other_way),
        SUPPORT_TEST(with_a_loop_of_its_own_it_does_not),
        SUPPORT_TEST(a_poller_reads_for_sinks_too),
        SUPPORT_TEST(who_stops_polling_leaves_nothing_lying),
        SUPPORT_TEST(a_wake_leaves_nothing_behind),
        SUPPORT_TEST(what_was_handled_is_no_dead_letter),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
