/* SPDX-License-Identifier: MIT */
/* The log: what reaches the sink, and that nothing is formatted for nobody. */
#include "tests/support/support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/os/thread.h"
#include "diagnostics/log.h"

struct caught {
    _Atomic unsigned lines;
    enum smew_log_level level;
    char text[2048];
};

static void catch_line(enum smew_log_level level, const char *text, void *user)
{
    struct caught *caught = user;

    atomic_fetch_add(&caught->lines, 1);
    caught->level = level;
    (void)snprintf(caught->text, sizeof caught->text, "%s", text);
}

static int evaluated(unsigned *times)
{
    ++*times;
    return 7;
}

static void test_levels(void **state)
{
    struct caught caught = {.lines = 0};
    unsigned times = 0;

    (void)state;
    assert_false(smew__log_wants(SMEW_LOG_ERROR));
    smew__log(SMEW_LOG_ERROR, "nobody listens %d", evaluated(&times));
    smew__log_write(SMEW_LOG_ERROR, "nor here");
    assert_int_equal(times, 0);
    smew_log_set_sink(catch_line, &caught, SMEW_LOG_WARN);
    smew__log(SMEW_LOG_INFO, "too low %d", evaluated(&times));
    smew__log_write(SMEW_LOG_INFO, "too low as well");
    assert_int_equal(times, 0);
    assert_int_equal(caught.lines, 0);
    smew__log(SMEW_LOG_WARN, "seven is %d", evaluated(&times));
    assert_int_equal(times, 1);
    assert_int_equal(caught.lines, 1);
    assert_int_equal(caught.level, SMEW_LOG_WARN);
    assert_string_equal(caught.text, "seven is 7");
    smew_log_set_sink(NULL, NULL, SMEW_LOG_DEBUG);
    assert_false(smew__log_wants(SMEW_LOG_ERROR));
    smew__log(SMEW_LOG_ERROR, "gone %d", evaluated(&times));
    assert_int_equal(caught.lines, 1);
}

static void test_long_lines_are_cut(void **state)
{
    struct caught caught = {.lines = 0};
    char longer[2000];
    size_t size;

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    smew_log_set_sink(catch_line, &caught, SMEW_LOG_DEBUG);
    smew__log(SMEW_LOG_DEBUG, "%.1023s", longer);
    assert_int_equal(strlen(caught.text), 1023);
    assert_int_equal(caught.text[1022], 'x');
    smew__log(SMEW_LOG_DEBUG, "%s", longer);
    size = strlen(caught.text);
    assert_int_equal(size, 1023);
    assert_string_equal(caught.text + size - 4, "x...");
    smew_log_set_sink(NULL, NULL, SMEW_LOG_DEBUG);
}

static void count_line(enum smew_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    atomic_fetch_add((_Atomic unsigned *)user, 1);
}

enum { LINES = 5000 };

static void write_lines(void *argument)
{
    for (int i = 0; i < LINES; i++)
        smew__log(SMEW_LOG_INFO, "line %d of %p", i, argument);
}

static void test_many_threads(void **state)
{
    struct smew__thread threads[4] = {0};
    _Atomic unsigned lines = 0;

    (void)state;
    smew_log_set_sink(count_line, &lines, SMEW_LOG_INFO);
    for (int i = 0; i < 4; i++)
        assert_int_equal(smew__thread_start(&threads[i], "log", write_lines, &threads[i]), 0);
    for (int i = 0; i < 4; i++)
        smew__thread_join(&threads[i]);
    assert_int_equal(lines, 4 * LINES);
    smew_log_set_sink(NULL, NULL, SMEW_LOG_INFO);
}

/* A sink that knows its own argument. */
struct place {
    smew_log_fn sink;
    _Atomic unsigned lines;
    _Atomic unsigned wrong;
};

static struct place places[2];

static void keep(unsigned own, const void *user)
{
    atomic_fetch_add(&places[own].lines, 1);
    atomic_fetch_add(&places[own].wrong, user != &places[own]);
}

static void first_sink(enum smew_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    keep(0, user);
}

static void second_sink(enum smew_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    keep(1, user);
}

static _Atomic bool replaced_enough;

static void keep_replacing(void *argument)
{
    for (unsigned i = 0; !atomic_load(&replaced_enough); i++) {
        struct place *place = &places[i % 2];

        smew_log_set_sink(place->sink, place, SMEW_LOG_INFO);
    }
    (void)argument;
}

/* Lines go to one sink or the other, with its own argument, and none is lost. */
static void test_a_sink_is_replaced_as_a_whole(void **state)
{
    struct smew__thread writers[2] = {0};
    struct smew__thread replacers[2] = {0};

    (void)state;
    places[0].sink = first_sink;
    places[1].sink = second_sink;
    smew_log_set_sink(first_sink, &places[0], SMEW_LOG_INFO);
    for (int i = 0; i < 2; i++)
        assert_int_equal(smew__thread_start(&replacers[i], "sinks", keep_replacing, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(smew__thread_start(&writers[i], "log", write_lines, &writers[i]), 0);
    for (int i = 0; i < 2; i++)
        smew__thread_join(&writers[i]);
    atomic_store(&replaced_enough, true);
    for (int i = 0; i < 2; i++)
        smew__thread_join(&replacers[i]);
    assert_int_equal(places[0].wrong + places[1].wrong, 0);
    assert_int_equal(places[0].lines + places[1].lines, 2 * LINES);
    smew_log_set_sink(NULL, NULL, SMEW_LOG_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_levels),
        SUPPORT_TEST(test_long_lines_are_cut),
        SUPPORT_TEST(test_many_threads),
        SUPPORT_TEST(test_a_sink_is_replaced_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
