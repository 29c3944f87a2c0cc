/* SPDX-License-Identifier: MIT */
/* What the feeder keeps: packages and events, machines and their ids, times, its place in the log.
 */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "samples/dpkg/checkpoint.h"
#include "samples/dpkg/fleet.h"
#include "samples/dpkg/history.h"
#include "samples/dpkg/latency.h"

enum { PACKAGES = 5000, ROUNDS = 3 };

static void fill(struct feeder_history *history)
{
    char name[32];

    memset(history, 0, sizeof(*history));
    for (int i = 0; i < ROUNDS * PACKAGES; i++) {
        int length = snprintf(name, sizeof(name), "package%d:all", i % PACKAGES);
        struct feeder_line line = {.kind = FEEDER_LINE_EVENT,
                                   .status = (enum feeder_status)(i % FEEDER_UNKNOWN),
                                   .package = name,
                                   .package_length = (size_t)length};

        assert_true(feeder_history_add(history, &line, (uint64_t)i + 1));
    }
}

static void test_each_package_once(void **state)
{
    struct feeder_history history;

    (void)state;
    fill(&history);
    assert_int_equal(history.count, ROUNDS * PACKAGES);
    assert_int_equal(history.package_count, PACKAGES);
    for (uint32_t i = 0; i < history.package_count; i++) {
        const char *name = history.packages[i];

        assert_int_equal(feeder_history_find(&history, name, strlen(name)), i);
        assert_int_equal(feeder_history_find(&history, name, strlen(name) - 1), FEEDER_NO_PACKAGE);
    }
    feeder_history_fini(&history);
    assert_int_equal(feeder_history_find(&history, "a", 1), FEEDER_NO_PACKAGE);
}

static void test_a_shuffle_keeps_every_event(void **state)
{
    static bool seen[ROUNDS * PACKAGES + 1];
    struct feeder_history history;
    struct feeder_history other;
    size_t moved = 0;

    (void)state;
    fill(&history);
    fill(&other);
    feeder_history_shuffle(&history, 7);
    feeder_history_shuffle(&other, 7);
    for (size_t i = 0; i < history.count; i++) {
        assert_int_equal(history.events[i].line, other.events[i].line);
        assert_false(seen[history.events[i].line]);
        seen[history.events[i].line] = true;
        moved += history.events[i].line != i + 1;
    }
    assert_true(moved > history.count * 9 / 10);
    feeder_history_fini(&history);
    feeder_history_fini(&other);
}

static void test_each_round_has_machines_of_its_own(void **state)
{
    struct feeder_history history;
    struct feeder_fleet fleet = {NULL, 0, 0, 0};
    char id[FEEDER_ID_ROOM];
    size_t number;

    (void)state;
    fill(&history);
    number = feeder_fleet_number(&history, 1);
    assert_int_equal(number, 1);
    feeder_fleet_id(&fleet, &history, number, id);
    assert_string_equal(id, "pkg:package1:all");
    fleet.tag = 42;
    number = feeder_fleet_number(&history, 2 * history.count + 1);
    assert_int_equal(number, 2 * PACKAGES + 1);
    feeder_fleet_id(&fleet, &history, number, id);
    assert_string_equal(id, "pkg:package1:all~42.3");
    assert_non_null(feeder_fleet_at(&fleet, number));
    assert_int_equal(fleet.count, number + 1);
    for (size_t i = 0; i < fleet.count; i++)
        assert_int_equal(fleet.machines[i].said, FEEDER_UNKNOWN);
    feeder_fleet_fini(&fleet);
    feeder_history_fini(&history);
}

static void test_quantiles_are_within_a_bucket(void **state)
{
    static struct feeder_latency latency;

    (void)state;
    assert_int_equal(feeder_latency_quantile(&latency, 0.5), 0);
    for (uint64_t ns = 1; ns <= 100000; ns++)
        feeder_latency_record(&latency, ns);
    for (int percent = 1; percent <= 99; percent++) {
        uint64_t exact = (uint64_t)percent * 1000;
        uint64_t found = feeder_latency_quantile(&latency, percent / 100.0);

        assert_true(found >= exact - 1 && found <= exact + exact / 32 + 1);
    }
    assert_int_equal(feeder_latency_quantile(&latency, 1), 100000);
    feeder_latency_record(&latency, UINT64_MAX);
    assert_true(feeder_latency_quantile(&latency, 1) == UINT64_MAX);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_a_checkpoint_comes_back(void **state)
{
    static const char *const broken[] = {"",
                                         "\n",
                                         "dpkg-feeder 2 00 1\n",
                                         "dpkg-feeder 1 00\n",
                                         "dpkg-feeder 1 00 1",
                                         "dpkg-feeder 1 00 x\n",
                                         "dpkg-feeder 1 zz 1\n"};
    struct feeder_checkpoint saved = {UINT64_C(0xfedcba9876543210), 123456789};
    struct feeder_checkpoint loaded;
    char path[4096];

    (void)state;
    snprintf(path, sizeof(path), "%s/checkpoint", support_runtime_dir());
    assert_true(feeder_checkpoint_load(path, &loaded));
    assert_int_equal(loaded.line, 0);
    assert_true(feeder_checkpoint_save(path, &saved));
    assert_true(feeder_checkpoint_load(path, &loaded));
    assert_true(loaded.log == saved.log && loaded.line == saved.line);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        write_file(path, broken[i]);
        if (feeder_checkpoint_load(path, &loaded))
            fail_msg("taken for good: %s", broken[i]);
    }
    assert_int_equal(remove(path), 0);
    snprintf(path, sizeof(path), "%s/none/checkpoint", support_runtime_dir());
    assert_false(feeder_checkpoint_save(path, &saved));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_package_once),
        cmocka_unit_test(test_a_shuffle_keeps_every_event),
        cmocka_unit_test(test_each_round_has_machines_of_its_own),
        cmocka_unit_test(test_quantiles_are_within_a_bucket),
        SUPPORT_TEST(test_a_checkpoint_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
