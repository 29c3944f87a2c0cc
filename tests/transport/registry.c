/* SPDX-License-Identifier: MIT */
/* The registry of schemes: what is built in, what may be added, and what is refused. */
#include <smew/transport.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/support.h"

static enum smew_status no_listen(const struct smew_endpoint *endpoint,
                                  struct smew_listener **listener, struct smew_error *error)
{
    (void)endpoint;
    (void)listener;
    (void)error;
    return SMEW_UNSUPPORTED;
}

static enum smew_status no_dial(const struct smew_endpoint *endpoint, struct smew_channel **channel,
                                struct smew_error *error)
{
    (void)endpoint;
    (void)channel;
    (void)error;
    return SMEW_UNSUPPORTED;
}

static const struct smew_transport_ops whole = {"whole-1", 0, no_listen, no_dial};

static void the_built_in_are_there(void **state)
{
    (void)state;
    assert_non_null(smew_transport_find("pipe"));
    assert_string_equal(smew_transport_find("pipe")->scheme, "pipe");
    assert_int_equal(smew_transport_find("pipe")->flags, 0);
    assert_int_equal(smew_transport_find("inproc")->flags, SMEW_TRANSPORT_IN_PROCESS);
    assert_int_equal(smew_transport_find("shm")->flags, SMEW_TRANSPORT_LANES);
    assert_null(smew_transport_find("pip"));
    assert_null(smew_transport_find("pipes"));
    assert_null(smew_transport_find(""));
    assert_null(smew_transport_find(NULL));
}

static void expect_refused(const struct smew_transport_ops *ops, enum smew_status status,
                           const char *word)
{
    struct smew_error error = {0};

    assert_int_equal(smew_transport_register(ops, &error), status);
    assert_int_equal(error.status, status);
    if (strstr(error.text, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, word);
    assert_int_equal(smew_transport_register(ops, NULL), status);
}

static void what_is_not_whole_is_refused(void **state)
{
    struct smew_transport_ops ops = whole;

    (void)state;
    expect_refused(NULL, SMEW_INVALID, "table");
    ops.scheme = NULL;
    expect_refused(&ops, SMEW_INVALID, "scheme");
    ops = whole;
    ops.listen = NULL;
    expect_refused(&ops, SMEW_INVALID, "listen");
    ops = whole;
    ops.dial = NULL;
    expect_refused(&ops, SMEW_INVALID, "dial");
    ops = whole;
    ops.flags = 1u << 7;
    expect_refused(&ops, SMEW_INVALID, "flags");
    ops.flags = SMEW_TRANSPORT_LANES;
    expect_refused(&ops, SMEW_INVALID, "built-in");
    assert_null(smew_transport_find("whole-1"));
    ops.flags = SMEW_TRANSPORT_LANES | SMEW_TRANSPORT_IN_PROCESS;
    expect_refused(&ops, SMEW_INVALID, "built-in");
    assert_null(smew_transport_find("whole-1"));
}

static void schemes_have_a_syntax(void **state)
{
    static const char *const wrong[] = {
        "", "Pipe", "a b", "a/b", "a:", "-a", "a_b", "sixteen-letters0", "\xC3\xA9", "a.b",
    };
    struct smew_transport_ops ops = whole;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ops.scheme = wrong[i];
        expect_refused(&ops, SMEW_INVALID, "lower case");
        assert_null(smew_transport_find(wrong[i]));
    }
}

static void what_is_there_is_not_replaced(void **state)
{
    struct smew_transport_ops ops = whole;

    (void)state;
    ops.scheme = "inproc";
    expect_refused(&ops, SMEW_EXISTS, "inproc");
    assert_int_equal(smew_transport_register(&whole, NULL), SMEW_OK);
    assert_ptr_equal(smew_transport_find("whole-1"), &whole);
    expect_refused(&whole, SMEW_EXISTS, "whole-1");
    ops.scheme = "whole-1";
    expect_refused(&ops, SMEW_EXISTS, "whole-1");
    assert_ptr_equal(smew_transport_find("whole-1"), &whole);
}

enum { RACERS = 4, RACED = 8 };

static struct smew_transport_ops raced[RACERS][RACED];
static char raced_names[RACED][24];

/* Registers every name; the answer is how many it was the first with. */
static void *race(void *argument)
{
    struct smew_transport_ops *own = argument;
    uintptr_t won = 0;

    for (int i = 0; i < RACED; i++)
        won += smew_transport_register(&own[i], NULL) == SMEW_OK;
    return (void *)won;
}

static void one_of_those_who_race_wins(void **state)
{
    pthread_t threads[RACERS];
    uintptr_t won = 0;

    (void)state;
    for (int i = 0; i < RACED; i++)
        (void)snprintf(raced_names[i], sizeof raced_names[i], "race-%d", i);
    for (int t = 0; t < RACERS; t++)
        for (int i = 0; i < RACED; i++)
            raced[t][i] = (struct smew_transport_ops){raced_names[i], 0, no_listen, no_dial};
    for (int t = 0; t < RACERS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, race, raced[t]), 0);
    for (int t = 0; t < RACERS; t++) {
        void *result;

        assert_int_equal(pthread_join(threads[t], &result), 0);
        won += (uintptr_t)result;
    }
    assert_int_equal(won, RACED);
    for (int i = 0; i < RACED; i++)
        assert_string_equal(smew_transport_find(raced_names[i])->scheme, raced_names[i]);
}

/* The last test: it fills the registry for good. */
static void the_registry_is_bounded(void **state)
{
    static struct smew_transport_ops many[64];
    static char names[64][24];
    enum smew_status status = SMEW_OK;
    int added = 0;

    (void)state;
    for (int i = 0; i < 64 && status == SMEW_OK; i++) {
        (void)snprintf(names[i], sizeof names[i], "many-%d", i);
        many[i] = (struct smew_transport_ops){names[i], 0, no_listen, no_dial};
        status = smew_transport_register(&many[i], NULL);
        added += status == SMEW_OK;
    }
    assert_int_equal(status, SMEW_LIMIT);
    assert_in_range(added, 1, 16);
    expect_refused(&many[added], SMEW_LIMIT, names[added]);
    for (int i = 0; i < added; i++)
        assert_ptr_equal(smew_transport_find(names[i]), &many[i]);
    expect_refused(&many[0], SMEW_EXISTS, "many-0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(the_built_in_are_there),     SUPPORT_TEST(what_is_not_whole_is_refused),
        SUPPORT_TEST(schemes_have_a_syntax),      SUPPORT_TEST(what_is_there_is_not_replaced),
        SUPPORT_TEST(one_of_those_who_race_wins), SUPPORT_TEST(the_registry_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
