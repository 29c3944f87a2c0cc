/* SPDX-License-Identifier: MIT */
/*
 * Happy path: the whole log is read into the history, a checkpoint says which of its events are
 * done, the rest is sent round after round through the exchange; while the log is followed, that
 * starts again for what was added.  Failure modes: malformed lines are told and skipped; without
 * memory, a readable log, a host or an answer in time it ends with a sentence, and the checkpoint
 * stands before the first line without an answer.
 */
#include "samples/dpkg/feed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <smew/transport.h>

#include "samples/dpkg/progress.h"
#include "samples/dpkg/resume.h"
#include "samples/dpkg/stop.h"

enum {
    FOLLOW_MS = 90,      /* between two looks at the log's end */
    CHECKPOINT_MS = 100, /* between two checkpoints */
};

static void on_answer(void *user, uint64_t index, struct feeder_piece json);

bool feeder_feed_init(struct feeder_feed *feed, const struct feeder_options *options,
                      struct smew_bus *bus)
{
    struct feeder_exchange_options exchange = {
        .window = options->window,
        .wait_ms = options->wait_ms,
        .timeout_ms = options->timeout_ms,
        .stoppable = true,
        .answer = on_answer,
        .user = feed,
    };

    memset(feed, 0, sizeof(*feed));
    feed->options = options;
    if (options->events > 0)
        feed->fleet.tag = (unsigned)getpid();
    feed->refusals = calloc((size_t)options->show + 1, sizeof(*feed->refusals));
    if (feed->refusals == NULL || !feeder_exchange_init(&feed->exchange, bus, &exchange)) {
        fputs("dpkg-feeder: out of memory\n", stderr);
        return false;
    }
    if (!feeder_log_open(&feed->log, options->log)) {
        perror(options->log);
        return false;
    }
    return true;
}

void feeder_feed_fini(struct feeder_feed *feed)
{
    feeder_exchange_fini(&feed->exchange);
    feeder_log_close(&feed->log);
    feeder_fleet_fini(&feed->fleet);
    feeder_history_fini(&feed->history);
    free(feed->refusals);
}

void feeder_feed_where(const struct feeder_feed *feed, uint64_t index, char *text, size_t room)
{
    const struct feeder_history *history = &feed->history;

    if (history->count == 0)
        snprintf(text, room, "%s", "");
    else if (index < history->count)
        snprintf(text, room, "line %" PRIu64, history->events[index].line);
    else
        snprintf(text, room, "line %" PRIu64 " in round %" PRIu64,
                 history->events[index % history->count].line, index / history->count + 1);
}

/* ---- reading ------------------------------------------------------------------------- */

static bool out_of_memory(void)
{
    fputs("dpkg-feeder: out of memory\n", stderr);
    return false;
}

static bool take_line(struct feeder_feed *feed)
{
    struct feeder_line line = feeder_line_parse(feed->log.text, feed->log.length);

    feed->lines++;
    if (line.kind == FEEDER_LINE_EVENT)
        return feeder_history_add(&feed->history, &line, feed->log.number) || out_of_memory();
    if (line.kind == FEEDER_LINE_MALFORMED && feed->malformed++ < feed->options->show)
        fprintf(stderr, "%s:%" PRIu64 ": skipped: %s\n", feed->options->log, feed->log.number,
                line.fault);
    return true;
}

/* Everything that is there now. */
static bool read_log(struct feeder_feed *feed)
{
    for (;;) {
        switch (feeder_log_next(&feed->log, feed->options->follow)) {
        case FEEDER_READ_LINE:
            if (!take_line(feed))
                return false;
            break;
        case FEEDER_READ_ROTATED:
            feed->file_first = feed->history.count;
            fprintf(stderr, "%s: rotated; going on with the new one\n", feed->options->log);
            break;
        case FEEDER_READ_END:
            return true;
        case FEEDER_READ_FAILED:
            perror(feed->options->log);
            return false;
        }
    }
}

/* ---- checkpoints --------------------------------------------------------------------- */

/* The line up to which all are processed: of the present file. */
static uint64_t processed_line(const struct feeder_feed *feed)
{
    uint64_t processed = feed->first + feed->exchange.completed;

    if (processed == feed->history.count)
        return feed->log.number;
    return processed > feed->file_first ? feed->history.events[processed - 1].line : 0;
}

static void save_checkpoint(struct feeder_feed *feed)
{
    struct feeder_checkpoint checkpoint;

    if (feed->options->checkpoint == NULL || feed->log.number == 0)
        return;
    checkpoint = (struct feeder_checkpoint){feed->log.first_hash, processed_line(feed)};
    feed->saved_ns = smew_now_ns();
    if (!feeder_checkpoint_save(feed->options->checkpoint, &checkpoint))
        fprintf(stderr, "dpkg-feeder: cannot write %s\n", feed->options->checkpoint);
}

/* What an earlier feeder has processed is said, and not sent again. */
static bool resume(struct feeder_feed *feed)
{
    const struct feeder_event *events = feed->history.events;
    struct feeder_checkpoint checkpoint;

    if (feed->options->checkpoint == NULL)
        return true;
    if (!feeder_checkpoint_load(feed->options->checkpoint, &checkpoint)) {
        fprintf(stderr, "dpkg-feeder: %s is no checkpoint\n", feed->options->checkpoint);
        return false;
    }
    if (checkpoint.line > 0 && checkpoint.log != feed->log.first_hash) {
        fprintf(stderr, "dpkg-feeder: %s is of another log; starting with line 1\n",
                feed->options->checkpoint);
        return true;
    }
    for (; feed->next < feed->history.count && events[feed->next].line <= checkpoint.line;
         feed->next++) {
        struct feeder_machine *machine =
            feeder_fleet_at(&feed->fleet, feeder_fleet_number(&feed->history, feed->next));

        if (machine == NULL)
            return out_of_memory();
        machine->said = events[feed->next].status;
    }
    feed->first = feed->next;
    if (checkpoint.log == 0)
        return true; /* there was none */
    fprintf(stderr, "dpkg-feeder: going on after line %" PRIu64 "\n", checkpoint.line);
    return feeder_resume(feed);
}

/* ---- answers ------------------------------------------------------------------------- */

static void refuse(struct feeder_feed *feed, uint64_t index, struct feeder_piece state)
{
    struct feeder_refusal *refusal;

    if (feed->refused++ >= feed->options->show)
        return;
    refusal = &feed->refusals[feed->refused - 1];
    refusal->index = index;
    snprintf(refusal->state, sizeof(refusal->state), "%.*s", (int)state.length, state.text);
}

static void tell(const struct feeder_feed *feed, uint64_t index, struct feeder_piece before,
                 struct feeder_piece after)
{
    char id[FEEDER_ID_ROOM];
    char where[64];

    feeder_fleet_id(&feed->fleet, &feed->history, feeder_fleet_number(&feed->history, index), id);
    feeder_feed_where(feed, index, where, sizeof(where));
    printf("%s: %s %.*s → %.*s\n", where, id, (int)before.length, before.text, (int)after.length,
           after.text);
    fflush(stdout);
}

static uint8_t status_of(struct feeder_piece state)
{
    return (uint8_t)(state.text != NULL ? feeder_status_of(state.text, state.length)
                                        : FEEDER_UNKNOWN);
}

/* Of the exchange, for each event that was processed. */
static void on_answer(void *user, uint64_t index, struct feeder_piece json)
{
    struct feeder_feed *feed = user;
    struct feeder_piece before = feeder_reply_string(json, "old");
    struct feeder_piece after = feeder_reply_string(json, "new");
    size_t number = feeder_fleet_number(&feed->history, index);
    struct feeder_machine *machine = &feed->fleet.machines[number];

    if (machine->now != FEEDER_UNKNOWN && machine->now != status_of(before))
        feeder_resume_note_cut(feed, number, (enum feeder_status)machine->now);
    machine->now = status_of(after);
    if (feeder_reply_true(json, "handled"))
        feed->transitions++;
    else
        refuse(feed, index, before);
    if (feeder_reply_true(json, "changed"))
        feed->changes++;
    if (feed->telling)
        tell(feed, index, before, after);
}

/* ---- sending ------------------------------------------------------------------------- */

static bool send_next(struct feeder_feed *feed)
{
    size_t number = feeder_fleet_number(&feed->history, feed->next);
    struct feeder_machine *machine = feeder_fleet_at(&feed->fleet, number);
    enum feeder_status status = feed->history.events[feed->next % feed->history.count].status;
    char id[FEEDER_ID_ROOM];

    if (machine == NULL)
        return out_of_memory();
    feeder_fleet_id(&feed->fleet, &feed->history, number, id);
    if (!feeder_exchange_ask(&feed->exchange, id, feeder_status_name(status), feed->next))
        return false;
    machine->said = (uint8_t)status;
    feed->next++;
    return true;
}

static bool explain(const struct feeder_feed *feed)
{
    char where[64];

    feeder_feed_where(feed, feed->exchange.failed, where, sizeof(where));
    fprintf(stderr, "dpkg-feeder: %s: %s\n", where, smew_status_text(feed->exchange.status));
    if (feed->exchange.status == SMEW_NO_MACHINE)
        fprintf(stderr,
                "nobody hosts pkg:* on %s; start: smew run samples/dpkg/dpkg.json "
                "--spawn 'pkg:*' --bus %s\n",
                feed->options->url, feed->options->url);
    return false;
}

/* Sends up to the given event and waits for the answers. */
static bool send_until(struct feeder_feed *feed, uint64_t end)
{
    struct feeder_progress progress = feeder_progress_start(end - feed->next);
    uint64_t started_ns = smew_now_ns();
    uint64_t from = feed->next;
    bool fine;

    while (feed->next < end && send_next(feed)) {
        feeder_progress_show(&progress, feed->next - from);
        if (smew_now_ns() - feed->saved_ns > CHECKPOINT_MS * UINT64_C(1000000))
            save_checkpoint(feed);
    }
    fine = feeder_exchange_drain(&feed->exchange) && (feed->next == end || feeder_stopped());
    if (fine && feed->next < end)
        fputs("dpkg-feeder: a signal came before the end\n", stderr);
    feed->took_ns += smew_now_ns() - started_ns;
    feeder_progress_end(&progress);
    save_checkpoint(feed);
    return fine || (feed->exchange.status != SMEW_OK && explain(feed));
}

/* What is added to the log, until a signal. */
static bool follow(struct feeder_feed *feed)
{
    printf("following %s until SIGINT or SIGTERM\n", feed->options->log);
    fflush(stdout);
    feed->telling = true;
    while (!feeder_stopped()) {
        enum smew_status status = smew_bus_poll(feed->exchange.bus, FOLLOW_MS, 0);

        if (status != SMEW_OK && status != SMEW_TIMEOUT) {
            fprintf(stderr, "dpkg-feeder: the bus failed: %s\n", smew_status_text(status));
            return false;
        }
        if (!read_log(feed) ||
            (feed->next < feed->history.count && !send_until(feed, feed->history.count)))
            return false;
    }
    return true;
}

bool feeder_feed_run(struct feeder_feed *feed)
{
    uint64_t end;

    if (!read_log(feed) || !resume(feed))
        return false;
    if (feed->options->shuffle)
        feeder_history_shuffle(&feed->history, feed->options->seed);
    end = feed->options->events > 0 ? feed->options->events : feed->history.count;
    if (feed->history.count > 0 && !send_until(feed, end))
        return false;
    return !feed->options->follow || follow(feed);
}
