/* SPDX-License-Identifier: MIT */

/* Statecharts without a bus: what a program needs that links smew::chart alone. */

#include <smew/chart.h>
#include <stdio.h>
#include <string.h>

static const char light[] = "{\"id\": \"light\", \"initial\": \"red\", \"states\": {"
                            "\"red\": {\"on\": {\"NEXT\": \"green\"}}, \"green\": {}}}";

int main(void)
{
    struct smew_chart *chart;
    struct smew_error error;

    if (smew_chart_load_json(light, strlen(light), "light.json", NULL, &chart, &error) != SMEW_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("%s has %zu states\n", smew_chart_id(chart), smew_chart_info(chart).states);
    smew_chart_unref(chart);
    return 0;
}
