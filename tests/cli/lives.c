/* SPDX-License-Identifier: MIT */
/* Hosts that stop, die and are replaced: claims, standby, draining, and what is left behind. */
#include "tests/cli/driver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(struct driver_program *host)
{
    assert_int_equal(driver_end(host, SIGTERM).code, 0);
}

static void die(struct driver_program *host)
{
    assert_int_equal(driver_end(host, SIGKILL).code, -SIGKILL);
}

static void a_second_host_is_refused_by_name(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_program packages = driver_host("run package.json --spawn 'pkg:*'");
    char holder[100];

    (void)state;
    snprintf(holder, sizeof(holder), "\"light\" is hosted by @0.1 (smew run, pid %d)", host.pid);
    driver_contains(driver_expect(6, "run light.json").err, holder);
    driver_contains(driver_expect(6, "run light.json package.json").err, "--standby waits");
    snprintf(holder, sizeof(holder), "\"pkg:*\" is hosted by @1.1 (smew run, pid %d)",
             packages.pid);
    driver_contains(driver_expect(6, "run package.json --spawn 'pkg:*'").err, holder);
    driver_contains(driver_expect(0, "send light TIMER").out, "green → yellow");
    stop(&host);
    stop(&packages);
}

static void a_standby_takes_over_from_the_dead(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_program standby = driver_start("run light.json --standby");

    (void)state;
    driver_wait_for_error(&standby, "standby: \"light\" is hosted by @0.1 (smew run, pid ");
    driver_expect(0, "send light TIMER");
    die(&host);
    driver_wait_for(&standby, "ready: light on shm://smew as @1.1\n");
    driver_contains(driver_expect(0, "send light TIMER").out, "light: green → yellow");
    stop(&standby);
    assert_true(support_runtime_dir_empty());
}

static void a_standby_takes_over_from_one_that_stops(void **state)
{
    struct driver_program host = driver_host("run package.json --spawn 'pkg:*'");
    struct driver_program standby = driver_start("run package.json --spawn 'pkg:*' --standby");

    (void)state;
    driver_wait_for_error(&standby, "standby: \"pkg:*\" is hosted by");
    stop(&host);
    driver_wait_for(&standby, "ready: pkg:* on shm://smew as @1.1\n");
    driver_expect(0, "send pkg:vim INSTALL");
    stop(&standby);
}

static void a_signal_ends_a_standby(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_program standby = driver_start("run light.json --standby");
    struct driver_result result;

    (void)state;
    driver_wait_for_error(&standby, "standby: ");
    result = driver_end(&standby, SIGTERM);
    assert_int_equal(result.code, 0);
    assert_string_equal(result.out, ""); /* it never was ready */
    driver_contains(driver_expect(0, "send light TIMER").out, "green → yellow");
    stop(&host);
}

static void nothing_is_left_after_the_last(void **state)
{
    struct driver_program host = driver_host("run light.json");

    (void)state;
    assert_false(support_runtime_dir_empty());
    assert_int_equal(driver_end(&host, SIGINT).code, 0);
    assert_true(support_runtime_dir_empty());
}

/* Again and again, without cleaning by hand, and the dead are never shown as alive. */
static void a_start_after_a_crash_needs_no_cleaning(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct driver_program host = driver_host("run light.json");

        driver_contains(driver_expect(0, "send light TIMER").out, "light: green → yellow");
        die(&host);
        if (strstr(driver_expect(0, "ps").out, "alive") != NULL)
            fail_msg("the dead shown as alive: %s", driver_expect(0, "ps").out);
        driver_expect(3, "send light TIMER");
    }
}

static void clean_removes_what_a_crash_left(void **state)
{
    struct driver_program crashed = driver_host("run light.json --bus pipe://one");
    struct driver_program host = driver_host("run light.json --bus pipe://two");

    (void)state;
    die(&crashed);
    assert_false(support_runtime_dir_empty());
    driver_contains(driver_expect(0, "clean").out, "1 in use");
    driver_contains(driver_expect(0, "clean -o json").out, "\"in_use\": 1");
    driver_expect(0, "send light TIMER --bus pipe://two");
    stop(&host);
    driver_expect(0, "clean");
    assert_true(support_runtime_dir_empty());
}

/* What was accepted before the signal is finished: every answer comes. */
static void a_host_that_stops_drains(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_program senders[8];

    (void)state;
    for (size_t i = 0; i < 8; i++)
        senders[i] = driver_start("send light TIMER --timeout 10000");
    stop(&host);
    for (size_t i = 0; i < 8; i++) {
        struct driver_result result = driver_end(&senders[i], 0);

        /* Handled before the end, or told that nobody is there: never without an answer. */
        if (result.code != 0 && result.code != 3)
            fail_msg("a sender was told %d: %s", result.code, result.err);
    }
}

static void a_dead_host_is_told_to_senders(void **state)
{
    struct driver_program host = driver_host("run light.json");

    (void)state;
    assert_int_equal(kill(host.pid, SIGSTOP), 0);
    driver_expect(4, "send light TIMER --timeout 200");
    die(&host);
    driver_expect(3, "send light TIMER --timeout 2000");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_second_host_is_refused_by_name),
        SUPPORT_TEST(a_standby_takes_over_from_the_dead),
        SUPPORT_TEST(a_standby_takes_over_from_one_that_stops),
        SUPPORT_TEST(a_signal_ends_a_standby),
        SUPPORT_TEST(nothing_is_left_after_the_last),
        SUPPORT_TEST(a_start_after_a_crash_needs_no_cleaning),
        SUPPORT_TEST(clean_removes_what_a_crash_left),
        SUPPORT_TEST(a_host_that_stops_drains),
        SUPPORT_TEST(a_dead_host_is_told_to_senders),
    };

    assert_true(argc == 3);
    driver_init(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
