/* SPDX-License-Identifier: MIT */
/*
 * What the verbs share: saying what went wrong, and joining the bus.  A refusal is one sentence
 * on stderr that says what, where and what to do; with `-o json` it is one JSON object, so that
 * a script reads both streams the same way.
 */
#include "cli/command.h"

#include <stdarg.h>
#include <stdlib.h>

enum { SENTENCE_SIZE = 2048 };

static void print_json(enum smew__exit code, const char *sentence)
{
    json_t *object = json_pack("{s:s, s:i}", "error", sentence, "exit", (int)code);

    if (object == NULL) /* out of memory, or a sentence that quotes invalid UTF-8 */
        object = json_pack("{s:s, s:i}", "error", "(not printable)", "exit", (int)code);
    json_dumpf(object, stderr, JSON_COMPACT);
    fputc('\n', stderr);
    json_decref(object);
}

enum smew__exit smew__complain(const struct smew__command *command, enum smew__exit code,
                               const char *format, ...)
{
    char sentence[SENTENCE_SIZE], clean[SENTENCE_SIZE];
    struct smew__output errors;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    if (command->output.format != SMEW__FORMAT_TABLE) {
        print_json(code, sentence);
        return code;
    }
    smew__output_init(&errors, stderr, NULL);
    smew__output_clean(clean, sizeof(clean), sentence);
    fprintf(stderr, "%ssmew:%s %s\n", smew__paint(&errors, SMEW__RED),
            smew__paint(&errors, SMEW__PLAIN), clean);
    return code;
}

enum smew__exit smew__join(const struct smew__command *command, struct smew_bus_options *options,
                           struct smew_bus **bus)
{
    struct smew_error error;
    char name[64];

    snprintf(name, sizeof(name), "smew %s", command->verb->name);
    options->name = name;
    if (smew_bus_open(command->bus_url, options, bus, &error) != SMEW_OK)
        return smew__complain(command, SMEW__EXIT_BUS, "cannot join %s: %s", command->bus_url,
                              error.text);
    options->name = NULL; /* the bus has copied it */
    return SMEW__EXIT_OK;
}
