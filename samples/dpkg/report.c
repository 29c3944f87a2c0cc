/* SPDX-License-Identifier: MIT */
/* Figures first, then what is wrong, then the table: so that a screen's end has the verdict. */
#include "samples/dpkg/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the run ------------------------------------------------------------------------- */

static double us(uint64_t ns)
{
    return (double)ns / 1000;
}

static void report_trip(const struct feeder_feed *feed)
{
    const struct feeder_exchange *exchange = &feed->exchange;
    const struct feeder_latency *latency = &exchange->latency;
    char where[64];
    char id[FEEDER_ID_ROOM];

    if (latency->count == 0)
        return;
    feeder_feed_where(feed, exchange->slowest, where, sizeof(where));
    feeder_fleet_id(&feed->fleet, &feed->history,
                    feeder_fleet_number(&feed->history, exchange->slowest), id);
    printf("round trip  p50 %.1f µs, p90 %.1f µs, p99 %.1f µs, max %.1f µs (%s, %s); "
           "%" PRIu32 " at once\n",
           us(feeder_latency_quantile(latency, 0.5)), us(feeder_latency_quantile(latency, 0.9)),
           us(feeder_latency_quantile(latency, 0.99)), us(latency->max_ns), where, id,
           exchange->options.window);
}

static void report_refusals(const struct feeder_feed *feed)
{
    const struct feeder_history *history = &feed->history;
    char where[64];
    char id[FEEDER_ID_ROOM];

    for (uint64_t i = 0; i < feed->refused && i < feed->options->show; i++) {
        const struct feeder_refusal *refusal = &feed->refusals[i];
        const struct feeder_event *event = &history->events[refusal->index % history->count];

        feeder_feed_where(feed, refusal->index, where, sizeof(where));
        feeder_fleet_id(&feed->fleet, history, feeder_fleet_number(history, refusal->index), id);
        printf("%s: %s is %s: no transition for %s\n", where, id, refusal->state,
               feeder_status_name(event->status));
    }
    if (feed->refused > feed->options->show)
        printf("… and %" PRIu64 " lines more without a transition\n",
               feed->refused - feed->options->show);
}

void feeder_report_feed(const struct feeder_feed *feed)
{
    uint64_t answers = feed->exchange.completed;
    double seconds = (double)feed->took_ns / 1e9;

    printf("log         %s: %" PRIu64 " lines, %zu events of %" PRIu32 " packages, %" PRIu64
           " malformed\n",
           feed->options->log, feed->lines, feed->history.count, feed->history.package_count,
           feed->malformed);
    printf("bus         %s: %" PRIu64 " events in %.2f s, %.0f a second\n", feed->options->url,
           answers, seconds, seconds > 0 ? (double)answers / seconds : 0.0);
    printf("machines    %zu; %" PRIu64 " transitions, %" PRIu64 " to another state; %" PRIu64
           " lines without one\n",
           feed->fleet.count, feed->transitions, feed->changes, feed->refused);
    report_trip(feed);
    report_refusals(feed);
}

/* ---- the check ----------------------------------------------------------------------- */

static void report_table(const struct feeder_check *check)
{
    printf("\n%-18s %10s %10s%s\n", "STATE", "MACHINES", "LOG",
           check->queried ? " DPKG-QUERY" : "");
    for (int status = 0; status < FEEDER_STATUSES; status++) {
        if (check->is[status] + check->said[status] + check->query[status] == 0)
            continue;
        printf("%-18s %10" PRIu64 " %10" PRIu64, feeder_status_name((enum feeder_status)status),
               check->is[status], check->said[status]);
        if (check->queried)
            printf(" %10" PRIu64, check->query[status]);
        putchar('\n');
    }
    putchar('\n');
}

void feeder_report_check(const struct feeder_feed *feed, const struct feeder_check *check)
{
    uint64_t mismatches = check->log_mismatches + check->query_mismatches;

    report_table(check);
    if (check->moved > 0)
        printf("%" PRIu64 " packages changed their architecture; dpkg-query knows the new ones\n",
               check->moved);
    if (mismatches > 0)
        printf("%" PRIu64 " machines are not where the log says, %" PRIu64
               " not where dpkg-query says\n",
               check->log_mismatches, check->query_mismatches);
    else
        printf("all %" PRIu64 " machines are where the log%s\n", check->machines,
               check->queried ? " and dpkg-query say" : " says");
    if (feed->refused > 0)
        printf("%" PRIu64 " lines had no transition\n", feed->refused);
    if (feed->cuts > 0)
        printf("%" PRIu64 " lives were cut: their host died, and a machine keeps its state only as "
               "long as its host lives\n",
               feed->cuts);
}

/* ---- the states ---------------------------------------------------------------------- */

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One line for each machine that was asked; the caller frees them.  False when out of memory. */
static bool make_lines(const struct feeder_feed *feed, char **lines, size_t *count)
{
    char id[FEEDER_ID_ROOM];

    for (size_t number = 0; number < feed->fleet.count; number++) {
        const struct feeder_machine *machine = &feed->fleet.machines[number];

        if (machine->said == FEEDER_UNKNOWN)
            continue;
        feeder_fleet_id(&feed->fleet, &feed->history, number, id);
        if (asprintf(&lines[*count], "%s %s\n", id, feeder_status_name(machine->is)) < 0)
            return false;
        (*count)++;
    }
    return true;
}

static bool write_lines(char *const *lines, size_t count, const char *path)
{
    FILE *file = fopen(path, "we");
    bool fine = file != NULL;

    for (size_t i = 0; fine && i < count; i++)
        fine = fputs(lines[i], file) >= 0;
    if (file != NULL)
        fine = fclose(file) == 0 && fine;
    if (!fine)
        perror(path);
    return fine;
}

bool feeder_report_states(const struct feeder_feed *feed, const char *path)
{
    char **lines = calloc(feed->fleet.count + 1, sizeof(*lines));
    size_t count = 0;
    bool fine = lines != NULL && make_lines(feed, lines, &count);

    if (fine) {
        qsort(lines, count, sizeof(*lines), compare_lines);
        fine = write_lines(lines, count, path);
    } else {
        fputs("dpkg-feeder: out of memory\n", stderr);
    }
    for (size_t i = 0; i < count; i++)
        free(lines[i]);
    free(lines);
    return fine;
}
