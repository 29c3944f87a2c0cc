/* SPDX-License-Identifier: MIT */
/* The sample's traffic light in the harness that users test with: no thread, no real time. */
#include "tests/support/support.h"

#include <smew/testing.h>
#include <smew/value.h>

static const char *chart_path;
static struct smew_chart *chart;
static struct smew_harness *harness;

static int setup(void **state)
{
    (void)state;
    if (smew_chart_load_file(chart_path, NULL, &chart, NULL) != SMEW_OK ||
        smew_harness_create(&harness) != SMEW_OK)
        return -1;
    return smew_harness_host(harness, "light", chart, NULL) == SMEW_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    smew_harness_destroy(harness);
    smew_chart_unref(chart);
    return 0;
}

static void send(const char *event)
{
    assert_int_equal(smew_harness_send(harness, "light", event, NULL), SMEW_OK);
}

static void advance(uint64_t ms)
{
    assert_int_equal(smew_harness_advance(harness, ms), SMEW_OK);
}

static void expect(const char *name)
{
    assert_string_equal(smew_harness_state(harness, "light"), name);
}

static bool may_walk(void)
{
    const struct smew_machine *machine = smew_harness_machine(harness, "light");

    return smew_value_bool(smew_value_get(smew_machine_context(machine), "walk"), false);
}

static void test_it_goes_on_by_itself(void **state)
{
    (void)state;
    expect("red");
    assert_true(may_walk());
    advance(29999);
    expect("red");
    advance(1);
    expect("green");
    assert_false(may_walk());
    advance(20000);
    expect("yellow");
    advance(3000);
    expect("red");
    assert_true(may_walk());
}

static void test_next_cancels_what_was_due(void **state)
{
    (void)state;
    advance(29000);
    send("NEXT");
    expect("green");
    advance(1000);
    expect("green");
    send("NEXT");
    send("NEXT");
    expect("red");
}

static void test_it_blinks_while_it_is_broken(void **state)
{
    (void)state;
    send("NEXT");
    send("FAULT");
    expect("blinking.lit");
    advance(500);
    expect("blinking.dark");
    send("FAULT");
    send("NEXT");
    expect("blinking.dark");
    advance(500);
    expect("blinking.lit");
    send("REPAIRED");
    expect("red");
    assert_int_equal(smew_harness_dead_letters(harness), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_goes_on_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_next_cancels_what_was_due, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_blinks_while_it_is_broken, setup, teardown),
    };

    if (argc != 2)
        return 2;
    chart_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
