/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_COMMAND_H
#define SMEW_CLI_COMMAND_H

/*
 * The command and its verbs.  Everything that is known of a verb stands in one table, from which
 * the command line is read and the help is written.
 *
 * A verb's run function gets a checked command line, prints what it found through `output`, says
 * what went wrong through smew__complain() and answers the exit code.  Everything runs on the main
 * thread.
 */

#include <smew/bus.h>

#include "cli/arguments.h"
#include "cli/exit.h"
#include "cli/output.h"

struct smew__verb;

struct smew__command {
    const struct smew__verb *verb;
    struct smew__arguments arguments;
    struct smew__output output;
    const char *bus_url;
    bool help; /* --help: the verb's page instead of its work */
};

typedef enum smew__exit (*smew__verb_fn)(struct smew__command *command);

struct smew__verb {
    const char *name;
    const char *summary; /* one line */
    const char *usage;   /* the positionals and the most used options, without the name */
    const char *details; /* paragraphs and examples, each line ended; or NULL */
    const struct smew__option *options; /* or NULL */
    size_t least;                       /* positionals */
    size_t most;
    smew__verb_fn run;
};

/* The i-th verb, NULL beyond the last; and the one of a name, or NULL. */
const struct smew__verb *smew__verb_at(size_t index);
const struct smew__verb *smew__verb_find(const char *name);

/* Options that every verb takes, ended by a name of NULL. */
extern const struct smew__option smew__common_options[];

/*
 * `smew: the sentence` on stderr (JSON with its exit code where JSON was asked for).  Answers
 * `code`, so that a failure is `return smew__complain(command, SMEW__EXIT_…, "…", …)`.
 */
enum smew__exit smew__complain(const struct smew__command *command, enum smew__exit code,
                               const char *format, ...) SMEW_PRINTF(3, 4);

/* Joins the bus of the command line as "smew VERB"; says itself why it cannot. */
enum smew__exit smew__join(const struct smew__command *command, struct smew_bus_options *options,
                           struct smew_bus **bus);

/* One for each file verb_NAME.c. */
enum smew__exit smew__verb_run(struct smew__command *command);
enum smew__exit smew__verb_send(struct smew__command *command);
enum smew__exit smew__verb_ps(struct smew__command *command);
enum smew__exit smew__verb_show(struct smew__command *command);
enum smew__exit smew__verb_watch(struct smew__command *command);
enum smew__exit smew__verb_stat(struct smew__command *command);
enum smew__exit smew__verb_check(struct smew__command *command);
enum smew__exit smew__verb_clean(struct smew__command *command);
enum smew__exit smew__verb_help(struct smew__command *command);
enum smew__exit smew__verb_version(struct smew__command *command);

#endif
