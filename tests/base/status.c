/* SPDX-License-Identifier: MIT */
/* Statuses, error sentences and the version. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include <smew/version.h>

#include "base/status.h"

static void test_every_code_has_a_name_and_a_text(void **state)
{
    static const enum smew_status all[] = {
#define STATUS_CODE(name, code, text) SMEW_##name,
        SMEW_STATUS_LIST(STATUS_CODE)
#undef STATUS_CODE
    };
    size_t count = sizeof all / sizeof all[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all[i], -(int)i); /* dense, so none is given twice */
        assert_true(strlen(smew_status_text(all[i])) > 0);
        assert_string_not_equal(smew_status_text(all[i]), "an unknown status");
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(smew_status_name(all[i]), smew_status_name(all[other]));
    }
    assert_string_equal(smew_status_name(SMEW_NO_MACHINE), "NO_MACHINE");
    assert_string_equal(smew_status_text(SMEW_NO_MACHINE), "no node hosts this machine");
    assert_string_equal(smew_status_name((enum smew_status) - 1000), "UNKNOWN");
    assert_string_equal(smew_status_text((enum smew_status) - 1000), "an unknown status");
}

static void test_fail_fills_in(void **state)
{
    struct smew_error error = {.status = SMEW_OK};
    char longer[2 * SMEW_ERROR_TEXT_SIZE];

    (void)state;
    assert_int_equal(smew__fail(NULL, SMEW_IO, "nobody asks"), SMEW_IO);
    assert_int_equal(smew__fail(&error, SMEW_INVALID, "%s has %d", "it", 3), SMEW_INVALID);
    assert_int_equal(error.status, SMEW_INVALID);
    assert_string_equal(error.text, "it has 3");
    /* The text may be an argument itself. */
    (void)smew__fail(&error, SMEW_IO, "outer: %s", error.text);
    assert_string_equal(error.text, "outer: it has 3");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void)smew__fail(&error, SMEW_IO, "%s", longer);
    assert_int_equal(strlen(error.text), SMEW_ERROR_TEXT_SIZE - 1);
}

static void test_version(void **state)
{
    char expected[32];

    (void)state;
    (void)snprintf(expected, sizeof expected, "%d.%d.%d", SMEW_VERSION_MAJOR, SMEW_VERSION_MINOR,
                   SMEW_VERSION_PATCH);
    assert_string_equal(smew_version(), expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_a_name_and_a_text),
        cmocka_unit_test(test_fail_fills_in),
        cmocka_unit_test(test_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
