/* SPDX-License-Identifier: MIT */
/*
 * How many messages make a sample is found out at a side's first turn: from a few on, as many more
 * as the time allows, until a lap lasts a third of it.
 *
 * Failure modes: a sample that fails is counted with its sentence; a row that failed twice without
 * any sample is given up, so that what is not there costs little.
 */
#include "bench/schedule.h"

#include <stdio.h>

#include "bench/probe.h"

enum {
    TRIES = 3,
    FIRST_COUNT = 32,
    GROWTH_MOST = 30,
    COUNT_LEAST = 8,
    COUNT_MOST = 50000000,
    GIVE_UP_AFTER = 2,
};

static bool stopped(const struct bench_plan *plan)
{
    return atomic_load_explicit(plan->stop, memory_order_relaxed);
}

static double figure(const struct bench_side *side, const struct bench_result *result)
{
    switch (side->metric) {
    case BENCH_RATE:
        return result->rate;
    case BENCH_P50:
        return result->p50_ns;
    case BENCH_P99:
        break;
    }
    return result->p99_ns;
}

static bool sample(const struct bench_plan *plan, const struct bench_side *side,
                   struct bench_result *result, char *error)
{
    return bench_sample(side->peer, &side->what, side->count, plan->directory, result, error);
}

static bool find_count(const struct bench_plan *plan, struct bench_side *side, char *error)
{
    const double wish = plan->sample_ms / 1e3;
    struct bench_result result;
    bool enough = false;

    if (side->count != 0)
        return true;
    side->count = plan->count != 0 ? plan->count : FIRST_COUNT;
    while (plan->count == 0 && !enough && !stopped(plan)) {
        double times;

        if (!sample(plan, side, &result, error)) {
            side->count = 0;
            return false;
        }
        times = wish / result.seconds;
        enough = times < 3 || side->count >= COUNT_MOST;
        times = times > GROWTH_MOST ? GROWTH_MOST : times;
        side->count = (uint64_t)((double)side->count * times);
        side->count = side->count < COUNT_LEAST ? COUNT_LEAST : side->count;
    }
    return true;
}

/* Takes the samples of a pair, in this order, with a probe before, between and after. */
static bool sample_pair(const struct bench_plan *plan, const struct bench_side *sides[2],
                        struct bench_result results[2], double probes[3], char *error)
{
    const bool probe = sides[0]->what.placement != BENCH_ONE && !plan->no_probe;

    probes[0] = probe ? bench_probe_ns() : 0;
    for (int i = 0; i < 2; i++) {
        if (sides[i]->peer != NULL && !sample(plan, sides[i], &results[i], error))
            return false;
        probes[i + 1] = probe && sides[i]->peer != NULL ? bench_probe_ns() : probes[i];
    }
    return true;
}

static enum bench_distance distance(double probe_ns)
{
    if (probe_ns == 0)
        return BENCH_SAME;
    return bench_probe_near(probe_ns) ? BENCH_NEAR : BENCH_FAR;
}

static bool steady(const struct bench_plan *plan, const struct bench_row *row,
                   const double probes[3])
{
    if (row->subject.what.placement == BENCH_ONE || plan->no_probe)
        return true;
    return probes[0] > 0 && probes[1] > 0 && probes[2] > 0 &&
           bench_probe_same(probes[0], probes[1]) && bench_probe_same(probes[1], probes[2]) &&
           bench_probe_near(probes[0]) == bench_probe_near(probes[2]) &&
           bench_probe_near(probes[0]) == bench_probe_near(probes[1]);
}

static void keep(struct bench_row *row, const struct bench_result *subject,
                 const struct bench_result *opponent, double probe_ns)
{
    struct bench_taken *taken = &row->taken[row->count++];

    taken->distance = distance(probe_ns);
    taken->probe_ns = probe_ns;
    taken->subject = figure(&row->subject, subject);
    taken->opponent = 1;
    if (row->opponent.peer != NULL)
        taken->opponent = figure(&row->opponent, row->one_sample ? subject : opponent);
}

/* One pair; false when it has to be taken again. */
static bool take_pair(const struct bench_plan *plan, struct bench_row *row, bool opponent_first)
{
    static const struct bench_side nobody;
    const struct bench_side *opponent = row->one_sample ? &nobody : &row->opponent;
    const struct bench_side *sides[2] = {&row->subject, opponent};
    struct bench_result results[2] = {{0}};
    double probes[3];

    if (opponent_first && opponent->peer != NULL) {
        sides[0] = opponent;
        sides[1] = &row->subject;
    } else {
        opponent_first = false;
    }
    if (!sample_pair(plan, sides, results, probes, row->error)) {
        row->failed++;
        return true;
    }
    if (!steady(plan, row, probes)) {
        row->dropped++;
        return false;
    }
    keep(row, &results[opponent_first ? 1 : 0], &results[opponent_first ? 0 : 1], probes[1]);
    return true;
}

static void take(const struct bench_plan *plan, struct bench_row *row, unsigned round)
{
    int cores[2];

    if ((row->failed >= GIVE_UP_AFTER && row->count == 0) || row->count == BENCH_SAMPLES_MOST)
        return;
    if (row->opponent.peer == NULL && row->error[0] != 0 && row->failed == 0)
        return; /* the opponent is not there */
    if (row->subject.what.placement == BENCH_PAIR && !bench_two_cores(cores)) {
        (void)snprintf(row->error, sizeof(row->error), "there are not two cores");
        return;
    }
    if (!find_count(plan, &row->subject, row->error) ||
        (row->opponent.peer != NULL && !row->one_sample &&
         !find_count(plan, &row->opponent, row->error))) {
        row->failed++;
        return;
    }
    for (int i = 0; i < TRIES && !stopped(plan); i++)
        if (take_pair(plan, row, round % 2 == 1))
            return;
}

static void show_progress(const struct bench_plan *plan, unsigned round,
                          const struct bench_row *row, size_t index, size_t count)
{
    if (plan->progress)
        (void)fprintf(stderr, "\r\033[Kround %u of %u, row %zu of %zu: %s", round + 1, plan->rounds,
                      index + 1, count, row->name);
}

void bench_schedule(const struct bench_plan *plan, struct bench_row *rows, size_t count)
{
    for (unsigned round = 0; round < plan->rounds; round++)
        for (size_t i = 0; i < count && !stopped(plan); i++) {
            show_progress(plan, round, &rows[i], i, count);
            take(plan, &rows[i], round);
        }
    if (plan->progress)
        (void)fprintf(stderr, "\r\033[K");
}
