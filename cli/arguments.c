/* SPDX-License-Identifier: MIT */
/*
 * Reading a command line by tables.  Happy path: each word is an option with its value or a
 * positional, which moves to the front of argv.  Failure: one sentence that names the word, with
 * the nearest option where one was misspelt.
 */
#include "cli/arguments.h"

#include <string.h>

#include "base/status.h"
#include "base/suggest.h"

/* The words still to be read. */
struct words {
    char **argv;
    int count;
    int at;
};

void smew__arguments_init(struct smew__arguments *arguments, const struct smew__option *common)
{
    *arguments = (struct smew__arguments){.tables = {common, NULL}};
}

bool smew__parse_number(const char *text, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');

        if (*text < '0' || *text > '9' || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > most)
        return false;
    *number = value;
    return true;
}

static const struct smew__option *find_name(const struct smew__arguments *arguments,
                                            const char *name, size_t length)
{
    for (size_t t = 0; t < SMEW__TABLES_MAX; t++) {
        const struct smew__option *option = arguments->tables[t];

        for (; option != NULL && option->name != NULL; option++)
            if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
                return option;
    }
    return NULL;
}

static const struct smew__option *find_letter(const struct smew__arguments *arguments, char letter)
{
    for (size_t t = 0; t < SMEW__TABLES_MAX; t++) {
        const struct smew__option *option = arguments->tables[t];

        for (; option != NULL && option->name != NULL; option++)
            if (option->letter != '\0' && option->letter == letter)
                return option;
    }
    return NULL;
}

static enum smew_status fail_unknown(const struct smew__arguments *arguments, const char *word,
                                     struct smew_error *error)
{
    struct smew__suggestion nearest;
    char name[SMEW__SUGGEST_MAX], text[SMEW__SUGGEST_MAX + 32];
    size_t length = strcspn(word, "=");

    if (length >= sizeof(name))
        length = sizeof(name) - 1;
    memcpy(name, word, length);
    name[length] = '\0';
    smew__suggest_init(&nearest, name);
    for (size_t t = 0; t < SMEW__TABLES_MAX; t++) {
        const struct smew__option *option = arguments->tables[t];

        for (; option != NULL && option->name != NULL; option++) {
            char dashed[SMEW__SUGGEST_MAX] = "--";

            strncat(dashed, option->name, sizeof(dashed) - 3);
            smew__suggest_offer(&nearest, dashed);
        }
    }
    return smew__fail(error, SMEW_INVALID, "there is no option %s%s", name,
                      smew__suggest_text(&nearest, text));
}

/* True when the text is one of "a|b|c". */
static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);

    for (const char *at = choices; length > 0; at++) {
        size_t part = strcspn(at, "|");

        if (part == length && memcmp(at, text, length) == 0)
            return true;
        at += part;
        if (*at == '\0')
            break;
    }
    return false;
}

static enum smew_status check_value(struct smew__given *given, struct smew_error *error)
{
    const struct smew__option *option = given->option;

    switch (option->kind) {
    case SMEW__OPTION_NUMBER:
    case SMEW__OPTION_NUMBER_OR_BARE:
        if (given->text != NULL && !smew__parse_number(given->text, option->most, &given->number))
            return smew__fail(error, SMEW_INVALID,
                              "--%s %s: a whole number from 0 to %llu is needed", option->name,
                              given->text, (unsigned long long)option->most);
        return SMEW_OK;
    case SMEW__OPTION_CHOICE:
        if (!is_choice(option->value, given->text))
            return smew__fail(error, SMEW_INVALID, "--%s %s: it must be one of %s", option->name,
                              given->text, option->value);
        return SMEW_OK;
    case SMEW__OPTION_FLAG:
    case SMEW__OPTION_TEXT:
        break;
    }
    return SMEW_OK;
}

/* Notes an option; `text` is what stood behind '=' or the letter, or NULL. */
static enum smew_status take_option(struct smew__arguments *arguments,
                                    const struct smew__option *option, const char *text,
                                    struct words *words, struct smew_error *error)
{
    struct smew__given given = {.option = option, .text = text};
    const char *next = words->at < words->count ? words->argv[words->at] : NULL;
    uint64_t number;

    if (arguments->given_count == SMEW__GIVEN_MAX)
        return smew__fail(error, SMEW_INVALID, "more than %d options", (int)SMEW__GIVEN_MAX);
    if (option->kind == SMEW__OPTION_FLAG && text != NULL)
        return smew__fail(error, SMEW_INVALID, "--%s takes no value", option->name);
    if (option->kind == SMEW__OPTION_NUMBER_OR_BARE) {
        if (text == NULL && next != NULL && smew__parse_number(next, UINT64_MAX, &number))
            given.text = words->argv[words->at++];
    } else if (option->kind != SMEW__OPTION_FLAG && text == NULL) {
        if (next == NULL)
            return smew__fail(error, SMEW_INVALID, "--%s needs a value: --%s %s", option->name,
                              option->name, option->value);
        given.text = words->argv[words->at++];
    }
    if (check_value(&given, error) != SMEW_OK)
        return SMEW_INVALID;
    arguments->given[arguments->given_count++] = given;
    return SMEW_OK;
}

static enum smew_status take_long(struct smew__arguments *arguments, const char *word,
                                  struct words *words, struct smew_error *error)
{
    size_t length = strcspn(word + 2, "=");
    const struct smew__option *option = find_name(arguments, word + 2, length);

    if (option == NULL)
        return fail_unknown(arguments, word, error);
    return take_option(arguments, option, word[2 + length] == '=' ? word + 3 + length : NULL, words,
                       error);
}

/* `-o json`, `-ojson`; letters of flags do not join, since there are hardly any. */
static enum smew_status take_short(struct smew__arguments *arguments, const char *word,
                                   struct words *words, struct smew_error *error)
{
    const struct smew__option *option = find_letter(arguments, word[1]);

    if (option == NULL)
        return fail_unknown(arguments, word, error);
    return take_option(arguments, option, word[2] != '\0' ? word + 2 : NULL, words, error);
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static enum smew_status take_word(struct smew__arguments *arguments, struct words *words,
                                  struct smew_error *error)
{
    const char *word = words->argv[words->at++];

    return word[1] == '-' ? take_long(arguments, word, words, error)
                          : take_short(arguments, word, words, error);
}

enum smew_status smew__arguments_leading(struct smew__arguments *arguments, int argc, char **argv,
                                         int *taken, struct smew_error *error)
{
    struct words words = {.argv = argv, .count = argc};

    while (words.at < argc && is_option(argv[words.at]) && strcmp(argv[words.at], "--") != 0)
        if (take_word(arguments, &words, error) != SMEW_OK)
            return SMEW_INVALID;
    *taken = words.at;
    return SMEW_OK;
}

enum smew_status smew__arguments_read(struct smew__arguments *arguments,
                                      const struct smew__option *options, int argc, char **argv,
                                      struct smew_error *error)
{
    struct words words = {.argv = argv, .count = argc};
    bool options_end = false;

    arguments->tables[1] = options;
    arguments->positional = argv;
    while (words.at < argc) {
        char *word = argv[words.at];

        if (options_end || !is_option(word)) {
            /* Never further back than what is being read: nothing unread is overwritten. */
            arguments->positional[arguments->count++] = word;
            words.at++;
        } else if (strcmp(word, "--") == 0) {
            options_end = true;
            words.at++;
        } else if (take_word(arguments, &words, error) != SMEW_OK) {
            return SMEW_INVALID;
        }
    }
    return SMEW_OK;
}

static const struct smew__given *last_given(const struct smew__arguments *arguments,
                                            const char *name)
{
    for (size_t i = arguments->given_count; i > 0; i--)
        if (strcmp(arguments->given[i - 1].option->name, name) == 0)
            return &arguments->given[i - 1];
    return NULL;
}

bool smew__option_given(const struct smew__arguments *arguments, const char *name)
{
    return last_given(arguments, name) != NULL;
}

const char *smew__option_text(const struct smew__arguments *arguments, const char *name,
                              const char *otherwise)
{
    const struct smew__given *given = last_given(arguments, name);

    return given != NULL && given->text != NULL ? given->text : otherwise;
}

uint64_t smew__option_number(const struct smew__arguments *arguments, const char *name,
                             uint64_t otherwise)
{
    const struct smew__given *given = last_given(arguments, name);

    return given != NULL && given->text != NULL ? given->number : otherwise;
}
