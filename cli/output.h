/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_OUTPUT_H
#define SMEW_CLI_OUTPUT_H

/*
 * What a verb found, on stdout, in the form that was asked for.  A verb gathers JSON rows once;
 * `json` prints them as one document, `jsonl` as a line each, `table` picks and renders the
 * columns that people look at.  What other programs named (ids, states, node names) never reaches
 * the terminal with control characters in it.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum smew__format {
    SMEW__FORMAT_TABLE = 0,
    SMEW__FORMAT_JSON,
    SMEW__FORMAT_JSONL,
};

struct smew__output {
    enum smew__format format;
    FILE *stream;
    bool colour; /* a table on a terminal, and the user does not mind */
};

/* How a cell's value is rendered for people. */
enum smew__cell {
    SMEW__CELL_TEXT = 0,
    SMEW__CELL_COUNT, /* digits, aligned to the right */
    SMEW__CELL_BYTES, /* "1.2 MB" */
    SMEW__CELL_MS,    /* "120 ms", "3 h 12 m" */
};

struct smew__column {
    const char *key; /* of the row; a member that is missing is shown as "–" */
    const char *heading;
    enum smew__cell cell;
};

enum smew__colour {
    SMEW__PLAIN = 0,
    SMEW__BOLD,
    SMEW__DIM,
    SMEW__RED,
    SMEW__GREEN,
    SMEW__YELLOW,
};

enum { SMEW__COLUMNS_MAX = 20, SMEW__CELL_SIZE = 320 };

/* `format` is "table", "json", "jsonl" or NULL. */
void smew__output_init(struct smew__output *output, FILE *stream, const char *format);

/* The escape sequence that begins a colour, SMEW__PLAIN to end it; "" without colours. */
const char *smew__paint(const struct smew__output *output, enum smew__colour colour);

/* Rows as a table, with `empty` (a line for people) where there are none. */
void smew__output_table(const struct smew__output *output, const json_t *rows,
                        const struct smew__column *columns, size_t count, const char *empty);

/* One document: a line for `jsonl`, indented for `json`.  Nothing for `table`. */
void smew__output_json(const struct smew__output *output, const json_t *document);

/* One object to a line in both JSON forms: for rows and for streams. */
void smew__output_line(const struct smew__output *output, const json_t *object);

/* Copies text for a terminal: control characters become '?', what does not fit is cut. */
void smew__output_clean(char *buffer, size_t size, const char *text);

/* "0.18 ms", "12 µs", "3.2 s": three digits or so of a duration. */
void smew__format_ns(char *buffer, size_t size, unsigned long long ns);

#endif
