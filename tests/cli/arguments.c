/* SPDX-License-Identifier: MIT */
/* The command line's reader: every form of an option, and a sentence for every mistake. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"

static const struct smew__option common[] = {
    {"output", 'o', SMEW__OPTION_CHOICE, "table|json|jsonl", "", 0},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__option own[] = {
    {"id", 0, SMEW__OPTION_TEXT, "ID", "", 0},
    {"standby", 's', SMEW__OPTION_FLAG, NULL, "", 0},
    {"timeout", 0, SMEW__OPTION_NUMBER, "MS", "", 1000},
    {"wait", 0, SMEW__OPTION_NUMBER_OR_BARE, "MS", "", 1000},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

enum { WORDS_MAX = 64 };
static struct smew__arguments arguments;
static char *words[WORDS_MAX];
static char line[2000];
static struct smew_error error;

/* Reads a line of words, split at spaces. */
static enum smew_status read_line(const char *text)
{
    int count = 0;

    assert_true(strlen(text) < sizeof(line));
    memcpy(line, text, strlen(text) + 1);
    for (char *rest = line, *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        assert_true(count < WORDS_MAX);
        words[count++] = word;
    }
    error = (struct smew_error){.text = ""};
    smew__arguments_init(&arguments, common);
    return smew__arguments_read(&arguments, own, count, words, &error);
}

static void reads_every_form(void **state)
{
    (void)state;
    assert_int_equal(read_line("one --id=x --timeout 30 two -s -ojson three"), SMEW_OK);
    assert_int_equal(arguments.count, 3);
    assert_string_equal(arguments.positional[0], "one");
    assert_string_equal(arguments.positional[1], "two");
    assert_string_equal(arguments.positional[2], "three");
    assert_string_equal(smew__option_text(&arguments, "id", "-"), "x");
    assert_int_equal(smew__option_number(&arguments, "timeout", 0), 30);
    assert_true(smew__option_given(&arguments, "standby"));
    assert_string_equal(smew__option_text(&arguments, "output", "-"), "json");
    assert_false(smew__option_given(&arguments, "wait"));
    assert_int_equal(smew__option_number(&arguments, "wait", 7), 7);
}

static void the_last_one_wins(void **state)
{
    (void)state;
    assert_int_equal(read_line("--id a --id= --id b"), SMEW_OK);
    assert_string_equal(smew__option_text(&arguments, "id", "-"), "b");
    assert_int_equal(read_line("--id a --id="), SMEW_OK);
    assert_string_equal(smew__option_text(&arguments, "id", "-"), "");
}

static void dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(read_line("light -- --id -5 --"), SMEW_OK);
    assert_int_equal(arguments.count, 4);
    assert_string_equal(arguments.positional[1], "--id");
    assert_string_equal(arguments.positional[3], "--");
    assert_int_equal(read_line("-"), SMEW_OK);
    assert_string_equal(arguments.positional[0], "-");
}

static void a_value_may_be_left_out(void **state)
{
    (void)state;
    assert_int_equal(read_line("--wait light GO"), SMEW_OK);
    assert_true(smew__option_given(&arguments, "wait"));
    assert_int_equal(smew__option_number(&arguments, "wait", 9), 9);
    assert_int_equal(arguments.count, 2);
    assert_int_equal(read_line("light GO --wait 250"), SMEW_OK);
    assert_int_equal(smew__option_number(&arguments, "wait", 9), 250);
    assert_int_equal(read_line("light GO --wait=250 --wait"), SMEW_OK);
    assert_int_equal(smew__option_number(&arguments, "wait", 9), 9);
}

static void refused(const char *text, const char *sentence)
{
    assert_int_equal(read_line(text), SMEW_INVALID);
    assert_string_equal(error.text, sentence);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    refused("--standbye", "there is no option --standbye; did you mean \"--standby\"?");
    refused("--frobnicate=3", "there is no option --frobnicate");
    refused("-x", "there is no option -x");
    refused("--timeout", "--timeout needs a value: --timeout MS");
    refused("--timeout x", "--timeout x: a whole number from 0 to 1000 is needed");
    refused("--timeout=", "--timeout : a whole number from 0 to 1000 is needed");
    refused("--timeout 1001", "--timeout 1001: a whole number from 0 to 1000 is needed");
    refused("--wait=-1", "--wait -1: a whole number from 0 to 1000 is needed");
    refused("--wait 1001", "--wait 1001: a whole number from 0 to 1000 is needed");
    refused("--standby=yes", "--standby takes no value");
    refused("-o xml", "--output xml: it must be one of table|json|jsonl");
    refused("-o tab", "--output tab: it must be one of table|json|jsonl");
    refused("--output=", "--output : it must be one of table|json|jsonl");
}

static void options_are_bounded(void **state)
{
    char text[10 * (SMEW__GIVEN_MAX + 1)] = "";
    size_t length = 0;

    (void)state;
    for (int i = 0; i <= SMEW__GIVEN_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "-s ");
    refused(text, "more than 32 options");
}

static void stops_at_the_verb(void **state)
{
    char *argv[] = {"-o", "json", "ps", "--limit", "3"};
    int taken = 0;

    (void)state;
    smew__arguments_init(&arguments, common);
    assert_int_equal(smew__arguments_leading(&arguments, 5, argv, &taken, &error), SMEW_OK);
    assert_int_equal(taken, 2);
    assert_string_equal(smew__option_text(&arguments, "output", "-"), "json");
    assert_int_equal(smew__arguments_leading(&arguments, 0, argv, &taken, &error), SMEW_OK);
    assert_int_equal(taken, 0);
}

static void numbers_do_not_overflow(void **state)
{
    uint64_t number = 5;

    (void)state;
    assert_true(smew__parse_number("18446744073709551615", UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    assert_false(smew__parse_number("18446744073709551616", UINT64_MAX, &number));
    assert_false(smew__parse_number("99999999999999999999999", UINT64_MAX, &number));
    assert_false(smew__parse_number("", 9, &number));
    assert_false(smew__parse_number("1 ", 9, &number));
    assert_false(smew__parse_number("+1", 9, &number));
    assert_true(number == UINT64_MAX); /* untouched by failures */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(reads_every_form),       SUPPORT_TEST(the_last_one_wins),
        SUPPORT_TEST(dashes_end_the_options), SUPPORT_TEST(a_value_may_be_left_out),
        SUPPORT_TEST(says_what_is_wrong),     SUPPORT_TEST(options_are_bounded),
        SUPPORT_TEST(stops_at_the_verb),      SUPPORT_TEST(numbers_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
