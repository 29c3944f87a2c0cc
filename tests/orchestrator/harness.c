/* SPDX-License-Identifier: MIT */
/* The harness that programs test their machines with: no bus, no thread, no real time. */
#include "tests/orchestrator/kit.h"

#include <stdio.h>
#include <string.h>

static struct smew_harness *create(void)
{
    struct smew_harness *harness = NULL;

    assert_int_equal(smew_harness_create(&harness), SMEW_OK);
    return harness;
}

static enum smew_status try_host(struct smew_harness *harness, const char *id, const char *text,
                                 void *user)
{
    struct smew_chart *chart = kit_chart(text);
    enum smew_status status = smew_harness_host(harness, id, chart, user);

    smew_chart_unref(chart);
    return status;
}

static void host(struct smew_harness *harness, const char *id, const char *text)
{
    assert_int_equal(try_host(harness, id, text, NULL), SMEW_OK);
}

static void test_events_move_a_machine(void **state)
{
    struct smew_harness *harness = create();

    (void)state;
    assert_string_equal(smew_harness_state(harness, "light"), "");
    assert_null(smew_harness_machine(harness, "light"));
    host(harness, "light", kit_light);
    assert_string_equal(smew_harness_state(harness, "light"), "red");
    assert_int_equal(smew_harness_send(harness, "light", "GO", NULL), SMEW_OK);
    assert_true(smew_harness_in(harness, "light", "green"));
    assert_false(smew_harness_in(harness, "light", "red"));
    assert_int_equal(smew_harness_send(harness, "light", "STOP", "{\"why\":1}"), SMEW_OK);
    assert_string_equal(smew_harness_state(harness, "light"), "green");
    assert_string_equal(smew_machine_id(smew_harness_machine(harness, "light")), "light");
    smew_harness_destroy(harness);
    smew_harness_destroy(NULL);
}

static void test_time_moves_only_when_told(void **state)
{
    static const char clock_text[] =
        "{'id':'c','initial':'a','states':{'a':{'after':{'%d':'b'},'on':{'RESET':'a'}},"
        "'b':{'after':{'%d':'c'}},'c':{'type':'final'}}}";
    struct smew_harness *harness = create();
    char text[256];

    (void)state;
    (void)snprintf(text, sizeof(text), clock_text, 3000, 3000);
    host(harness, "three", text);
    (void)snprintf(text, sizeof(text), clock_text, 5000, 5000);
    host(harness, "five", text);
    assert_int_equal(smew_harness_now_ms(harness), 0);
    assert_int_equal(smew_harness_advance(harness, 2999), SMEW_OK);
    assert_string_equal(smew_harness_state(harness, "three"), "a");
    assert_int_equal(smew_harness_advance(harness, 1), SMEW_OK);
    assert_string_equal(smew_harness_state(harness, "three"), "b");
    assert_string_equal(smew_harness_state(harness, "five"), "a");
    /* Its second wait began when the first ended, not when the call ends. */
    assert_int_equal(smew_harness_advance(harness, 3000), SMEW_OK);
    assert_string_equal(smew_harness_state(harness, "three"), "c");
    assert_string_equal(smew_harness_state(harness, "five"), "b");
    assert_int_equal(smew_harness_now_ms(harness), 6000);
    assert_int_equal(smew_harness_advance(harness, 3999), SMEW_OK);
    assert_string_equal(smew_harness_state(harness, "five"), "b");
    assert_int_equal(smew_harness_advance(harness, UINT64_MAX), SMEW_OK);
    assert_string_equal(smew_harness_state(harness, "five"), "c");
    assert_int_equal(smew_harness_send(harness, "five", "RESET", NULL), SMEW_STOPPED);
    smew_harness_destroy(harness);
}

/* Each returns the ball seven times. */
static void test_machines_send_to_each_other(void **state)
{
    static const char player[] = "{'id':'p','initial':'0','states':{%s'7':{'type':'final'}}}";
    struct smew_harness *harness = create();
    char states[2][2048] = {"", ""};
    char text[5120];

    (void)state;
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < 7; i++) {
            char one[256];

            (void)snprintf(one, sizeof(one),
                           "'%d':{'on':{'BALL':{'target':'%d','actions':{'type':'@xstate.sendTo',"
                           "'to':'%s','event':{'type':'BALL'}}}}},",
                           i, i + 1, side ? "ping" : "pong");
            (void)strcat(states[side], one);
        }
        (void)snprintf(text, sizeof(text), player, states[side]);
        host(harness, side ? "pong" : "ping", text);
    }
    /* pong's seventh return comes when ping is done: the first failure is the answer. */
    assert_int_equal(smew_harness_send(harness, "ping", "BALL", NULL), SMEW_STOPPED);
    assert_string_equal(smew_harness_state(harness, "ping"), "7");
    assert_string_equal(smew_harness_state(harness, "pong"), "7");
    assert_int_equal(smew_harness_dead_letters(harness), 0);
    smew_harness_destroy(harness);
}

static const char echo[] =
    "{'id':'e','initial':'on','states':{'on':{'on':{'TALK':{'actions':{'type':'@xstate.sendTo',"
    "'to':'%s','event':{'type':'TALK'}}}}}}}";

static void test_endless_talk_is_a_limit(void **state)
{
    struct smew_harness *harness = create();
    char text[256];

    (void)state;
    (void)snprintf(text, sizeof(text), echo, "b");
    host(harness, "a", text);
    (void)snprintf(text, sizeof(text), echo, "a");
    host(harness, "b", text);
    assert_int_equal(smew_harness_send(harness, "a", "TALK", NULL), SMEW_LIMIT);
    assert_int_equal(smew_harness_send(harness, "a", "OTHER", NULL), SMEW_OK); /* it goes on */
    smew_harness_destroy(harness);
}

static void test_endless_charts_fail(void **state)
{
    static const char at_once[] = "{'id':'x','initial':'a','states':{"
                                  "'a':{'always':'b'},'b':{'always':'a'}}}";
    struct smew_harness *harness = create();

    (void)state;
    assert_int_equal(try_host(harness, "x", at_once, NULL), SMEW_LIMIT);
    assert_null(smew_harness_machine(harness, "x"));
    host(harness, "x", kit_endless);
    assert_int_equal(smew_harness_send(harness, "x", "GO", NULL), SMEW_LIMIT);
    assert_int_equal(smew_harness_send(harness, "x", "GO", NULL), SMEW_STOPPED);
    assert_int_equal(smew_harness_advance(harness, 1000), SMEW_OK);
    smew_harness_destroy(harness);
}

static void test_patterns_bring_machines_to_life(void **state)
{
    struct smew_harness *harness = create();
    struct kit_record *all = kit_record_create();
    struct kit_record *some = kit_record_create();
    struct kit_record *one = kit_record_create();

    (void)state;
    assert_int_equal(try_host(harness, "n:*", kit_noter, all), SMEW_OK);
    assert_int_equal(try_host(harness, "n:a*", kit_noter, some), SMEW_OK);
    assert_int_equal(smew_harness_send(harness, "n:x", "N", NULL), SMEW_OK);
    assert_int_equal(smew_harness_send(harness, "n:ab", "N", NULL), SMEW_OK);
    assert_int_equal(smew_harness_send(harness, "n:", "N", NULL), SMEW_OK);
    assert_int_equal(kit_record_count(all), 2);
    assert_int_equal(kit_record_count(some), 1);
    /* A host of its own takes an id out of the pattern, with a machine of its own. */
    assert_int_equal(try_host(harness, "n:x", kit_noter, one), SMEW_OK);
    assert_int_equal(smew_harness_send(harness, "n:x", "N", NULL), SMEW_OK);
    assert_int_equal(kit_record_count(one), 1);
    assert_int_equal(kit_record_count(all), 2);
    smew_harness_destroy(harness);
    kit_record_free(one);
    kit_record_free(some);
    kit_record_free(all);
}

static void test_sends_to_nobody_are_dead_letters(void **state)
{
    static const char sender[] =
        "{'id':'s','initial':'idle','states':{'idle':{'on':{"
        "'GO':{'actions':{'type':'@xstate.sendTo','to':'nobody','event':{'type':'X'}}},"
        "'error.communication':'sad'}},'sad':{}}}";
    struct smew_harness *harness = create();

    (void)state;
    host(harness, "s", sender);
    assert_int_equal(smew_harness_send(harness, "s", "GO", NULL), SMEW_OK);
    assert_string_equal(smew_harness_state(harness, "s"), "sad");
    assert_int_equal(smew_harness_dead_letters(harness), 1);
    assert_int_equal(smew_harness_send(harness, "t", "GO", NULL), SMEW_NO_MACHINE);
    assert_int_equal(smew_harness_dead_letters(harness), 2);
    smew_harness_destroy(harness);
}

static void test_misuse_is_a_status(void **state)
{
    struct smew_harness *harness = create();
    struct smew_chart *chart = kit_chart(kit_light);
    char long_id[SMEW_ID_MAX + 2];

    (void)state;
    memset(long_id, 'x', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    assert_int_equal(smew_harness_create(NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_host(NULL, "x", chart, NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_host(harness, NULL, chart, NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_host(harness, "x", NULL, NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_host(harness, "", chart, NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_host(harness, "a*b", chart, NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_host(harness, long_id, chart, NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_host(harness, "x*", chart, NULL), SMEW_OK);
    assert_int_equal(smew_harness_host(harness, "x*", chart, NULL), SMEW_CLAIMED);
    assert_int_equal(smew_harness_host(harness, "x", chart, NULL), SMEW_OK);
    assert_int_equal(smew_harness_host(harness, "x", chart, NULL), SMEW_CLAIMED);
    assert_int_equal(smew_harness_send(harness, "x*", "GO", NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_send(harness, "x", NULL, NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_send(harness, "x", "", NULL), SMEW_INVALID);
    assert_int_equal(smew_harness_send(harness, "x", "*", NULL), SMEW_REJECTED);
    assert_int_equal(smew_harness_send(harness, "x", "GO", NULL), SMEW_OK);
    assert_int_equal(smew_harness_advance(NULL, 1), SMEW_INVALID);
    smew_chart_unref(chart);
    smew_harness_destroy(harness);
}

/* Whatever allocation fails, the answer is a status, and nothing is left. */
static void play(void *argument)
{
    struct smew_chart *chart = argument;
    struct smew_harness *harness = NULL;
    enum smew_status status;

    if (smew_harness_create(&harness))
        return;
    status = smew_harness_host(harness, "t:*", chart, NULL);
    if (!status)
        status = smew_harness_host(harness, "t:1", chart, NULL);
    if (!status)
        status = smew_harness_send(harness, "t:1", "GO", "{\"n\":1}");
    if (!status)
        status = smew_harness_advance(harness, 20);
    assert_true(status == SMEW_OK || status == SMEW_NO_MEMORY || status == SMEW_STOPPED);
    (void)smew_harness_state(harness, "t:2");
    smew_harness_destroy(harness);
}

static void test_every_allocation_may_fail(void **state)
{
    struct smew_chart *chart = kit_chart(
        "{'id':'t','initial':'a','states':{'a':{'on':{'GO':{'target':'b','actions':{'type':"
        "'@xstate.sendTo','to':'t:2','event':{'type':'GO'}}}},'after':{'10':'b'}},'b':{}}}");

    (void)state;
    assert_true(support_walk_allocations(play, chart) > 10);
    smew_chart_unref(chart);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_events_move_a_machine),
        SUPPORT_TEST(test_time_moves_only_when_told),
        SUPPORT_TEST(test_machines_send_to_each_other),
        SUPPORT_TEST(test_endless_talk_is_a_limit),
        SUPPORT_TEST(test_endless_charts_fail),
        SUPPORT_TEST(test_patterns_bring_machines_to_life),
        SUPPORT_TEST(test_sends_to_nobody_are_dead_letters),
        SUPPORT_TEST(test_misuse_is_a_status),
        SUPPORT_TEST(test_every_allocation_may_fail),
    };

    return KIT_MAIN(argc, argv, tests);
}
