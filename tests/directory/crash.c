/* SPDX-License-Identifier: MIT */
/*
 * Members that are killed, stopped, reaped late, half ended or survived by a child of their own:
 * who counts as dead, and what becomes of what they had.
 */
#include "tests/directory/kit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/os/thread.h"
#include "tests/support/step.h"

static void a_killed_member_is_taken_over_and_reaped(void **state)
{
    struct smew__directory *a = kit_open(false);
    struct smew__directory *b;
    pid_t none;
    pid_t pid = kit_start_member(false, &none);
    struct smew__node_ref owner;

    (void)state;
    kit_make_file("1.1.sock");
    assert_int_equal(smew__directory_claim(a, "x", &owner), SMEW_CLAIMED);
    assert_int_equal(kit_claim(a, "pkg:vim"), SMEW_AGAIN);
    support_kill(pid);
    assert_false(smew__directory_alive(a, owner));
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    assert_int_equal(kit_claim(a, "pkg:*"), SMEW_OK);
    assert_true(kit_is_there("1.1.sock"));
    assert_true(kit_is_there("1.1.names"));
    b = kit_open(false);
    assert_false(kit_is_there("1.1.sock"));
    assert_false(kit_is_there("1.1.names"));
    assert_true(kit_is_there("1.2.names"));
    kit_expect_host(b, "x", a);
    smew__directory_close(a);
    smew__directory_close(b);
}

static void a_zombie_is_dead(void **state)
{
    struct smew__directory *a = kit_open(false);
    pid_t none;
    pid_t pid = kit_start_member(false, &none);
    siginfo_t info;

    (void)state;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    support_kill(pid);
    smew__directory_close(a);
}

static void stay(void *argument)
{
    int *said = argument;

    if (write(said[1], "x", 1) == 1)
        for (;;)
            (void)pause();
}

/* Its first thread ends, as pthread_exit() in main() does, and another one goes on. */
static int headless_run(void *argument)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *directory;
    static struct smew__thread thread; /* outlives this stack */

    if (smew__directory_open(&options, &directory, NULL) != SMEW_OK ||
        kit_claim(directory, "x") != SMEW_OK ||
        smew__thread_start(&thread, "stay", stay, argument) != SMEW_OK)
        return 1;
    pthread_exit(NULL);
}

static bool reads_as_zombie(void *argument)
{
    char path[64];
    char line[256] = "";
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)*(pid_t *)argument);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    return strstr(line, ") Z ") != NULL;
}

static void a_member_without_its_first_thread_is_alive(void **state)
{
    struct smew__directory *a = kit_open(false);
    int said[2];
    char byte;
    pid_t pid;

    (void)state;
    /* LeakSanitizer takes the end of the first thread for the program's. */
    if (SUPPORT_SANITIZED) {
        smew__directory_close(a);
        skip();
    }
    assert_int_equal(pipe(said), 0);
    pid = support_fork(headless_run, said);
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_true(support_wait_until(reads_as_zombie, &pid, 10000));
    assert_int_equal(kit_claim(a, "x"), SMEW_CLAIMED);
    support_kill(pid);
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    (void)close(said[0]);
    (void)close(said[1]);
    smew__directory_close(a);
}

static void a_stopped_member_is_alive(void **state)
{
    struct smew__directory *a = kit_open(false);
    pid_t none;
    pid_t pid = kit_start_member(false, &none);
    int status;

    (void)state;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_int_equal(kit_claim(a, "x"), SMEW_CLAIMED);
    support_kill(pid);
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    smew__directory_close(a);
}

/* Not asked of the process: its zombie may wait long for an init that reaps it. */
static bool slot_1_is_unlocked(void *argument)
{
    struct smew__storage *storage = argument;

    if (!storage->ops->slot_lock(storage, 1))
        return false;
    storage->ops->slot_unlock(storage, 1);
    return true;
}

/* The child inherits the lock of the slot; it must not keep its parent's claims alive. */
static void a_forked_child_does_not_keep_its_parent_alive(void **state)
{
    struct smew__directory *a = kit_open(false);
    struct smew__directory *b;
    pid_t grandchild;
    pid_t pid = kit_start_member(true, &grandchild);

    (void)state;
    support_kill(pid);
    assert_int_equal(kill(grandchild, 0), 0);
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    kit_expect_host(a, "pkg:vim", NULL);
    b = kit_open(false); /* the slot is still locked, so another one is taken */
    assert_int_equal(smew__directory_self(b).slot, 2);
    assert_int_equal(kit_claim(b, "pkg:*"), SMEW_OK);
    smew__directory_close(b);
    assert_int_equal(kill(grandchild, SIGKILL), 0);
    assert_true(support_wait_until(slot_1_is_unlocked, a->storage, 10000));
    smew__directory_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_killed_member_is_taken_over_and_reaped),
        SUPPORT_TEST(a_zombie_is_dead),
        SUPPORT_TEST(a_stopped_member_is_alive),
        SUPPORT_TEST(a_member_without_its_first_thread_is_alive),
        SUPPORT_TEST(a_forked_child_does_not_keep_its_parent_alive),
    };

    return cmocka_run_group_tests_name("directory/crash", tests, NULL, NULL);
}
