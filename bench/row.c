/* SPDX-License-Identifier: MIT */
#include "bench/row.h"

struct bench_spread bench_row_ratios(const struct bench_row *row, enum bench_distance distance)
{
    double values[BENCH_SAMPLES_MOST];
    size_t count = 0;

    for (size_t i = 0; i < row->count; i++)
        if (row->taken[i].distance == distance)
            values[count++] = row->taken[i].subject / row->taken[i].opponent;
    return bench_spread(values, count);
}

struct bench_spread bench_row_figures(const struct bench_row *row, bool of_opponent)
{
    double values[BENCH_SAMPLES_MOST];

    for (size_t i = 0; i < row->count; i++)
        values[i] = of_opponent ? row->taken[i].opponent : row->taken[i].subject;
    return bench_spread(values, row->count);
}

static bool reaches(const struct bench_row *row, double value, double mark)
{
    return row->lower ? value <= mark : value >= mark;
}

enum bench_verdict bench_row_verdict(const struct bench_row *row)
{
    enum bench_verdict worst = BENCH_GOAL;

    if (row->count == 0)
        return BENCH_NOTHING;
    if (row->floor == 0)
        return BENCH_FIGURE;
    for (int i = 0; i < BENCH_DISTANCES; i++) {
        const struct bench_spread ratios = bench_row_ratios(row, (enum bench_distance)i);
        const bool far = i == BENCH_FAR && row->far_floor > 0;
        enum bench_verdict verdict = BENCH_BELOW;

        if (ratios.count == 0)
            continue;
        if (reaches(row, ratios.median, row->goal))
            verdict = BENCH_GOAL;
        else if (reaches(row, ratios.median, far ? row->far_floor : row->floor))
            verdict = BENCH_FLOOR;
        worst = verdict < worst ? verdict : worst;
    }
    return worst;
}

const char *bench_verdict_text(enum bench_verdict verdict)
{
    static const char *const texts[] = {
        [BENCH_NOTHING] = "no sample", [BENCH_FIGURE] = "-",  [BENCH_BELOW] = "BELOW",
        [BENCH_FLOOR] = "floor",       [BENCH_GOAL] = "goal",
    };

    return texts[verdict];
}

enum bench_wait bench_wait_for(const struct bench_peer *peer, enum bench_wait wish)
{
    if (wish == BENCH_SPIN)
        return (peer->can & BENCH_SPINS) != 0 ? BENCH_SPIN : BENCH_BLOCK;
    return (peer->can & BENCH_BLOCKS) != 0 ? BENCH_BLOCK : BENCH_SPIN;
}
