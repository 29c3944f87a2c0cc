/* SPDX-License-Identifier: MIT */
/* The verbs between processes: hosts that run, and commands that send, look and watch. */
#include "tests/cli/driver.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <smew/bus.h>

static void stop(struct driver_program *host)
{
    struct driver_result result = driver_end(host, SIGTERM);

    if (result.code != 0)
        fail_msg("the host ended with %d\nstderr: %s", result.code, result.err);
}

static void a_host_says_when_it_is_ready(void **state)
{
    struct driver_program host = driver_start("run light.json");
    struct driver_result result;

    (void)state;
    driver_wait_for(&host, "ready: light on shm://smew as @0.1\n");
    result = driver_end(&host, SIGTERM);
    assert_int_equal(result.code, 0);
    assert_string_equal(result.out, "ready: light on shm://smew as @0.1\n");
}

static void an_event_prints_its_transition(void **state)
{
    struct driver_program host = driver_host("run light.json");
    json_t *answer;

    (void)state;
    driver_contains(driver_expect(0, "send light TIMER").out, "light: green → yellow  (");
    driver_contains(driver_expect(0, "send light TIMER '{\"by\": \"hand\"}'").out,
                    "light: yellow → red  (");
    answer = json_loads(driver_expect(0, "send light TIMER -o json").out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(answer, "old")), "red");
    assert_string_equal(json_string_value(json_object_get(answer, "new")), "green");
    assert_true(json_is_true(json_object_get(answer, "handled")));
    assert_true(json_integer_value(json_object_get(answer, "round_trip_ns")) > 0);
    json_decref(answer);
    stop(&host);
}

static void what_cannot_be_is_explained(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_program packages = driver_host("run package.json --spawn 'pkg:*'");
    const char *errors;

    (void)state;
    driver_contains(driver_expect(3, "send ligth TIMER").err,
                    "no machine \"ligth\" on shm://smew; did you mean \"light\"?");
    driver_contains(driver_expect(3, "send pgk:vim INSTALL").err, "did you mean \"pkg:vim\"?");
    driver_contains(driver_expect(3, "show order-1").err, "`smew ps` lists what is hosted");
    errors = driver_expect(5, "send light TIMRE").err;
    driver_contains(errors, "light: no transition for \"TIMRE\" in green; did you mean \"TIMER\"?");
    driver_contains(errors, " Possible now: \"EMERGENCY\", \"TIMER\"");
    errors = driver_expect(5, "send light DEMOLISH").err;
    driver_contains(errors, "no transition for \"DEMOLISH\" in green; possible now: ");
    stop(&host);
    stop(&packages);
}

static void a_machine_that_is_over_says_so(void **state)
{
    struct driver_program host = driver_host("run light.json");

    (void)state;
    driver_expect(0, "send light EMERGENCY");
    driver_contains(driver_expect(0, "send light DEMOLISH").out, "light: red → gone");
    driver_contains(driver_expect(9, "send light TIMER").err, "has stopped");
    stop(&host);
}

static void a_send_waits_for_its_machine(void **state)
{
    struct driver_program sender = driver_start("send light TIMER --wait 20000");
    struct driver_program host = driver_host("run light.json");
    struct driver_result result = driver_end(&sender, 0);

    (void)state;
    assert_int_equal(result.code, 0);
    driver_contains(result.out, "light: green → yellow");
    stop(&host);
}

static void nobody_home(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)message;
    (void)user;
}

static void echo(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    bool *answered = user;

    *answered = smew_bus_reply(bus, message, smew_message_payload(message),
                               smew_message_payload_size(message),
                               smew_message_content(message)) == SMEW_OK;
}

struct echoing {
    struct smew_bus *bus;
    bool answered;
};

static bool has_answered(void *argument)
{
    struct echoing *echoing = argument;
    enum smew_status status = smew_bus_poll(echoing->bus, 10, 0);

    return (status == SMEW_OK || status == SMEW_TIMEOUT) && echoing->answered;
}

/* A program that is no orchestrator answers what it likes; nothing of it drives the terminal. */
static void any_answer_is_printed(void **state)
{
    struct echoing echoing = {.answered = false};
    struct driver_program sender;
    struct driver_result result;

    (void)state;
    assert_int_equal(smew_bus_open("shm://smew", NULL, &echoing.bus, NULL), SMEW_OK);
    assert_int_equal(smew_bus_register(echoing.bus, "echo", echo, &echoing.answered, NULL, NULL),
                     SMEW_OK);
    sender = driver_start("send echo SAY '[1, \"\\u001b\", true]'");
    assert_true(support_wait_until(has_answered, &echoing, 30000));
    result = driver_end(&sender, 0);
    assert_int_equal(result.code, 0);
    assert_string_equal(result.out, "echo: [1, \"\\u001b\", true]\n");
    smew_bus_close(echoing.bus, 1000, NULL);
}

/* A program that hosts an id and never runs its handler. */
static void no_answer_is_a_timeout(void **state)
{
    struct smew_bus *bus;

    (void)state;
    assert_int_equal(smew_bus_open("shm://smew", NULL, &bus, NULL), SMEW_OK);
    assert_int_equal(smew_bus_register(bus, "mute", nobody_home, NULL, NULL, NULL), SMEW_OK);
    driver_contains(driver_expect(4, "send mute HELLO --timeout 100").err,
                    "\"mute\" did not answer within 100 ms");
    driver_expect(4, "show mute --timeout 100");
    driver_contains(driver_expect(0, "ps").out, "mute");
    smew_bus_close(bus, 0, NULL);
}

static void ids_and_buses_can_be_chosen(void **state)
{
    struct driver_program host = driver_host("run light.json --id crossing-7 --bus pipe://town");
    struct driver_program both;

    (void)state;
    driver_contains(driver_expect(3, "send crossing-7 TIMER").err, "nothing is hosted");
    driver_expect(0, "send crossing-7 TIMER --bus pipe://town");
    setenv("SMEW_BUS", "pipe://town", 1);
    driver_expect(0, "send crossing-7 TIMER");
    both = driver_start("run light.json package.json --buses 2");
    driver_wait_for(&both, "ready: light, package on pipe://town as @");
    driver_expect(0, "send package INSTALL");
    unsetenv("SMEW_BUS");
    stop(&both);
    stop(&host);
}

static void patterns_spawn_machines(void **state)
{
    struct driver_program host = driver_host("run package.json --spawn 'pkg:*'");
    struct driver_result result;

    (void)state;
    driver_contains(driver_expect(0, "send pkg:vim INSTALL").out, "pkg:vim: absent → installed");
    driver_expect(0, "send pkg:nano INSTALL");
    driver_expect(0, "send pkg:nano REMOVE");
    result = driver_expect(0, "ps");
    driver_contains(result.out, "pkg:*");
    driver_contains(result.out, "pkg:vim");
    driver_contains(result.out, "installed");
    driver_contains(driver_expect(0, "ps --limit 1").out, "and 1 more");
    stop(&host);
}

static void ps_lists_nodes_and_machines(void **state)
{
    struct driver_program host = driver_host("run light.json");
    const json_t *node, *machine;
    json_t *document;

    (void)state;
    driver_expect(0, "send light TIMER");
    driver_contains(driver_expect(0, "ps").out, "smew run");
    document = json_loads(driver_expect(0, "ps -o json").out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(document, "nodes")), 1);
    node = json_array_get(json_object_get(document, "nodes"), 0);
    assert_string_equal(json_string_value(json_object_get(node, "address")), "@0.1");
    assert_string_equal(json_string_value(json_object_get(node, "state")), "alive");
    assert_int_equal(json_integer_value(json_object_get(node, "pid")), host.pid);
    assert_true(json_is_integer(json_object_get(node, "connections")));
    machine = json_array_get(json_object_get(document, "machines"), 0);
    assert_string_equal(json_string_value(json_object_get(machine, "id")), "light");
    assert_string_equal(json_string_value(json_object_get(machine, "chart")), "light");
    assert_string_equal(json_string_value(json_object_get(machine, "state")), "yellow");
    assert_string_equal(json_string_value(json_object_get(machine, "host")), "@0.1");
    assert_true(json_integer_value(json_object_get(machine, "events")) >= 1);
    json_decref(document);
    driver_contains(driver_expect(0, "ps -o jsonl").out, "\"type\":\"machine\"");
    stop(&host);
}

static void show_tells_a_machines_inside(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_result result;
    json_t *machine;

    (void)state;
    driver_expect(0, "send light TIMER");
    result = driver_expect(0, "show light");
    driver_contains(result.out, "yellow");
    driver_contains(result.out, "{\"cycles\": 0}");
    driver_contains(result.out, "EMERGENCY, TIMER");
    machine = json_loads(driver_expect(0, "show light -o json").out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(machine, "state")), "yellow");
    assert_int_equal(json_integer_value(json_object_get(machine, "transitions")), 1);
    json_decref(machine);
    stop(&host);
}

/* Looking must not bring a virtual machine to life. */
static void show_makes_no_machine(void **state)
{
    struct driver_program host = driver_host("run package.json --spawn 'pkg:*'");
    json_t *document;

    (void)state;
    driver_contains(driver_expect(3, "show pkg:never").err, "\"pkg:never\" has not come to life");
    document = json_loads(driver_expect(0, "ps -o json").out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(document, "machines")), 1); /* the pattern */
    json_decref(document);
    stop(&host);
}

/* A subscription reaches the host within a heartbeat, so events go on until some were seen. */
static bool two_were_seen(void *watcher)
{
    driver_expect(0, "send light TIMER");
    return driver_lines(watcher) >= 2;
}

static void watch_prints_transitions(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_program watcher = driver_start("watch 'li*' -o jsonl");
    struct driver_result result;

    (void)state;
    driver_wait_for_error(&watcher, "watching li* on shm://smew");
    assert_true(support_wait_until(two_were_seen, &watcher, 30000));
    result = driver_end(&watcher, SIGINT);
    assert_int_equal(result.code, 0);
    driver_contains(result.out, "\"event\":\"TIMER\"");
    driver_contains(result.out, "\"id\":\"light\"");
    stop(&host);
}

static void watch_ends_by_itself(void **state)
{
    struct driver_program host = driver_host("run light.json");
    struct driver_program watcher = driver_start("watch light --count 2");
    struct driver_result result;

    (void)state;
    driver_wait_for_error(&watcher, "watching light");
    assert_true(support_wait_until(two_were_seen, &watcher, 30000));
    result = driver_end(&watcher, 0);
    assert_int_equal(result.code, 0);
    driver_contains(result.out, " → ");
    driver_contains(result.out, "TIMER");
    driver_expect(0, "watch other --for 50");
    driver_contains(driver_expect(4, "watch other --count 1 --for 50").err, "saw 0 of 1");
    stop(&host);
}

static void stat_shows_counters(void **state)
{
    struct driver_program host = driver_host("run light.json");
    const json_t *node;
    json_t *document;

    (void)state;
    driver_expect(0, "send light TIMER");
    driver_expect(0, "send light TIMER");
    driver_contains(driver_expect(0, "stat").out, "TRANSITIONS");
    document = json_loads(driver_expect(0, "stat -o json").out, 0, NULL);
    node = json_array_get(json_object_get(document, "nodes"), 0);
    assert_true(json_integer_value(json_object_get(node, "delivered")) >= 2);
    node = json_object_get(node, "orchestrator");
    assert_int_equal(json_integer_value(json_object_get(node, "transitions")), 2);
    assert_int_equal(json_integer_value(json_object_get(node, "machines")), 1);
    json_decref(document);
    stop(&host);
}

/* libuv opens a pipe for signals with its first loop and keeps it: no leak of a test's own. */
static int open_once(void **state)
{
    struct smew_bus *bus;

    (void)state;
    if (smew_bus_open("inproc://once", NULL, &bus, NULL) != SMEW_OK)
        return -1;
    smew_bus_close(bus, 0, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_host_says_when_it_is_ready), SUPPORT_TEST(an_event_prints_its_transition),
        SUPPORT_TEST(what_cannot_be_is_explained),  SUPPORT_TEST(a_machine_that_is_over_says_so),
        SUPPORT_TEST(a_send_waits_for_its_machine), SUPPORT_TEST(no_answer_is_a_timeout),
        SUPPORT_TEST(any_answer_is_printed),        SUPPORT_TEST(ids_and_buses_can_be_chosen),
        SUPPORT_TEST(patterns_spawn_machines),      SUPPORT_TEST(ps_lists_nodes_and_machines),
        SUPPORT_TEST(show_tells_a_machines_inside), SUPPORT_TEST(show_makes_no_machine),
        SUPPORT_TEST(watch_prints_transitions),     SUPPORT_TEST(watch_ends_by_itself),
        SUPPORT_TEST(stat_shows_counters),
    };

    assert_true(argc == 3);
    driver_init(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, open_once, NULL);
}
