/* SPDX-License-Identifier: MIT */
/* The kit of the bus's tests. */
#include "tests/bus/kit.h"

#include <stdio.h>
#include <string.h>

static const char *scheme = "inproc";

void kit_use(const char *name)
{
    struct smew_bus *bus;

    scheme = name;
    /* libuv's first loop makes things that stay: let them be there before leaks are counted. */
    if (smew_bus_open("inproc://first", NULL, &bus, NULL) == SMEW_OK)
        smew_bus_close(bus, 0, NULL);
}

const char *kit_scheme(void)
{
    return scheme;
}

bool kit_is_pipe(void)
{
    return strcmp(scheme, "pipe") == 0 || strcmp(scheme, "shm") == 0;
}

const char *kit_url(const char *name)
{
    static char urls[4][128];
    static unsigned next;
    char *url = urls[next++ % 4];

    (void)snprintf(url, sizeof(urls[0]), "%s://%s", scheme, name);
    return url;
}

const char *kit_test_url(void)
{
    return kit_url(strrchr(support_runtime_dir(), '/') + 1);
}

/* ---- nodes --------------------------------------------------------------------------- */

struct smew_bus *kit_open_at(const char *url, const struct smew_bus_options *options)
{
    struct smew_bus *bus = NULL;
    struct smew_error error = {0};

    if (smew_bus_open(url, options, &bus, &error) != SMEW_OK)
        fail_msg("cannot open %s: %s", url, error.text);
    assert_non_null(bus);
    return bus;
}

struct smew_bus *kit_open(const struct smew_bus_options *options)
{
    return kit_open_at(kit_test_url(), options);
}

void kit_close(struct smew_bus *bus)
{
    struct smew_left left = {9, 9, 9};

    smew_bus_close(bus, KIT_WAIT_MS, &left);
    assert_int_equal(left.unsent, 0);
    assert_int_equal(left.unprocessed, 0);
    assert_int_equal(left.requests, 0);
}

void kit_register(struct smew_bus *bus, const char *id, smew_handler_fn handler, void *user)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_error error = {0};

    options.timeout_ms = KIT_WAIT_MS; /* for the node that has to let go of it */
    if (smew_bus_register(bus, id, handler, user, &options, &error) != SMEW_OK)
        fail_msg("cannot register %s: %s", id, error.text);
}

struct smew_bus_stats kit_stats(struct smew_bus *bus)
{
    struct smew_bus_stats stats = {0};

    assert_int_equal(smew_bus_stats(bus, &stats), SMEW_OK);
    return stats;
}

/* ---- the record ---------------------------------------------------------------------- */

void kit_log_init(struct kit_log *log)
{
    log->count = 0;
    assert_int_equal(pthread_mutex_init(&log->lock, NULL), 0);
}

size_t kit_log_count(struct kit_log *log)
{
    size_t count;

    pthread_mutex_lock(&log->lock);
    count = log->count;
    pthread_mutex_unlock(&log->lock);
    return count;
}

static bool is_same(const char *wanted, const char *text)
{
    return wanted == NULL || strcmp(wanted, text) == 0;
}

size_t kit_log_matching(struct kit_log *log, const char *target, const char *event)
{
    size_t count = 0;

    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->count && i < KIT_SEEN_MOST; i++)
        count += is_same(target, log->seen[i].target) && is_same(event, log->seen[i].event);
    pthread_mutex_unlock(&log->lock);
    return count;
}

void kit_log_add(struct kit_log *log, const struct smew_message *message, enum smew_status status)
{
    struct kit_seen seen = {.status = status, .at_ns = smew_now_ns()};

    if (message != NULL) {
        (void)snprintf(seen.source, sizeof(seen.source), "%s", smew_message_source(message));
        (void)snprintf(seen.target, sizeof(seen.target), "%s", smew_message_target(message));
        (void)snprintf(seen.event, sizeof(seen.event), "%s", smew_message_event(message));
        seen.size = smew_message_payload_size(message);
        seen.number = kit_number(message);
        seen.missed = smew_message_missed(message);
        seen.redelivered = smew_message_redelivered(message);
        seen.id = smew_message_id(message);
        seen.kind = smew_message_kind(message);
    }
    pthread_mutex_lock(&log->lock);
    if (log->count < KIT_SEEN_MOST)
        log->seen[log->count] = seen;
    log->count++;
    pthread_mutex_unlock(&log->lock);
}

void kit_note(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    kit_log_add(user, message, SMEW_OK);
}

void kit_note_letter(struct smew_bus *bus, const struct smew_message *message,
                     enum smew_status reason, void *user)
{
    (void)bus;
    kit_log_add(user, message, reason);
}

void kit_note_reply(struct smew_bus *bus, enum smew_status status, const struct smew_message *reply,
                    void *user)
{
    (void)bus;
    kit_log_add(user, reply, status);
}

void kit_echo(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)user;
    if (smew_message_kind(message) == SMEW_KIND_REQUEST)
        (void)!smew_bus_reply(bus, message, smew_message_payload(message),
                              smew_message_payload_size(message), smew_message_content(message));
}

void kit_ignore(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)message;
    (void)user;
}

void kit_expect_run(struct kit_log *log, const char *target, uint64_t first, size_t count)
{
    uint64_t next = first;

    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->count && i < KIT_SEEN_MOST; i++) {
        const struct kit_seen *seen = &log->seen[i];
        uint64_t number = seen->number;

        if (!is_same(target, seen->target))
            continue;
        if (number != next) {
            pthread_mutex_unlock(&log->lock);
            fail_msg("entry %zu: number %llu instead of %llu", i, (unsigned long long)number,
                     (unsigned long long)next);
        }
        next++;
    }
    pthread_mutex_unlock(&log->lock);
    assert_int_equal(next - first, count);
}

/* ---- polling ------------------------------------------------------------------------- */

void kit_poll_until(struct smew_bus *bus, struct kit_log *log, size_t count)
{
    uint64_t deadline_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);

    while (kit_log_count(log) < count) {
        enum smew_status status = smew_bus_poll(bus, 10, 0);

        assert_true(status == SMEW_OK || status == SMEW_TIMEOUT);
        if (smew_now_ns() >= deadline_ns && kit_log_count(log) < count)
            fail_msg("only %zu of %zu came", kit_log_count(log), count);
    }
}

void kit_poll_all(struct smew_bus *bus)
{
    while (smew_bus_poll(bus, 0, 0) == SMEW_OK)
        ;
}

struct wanted {
    struct kit_log *log;
    size_t count;
};

static bool has_count(void *argument)
{
    const struct wanted *wanted = argument;

    return kit_log_count(wanted->log) >= wanted->count;
}

void kit_wait_until(struct kit_log *log, size_t count)
{
    struct wanted wanted = {log, count};

    if (!support_wait_until(has_count, &wanted, KIT_WAIT_MS))
        fail_msg("only %zu of %zu came", kit_log_count(log), count);
}

struct delivered {
    struct smew_bus *bus;
    uint64_t count;
};

static bool has_delivered(void *argument)
{
    const struct delivered *delivered = argument;

    return kit_stats(delivered->bus).delivered >= delivered->count;
}

void kit_wait_delivered(struct smew_bus *bus, uint64_t count)
{
    struct delivered delivered = {bus, count};

    if (!support_wait_until(has_delivered, &delivered, KIT_WAIT_MS))
        fail_msg("only %u of %u were delivered", (unsigned)kit_stats(bus).delivered,
                 (unsigned)count);
}

static void *poll_loop(void *argument)
{
    struct kit_poller *poller = argument;

    while (!atomic_load(&poller->stop))
        (void)!smew_bus_poll(poller->bus, 100, 0);
    return NULL;
}

void kit_poller_start(struct kit_poller *poller, struct smew_bus *bus)
{
    poller->bus = bus;
    atomic_init(&poller->stop, false);
    assert_int_equal(pthread_create(&poller->thread, NULL, poll_loop, poller), 0);
}

void kit_poller_stop(struct kit_poller *poller)
{
    atomic_store(&poller->stop, true);
    smew_bus_wake(poller->bus);
    assert_int_equal(pthread_join(poller->thread, NULL), 0);
}

uint64_t kit_number(const struct smew_message *message)
{
    uint64_t number = 0;

    if (smew_message_payload_size(message) >= sizeof(number))
        memcpy(&number, smew_message_payload(message), sizeof(number));
    return number;
}

/* ---- sending ------------------------------------------------------------------------- */

enum smew_status kit_send_number(struct smew_bus *bus, const char *target, uint64_t number,
                                 const struct smew_send_options *options)
{
    return smew_bus_send(bus, target, "NUMBER", &number, sizeof(number), options);
}

void kit_send(struct smew_bus *bus, const char *target, uint64_t number)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    assert_int_equal(kit_send_number(bus, target, number, &options), SMEW_OK);
}

struct smew_send_options kit_level(enum smew_level level)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.level = level;
    options.timeout_ms = KIT_WAIT_MS;
    return options;
}

void kit_hold(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct smew_message ***next = user;

    (void)bus;
    *(*next)++ = smew_message_hold(message);
}

struct warming {
    struct smew_bus *sender;
    struct smew_bus *host;
    uint64_t before;
};

static bool is_warm(void *argument)
{
    const struct warming *warming = argument;
    bool quiet = smew_bus_flush(warming->sender, 0) == SMEW_OK; /* before the next heartbeat */

    if (quiet && kit_stats(warming->sender).lanes_sent > warming->before)
        return true;
    if (quiet)
        kit_send(warming->sender, "warm", 0);
    (void)!smew_bus_poll(warming->host, 1, 0);
    return false;
}

void kit_warm_up(struct smew_bus *sender, struct smew_bus *host)
{
    struct warming warming = {sender, host, kit_stats(sender).lanes_sent};

    kit_register(host, "warm", kit_ignore, NULL);
    assert_true(support_wait_until(is_warm, &warming, KIT_WAIT_MS));
    assert_int_equal(smew_bus_unregister(host, "warm"), SMEW_OK);
}

struct smew_bus *kit_host_open(enum smew_waiting waiting)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.heartbeat_ms = KIT_RARE_MS;
    options.suspect_ms = 10 * KIT_RARE_MS;
    options.waiting = waiting;
    return kit_open(&options);
}

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct kit_host *host = user;

    (void)bus;
    if (kit_number(message) != host->next || smew_message_redelivered(message))
        host->wrong = true;
    host->next++;
}

struct smew_bus *kit_host_sender(struct kit_host *host)
{
    struct smew_bus *sender = kit_open(NULL);

    kit_warm_up(sender, host->bus);
    kit_register(host->bus, "m", on_number, host);
    return sender;
}

void kit_host_close(struct kit_host *host, struct smew_bus *sender)
{
    assert_false(host->wrong);
    while (smew_bus_flush(sender, 0) != SMEW_OK)
        (void)!smew_bus_poll(host->bus, 1, 0);
    kit_close(sender);
    kit_close(host->bus);
}
