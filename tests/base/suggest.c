/* SPDX-License-Identifier: MIT */
/* "Did you mean": distances that everybody knows, and what is near enough to be offered. */
#include "tests/support/support.h"

#include <stdint.h>
#include <string.h>

#include "base/suggest.h"

static void counts_edits(void **state)
{
    (void)state;
    assert_int_equal(smew__edit_distance("", "", 9), 0);
    assert_int_equal(smew__edit_distance("", "abc", 9), 3);
    assert_int_equal(smew__edit_distance("kitten", "sitting", 9), 3);
    assert_int_equal(smew__edit_distance("light", "ligth", 9), 1); /* a swap is one edit */
    assert_int_equal(smew__edit_distance("light", "ight", 9), 1);
    assert_int_equal(smew__edit_distance("light", "lights", 9), 1);
    assert_int_equal(smew__edit_distance("TIMER", "timer", 9), 0);
    assert_int_equal(smew__edit_distance("abcdef", "uvwxyz", 3), 4); /* more than was asked for */
}

static const char *nearest(const char *typed, const char *const *candidates)
{
    static struct smew__suggestion suggestion;

    smew__suggest_init(&suggestion, typed);
    for (; *candidates != NULL; candidates++)
        smew__suggest_offer_claim(&suggestion, *candidates);
    return suggestion.best;
}

static void offers_the_nearest(void **state)
{
    static const char *const verbs[] = {"run", "send", "ps", "show", "watch", "stat", NULL};
    static const char *const events[] = {"TIMER", "EMERGENCY", NULL};

    (void)state;
    assert_string_equal(nearest("sned", verbs), "send");
    assert_string_equal(nearest("wach", verbs), "watch");
    assert_string_equal(nearest("status", verbs), "stat");
    assert_string_equal(nearest("frobnicate", verbs), "");
    assert_string_equal(nearest("timer", events), "TIMER");
    assert_string_equal(nearest("EMREGENCY", events), "EMERGENCY");
    assert_string_equal(nearest("TIMER", events), ""); /* what was typed is no suggestion */
    assert_string_equal(nearest("x", events), "");
}

static void offers_ids_of_patterns(void **state)
{
    static const char *const claims[] = {"light", "pkg:*", NULL};

    (void)state;
    assert_string_equal(nearest("pgk:vim:amd64", claims), "pkg:vim:amd64");
    assert_string_equal(nearest("pk:vim", claims), "pkg:vim");
    assert_string_equal(nearest("ligt", claims), "light");
    assert_string_equal(nearest("order:7", claims), "");
    assert_string_equal(nearest("", claims), "");
}

static void survives_long_words(void **state)
{
    static const char *const claims[] = {"*", "a*", "pkg:*", "light", NULL};
    char word[1000];
    const char *candidates[] = {word, NULL};

    (void)state;
    for (size_t length = 1; length < sizeof(word); length++) {
        memset(word, 'a', length);
        word[length] = '\0';
        nearest(word, claims);
        nearest("light", candidates);
        word[length - 1] = '*';
        nearest("light", candidates);
        nearest("aaaaaaaaaaaaaaaaaaaaaaaaa", candidates);
    }
}

static void makes_a_sentence(void **state)
{
    struct smew__suggestion suggestion;
    char text[SMEW__SUGGEST_MAX + 32];

    (void)state;
    smew__suggest_init(&suggestion, "ligth");
    assert_string_equal(smew__suggest_text(&suggestion, text), "");
    smew__suggest_offer(&suggestion, "light");
    assert_string_equal(smew__suggest_text(&suggestion, text), "; did you mean \"light\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(counts_edits),           SUPPORT_TEST(offers_the_nearest),
        SUPPORT_TEST(offers_ids_of_patterns), SUPPORT_TEST(survives_long_words),
        SUPPORT_TEST(makes_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
