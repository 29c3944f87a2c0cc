/* SPDX-License-Identifier: MIT */
/*
 * Nodes of one process that claim the same names at the same time, in files and in memory (the
 * latter under ThreadSanitizer too): never two owners of a name, and lookups that only ever name
 * nodes that exist.  And nodes that open and leave at the same time: whoever is last removes all,
 * and nobody is left in a folder that is gone.
 */
#include "tests/directory/kit.h"

#include <sched.h>
#include <stdio.h>

#include "base/os/thread.h"

enum { THREADS = 4, NAMES = 6, ROUNDS = 2000, OPENINGS = 60 };

static const char *const names[NAMES] = {"a", "b", "m:1", "m:2", "m:*", "*"};

struct hammer {
    bool in_process;
    unsigned number; /* of the thread, from 1 */
    struct support_random random;
    unsigned held;    /* claims that were OK or noted */
    unsigned refused; /* CLAIMED */
    unsigned wrong;
    const char *what; /* the last thing that was wrong */
};

static void expect(struct hammer *hammer, bool good, const char *what)
{
    if (good)
        return;
    hammer->wrong++;
    hammer->what = what;
}

/* Which thread holds a name, by its own word: 0 for none. */
static _Atomic unsigned owners[NAMES];
static _Atomic unsigned began;
static _Atomic unsigned done;

/* Claims a name and gives it back, and looks whether anybody else had it meanwhile. */
static void claim_one(struct hammer *hammer, struct smew__directory *node)
{
    size_t which = support_random_below(&hammer->random, NAMES);
    enum smew_status status = kit_claim(node, names[which]);
    unsigned before = 0;

    if (status == SMEW_CLAIMED) {
        hammer->refused++;
        return;
    }
    if (status != SMEW_OK && status != SMEW_AGAIN) {
        expect(hammer, false, smew_status_name(status));
        return;
    }
    hammer->held++;
    expect(hammer, atomic_compare_exchange_strong(&owners[which], &before, hammer->number),
           "two owners");
    if (status == SMEW_AGAIN && support_random_below(&hammer->random, 2) == 0)
        expect(hammer, smew__directory_confirm(node, names[which]) == SMEW_OK, "not confirmed");
    expect(hammer, kit_claim(node, names[which]) != SMEW_CLAIMED, "claimed by another");
    if (support_random_below(&hammer->random, 4) == 0)
        (void)sched_yield(); /* held while others run, on one processor too */
    before = hammer->number;
    expect(hammer, atomic_compare_exchange_strong(&owners[which], &before, 0), "taken away");
    expect(hammer, smew__directory_release(node, names[which]) == SMEW_OK, "not released");
}

static void look_one(struct hammer *hammer, struct smew__directory *node)
{
    struct smew__node_ref owner;
    enum smew_status status =
        smew__directory_lookup(node, names[support_random_below(&hammer->random, NAMES)], &owner);

    expect(hammer, status == SMEW_OK || status == SMEW_NO_MACHINE, "no lookup");
    if (status == SMEW_OK)
        expect(hammer, smew__directory_alive(node, owner), "not alive");
}

/* Waits for the others, so that all are there as long as one is at work. */
static void gather(_Atomic unsigned *count)
{
    atomic_fetch_add(count, 1);
    while (atomic_load(count) < THREADS)
        (void)sched_yield();
}

static void hammer_run(void *argument)
{
    struct hammer *hammer = argument;
    struct smew__directory_options options = kit_options(hammer->in_process);
    struct smew__directory *node;
    bool joined = smew__directory_open(&options, &node, NULL) == SMEW_OK;

    expect(hammer, joined, "not joined");
    gather(&began);
    for (int i = 0; joined && i < ROUNDS; i++) {
        claim_one(hammer, node);
        look_one(hammer, node);
        smew__directory_beat(node);
    }
    gather(&done);
    if (joined)
        smew__directory_close(node);
}

static void no_name_has_two_owners(bool in_process)
{
    struct smew__directory *keeper = kit_open(in_process);
    struct support_random random = support_random_seeded();
    struct hammer hammers[THREADS];
    struct smew__thread threads[THREADS];
    unsigned held = 0;
    unsigned refused = 0;

    atomic_store(&began, 0);
    atomic_store(&done, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        hammers[i] = (struct hammer){
            .in_process = in_process, .number = i + 1, .random = {support_random_next(&random)}};
        assert_int_equal(smew__thread_start(&threads[i], "hammer", hammer_run, &hammers[i]),
                         SMEW_OK);
    }
    for (unsigned i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
    for (unsigned i = 0; i < THREADS; i++) {
        if (hammers[i].wrong != 0)
            fail_msg("%u times wrong; last: %s", hammers[i].wrong, hammers[i].what);
        held += hammers[i].held;
        refused += hammers[i].refused;
    }
    for (unsigned i = 0; i < NAMES; i++)
        kit_expect_host(keeper, names[i], NULL);
    print_message("%u held, %u refused\n", held, refused);
    assert_true(held > 0);
    assert_true(refused > 0);
    smew__directory_close(keeper);
}

struct opener {
    bool in_process;
    unsigned number;
    unsigned wrong;
    char text[SMEW_ERROR_TEXT_SIZE];
};

static void opener_run(void *argument)
{
    struct opener *opener = argument;
    char name[32];

    (void)snprintf(name, sizeof name, "opener-%u", opener->number);
    for (int i = 0; i < OPENINGS; i++) {
        struct smew__directory_options options = kit_options(opener->in_process);
        struct smew__directory *node;
        struct smew__node_ref owner;
        struct smew_error error;

        if (smew__directory_open(&options, &node, &error) != SMEW_OK) {
            (void)snprintf(opener->text, sizeof opener->text, "%s", error.text);
            opener->wrong++;
            continue;
        }
        if (kit_claim(node, name) != SMEW_OK ||
            smew__directory_lookup(node, name, &owner) != SMEW_OK ||
            !kit_same(owner, smew__directory_self(node)))
            opener->wrong++;
        smew__directory_close(node);
    }
}

static void opening_and_leaving_do_not_get_in_each_others_way(bool in_process)
{
    struct opener openers[THREADS];
    struct smew__thread threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        openers[i] = (struct opener){.in_process = in_process, .number = i};
        assert_int_equal(smew__thread_start(&threads[i], "opener", opener_run, &openers[i]),
                         SMEW_OK);
    }
    for (unsigned i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
    for (unsigned i = 0; i < THREADS; i++)
        if (openers[i].wrong != 0)
            fail_msg("%u times wrong; last: %s", openers[i].wrong, openers[i].text);
}

#define TESTS(X)              \
    X(no_name_has_two_owners) \
    X(opening_and_leaving_do_not_get_in_each_others_way)

TESTS(KIT_WRAP)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS(KIT_ENTRY)};

    return cmocka_run_group_tests_name("directory/threads", tests, NULL, NULL);
}
