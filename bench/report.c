/* SPDX-License-Identifier: MIT */
/*
 * The table: a row a line, ratios as median (min to max) of so many samples, near and far beside
 * each other; then the medians of both sides' own figures, with which a ratio can be judged.
 */
#include "bench/report.h"

#include <string.h>

/* Of the processors; what a computer does by itself. */
static const double quiet_below = 0.03;

enum { CELL_SIZE = BENCH_AMOUNT_SIZE, NAME_WIDTH = 44, RATIO_WIDTH = 27, FIGURE_WIDTH = 9 };

const char *bench_amount(double value, bool time_ns, char text[BENCH_AMOUNT_SIZE])
{
    static const char *const rates[] = {"/s", "k/s", "M/s", "G/s"};
    static const char *const times[] = {"ns", "us", "ms", "s"};
    int unit = 0;

    while (value >= 1000 && unit < 3) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(text, CELL_SIZE, "%.3g %s", value, time_ns ? times[unit] : rates[unit]);
    return text;
}

static const char *one_ratio(const struct bench_row *row, double value, char text[CELL_SIZE])
{
    if (row->opponent.peer == NULL)
        return bench_amount(value, row->subject.metric != BENCH_RATE, text);
    (void)snprintf(text, CELL_SIZE,
                   value >= 100  ? "%.0fx"
                   : value >= 10 ? "%.1fx"
                                 : "%.2fx",
                   value);
    return text;
}

static void ratio_text(const struct bench_row *row, enum bench_distance distance,
                       char text[CELL_SIZE * 4])
{
    const struct bench_spread spread = bench_row_ratios(row, distance);
    char median[CELL_SIZE], min[CELL_SIZE], max[CELL_SIZE];

    if (spread.count == 0) {
        (void)snprintf(text, CELL_SIZE * 4, "-");
        return;
    }
    (void)snprintf(text, CELL_SIZE * 4, "%s (%s..%s) %zu", one_ratio(row, spread.median, median),
                   one_ratio(row, spread.min, min), one_ratio(row, spread.max, max), spread.count);
}

/* One core's column is near's: a row has the one or the other. */
static void print_row(FILE *out, const struct bench_row *row)
{
    const bool same = bench_row_ratios(row, BENCH_SAME).count > 0;
    char floor[CELL_SIZE] = "", goal[CELL_SIZE] = "";
    char near[CELL_SIZE * 4], far[CELL_SIZE * 4];
    char subject[CELL_SIZE] = "-", opponent[CELL_SIZE] = "-";

    if (row->floor > 0) {
        (void)one_ratio(row, row->floor, floor);
        (void)one_ratio(row, row->goal, goal);
    }
    ratio_text(row, same ? BENCH_SAME : BENCH_NEAR, near);
    ratio_text(row, BENCH_FAR, far);
    if (row->count > 0)
        (void)bench_amount(bench_row_figures(row, false).median, row->subject.metric != BENCH_RATE,
                           subject);
    if (row->count > 0 && row->opponent.peer != NULL)
        (void)bench_amount(bench_row_figures(row, true).median, row->opponent.metric != BENCH_RATE,
                           opponent);
    (void)fprintf(out, "%-*s %8s %8s  %-*s %-*s %*s %*s  %s", NAME_WIDTH, row->name, floor, goal,
                  RATIO_WIDTH, near, RATIO_WIDTH, far, FIGURE_WIDTH, subject, FIGURE_WIDTH,
                  opponent, bench_verdict_text(bench_row_verdict(row)));
    if (row->dropped > 0)
        (void)fprintf(out, ", %zu dropped", row->dropped);
    if (row->error[0] != 0)
        (void)fprintf(out, ": %s", row->error);
    (void)fputc('\n', out);
}

void bench_report_text(FILE *out, const struct bench_row *rows, size_t count, double others)
{
    size_t verdicts[BENCH_GOAL + 1] = {0};

    (void)fprintf(out, "%-*s %8s %8s  %-*s %-*s %*s %*s  %s\n", NAME_WIDTH, "", "floor", "goal",
                  RATIO_WIDTH, "near (or one core)", RATIO_WIDTH, "far", FIGURE_WIDTH, "it",
                  FIGURE_WIDTH, "other", "verdict");
    for (size_t i = 0; i < count; i++) {
        print_row(out, &rows[i]);
        verdicts[bench_row_verdict(&rows[i])]++;
    }
    (void)fprintf(out,
                  "\n%zu reach the goal, %zu the floor; %zu are below it, %zu without sample\n",
                  verdicts[BENCH_GOAL], verdicts[BENCH_FLOOR], verdicts[BENCH_BELOW],
                  verdicts[BENCH_NOTHING]);
    if (others > quiet_below)
        (void)fprintf(out,
                      "others had %.0f %% of the processors meanwhile: measure again when it is "
                      "quiet\n",
                      others * 100);
}
