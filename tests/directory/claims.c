/* SPDX-License-Identifier: MIT */
/* Claims, patterns and lookups, one handle after the other, in files and in memory. */
#include "tests/directory/kit.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static void an_id_is_claimed_found_and_released(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);

    kit_expect_host(b, "valve-3", NULL);
    assert_int_equal(kit_claim(a, "valve-3"), SMEW_OK);
    kit_expect_host(a, "valve-3", a);
    kit_expect_host(b, "valve-3", a);
    kit_expect_host(b, "valve-33", NULL);
    kit_expect_host(b, "valve-", NULL);
    assert_int_equal(smew__directory_release(b, "valve-3"), SMEW_NOT_FOUND);
    assert_int_equal(smew__directory_release(a, "valve-3"), SMEW_OK);
    assert_int_equal(smew__directory_release(a, "valve-3"), SMEW_NOT_FOUND);
    kit_expect_host(b, "valve-3", NULL);
    assert_int_equal(kit_claim(b, "valve-3"), SMEW_OK);
    kit_expect_host(a, "valve-3", b);
    smew__directory_close(b);
    kit_expect_host(a, "valve-3", NULL);
    smew__directory_close(a);
}

static void an_equal_claim_is_refused_with_its_owner(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__node_ref owner = {0};

    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    assert_int_equal(smew__directory_claim(b, "x", &owner), SMEW_CLAIMED);
    assert_true(kit_same(owner, smew__directory_self(a)));
    assert_int_equal(kit_claim(a, "x"), SMEW_EXISTS);
    assert_int_equal(kit_claim(a, "x*"), SMEW_OK); /* another key */
    assert_int_equal(smew__directory_claim(b, "x*", &owner), SMEW_CLAIMED);
    assert_int_equal(kit_claim(a, "x*"), SMEW_EXISTS);
    smew__directory_close(a);
    assert_int_equal(kit_claim(b, "x"), SMEW_OK);
    smew__directory_close(b);
}

static void names_are_one_to_255_bytes(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__node_ref owner;
    char name[258];

    assert_int_equal(kit_claim(a, ""), SMEW_INVALID);
    assert_int_equal(smew__directory_lookup(a, "", &owner), SMEW_INVALID);
    assert_int_equal(smew__directory_release(a, ""), SMEW_INVALID);
    assert_int_equal(smew__directory_confirm(a, ""), SMEW_INVALID);
    assert_int_equal(smew__directory_subscribe(a, ""), SMEW_INVALID);
    assert_int_equal(smew__directory_unsubscribe(a, ""), SMEW_INVALID);
    for (size_t size = 1; size <= 256; size++) {
        memset(name, 'n', size);
        name[size] = '\0';
        assert_int_equal(kit_claim(a, name), size <= 255 ? SMEW_OK : SMEW_INVALID);
    }
    for (size_t size = 1; size <= 255; size++) {
        name[size] = '\0';
        name[size - 1] = 'n';
        kit_expect_host(b, "n", a);
    }
    memset(name, 'p', 254);
    memcpy(name + 254, "*", 2);
    assert_int_equal(kit_claim(a, name), SMEW_OK);
    memcpy(name + 254, "q", 2);
    kit_expect_host(b, name, a);
    name[253] = 'q';
    kit_expect_host(b, name, NULL);
    smew__directory_close(b);
    smew__directory_close(a);
}

static void ids_win_over_patterns_and_long_patterns_over_short(bool in_process)
{
    struct smew__directory *all = kit_open(in_process);
    struct smew__directory *some = kit_open(in_process);
    struct smew__directory *one = kit_open(in_process);

    assert_int_equal(kit_claim(one, "pkg:vim"), SMEW_OK);
    assert_int_equal(kit_claim(some, "pkg:*"), SMEW_OK);
    assert_int_equal(kit_claim(all, "*"), SMEW_OK);
    kit_expect_host(all, "pkg:vim", one);
    kit_expect_host(all, "pkg:vi", some);
    kit_expect_host(all, "pkg:vimx", some);
    kit_expect_host(all, "pkg:", some);
    kit_expect_host(all, "pkg", all);
    kit_expect_host(some, "z", all);
    smew__directory_close(one);
    kit_expect_host(all, "pkg:vim", some);
    assert_int_equal(smew__directory_release(some, "pkg:*"), SMEW_OK);
    kit_expect_host(some, "pkg:vim", all);
    smew__directory_close(all);
    kit_expect_host(some, "pkg:vim", NULL);
    smew__directory_close(some);
}

static void a_claim_inside_a_pattern_is_noted_until_confirmed(bool in_process)
{
    struct smew__directory *host = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__directory *c = kit_open(in_process);
    struct smew__node_ref owner = {0};

    assert_int_equal(kit_claim(host, "pkg:*"), SMEW_OK);
    assert_int_equal(smew__directory_confirm(b, "pkg:vim"), SMEW_NOT_FOUND);
    assert_int_equal(smew__directory_claim(b, "pkg:vim", &owner), SMEW_AGAIN);
    assert_true(kit_same(owner, smew__directory_self(host)));
    kit_expect_host(c, "pkg:vim", host);
    assert_int_equal(smew__directory_claim(b, "pkg:vim", &owner), SMEW_AGAIN);
    assert_int_equal(smew__directory_claim(c, "pkg:vim", &owner), SMEW_CLAIMED);
    assert_true(kit_same(owner, smew__directory_self(b)));
    assert_int_equal(smew__directory_confirm(c, "pkg:vim"), SMEW_NOT_FOUND);
    assert_int_equal(smew__directory_confirm(b, "pkg:vim"), SMEW_OK);
    kit_expect_host(c, "pkg:vim", b);
    assert_int_equal(smew__directory_confirm(b, "pkg:vim"), SMEW_OK);
    assert_int_equal(kit_claim(b, "pkg:vim"), SMEW_EXISTS);
    assert_int_equal(kit_claim(host, "pkg:own"), SMEW_OK); /* inside its own: nobody to wait for */
    /* A pattern inside a pattern, and given back before it was confirmed. */
    assert_int_equal(smew__directory_claim(c, "pkg:e*", &owner), SMEW_AGAIN);
    kit_expect_host(c, "pkg:emacs", host);
    assert_int_equal(smew__directory_release(c, "pkg:e*"), SMEW_OK);
    assert_int_equal(kit_claim(c, "pkg:e*"), SMEW_AGAIN);
    assert_int_equal(smew__directory_release(host, "pkg:*"), SMEW_OK);
    kit_expect_host(c, "pkg:emacs", NULL);
    assert_int_equal(kit_claim(c, "pkg:e*"), SMEW_OK); /* asked again: nobody covers it now */
    kit_expect_host(b, "pkg:emacs", c);
    smew__directory_close(host);
    smew__directory_close(b);
    smew__directory_close(c);
}

static void a_dead_owner_is_passed_over_at_once(bool in_process)
{
    struct smew__directory *victim = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__node_ref dead = smew__directory_self(victim);

    assert_int_equal(kit_claim(victim, "x"), SMEW_OK);
    assert_int_equal(kit_claim(victim, "pkg:*"), SMEW_OK);
    assert_int_equal(kit_claim(b, "pkg:noted"), SMEW_AGAIN);
    assert_false(smew__directory_bury(b, dead));
    assert_true(smew__directory_alive(b, dead));
    kit_crash(victim);
    assert_false(smew__directory_alive(b, dead));
    assert_int_equal(kit_claim(b, "x"), SMEW_OK);
    kit_expect_host(b, "x", b);
    assert_int_equal(kit_claim(b, "pkg:vim"), SMEW_OK);   /* not AGAIN: nobody to wait for */
    assert_int_equal(kit_claim(b, "pkg:noted"), SMEW_OK); /* nor for this one any more */
    assert_int_equal(kit_claim(b, "pkg:*"), SMEW_OK);
    smew__directory_close(b);
}

static void a_buried_node_hosts_nothing(bool in_process)
{
    struct smew__directory *victim = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__directory *c = kit_open(in_process);
    struct smew__node_ref dead = smew__directory_self(victim);
    uint64_t epoch;
    uint64_t topic_epoch;

    assert_int_equal(kit_claim(victim, "x"), SMEW_OK);
    assert_int_equal(kit_claim(c, "*"), SMEW_OK);
    kit_crash(victim);
    epoch = *smew__directory_epoch(b);
    topic_epoch = smew__directory_topic_epoch(b);
    assert_true(smew__directory_bury(b, dead));
    assert_true(*smew__directory_epoch(b) > epoch);
    assert_true(smew__directory_topic_epoch(b) > topic_epoch);
    kit_expect_host(b, "x", c);
    kit_expect_host(c, "x", c);
    epoch = *smew__directory_epoch(b);
    assert_true(smew__directory_bury(c, dead)); /* dead, and it need not be told twice */
    assert_int_equal(*smew__directory_epoch(b), epoch);
    victim = kit_open(in_process);
    assert_int_equal(smew__directory_self(victim).slot, dead.slot);
    assert_int_equal(smew__directory_self(victim).generation, dead.generation + 1);
    assert_true(smew__directory_bury(b, dead));
    assert_true(smew__directory_alive(b, smew__directory_self(victim)));
    kit_expect_host(victim, "x", c);
    assert_true(smew__directory_bury(b, (struct smew__node_ref){5000, 1}));
    smew__directory_close(victim);
    smew__directory_close(b);
    smew__directory_close(c);
}

static void the_epoch_moves_with_claims_only(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    uint64_t epoch = *smew__directory_epoch(b);

    assert_int_equal(kit_claim(a, "*"), SMEW_OK);
    assert_true(*smew__directory_epoch(b) > epoch);
    epoch = *smew__directory_epoch(b);
    assert_int_equal(kit_claim(a, "*"), SMEW_EXISTS);
    assert_int_equal(kit_claim(b, "*"), SMEW_CLAIMED);
    assert_int_equal(smew__directory_subscribe(a, "t"), SMEW_OK);
    assert_int_equal(*smew__directory_epoch(b), epoch);
    assert_int_equal(kit_claim(b, "x"), SMEW_AGAIN);
    epoch = *smew__directory_epoch(a);
    assert_int_equal(smew__directory_confirm(b, "x"), SMEW_OK);
    assert_true(*smew__directory_epoch(a) > epoch);
    epoch = *smew__directory_epoch(a);
    assert_int_equal(smew__directory_release(b, "x"), SMEW_OK);
    assert_true(*smew__directory_epoch(a) > epoch);
    epoch = *smew__directory_epoch(b);
    smew__directory_close(a);
    assert_true(*smew__directory_epoch(b) > epoch);
    smew__directory_close(b);
}

struct listing {
    size_t count;
    size_t stop_at;
    char text[512];
};

static bool list_claim(const char *id, struct smew__node_ref owner, void *user)
{
    struct listing *listing = user;
    size_t used = strlen(listing->text);

    (void)snprintf(listing->text + used, sizeof listing->text - used, "[%s@%u]", id,
                   (unsigned)owner.slot);
    return ++listing->count != listing->stop_at;
}

static void effective_claims_are_listed(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct listing listing = {0};
    char expected[64];

    assert_int_equal(kit_claim(a, "pkg:*"), SMEW_OK);
    assert_int_equal(kit_claim(b, "pkg:noted"), SMEW_AGAIN);
    smew__directory_each_claim(b, list_claim, &listing);
    (void)snprintf(expected, sizeof expected, "[pkg:*@%u]", (unsigned)smew__directory_self(a).slot);
    assert_string_equal(listing.text, expected);
    assert_int_equal(kit_claim(b, "x"), SMEW_OK);
    listing = (struct listing){0};
    smew__directory_each_claim(a, list_claim, &listing);
    assert_int_equal(listing.count, 2);
    (void)snprintf(expected, sizeof expected, "[x@%u]", (unsigned)smew__directory_self(b).slot);
    assert_non_null(strstr(listing.text, expected));
    listing = (struct listing){.stop_at = 1};
    smew__directory_each_claim(a, list_claim, &listing);
    assert_int_equal(listing.count, 1);
    smew__directory_close(a);
    smew__directory_close(b);
}

/* The next name after *number that lies in the bucket. */
static void name_in_bucket(unsigned bucket, unsigned *number, char name[32])
{
    do {
        (void)snprintf(name, 32, "b%u", (*number)++);
    } while (smew__hash(name, strlen(name)) % SMEW__BUCKETS != bucket);
}

static void a_full_bucket_says_so_and_gives_the_room_of_the_dead(bool in_process)
{
    struct smew__directory *victim = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    unsigned number = 0;
    char first[32];
    char name[32];

    name_in_bucket(77, &number, first);
    assert_int_equal(kit_claim(victim, first), SMEW_OK);
    for (int i = 1; i < SMEW__BUCKET_CELLS; i++) {
        name_in_bucket(77, &number, name);
        assert_int_equal(kit_claim(i % 2 == 0 ? victim : b, name), SMEW_OK);
    }
    name_in_bucket(77, &number, name);
    assert_int_equal(kit_claim(b, name), SMEW_FULL);
    assert_int_equal(kit_claim(victim, name), SMEW_FULL);
    assert_int_equal(smew__directory_release(victim, first), SMEW_OK);
    assert_int_equal(kit_claim(b, name), SMEW_OK);
    kit_expect_host(victim, name, b);
    kit_crash(victim);
    for (int i = 0; i < SMEW__BUCKET_CELLS / 2 - 1; i++) {
        name_in_bucket(77, &number, name);
        assert_int_equal(kit_claim(b, name), SMEW_OK);
    }
    name_in_bucket(77, &number, name);
    assert_int_equal(kit_claim(b, name), SMEW_FULL);
    smew__directory_close(b);
}

static void entries_of_names_are_used_again(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    char name[256];
    uint32_t used = 0;

    for (int round = 0; round < 3000; round++) {
        size_t size = 1 + (size_t)(round * 37) % 255;

        memset(name, 'a' + round % 26, size);
        name[size] = '\0';
        if (round % 3 == 0 && size > 1)
            name[size - 1] = '*';
        assert_int_equal(kit_claim(a, name), SMEW_OK);
        kit_expect_host(a, name, a);
        assert_int_equal(smew__directory_release(a, name), SMEW_OK);
        if (round == 300)
            used = a->names.used;
    }
    assert_int_equal(a->names.used, used);
    assert_int_equal(a->cells, 0);
    smew__directory_close(a);
}

static void announcements_grow_under_their_readers(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    char name[256];

    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "%0*d", 200 + i % 56, i);
        assert_int_equal(kit_claim(a, name), SMEW_OK);
        kit_expect_host(b, name, a);
    }
    assert_true(a->names.blocks >= 8);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "%0*d", 200 + i % 56, i);
        kit_expect_host(b, name, a);
    }
    smew__directory_close(a);
    smew__directory_close(b);
}

/* A cell that a generation left must not count when another one has the same 16 low bits. */
static void generations_wrap(bool in_process)
{
    struct smew__directory *keeper = kit_open(in_process);
    struct smew__directory *a = kit_open(in_process);
    struct smew__node_ref self = smew__directory_self(a);
    _Atomic uint64_t *life = &keeper->board->nodes[self.slot].life;

    assert_int_equal(kit_claim(a, "old"), SMEW_OK);
    kit_crash(a);
    atomic_store(life, smew__life_make(self.generation + 0xFFFF, SMEW__LIFE_USED));
    a = kit_open(in_process);
    assert_int_equal(smew__directory_self(a).generation, self.generation + 0x10000);
    kit_expect_host(keeper, "old", NULL);
    smew__directory_close(a);
    atomic_store(life, smew__life_make(UINT32_MAX, SMEW__LIFE_FREE));
    a = kit_open(in_process);
    assert_int_equal(smew__directory_self(a).slot, self.slot);
    assert_int_equal(smew__directory_self(a).generation, 1);
    assert_int_equal(kit_claim(a, "new"), SMEW_OK);
    kit_expect_host(keeper, "new", a);
    smew__directory_close(a);
    smew__directory_close(keeper);
}

/* Were the sweep to miss one: who is in the slot now did not write it. */
static void a_cell_of_another_generation_does_not_count(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    smew__cell *cell = a->board->claims[smew__hash("x", 1) % SMEW__BUCKETS];
    uint64_t value;

    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    value = atomic_load(cell);
    assert_int_equal(smew__cell_state(value), SMEW__CELL_EFFECTIVE);
    atomic_store(cell, value + (UINT64_C(1) << 12));
    kit_expect_host(b, "x", NULL);
    assert_int_equal(kit_claim(b, "x"), SMEW_OK);
    kit_expect_host(a, "x", b);
    smew__directory_close(a);
    smew__directory_close(b);
}

#define TESTS(X)                                            \
    X(an_id_is_claimed_found_and_released)                  \
    X(an_equal_claim_is_refused_with_its_owner)             \
    X(names_are_one_to_255_bytes)                           \
    X(ids_win_over_patterns_and_long_patterns_over_short)   \
    X(a_claim_inside_a_pattern_is_noted_until_confirmed)    \
    X(a_dead_owner_is_passed_over_at_once)                  \
    X(a_buried_node_hosts_nothing)                          \
    X(the_epoch_moves_with_claims_only)                     \
    X(effective_claims_are_listed)                          \
    X(a_full_bucket_says_so_and_gives_the_room_of_the_dead) \
    X(entries_of_names_are_used_again)                      \
    X(announcements_grow_under_their_readers)               \
    X(generations_wrap)                                     \
    X(a_cell_of_another_generation_does_not_count)

TESTS(KIT_WRAP)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS(KIT_ENTRY)};

    return cmocka_run_group_tests_name("directory/claims", tests, NULL, NULL);
}
