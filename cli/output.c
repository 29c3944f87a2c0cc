/* SPDX-License-Identifier: MIT */
/*
 * Tables and JSON on stdout.  A table is measured first and printed then; widths count code
 * points, so that ids in any script line up.  Failure modes: a stream that breaks is noticed by
 * the command's main, which asks ferror(); a row without a column's member shows a dash.
 */
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_colour(FILE *stream)
{
    const char *terminal = getenv("TERM");
    const char *refused = getenv("NO_COLOR"); /* no-color.org */

    return isatty(fileno(stream)) && (refused == NULL || *refused == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

void smew__output_init(struct smew__output *output, FILE *stream, const char *format)
{
    *output = (struct smew__output){.stream = stream};
    if (format != NULL && strcmp(format, "json") == 0)
        output->format = SMEW__FORMAT_JSON;
    else if (format != NULL && strcmp(format, "jsonl") == 0)
        output->format = SMEW__FORMAT_JSONL;
    else
        output->colour = wants_colour(stream);
}

const char *smew__paint(const struct smew__output *output, enum smew__colour colour)
{
    static const char *const escapes[] = {
        [SMEW__PLAIN] = "\033[0m", [SMEW__BOLD] = "\033[1m",   [SMEW__DIM] = "\033[2m",
        [SMEW__RED] = "\033[31m",  [SMEW__GREEN] = "\033[32m", [SMEW__YELLOW] = "\033[33m",
    };

    return output->colour ? escapes[colour] : "";
}

void smew__output_clean(char *buffer, size_t size, const char *text)
{
    size_t length = 0;

    for (; text[length] != '\0' && length + 1 < size; length++) {
        unsigned char byte = (unsigned char)text[length];

        buffer[length] = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    /* C1 controls (U+0080 to U+009F) are escape sequences to some terminals. */
    for (size_t i = 0; i + 1 < length; i++)
        if ((unsigned char)buffer[i] == 0xc2 && (unsigned char)buffer[i + 1] < 0xa0)
            buffer[i] = buffer[i + 1] = '?';
    buffer[length] = '\0';
}

void smew__format_ns(char *buffer, size_t size, unsigned long long ns)
{
    double value = (double)ns;

    if (ns < 100000)
        snprintf(buffer, size, "%.*f µs", ns < 10000 ? 1 : 0, value / 1e3);
    else if (ns < 1000000000)
        snprintf(buffer, size, "%.*f ms", ns < 10000000 ? 2 : 0, value / 1e6);
    else
        snprintf(buffer, size, "%.1f s", value / 1e9);
}

static void format_ms(char *buffer, size_t size, json_int_t ms)
{
    long long seconds = ms / 1000;

    if (ms < 10000)
        snprintf(buffer, size, "%lld ms", (long long)ms);
    else if (seconds < 600)
        snprintf(buffer, size, "%lld s", seconds);
    else if (seconds < 36000)
        snprintf(buffer, size, "%lld min", seconds / 60);
    else
        snprintf(buffer, size, "%lld h", seconds / 3600);
}

static void format_bytes(char *buffer, size_t size, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;

    for (; bytes >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        bytes /= 1000;
    snprintf(buffer, size, "%.*f %s", unit > 0 && bytes < 100 ? 1 : 0, bytes, units[unit]);
}

static void format_document(char *buffer, size_t size, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    smew__output_clean(buffer, size, text != NULL ? text : "");
    free(text);
}

static void format_cell(char buffer[SMEW__CELL_SIZE], const json_t *value, enum smew__cell cell)
{
    size_t size = SMEW__CELL_SIZE;

    if (value == NULL || json_is_null(value))
        snprintf(buffer, size, "–");
    else if (json_is_string(value))
        smew__output_clean(buffer, size, json_string_value(value));
    else if (json_is_boolean(value))
        snprintf(buffer, size, json_is_true(value) ? "yes" : "no");
    else if (json_is_number(value) && cell == SMEW__CELL_BYTES)
        format_bytes(buffer, size, json_number_value(value));
    else if (json_is_integer(value) && cell == SMEW__CELL_MS)
        format_ms(buffer, size, json_integer_value(value));
    else
        format_document(buffer, size, value);
}

/* Code points; good enough as columns for what ids and states are made of. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        if (((unsigned char)*text & 0xc0) != 0x80)
            width++;
    return width;
}

static void put_cell(const struct smew__output *output, const char *text, size_t width,
                     enum smew__cell cell, bool last)
{
    size_t gap = width - width_of(text);

    if (cell == SMEW__CELL_TEXT)
        fprintf(output->stream, "%s%*s", text, last ? 0 : (int)gap + 2, "");
    else
        fprintf(output->stream, "%*s%s%s", (int)gap, "", text, last ? "" : "  ");
}

static void measure(const json_t *rows, const struct smew__column *columns, size_t count,
                    size_t widths[SMEW__COLUMNS_MAX])
{
    char text[SMEW__CELL_SIZE];
    size_t index;
    json_t *row;

    for (size_t c = 0; c < count; c++)
        widths[c] = width_of(columns[c].heading);
    json_array_foreach(rows, index, row)
    {
        for (size_t c = 0; c < count; c++) {
            size_t width;

            format_cell(text, json_object_get(row, columns[c].key), columns[c].cell);
            width = width_of(text);
            if (width > widths[c])
                widths[c] = width;
        }
    }
}

void smew__output_table(const struct smew__output *output, const json_t *rows,
                        const struct smew__column *columns, size_t count, const char *empty)
{
    size_t widths[SMEW__COLUMNS_MAX], index;
    char text[SMEW__CELL_SIZE];
    json_t *row;

    if (output->format != SMEW__FORMAT_TABLE)
        return;
    if (json_array_size(rows) == 0) {
        fprintf(output->stream, "%s\n", empty);
        return;
    }
    measure(rows, columns, count, widths);
    fputs(smew__paint(output, SMEW__BOLD), output->stream);
    for (size_t c = 0; c < count; c++)
        put_cell(output, columns[c].heading, widths[c], columns[c].cell, c + 1 == count);
    fprintf(output->stream, "%s\n", smew__paint(output, SMEW__PLAIN));
    json_array_foreach(rows, index, row)
    {
        for (size_t c = 0; c < count; c++) {
            format_cell(text, json_object_get(row, columns[c].key), columns[c].cell);
            put_cell(output, text, widths[c], columns[c].cell, c + 1 == count);
        }
        fputc('\n', output->stream);
    }
}

void smew__output_json(const struct smew__output *output, const json_t *document)
{
    size_t flags = output->format == SMEW__FORMAT_JSON ? JSON_INDENT(2) : JSON_COMPACT;

    if (output->format == SMEW__FORMAT_TABLE)
        return;
    json_dumpf(document, output->stream, flags | JSON_ENCODE_ANY);
    fputc('\n', output->stream);
}

void smew__output_line(const struct smew__output *output, const json_t *object)
{
    if (output->format == SMEW__FORMAT_TABLE)
        return;
    json_dumpf(object, output->stream, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', output->stream);
}
