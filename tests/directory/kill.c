/* SPDX-License-Identifier: MIT */
/*
 * Processes that open, claim, hold, release and leave, and are killed at random: no name ever has
 * two living owners, what the dead held is to be had at once, opening always works, and nothing is
 * left after the last exit.  $SMEW_TEST_SEED repeats a run, as far as a scheduler lets it.
 */
#include "tests/directory/kit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/clock.h"

enum { WORKERS = 4, NAMES = 8, ROUNDS = 8, KILLS_A_ROUND = 40, LIVES = 1 << 20 };

static const char *const names[NAMES] = {"a", "b", "c", "m:1", "m:2", "m:12", "m:1*", "m:*"};

/* Shared with the workers: who holds what by the workers' own word, and what went wrong. */
struct scene {
    /*
     * Set before the kill.  A process that is being killed gives up its locks before it becomes a
     * zombie, so asking /proc whether it lives would be too strict.
     */
    _Atomic bool killed[1 + ROUNDS * (KILLS_A_ROUND + WORKERS)];
    _Atomic unsigned owners[NAMES]; /* number of a worker, 0 for none */
    _Atomic unsigned held;
    _Atomic unsigned takeovers; /* found the word of a dead worker in `owners` */
    _Atomic unsigned two_owners;
    _Atomic unsigned lost; /* somebody else took what a living worker held */
    _Atomic int status;    /* an answer that nobody expects */
};

static struct scene *scene;

static void claim_and_release(struct smew__directory *node, unsigned number, size_t which,
                              struct support_random *random)
{
    enum smew_status status = kit_claim(node, names[which]);
    unsigned before;

    if (status == SMEW_CLAIMED)
        return;
    if (status != SMEW_OK && status != SMEW_AGAIN) {
        atomic_store(&scene->status, (int)status);
        return;
    }
    atomic_fetch_add(&scene->held, 1);
    before = atomic_exchange(&scene->owners[which], number);
    if (before != 0 && !atomic_load(&scene->killed[before]))
        atomic_fetch_add(&scene->two_owners, 1);
    else if (before != 0)
        atomic_fetch_add(&scene->takeovers, 1);
    if (status == SMEW_AGAIN && smew__directory_confirm(node, names[which]) != SMEW_OK)
        atomic_fetch_add(&scene->lost, 1);
    for (uint64_t turns = support_random_below(random, 50); turns > 0; turns--)
        (void)sched_yield(); /* so that it is held when the kill comes, or a rival */
    before = number;
    if (!atomic_compare_exchange_strong(&scene->owners[which], &before, 0))
        atomic_fetch_add(&scene->lost, 1);
    if (smew__directory_release(node, names[which]) != SMEW_OK)
        atomic_fetch_add(&scene->lost, 1);
}

struct worker {
    unsigned number;
    uint64_t seed;
};

static int worker_run(void *argument)
{
    const struct worker *worker = argument;
    struct support_random random = {worker->seed};

    for (int life = 0; life < LIVES; life++) {
        struct smew__directory_options options = kit_options(false);
        struct smew__directory *node;
        struct smew_error error;
        uint64_t claims = support_random_below(&random, 40);

        if (smew__directory_open(&options, &node, &error) != SMEW_OK) {
            (void)fprintf(stderr, "worker %u: %s\n", worker->number, error.text);
            return 2;
        }
        for (uint64_t i = 0; i < claims; i++)
            claim_and_release(node, worker->number, support_random_below(&random, NAMES), &random);
        smew__directory_close(node);
    }
    return 3;
}

struct running {
    unsigned number;
    pid_t pid;
};

static struct running start_worker(struct support_random *random)
{
    static unsigned numbers;
    struct worker worker = {++numbers, support_random_next(random)};

    return (struct running){worker.number, support_fork(worker_run, &worker)};
}

static void kill_worker(const struct running *running)
{
    atomic_store(&scene->killed[running->number], true);
    assert_int_equal(kill(running->pid, SIGKILL), 0);
    assert_int_equal(support_reap(running->pid, 10000), -SIGKILL);
}

static bool moment_is_over(void *argument)
{
    return smew_now_ns() >= *(uint64_t *)argument;
}

/* Between nothing and four milliseconds: in the middle of anything. */
static void wait_a_moment(struct support_random *random)
{
    uint64_t until_ns = smew_now_ns() + support_random_below(random, 4 * SMEW_NS_PER_MS);

    (void)support_wait_until(moment_is_over, &until_ns, 1000);
}

/* After a kill, nothing that only dead workers hold may be refused. */
static void expect_takeover(void)
{
    struct smew__directory *node = kit_open(false);

    for (size_t i = 0; i < NAMES; i++) {
        enum smew_status status = kit_claim(node, names[i]);

        assert_int_equal(status, SMEW_OK);
        kit_expect_host(node, names[i], node);
    }
    smew__directory_close(node);
    assert_true(support_runtime_dir_empty());
}

static void killed_workers_leave_nothing_and_nobody_shares(void **state)
{
    struct support_random random = support_random_seeded();
    struct running workers[WORKERS];

    (void)state;
    scene = mmap(NULL, sizeof *scene, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(scene != MAP_FAILED);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < WORKERS; i++)
            workers[i] = start_worker(&random);
        for (unsigned kills = 0; kills < KILLS_A_ROUND; kills++) {
            size_t victim = support_random_below(&random, WORKERS);

            wait_a_moment(&random);
            kill_worker(&workers[victim]);
            workers[victim] = start_worker(&random);
        }
        /* Everybody dies, mostly with something in hand: all of it is free at once. */
        for (size_t i = 0; i < WORKERS; i++)
            kill_worker(&workers[i]);
        expect_takeover();
        memset((void *)scene->owners, 0, sizeof scene->owners);
    }
    print_message("%d kills, %u claims, %u taken over from the dead\n",
                  ROUNDS * (KILLS_A_ROUND + WORKERS), atomic_load(&scene->held),
                  atomic_load(&scene->takeovers));
    assert_int_equal(atomic_load(&scene->two_owners), 0);
    assert_int_equal(atomic_load(&scene->lost), 0);
    assert_int_equal(atomic_load(&scene->status), 0);
    /* Some 200 as a rule, fewer on a busy machine: some kills came while something was held. */
    assert_true(atomic_load(&scene->takeovers) > 0);
    (void)munmap(scene, sizeof *scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(killed_workers_leave_nothing_and_nobody_shares),
    };

    return cmocka_run_group_tests_name("directory/kill", tests, NULL, NULL);
}
