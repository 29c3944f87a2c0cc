/* SPDX-License-Identifier: MIT */
/*
 * Each allocation and each system call of a node's whole life fails once: the answer is a status,
 * nothing is leaked, no claim is answered OK that is not held, and the next start works.
 */
#include "tests/directory/kit.h"

#include <errno.h>
#include <string.h>

struct life {
    bool in_process;
    struct smew__directory *other; /* lives through the walk; NULL: the walk's node is the first */
    unsigned complete;             /* rounds in which everything was OK */
};

static bool is_expected(enum smew_status status)
{
    switch (status) {
    case SMEW_NO_MEMORY:
    case SMEW_NO_FDS:
    case SMEW_NO_SPACE:
    case SMEW_IO:
    case SMEW_NOT_FOUND:
    case SMEW_LIMIT:
    case SMEW_TIMEOUT:
        return true;
    default:
        return false;
    }
}

static bool see(struct smew__node_ref node, const char *topic, void *user)
{
    (void)node;
    (void)topic;
    (void)user;
    return true;
}

/* What a node does when others are there; how many of its steps were OK. */
static unsigned use(struct smew__directory *node, struct smew__directory *other)
{
    struct smew__node_ref own;
    struct smew__node_ref theirs;
    enum smew_status status[] = {
        kit_claim(node, "own"),
        smew__directory_lookup(node, "own", &own),
        smew__directory_subscribe(node, "topic"),
        smew__directory_lookup(node, "theirs:1", &theirs),
        smew__directory_each_subscription(node, see, NULL),
        kit_claim(node, "theirs:*"),
        kit_claim(node, "theirs:2"),
    };
    unsigned good = 0;

    if (other == NULL) {
        status[3] = status[3] == SMEW_NO_MACHINE ? SMEW_OK : SMEW_INVALID;
    } else {
        status[5] = status[5] == SMEW_CLAIMED ? SMEW_OK : status[5];
        status[6] = status[6] == SMEW_AGAIN ? SMEW_OK : status[6];
    }
    for (size_t i = 0; i < sizeof status / sizeof status[0]; i++) {
        /* A claim that failed leaves a lookup without a machine. */
        if (status[i] != SMEW_OK && status[i] != SMEW_NO_MACHINE && !is_expected(status[i]))
            fail_msg("step %zu answers %s", i, smew_status_name(status[i]));
        good += status[i] == SMEW_OK;
    }
    if (status[0] == SMEW_OK)
        assert_int_equal(status[1], SMEW_OK); /* needs no call: the names are our own */
    if (status[0] == SMEW_OK)
        assert_true(kit_same(own, smew__directory_self(node)));
    if (other != NULL && status[3] == SMEW_OK)
        assert_true(kit_same(theirs, smew__directory_self(other)));
    return good;
}

static void live(void *argument)
{
    struct life *life = argument;
    struct smew__directory_options options = kit_options(life->in_process);
    struct smew__directory *node = NULL;
    struct smew_error error = {.status = SMEW_OK};
    enum smew_status status = smew__directory_open(&options, &node, &error);

    if (status != SMEW_OK) {
        if (!is_expected(status))
            fail_msg("opening answers %s: %s", smew_status_name(status), error.text);
        assert_int_equal(error.status, status);
        assert_true(strlen(error.text) > 0);
        return;
    }
    life->complete += use(node, life->other) == 7;
    smew__directory_close(node);
}

static void walk(bool in_process, bool alone)
{
    struct life life = {.in_process = in_process};
    struct smew__directory *node;
    struct smew__clean_counts counts;
    const int errors[] = {EMFILE, ENOMEM, EIO, ENOSPC};
    unsigned rounds;

    if (!alone) {
        life.other = kit_open(in_process);
        assert_int_equal(kit_claim(life.other, "theirs:*"), SMEW_OK);
        assert_int_equal(smew__directory_subscribe(life.other, "topic"), SMEW_OK);
    }
    /* In memory the room for a slot's names stays with the bus: it is there before the walk. */
    live(&life);
    assert_int_equal(life.complete, 1);
    life.complete = 0;
    rounds = support_walk_allocations(live, &life);
    assert_true(rounds >= 1);
    assert_true(life.complete >= 1);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        life.complete = 0;
        rounds = support_walk_calls(errors[i], live, &life);
        assert_true(rounds >= (in_process ? 2U : 30U));
        assert_true(life.complete >= 1);
    }
    if (!alone) {
        kit_expect_host(life.other, "own", NULL);
        kit_expect_host(life.other, "theirs:2", life.other);
        smew__directory_close(life.other);
    }
    node = kit_open(in_process);
    assert_int_equal(kit_claim(node, "own"), SMEW_OK);
    smew__directory_close(node);
    /* Whose last call to unlink something failed may have left it for the next. */
    assert_int_equal(smew__directory_clean(NULL, &counts, NULL), SMEW_OK);
}

static void the_first_node_meets_every_fault(bool in_process)
{
    walk(in_process, true);
}

static void a_later_node_meets_every_fault(bool in_process)
{
    walk(in_process, false);
}

#define TESTS(X)                        \
    X(the_first_node_meets_every_fault) \
    X(a_later_node_meets_every_fault)

TESTS(KIT_WRAP)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS(KIT_ENTRY)};

    return cmocka_run_group_tests_name("directory/faults", tests, NULL, NULL);
}
