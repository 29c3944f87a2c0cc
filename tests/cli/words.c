/* SPDX-License-Identifier: MIT */
/* The command without a bus: help, checking charts, and every way to mistype it. */
#include "tests/cli/driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <smew/version.h>

static void help_lists_every_verb(void **state)
{
    static const char *const verbs[] = {"run",  "send",  "ps",    "show", "watch",
                                        "stat", "check", "clean", "help", "version"};
    struct driver_result result = driver_expect(0, "help");

    (void)state;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        driver_contains(result.out, verbs[i]);
    driver_expect(0, "--help");
    driver_contains(driver_expect(0, " ").out, "usage: smew VERB");
    driver_contains(driver_expect(0, "help send").out, "--timeout MS");
    driver_contains(driver_expect(0, "send --help").out, "usage: smew send ID EVENT");
    driver_contains(driver_expect(0, "help exit-codes").out, "no node hosts this machine");
    driver_contains(driver_expect(0, "help environment").out, "SMEW_RUNTIME_DIR");
    driver_contains(driver_expect(2, "help sned").err, "did you mean \"send\"?");
}

/* What man pages and completions are made from. */
static void help_is_data_too(void **state)
{
    json_t *document = json_loads(driver_expect(0, "help -o json").out, 0, NULL);
    const json_t *verbs = json_object_get(document, "verbs");
    size_t index;
    json_t *verb;

    (void)state;
    assert_int_equal(json_array_size(verbs), 10);
    json_array_foreach(verbs, index, verb)
    {
        assert_non_null(json_string_value(json_object_get(verb, "name")));
        assert_non_null(json_string_value(json_object_get(verb, "summary")));
        assert_true(json_is_array(json_object_get(verb, "options")));
        driver_expect(0, "help %s", json_string_value(json_object_get(verb, "name")));
    }
    json_decref(document);
}

static void says_its_version(void **state)
{
    char wanted[64];

    (void)state;
    snprintf(wanted, sizeof(wanted), "smew %s\n", smew_version());
    assert_string_equal(driver_expect(0, "version").out, wanted);
    assert_string_equal(driver_expect(0, "--version").out, wanted);
    driver_contains(driver_expect(0, "-o json version").out, "\"version\": ");
}

static void refused(const char *line, const char *sentence)
{
    struct driver_result result = driver_expect(2, "%s", line);

    driver_contains(result.err, sentence);
    assert_string_equal(result.out, "");
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    refused("sned light TIMER", "there is no verb \"sned\"; did you mean \"send\"?");
    refused("frobnicate", "there is no verb \"frobnicate\"; `smew help` lists them");
    refused("send light", "something is missing; usage: smew send ID EVENT [JSON]");
    refused("show a b", "\"b\" is too much; usage: smew show ID");
    refused("ps --limt 3", "there is no option --limt; did you mean \"--limit\"?");
    refused("ps -o xml", "--output xml: it must be one of table|json|jsonl");
    refused("run light.json --spawn pkg", "--spawn 'pkg:*'");
    refused("run light.json --id 'pkg:*'", "--spawn 'pkg:*' hosts one");
    refused("run light.json --id a --spawn 'b*'", "exclude each other");
    refused("run light.json package.json --id a", "of one chart");
    refused("send light TIMER '{\"a\": 1,}'", "payload:1:");
    refused("send light TIMER {", "payload:1:");
}

static void errors_are_json_where_json_is_asked_for(void **state)
{
    json_t *document = json_loads(driver_expect(2, "-o json sned").err, 0, NULL);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(document, "exit")), 2);
    driver_contains(json_string_value(json_object_get(document, "error")), "did you mean");
    json_decref(document);
}

static void charts_are_checked(void **state)
{
    struct driver_result result = driver_expect(0, "check light.json package.json");

    (void)state;
    driver_contains(result.out, "light.json: ok: \"light\", 5 states, 5 transitions, 3 events");
    driver_contains(result.out, "package.json: ok: \"package\", 3 states");
    result = driver_expect(7, "check broken.json light.json");
    driver_contains(result.err, "broken.json:5:33: ");
    driver_contains(result.err, "nowhere");
    driver_contains(result.out, "light.json: ok");
    driver_contains(driver_expect(7, "check /does/not/exist.json").err, "/does/not/exist.json");
}

static void missing_names_are_notes(void **state)
{
    struct driver_result result = driver_expect(0, "check names.json");

    (void)state;
    driver_contains(result.out, "names.json: ok");
    driver_contains(result.out, "note: ");
    driver_contains(result.out, "names.json:6:50: no guard is called \"allowed\"");
    driver_contains(result.out, "names.json:6:72: no action is called \"beep\"");
    driver_contains(driver_expect(7, "run names.json").err, "names.json:6:");
}

static void checks_are_data_too(void **state)
{
    struct driver_result result = driver_expect(7, "check -o json light.json broken.json");
    json_t *rows = json_loads(result.out, 0, NULL);

    (void)state;
    assert_int_equal(json_array_size(rows), 2);
    assert_true(json_is_true(json_object_get(json_array_get(rows, 0), "valid")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "states")), 5);
    assert_true(json_is_false(json_object_get(json_array_get(rows, 1), "valid")));
    json_decref(rows);
}

/* The sentence says where, and the code that no bus could be joined. */
static void cannot_join(const char *line, const char *sentence)
{
    driver_contains(driver_expect(8, "%s", line).err, sentence);
}

static void a_bus_that_cannot_be_is_refused(void **state)
{
    char deep[300] = "/tmp/";

    (void)state;
    cannot_join("ps --bus pigeon://smew", "cannot join pigeon://smew: ");
    cannot_join("ps --bus pipe://no/slash", "cannot join pipe://no/slash: ");
    cannot_join("ps --bus nonsense", "cannot join nonsense: ");
    memset(deep + strlen(deep), 'x', 200);
    setenv("SMEW_RUNTIME_DIR", deep, 1);
    cannot_join("ps", "set SMEW_RUNTIME_DIR to a shorter path");
    rmdir(deep);
    unsetenv("SMEW_RUNTIME_DIR");
}

static void somebody_elses_directory_is_refused(void **state)
{
    char path[300];
    bool root = geteuid() == 0;

    (void)state;
    snprintf(path, sizeof(path), "%s/theirsXXXXXX", support_runtime_dir());
    assert_non_null(mkdtemp(path));
    if (root)
        assert_int_equal(chown(path, 65534, 65534), 0);
    setenv("SMEW_RUNTIME_DIR", root ? path : "/usr", 1);
    cannot_join("ps", root ? path : "/usr");
    cannot_join("run light.json", root ? path : "/usr");
    setenv("SMEW_RUNTIME_DIR", support_runtime_dir(), 1);
    assert_int_equal(rmdir(path), 0);
}

static void a_bus_with_nobody(void **state)
{
    (void)state;
    driver_contains(driver_expect(0, "ps").out, "no nodes on shm://smew");
    driver_contains(driver_expect(0, "stat").out, "no nodes on shm://smew");
    driver_contains(driver_expect(3, "send light TIMER").err, "nothing is hosted on shm://smew");
    driver_contains(driver_expect(3, "show light --bus pipe://other").err, "pipe://other");
    driver_contains(driver_expect(0, "clean").out, "0 left-overs removed");
    assert_true(support_runtime_dir_empty());
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(help_lists_every_verb),
        SUPPORT_TEST(help_is_data_too),
        SUPPORT_TEST(says_its_version),
        SUPPORT_TEST(mistakes_are_explained),
        SUPPORT_TEST(errors_are_json_where_json_is_asked_for),
        SUPPORT_TEST(charts_are_checked),
        SUPPORT_TEST(missing_names_are_notes),
        SUPPORT_TEST(checks_are_data_too),
        SUPPORT_TEST(a_bus_that_cannot_be_is_refused),
        SUPPORT_TEST(somebody_elses_directory_is_refused),
        SUPPORT_TEST(a_bus_with_nobody),
    };

    assert_true(argc == 3);
    driver_init(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
