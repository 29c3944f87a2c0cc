/* SPDX-License-Identifier: MIT */
/*
 * Somebody writes garbage over everything that is shared: board, cells, life words, announcements.
 * Whatever is called then comes back, stays within bounds (ASan and UBSan look), and a lookup's
 * answer is a slot that exists.  What was not scribbled on goes on working.
 */
#include "tests/directory/kit.h"

#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "base/hash.h"
#include "bus/directory/names.h"

enum { ROUNDS = 12, NAMES = 100, FLIPS = 20000 };

static const char *name_of(unsigned i)
{
    static char name[64];

    (void)snprintf(name, sizeof name, i % 10 == 9 ? "p%u:*" : "machine-%u", i);
    return name;
}

static bool count_text(const char *text, size_t *total)
{
    *total += strlen(text);
    return strlen(text) <= 256;
}

static bool see_claim(const char *id, struct smew__node_ref owner, void *user)
{
    assert_true(owner.slot < SMEW__DIRECTORY_NODES);
    return count_text(id, user);
}

static bool see_topic(struct smew__node_ref node, const char *topic, void *user)
{
    assert_true(node.slot < SMEW__DIRECTORY_NODES);
    return count_text(topic, user);
}

static bool see_node(const struct smew__node_record *record, void *user)
{
    assert_true(record->ref.slot < SMEW__DIRECTORY_NODES);
    return count_text(record->name, user);
}

/* Calls everything; the answers may be any. */
static void use_all(struct smew__directory *node, struct support_random *random)
{
    size_t total = 0;

    for (unsigned i = 0; i < NAMES; i++) {
        const char *name = name_of((unsigned)support_random_below(random, NAMES));
        struct smew__node_ref owner = {0};

        if (smew__directory_lookup(node, name, &owner) == SMEW_OK) {
            assert_true(owner.slot < SMEW__DIRECTORY_NODES);
            (void)smew__directory_alive(node, owner);
        }
        (void)smew__directory_claim(node, name, &owner);
        (void)smew__directory_confirm(node, name);
        (void)smew__directory_release(node, name);
        (void)smew__directory_subscribe(node, name);
        (void)smew__directory_unsubscribe(node, name);
        (void)smew__directory_bury(node, owner);
    }
    smew__directory_each_claim(node, see_claim, &total);
    (void)smew__directory_each_subscription(node, see_topic, &total);
    smew__directory_each_node(node, see_node, &total);
    smew__directory_beat(node);
}

static void fill(struct smew__directory *node, unsigned from)
{
    for (unsigned i = from; i < NAMES; i += 2) {
        enum smew_status status = kit_claim(node, name_of(i));

        assert_true(status == SMEW_OK || status == SMEW_AGAIN);
        assert_int_equal(smew__directory_subscribe(node, name_of(i)), SMEW_OK);
    }
}

/* Cells as a liar would write them: right slots, generations and tags, wrong entries. */
static void forge(struct smew__directory *node, struct support_random *random)
{
    struct smew__board *board = node->board;

    for (int i = 0; i < FLIPS; i++) {
        uint64_t value = support_random_next(random);
        struct smew__node_ref owner = {(uint32_t)support_random_below(random, 3), 1};
        struct smew__key key;
        smew__cell *cell;

        assert_int_equal(
            smew__key_parse(name_of((unsigned)support_random_below(random, NAMES)), &key), SMEW_OK);
        cell = &board->claims[key.hash % SMEW__BUCKETS]
                             [support_random_below(random, SMEW__BUCKET_CELLS)];
        if (i % 2 == 0)
            cell = &board->topics[support_random_below(random, SMEW__TOPIC_CELLS)];
        atomic_store(cell, smew__cell_make((enum smew__cell_state)(value & 3), owner,
                                           (uint32_t)(value >> 8) & 0xFFFFF, key.hash));
    }
}

static void garbage_in_cells_costs_lookups_only(bool in_process)
{
    struct support_random random = support_random_seeded();

    for (int round = 0; round < ROUNDS / 4; round++) {
        struct smew__directory *a = kit_open(in_process);
        struct smew__directory *b = kit_open(in_process);

        fill(a, 0);
        fill(b, 1);
        if (round % 2 == 0)
            forge(a, &random);
        else
            support_random_fill(&random, (void *)a->board->claims, sizeof a->board->claims);
        use_all(a, &random);
        use_all(b, &random);
        smew__directory_close(a);
        smew__directory_close(b);
    }
}

static void garbage_in_the_rest_of_the_board_does_no_harm(bool in_process)
{
    struct support_random random = support_random_seeded();

    for (int round = 0; round < ROUNDS; round++) {
        struct smew__directory *a = kit_open(in_process);
        struct smew__directory *b = kit_open(in_process);

        fill(a, 0);
        fill(b, 1);
        switch (round % 3) {
        case 0:
            support_random_fill(&random, (void *)a->board->nodes, sizeof a->board->nodes);
            break;
        case 1:
            support_random_fill(&random, (void *)a->board->topics, sizeof a->board->topics);
            break;
        default:
            support_random_fill(&random, (void *)a->board->header.lengths,
                                sizeof a->board->header.lengths);
            break;
        }
        use_all(a, &random);
        use_all(b, &random);
        smew__directory_close(a);
        smew__directory_close(b);
    }
}

/* Only the names of `a` are scribbled on: those of `b` are found as before. */
static void garbage_in_names_is_its_owners_loss(bool in_process)
{
    struct support_random random = support_random_seeded();

    for (int round = 0; round < ROUNDS; round++) {
        struct smew__directory *a = kit_open(in_process);
        struct smew__directory *b = kit_open(in_process);
        _Atomic uint64_t *words = NULL;

        fill(a, 0);
        fill(b, 1);
        assert_int_equal(a->storage->ops->names_block(a->storage, a->self, 0, &words), SMEW_OK);
        for (size_t i = 0; i < SMEW__BLOCK_SIZE / 8; i++)
            if (round % 2 == 0 || support_random_below(&random, 8) == 0)
                atomic_store(&words[i], support_random_next(&random));
        for (unsigned i = 1; i < NAMES; i += 2)
            if (i % 10 != 9)
                kit_expect_host(a, name_of(i), b);
        use_all(a, &random);
        for (unsigned i = 1; i < NAMES; i += 2)
            if (i % 10 != 9)
                kit_expect_host(a, name_of(i), b);
        smew__directory_close(a);
        smew__directory_close(b);
    }
}

static void an_entry_does_not_reach_beyond_its_block(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    const uint32_t last = SMEW__BLOCK_UNITS - 1;
    struct smew__key key;
    struct smew__name name;
    _Atomic uint64_t *words;
    uint64_t first;
    uint32_t at;

    assert_int_equal(smew__key_parse("a name of more than twenty-four bytes", &key), SMEW_OK);
    assert_int_equal(smew__names_add(a, &key, &at), SMEW_OK);
    assert_int_equal(smew__names_read(a, a->self, at, &name), SMEW_OK);
    assert_true(smew__key_is(&key, &name));
    assert_int_equal(a->storage->ops->names_block(a->storage, a->self, 0, &words), SMEW_OK);
    first = atomic_load(&words[at * SMEW__ENTRY_UNIT_WORDS]);
    atomic_store(&words[last * SMEW__ENTRY_UNIT_WORDS], first);
    assert_int_equal(smew__names_read(a, a->self, last, &name), SMEW_NOT_FOUND);
    assert_int_equal(smew__names_read(a, a->self, 0xFFFFF, &name), SMEW_NOT_FOUND);
    smew__directory_close(a);
}

/* An announcement that somebody removed, or emptied, is like one without names. */
static void a_missing_announcement_costs_lookups_only(void **state)
{
    struct smew__directory *a = kit_open(false);
    struct smew__directory *b = kit_open(false);
    char path[600];

    (void)state;
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    (void)snprintf(path, sizeof path, "%s/0.1.names", kit_folder());
    assert_int_equal(unlink(path), 0);
    kit_expect_host(a, "x", a);
    kit_expect_host(b, "x", NULL);
    assert_int_equal(kit_claim(b, "x"), SMEW_OK);
    kit_expect_host(b, "x", b);
    smew__directory_close(a);
    smew__directory_close(b);
}

/* The node's own free list, led to the last unit of a block by somebody else. */
static void a_free_entry_does_not_reach_beyond_its_block(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    const uint64_t free_of_nine = UINT64_C(0x4652) << 48 | SMEW__ENTRY_UNITS_MAX;
    const uint32_t last = SMEW__BLOCK_UNITS - 1;
    char text[SMEW__KEY_MAX + 1] = {0};
    struct smew__key longest, shortest;
    _Atomic uint64_t *words;
    uint32_t first, at;

    memset(text, 'x', SMEW__KEY_MAX);
    assert_int_equal(smew__key_parse(text, &longest), SMEW_OK);
    assert_int_equal(smew__key_parse("y", &shortest), SMEW_OK);
    assert_int_equal(smew__names_add(a, &longest, &first), SMEW_OK);
    do
        assert_int_equal(smew__names_add(a, &shortest, &at), SMEW_OK);
    while (at != last);
    smew__names_drop(a, &longest, first);
    assert_int_equal(a->storage->ops->names_block(a->storage, a->self, 0, &words), SMEW_OK);
    atomic_store(&words[first * SMEW__ENTRY_UNIT_WORDS], free_of_nine | (last + 1) << 12);
    atomic_store(&words[last * SMEW__ENTRY_UNIT_WORDS], free_of_nine);
    assert_int_equal(smew__names_add(a, &longest, &at), SMEW_OK);
    assert_int_equal(at, first);
    assert_int_equal(smew__names_add(a, &longest, &at), SMEW_OK);
    assert_int_equal(at, last + 1);
    smew__directory_close(a);
}

/* Header, identity and life word, whatever was written there; who is buried stays so. */
static void a_beat_puts_right_what_is_its_nodes_own(void **state)
{
    struct support_random random = support_random_seeded();
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *a = kit_open(false);
    struct smew__directory *b;
    struct smew__board_node *slot = &a->board->nodes[a->self.slot];
    struct smew__node_record before, after;

    (void)state;
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    assert_int_equal(smew__directory_node(a, a->self, &before), SMEW_OK);
    support_random_fill(&random, (void *)&a->board->header, 64);
    support_random_fill(&random, (void *)slot, sizeof *slot);
    assert_int_equal(smew__directory_open(&options, &b, NULL), SMEW_CORRUPT);
    kit_expect_host(a, "x", NULL);
    smew__directory_beat(a);
    b = kit_open(false);
    kit_expect_host(b, "x", a);
    assert_true(smew__directory_alive(b, a->self));
    assert_int_equal(smew__directory_node(b, a->self, &after), SMEW_OK);
    assert_string_equal(after.name, before.name);
    assert_int_equal(after.node, before.node);
    assert_int_equal(after.process.pid, before.process.pid);
    atomic_store(&slot->life, smew__life_make(a->self.generation, SMEW__LIFE_DEAD));
    smew__directory_beat(a);
    kit_expect_host(b, "x", NULL);
    smew__directory_close(a);
    smew__directory_close(b);
}

#define TESTS(X)                                     \
    X(garbage_in_cells_costs_lookups_only)           \
    X(garbage_in_the_rest_of_the_board_does_no_harm) \
    X(garbage_in_names_is_its_owners_loss)           \
    X(an_entry_does_not_reach_beyond_its_block)      \
    X(a_free_entry_does_not_reach_beyond_its_block)

TESTS(KIT_WRAP)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TESTS(KIT_ENTRY) SUPPORT_TEST(a_missing_announcement_costs_lookups_only),
        SUPPORT_TEST(a_beat_puts_right_what_is_its_nodes_own),
    };

    return cmocka_run_group_tests_name("directory/scribble", tests, NULL, NULL);
}
