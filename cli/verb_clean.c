/* SPDX-License-Identifier: MIT */
/* `smew clean`: reaps what crashes left, below the default runtime directory.  Joins no bus. */
#include "cli/command.h"

enum smew__exit smew__verb_clean(struct smew__command *command)
{
    struct smew_clean_report report;
    struct smew_error error;
    json_t *document;

    if (smew_bus_clean(NULL, &report, &error) != SMEW_OK)
        return smew__complain(command, SMEW__EXIT_FAILED, "cannot clean: %s", error.text);
    if (command->output.format == SMEW__FORMAT_TABLE)
        fprintf(command->output.stream, "%zu %s looked at, %zu in use, %zu left-overs removed\n",
                report.buses, report.buses == 1 ? "bus" : "buses", report.in_use, report.reaped);
    document = json_pack("{s:I, s:I, s:I}", "buses", (json_int_t)report.buses, "in_use",
                         (json_int_t)report.in_use, "reaped", (json_int_t)report.reaped);
    smew__output_json(&command->output, document);
    json_decref(document);
    return SMEW__EXIT_OK;
}
