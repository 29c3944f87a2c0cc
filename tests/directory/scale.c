/* SPDX-License-Identifier: MIT */
/* 100,000 ids are normal use: claimed by two nodes, looked up by a third.  Times are printed. */
#include "tests/directory/kit.h"

#include <stdio.h>

#include <smew/transport.h>

enum { IDS = 100000 };

static const char *id_of(unsigned i)
{
    static char id[64];

    (void)snprintf(id, sizeof id, "pkg:some-package-%u:amd64", i);
    return id;
}

static void say(const char *what, unsigned count, uint64_t since_ns)
{
    print_message("%-28s %6u in %4u ms, %5u ns each\n", what, count,
                  (unsigned)((smew_now_ns() - since_ns) / 1000000),
                  (unsigned)((smew_now_ns() - since_ns) / count));
}

static bool count_claim(const char *id, struct smew__node_ref owner, void *user)
{
    (void)id;
    (void)owner;
    (*(unsigned *)user)++;
    return true;
}

static void a_hundred_thousand_ids_are_normal_use(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__directory *looker = kit_open(in_process);
    struct smew__node_ref owner;
    unsigned count = 0;
    uint64_t began_ns;

    assert_int_equal(kit_claim(a, "other:*"), SMEW_OK);
    began_ns = smew_now_ns();
    for (unsigned i = 0; i < IDS; i++)
        assert_int_equal(kit_claim(i % 2 == 0 ? a : b, id_of(i)), SMEW_OK);
    say("claimed", IDS, began_ns);
    began_ns = smew_now_ns();
    for (unsigned i = 0; i < IDS; i++) {
        assert_int_equal(smew__directory_lookup(looker, id_of(i), &owner), SMEW_OK);
        assert_true(kit_same(owner, smew__directory_self(i % 2 == 0 ? a : b)));
    }
    say("looked up", IDS, began_ns);
    began_ns = smew_now_ns();
    for (unsigned i = 0; i < IDS; i++)
        assert_int_equal(smew__directory_lookup(looker, id_of(IDS + i), &owner), SMEW_NO_MACHINE);
    say("looked up in vain", IDS, began_ns);
    began_ns = smew_now_ns();
    smew__directory_each_claim(looker, count_claim, &count);
    assert_int_equal(count, IDS + 1);
    say("listed", count, began_ns);
    began_ns = smew_now_ns();
    for (unsigned i = 0; i < IDS; i += 2)
        assert_int_equal(smew__directory_release(a, id_of(i)), SMEW_OK);
    say("released", IDS / 2, began_ns);
    kit_crash(b);
    began_ns = smew_now_ns();
    for (unsigned i = 1; i < IDS; i += 2)
        assert_int_equal(kit_claim(a, id_of(i)), SMEW_OK);
    say("taken over", IDS / 2, began_ns);
    began_ns = smew_now_ns();
    smew__directory_close(a);
    say("closed", 1, began_ns);
    smew__directory_close(looker);
}

#define TESTS(X) X(a_hundred_thousand_ids_are_normal_use)

TESTS(KIT_WRAP)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS(KIT_ENTRY)};

    return cmocka_run_group_tests_name("directory/scale", tests, NULL, NULL);
}
