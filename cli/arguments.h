/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_ARGUMENTS_H
#define SMEW_CLI_ARGUMENTS_H

/*
 * A command line, read by tables: `--name value`, `--name=value`, `-x value`, flags, `--` before
 * what only looks like an option.  Options and positionals may mix; the last of two equal options
 * wins.  Values are checked here, so that whoever asks for one gets a valid one.
 */

#include <smew/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum smew__option_kind {
    SMEW__OPTION_FLAG,
    SMEW__OPTION_TEXT,
    SMEW__OPTION_NUMBER,
    SMEW__OPTION_NUMBER_OR_BARE, /* `--wait`, `--wait=500`, `--wait 500` */
    SMEW__OPTION_CHOICE,         /* one of `value`, which reads "table|json|jsonl" */
};

/* A table of these ends with a name of NULL. */
struct smew__option {
    const char *name; /* without the dashes */
    char letter;      /* or 0 */
    enum smew__option_kind kind;
    const char *value;   /* what the help calls the value, or NULL */
    const char *summary; /* for the help: a clause without a full stop */
    uint64_t most;       /* the largest number that is valid */
};

struct smew__given {
    const struct smew__option *option;
    const char *text; /* NULL where the option stands alone */
    uint64_t number;
};

enum { SMEW__TABLES_MAX = 2, SMEW__GIVEN_MAX = 32 };

struct smew__arguments {
    const struct smew__option *tables[SMEW__TABLES_MAX]; /* any may be NULL */
    struct smew__given given[SMEW__GIVEN_MAX];
    size_t given_count;
    char **positional; /* into the argv that was read, whose order changes */
    size_t count;
};

void smew__arguments_init(struct smew__arguments *arguments, const struct smew__option *common);

/*
 * Reads options up to the first positional and answers in *taken how many of argv they were; for
 * what stands before the verb.  INVALID with a sentence.
 */
enum smew_status smew__arguments_leading(struct smew__arguments *arguments, int argc, char **argv,
                                         int *taken, struct smew_error *error);
/* Reads the whole, with a verb's own options (or NULL).  INVALID with a sentence. */
enum smew_status smew__arguments_read(struct smew__arguments *arguments,
                                      const struct smew__option *options, int argc, char **argv,
                                      struct smew_error *error);

bool smew__option_given(const struct smew__arguments *arguments, const char *name);
/* Also `otherwise` where the option stands alone. */
const char *smew__option_text(const struct smew__arguments *arguments, const char *name,
                              const char *otherwise);
uint64_t smew__option_number(const struct smew__arguments *arguments, const char *name,
                             uint64_t otherwise);

/* A whole number up to `most` and nothing else. */
bool smew__parse_number(const char *text, uint64_t most, uint64_t *number);

#endif
