/* SPDX-License-Identifier: MIT */
/* Nodes and subscriptions: records, liveness, slots, topics; in files and in memory. */
#include "tests/directory/kit.h"

#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "base/os/lock.h"

static void a_node_has_a_record(bool in_process)
{
    struct smew__directory_options options = kit_options(in_process);
    struct smew__directory *a;
    struct smew__directory *b = kit_open(in_process);
    struct smew__node_record record;
    struct smew_error error;
    struct smew__node_ref ref;
    char name[100];
    uint64_t beat_ns;

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    options.node_name = name;
    options.node = UINT64_C(0x1234567812345678);
    assert_int_equal(smew__directory_open(&options, &a, &error), SMEW_OK);
    ref = smew__directory_self(a);
    assert_int_equal(smew__directory_node(b, ref, &record), SMEW_OK);
    assert_true(kit_same(record.ref, ref));
    assert_int_equal(record.node, options.node);
    assert_int_equal(record.process.pid, getpid());
    assert_int_equal(strlen(record.name), 63);
    assert_memory_equal(record.name, name, 63);
    assert_int_equal(record.beats, 0);
    beat_ns = record.beat_ns;
    assert_int_equal(record.joined_ns, beat_ns);
    smew__directory_beat(a);
    smew__directory_beat(a);
    assert_int_equal(smew__directory_node(b, ref, &record), SMEW_OK);
    assert_int_equal(record.beats, 2);
    assert_true(record.beat_ns >= beat_ns);
    assert_true(smew__directory_alive(b, ref));
    smew__directory_close(a);
    assert_int_equal(smew__directory_node(b, ref, &record), SMEW_NOT_FOUND);
    assert_false(smew__directory_alive(b, ref));
    assert_true(smew__directory_bury(b, ref));
    ref.slot = SMEW__DIRECTORY_NODES;
    assert_int_equal(smew__directory_node(b, ref, &record), SMEW_NOT_FOUND);
    smew__directory_close(b);
}

static bool count_node(const struct smew__node_record *record, void *user)
{
    unsigned *count = user;

    assert_string_equal(record->name, "tester");
    (*count)++;
    return *count < 3;
}

static void nodes_are_listed_until_buried(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__node_ref dead = smew__directory_self(b);
    struct smew__node_record record;
    unsigned count = 0;

    smew__directory_each_node(a, count_node, &count);
    assert_int_equal(count, 2);
    kit_crash(b);
    count = 0;
    smew__directory_each_node(a, count_node, &count);
    assert_int_equal(count, 2);
    assert_true(smew__directory_bury(a, dead));
    assert_int_equal(smew__directory_node(a, dead, &record), SMEW_OK);
    assert_false(smew__directory_alive(a, dead));
    count = 0;
    smew__directory_each_node(a, count_node, &count);
    assert_int_equal(count, 1);
    b = kit_open(in_process);
    assert_int_equal(smew__directory_node(a, dead, &record), SMEW_NOT_FOUND);
    count = 0;
    smew__directory_each_node(a, count_node, &count);
    assert_int_equal(count, 2);
    smew__directory_close(a);
    smew__directory_close(b);
}

static void slots_are_used_again_with_another_generation(bool in_process)
{
    struct smew__directory *keeper = kit_open(in_process);

    for (uint32_t i = 1; i < 50; i++) {
        struct smew__directory *a = kit_open(in_process);

        assert_int_equal(smew__directory_self(a).slot, 1);
        assert_int_equal(smew__directory_self(a).generation, i);
        if (i % 2 == 0)
            kit_crash(a);
        else
            smew__directory_close(a);
    }
    smew__directory_close(keeper);
}

static void a_bus_without_a_free_slot_says_so(bool in_process)
{
    struct smew__directory_options options = kit_options(in_process);
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *more;
    struct smew__storage *storage = a->storage;
    struct smew_error error;

    for (uint32_t slot = 1; slot < SMEW__DIRECTORY_NODES; slot++)
        assert_true(storage->ops->slot_lock(storage, slot));
    assert_int_equal(smew__directory_open(&options, &more, &error), SMEW_LIMIT);
    assert_non_null(strstr(error.text, "1024 nodes"));
    storage->ops->slot_unlock(storage, 1000);
    assert_int_equal(smew__directory_open(&options, &more, &error), SMEW_OK);
    assert_int_equal(smew__directory_self(more).slot, 1000);
    smew__directory_close(more);
    for (uint32_t slot = 1; slot < SMEW__DIRECTORY_NODES; slot++)
        storage->ops->slot_unlock(storage, slot);
    smew__directory_close(a);
}

struct topics {
    size_t count;
    size_t stop_at;
    char text[512];
};

static bool list_topic(struct smew__node_ref node, const char *topic, void *user)
{
    struct topics *topics = user;
    size_t used = strlen(topics->text);

    (void)snprintf(topics->text + used, sizeof topics->text - used, "[%s@%u]", topic,
                   (unsigned)node.slot);
    return ++topics->count != topics->stop_at;
}

static void expect_topics(struct smew__directory *directory, const char *expected)
{
    struct topics topics = {0};

    assert_int_equal(smew__directory_each_subscription(directory, list_topic, &topics), SMEW_OK);
    assert_string_equal(topics.text, expected);
}

static void subscriptions_are_seen_by_all(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct topics topics = {.stop_at = 1};
    uint64_t epoch = smew__directory_topic_epoch(b);
    uint64_t claims = *smew__directory_epoch(b);

    expect_topics(a, "");
    assert_int_equal(smew__directory_subscribe(a, "light"), SMEW_OK);
    assert_true(smew__directory_topic_epoch(b) > epoch);
    assert_int_equal(smew__directory_subscribe(a, "light"), SMEW_EXISTS);
    assert_int_equal(smew__directory_subscribe(b, "light"), SMEW_OK);
    assert_int_equal(smew__directory_subscribe(a, "pkg:*"), SMEW_OK);
    assert_int_equal(smew__directory_subscribe(a, "*"), SMEW_OK);
    expect_topics(b, "[light@0][light@1][pkg:*@0][*@0]");
    assert_int_equal(smew__directory_each_subscription(b, list_topic, &topics), SMEW_OK);
    assert_int_equal(topics.count, 1);
    epoch = smew__directory_topic_epoch(b);
    assert_int_equal(smew__directory_unsubscribe(a, "light"), SMEW_OK);
    assert_true(smew__directory_topic_epoch(b) > epoch);
    assert_int_equal(smew__directory_unsubscribe(a, "light"), SMEW_NOT_FOUND);
    assert_int_equal(smew__directory_unsubscribe(b, "pkg:*"), SMEW_NOT_FOUND);
    expect_topics(a, "[light@1][pkg:*@0][*@0]");
    assert_int_equal(*smew__directory_epoch(b), claims);
    smew__directory_close(a);
    expect_topics(b, "[light@1]");
    smew__directory_close(b);
}

static void subscriptions_end_with_their_node(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    struct smew__node_ref dead = smew__directory_self(a);
    uint64_t epoch;

    assert_int_equal(smew__directory_subscribe(a, "light"), SMEW_OK);
    epoch = smew__directory_topic_epoch(b);
    kit_crash(a);
    assert_true(smew__directory_bury(b, dead));
    assert_true(smew__directory_topic_epoch(b) > epoch);
    expect_topics(b, "");
    smew__directory_close(b);
}

static void the_row_of_topics_can_be_full(bool in_process)
{
    struct smew__directory *a = kit_open(in_process);
    struct smew__directory *b = kit_open(in_process);
    smew__cell *cells = a->board->topics;

    assert_int_equal(smew__directory_subscribe(a, "topic"), SMEW_OK);
    for (int i = 1; i < SMEW__TOPIC_CELLS; i++)
        atomic_store(&cells[i], atomic_load(&cells[0]));
    assert_int_equal(smew__directory_subscribe(a, "one more"), SMEW_FULL);
    assert_int_equal(smew__directory_subscribe(b, "one more"), SMEW_FULL);
    kit_crash(a);
    assert_int_equal(smew__directory_subscribe(b, "one more"), SMEW_OK);
    expect_topics(b, "[one more@1]");
    smew__directory_close(b);
}

#define TESTS(X)                                    \
    X(a_node_has_a_record)                          \
    X(nodes_are_listed_until_buried)                \
    X(slots_are_used_again_with_another_generation) \
    X(a_bus_without_a_free_slot_says_so)            \
    X(subscriptions_are_seen_by_all)                \
    X(subscriptions_end_with_their_node)            \
    X(the_row_of_topics_can_be_full)

TESTS(KIT_WRAP)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS(KIT_ENTRY)};

    return cmocka_run_group_tests_name("directory/nodes", tests, NULL, NULL);
}
