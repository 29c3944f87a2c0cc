/* SPDX-License-Identifier: MIT */
/* `smew version`: of the library that the command is linked with. */
#include <smew/version.h>

#include "cli/command.h"

enum smew__exit smew__verb_version(struct smew__command *command)
{
    json_t *document = json_pack("{s:s}", "version", smew_version());

    if (command->output.format == SMEW__FORMAT_TABLE)
        fprintf(command->output.stream, "smew %s\n", smew_version());
    smew__output_json(&command->output, document);
    json_decref(document);
    return SMEW__EXIT_OK;
}
