/* SPDX-License-Identifier: MIT */
/*
 * A process that is stopped, or killed, at any system call of its life on a bus, under ptrace:
 * starting works afterwards, nothing is left, and nobody touches what is not his any more.
 */
#include "tests/directory/kit.h"

#include "base/clock.h"
#include "tests/support/step.h"

static int whole_life_run(void *argument)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *node;

    (void)argument;
    support_step_stop();
    if (smew__directory_open(&options, &node, NULL) != SMEW_OK || kit_claim(node, "x") != SMEW_OK ||
        smew__directory_subscribe(node, "t") != SMEW_OK)
        return 1;
    smew__directory_close(node);
    return 0;
}

/* A child at its n-th entry into or exit from a system call; 0 when it ended well before. */
static pid_t stop_at_call(unsigned n)
{
    pid_t pid = support_step_start(whole_life_run, NULL);

    return support_step_calls(pid, n) ? pid : 0;
}

static bool kill_at_call(unsigned n)
{
    pid_t pid = stop_at_call(n);

    if (pid == 0)
        return false;
    support_step_kill(pid);
    return true;
}

static void start_works_after_a_kill_at_any_call(void **state)
{
    struct smew__clean_counts counts;
    unsigned n;

    (void)state;
    for (n = 1; kill_at_call(n); n++) {
        struct smew__directory *node;

        /* Every other time by cleaning, which must do as well as a start. */
        if (n % 2 == 0) {
            assert_int_equal(smew__directory_clean(NULL, &counts, NULL), SMEW_OK);
            assert_true(support_runtime_dir_empty());
        }
        node = kit_open(false);
        assert_int_equal(kit_claim(node, "x"), SMEW_OK);
        smew__directory_close(node);
        assert_true(support_runtime_dir_empty());
    }
    print_message("%u points\n", n - 1);
    assert_true(n > 50);
}

static void a_later_node_can_be_killed_at_any_call(void **state)
{
    struct smew__directory *node = kit_open(false);
    unsigned n;

    (void)state;
    for (n = 1; kill_at_call(n); n++) {
        assert_int_equal(kit_claim(node, "x"), SMEW_OK);
        kit_expect_host(node, "x", node);
        assert_int_equal(smew__directory_release(node, "x"), SMEW_OK);
    }
    print_message("%u points\n", n - 1);
    assert_true(n > 50);
    smew__directory_close(node);
}

/* ---- leaving and coming while another one does the same ------------------------------- */

static void of_two_that_leave_at_once_one_removes_all(void **state)
{
    unsigned n;

    (void)state;
    for (n = 1;; n++) {
        struct smew__directory *node = kit_open(false);
        pid_t pid = stop_at_call(n);

        smew__directory_close(node);
        if (pid == 0)
            break;
        support_step_to_end(pid);
        assert_true(support_runtime_dir_empty());
    }
    print_message("%u points\n", n - 1);
    assert_true(n > 50);
}

/*
 * The child stands still anywhere and another node comes: the child must not touch what is new,
 * and not stay in what is gone.  `member`: there was another node, which leaves meanwhile.  How
 * many times the child stood in the way, because it was removing everything.
 */
static unsigned come_at_any_call(bool member)
{
    unsigned in_the_way = 0;
    pid_t pid = -1;

    for (unsigned n = 1; pid != 0; n++) {
        struct smew__directory_options options = kit_options(false);
        struct smew__directory *old = member ? kit_open(false) : NULL;
        struct smew__directory *node = NULL;
        enum smew_status status;

        pid = stop_at_call(n);
        smew__directory_close(old);
        options.deadline_ns = smew__deadline_ns(20);
        status = smew__directory_open(&options, &node, NULL);
        in_the_way += status == SMEW_TIMEOUT;
        assert_true(status == SMEW_OK || status == SMEW_TIMEOUT);
        if (node != NULL)
            assert_int_equal(kit_claim(node, "y"), SMEW_OK);
        if (pid != 0)
            support_step_to_end(pid);
        if (node != NULL) {
            struct smew__directory *other = kit_open(false);

            kit_expect_host(other, "y", node);
            smew__directory_close(other);
        }
        smew__directory_close(node);
        assert_true(support_runtime_dir_empty());
        if (pid == 0)
            print_message("%u points, in %u of them the child was removing\n", n - 1, in_the_way);
    }
    return in_the_way;
}

static void nobody_is_left_in_a_folder_that_is_gone(void **state)
{
    (void)state;
    assert_int_equal(come_at_any_call(true), 0);
    assert_true(come_at_any_call(false) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(start_works_after_a_kill_at_any_call),
        SUPPORT_TEST(a_later_node_can_be_killed_at_any_call),
        SUPPORT_TEST(of_two_that_leave_at_once_one_removes_all),
        SUPPORT_TEST(nobody_is_left_in_a_folder_that_is_gone),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    return cmocka_run_group_tests_name("directory/calls", tests, NULL, NULL);
}
