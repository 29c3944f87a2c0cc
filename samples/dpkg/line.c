/* SPDX-License-Identifier: MIT */
/*
 * Happy path: the time's shape is checked, the verb looked up, and of a status line the three
 * words after it taken apart.  A log is input from outside: whatever does not fit is malformed,
 * and a package's name is held to dpkg's characters, so that it is safe in a machine id.
 */
#include "samples/dpkg/line.h"

#include <stdbool.h>
#include <string.h>

static const char *const status_names[] = {
    [FEEDER_NOT_INSTALLED] = "not-installed",
    [FEEDER_CONFIG_FILES] = "config-files",
    [FEEDER_HALF_INSTALLED] = "half-installed",
    [FEEDER_UNPACKED] = "unpacked",
    [FEEDER_HALF_CONFIGURED] = "half-configured",
    [FEEDER_TRIGGERS_AWAITED] = "triggers-awaited",
    [FEEDER_TRIGGERS_PENDING] = "triggers-pending",
    [FEEDER_INSTALLED] = "installed",
    [FEEDER_UNKNOWN] = "unknown",
};

/* The verbs of lines that are no events. */
static const char *const other_verbs[] = {
    "startup",   "install",  "upgrade", "configure", "trigproc",
    "disappear", "conffile", "remove",  "purge",
};

/* A piece of the line. */
struct word {
    const char *text;
    size_t length;
};

const char *feeder_status_name(enum feeder_status status)
{
    return status_names[status];
}

static bool is_word(struct word word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.text, text, word.length) == 0;
}

enum feeder_status feeder_status_of(const char *word, size_t length)
{
    int status = FEEDER_NOT_INSTALLED;

    while (status < FEEDER_UNKNOWN && !is_word((struct word){word, length}, status_names[status]))
        status++;
    return (enum feeder_status)status;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes the word before the next space off the rest; an empty one when there is none. */
static struct word take_word(struct word *rest)
{
    const char *space = rest->length > 0 ? memchr(rest->text, ' ', rest->length) : NULL;
    struct word word = {rest->text, space != NULL ? (size_t)(space - rest->text) : rest->length};
    size_t taken = word.length + (space != NULL ? 1 : 0);

    rest->text += taken;
    rest->length -= taken;
    return word;
}

/* "2025-06-24 14:36:25 ": a digit for each 0 of the shape, and else what stands there. */
static bool take_time(struct word *rest)
{
    static const char shape[] = "0000-00-00 00:00:00 ";
    size_t length = sizeof(shape) - 1;

    if (rest->length < length)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool fits = shape[i] == '0' ? is_digit(rest->text[i]) : rest->text[i] == shape[i];

        if (!fits)
            return false;
    }
    rest->text += length;
    rest->length -= length;
    return true;
}

/* NAME or NAME:ARCH, in the characters that dpkg allows.  Logs before 2012 have no ARCH. */
static bool is_package(struct word word)
{
    const char *colon = word.length > 0 ? memchr(word.text, ':', word.length) : NULL;
    size_t name_length = colon != NULL ? (size_t)(colon - word.text) : word.length;

    if (word.length > FEEDER_PACKAGE_MAX || name_length == 0 || !is_alphanumeric(word.text[0]) ||
        name_length + 1 == word.length)
        return false;
    for (size_t i = 0; i < word.length; i++) {
        char c = word.text[i];
        const char *others = i < name_length ? "+-._" : "-";

        if (i != name_length && !is_alphanumeric(c) && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return true;
}

static struct feeder_line malformed(const char *fault)
{
    return (struct feeder_line){
        .kind = FEEDER_LINE_MALFORMED, .status = FEEDER_UNKNOWN, .fault = fault};
}

static struct feeder_line parse_status(struct word rest)
{
    struct word state = take_word(&rest);
    struct word package = take_word(&rest);
    struct word version = take_word(&rest);
    struct feeder_line line = {
        .kind = FEEDER_LINE_EVENT,
        .status = feeder_status_of(state.text, state.length),
        .package = package.text,
        .package_length = package.length,
    };

    if (line.status == FEEDER_UNKNOWN)
        return malformed("no status of dpkg's");
    if (!is_package(package))
        return malformed("no NAME:ARCH of a package");
    if (version.length == 0)
        return malformed("no version");
    if (rest.length > 0)
        return malformed("more words than a status line has");
    return line;
}

struct feeder_line feeder_line_parse(const char *text, size_t length)
{
    struct word rest = {text, length};
    struct word verb;

    if (length > FEEDER_LINE_MAX)
        return malformed("longer than any line of dpkg's");
    if (!take_time(&rest))
        return malformed("does not begin with a time");
    verb = take_word(&rest);
    if (is_word(verb, "status"))
        return parse_status(rest);
    for (size_t i = 0; i < sizeof(other_verbs) / sizeof(other_verbs[0]); i++) {
        if (is_word(verb, other_verbs[i]))
            return (struct feeder_line){.kind = FEEDER_LINE_OTHER, .status = FEEDER_UNKNOWN};
    }
    return malformed("no verb of dpkg's");
}
