/* SPDX-License-Identifier: MIT */
/*
 * The contract, second part: who hosts which machine.  One host for an id on the whole bus; an id
 * wins over a pattern, a longer pattern over a shorter; a claim ends with its node, and whoever
 * waits for it gets it at once.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <string.h>

/* Registering fails with this status and a sentence. */
static void refuse_register(struct smew_bus *bus, const char *id, enum smew_status expected)
{
    struct smew_error error = {0};
    enum smew_status status = smew_bus_register(bus, id, kit_ignore, NULL, NULL, &error);

    if (status != expected)
        fail_msg("registering %s answers %s instead of %s: %s", id == NULL ? "NULL" : id,
                 smew_status_name(status), smew_status_name(expected), error.text);
    assert_int_equal(error.status, expected);
    assert_true(strlen(error.text) > 5);
}

static void ids_are_checked(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    char id[257];

    (void)state;
    refuse_register(bus, NULL, SMEW_INVALID);
    refuse_register(bus, "", SMEW_INVALID);
    refuse_register(bus, "@1.1", SMEW_INVALID);
    refuse_register(bus, "a*b", SMEW_INVALID);
    refuse_register(bus, "**", SMEW_INVALID);
    refuse_register(bus, "new\nline", SMEW_INVALID);
    refuse_register(bus, "\xff\xfe", SMEW_INVALID);
    memset(id, 'i', 256);
    id[256] = '\0';
    refuse_register(bus, id, SMEW_INVALID);
    id[255] = '\0';
    kit_register(bus, id, kit_ignore, NULL);
    assert_int_equal(smew_bus_register(bus, "m", NULL, NULL, NULL, NULL), SMEW_INVALID);
    options.size += 8;
    assert_int_equal(smew_bus_register(bus, "m", kit_ignore, NULL, &options, NULL), SMEW_INVALID);
    kit_register(bus, "Größe: 3 µm", kit_ignore, NULL);
    assert_int_equal(smew_bus_unregister(bus, "m"), SMEW_NOT_FOUND);
    assert_int_equal(smew_bus_unregister(bus, NULL), SMEW_INVALID);
    kit_close(bus);
}

static void a_claim_is_held_once(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *one;
    struct smew_bus *two = kit_open(NULL);
    struct smew_error error = {0};

    (void)state;
    options.name = "first-host";
    one = kit_open(&options);
    kit_register(one, "m", kit_ignore, NULL);
    kit_register(one, "p:*", kit_ignore, NULL);
    refuse_register(one, "m", SMEW_EXISTS);
    refuse_register(one, "p:*", SMEW_EXISTS);
    refuse_register(two, "m", SMEW_CLAIMED);
    refuse_register(two, "p:*", SMEW_CLAIMED);
    (void)!smew_bus_register(two, "m", kit_ignore, NULL, NULL, &error);
    assert_non_null(strstr(error.text, "first-host")); /* the sentence says who */
    assert_non_null(strstr(error.text, smew_bus_address(one)));
    assert_int_equal(smew_bus_unregister(one, "m"), SMEW_OK);
    kit_register(two, "m", kit_ignore, NULL);
    refuse_register(one, "m", SMEW_CLAIMED);
    kit_close(one);
    kit_register(two, "p:*", kit_ignore, NULL);
    kit_close(two);
}

static void the_more_explicit_claim_wins(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log logs[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        kit_log_init(&logs[i]);
    kit_register(one, "p:*", kit_note, &logs[0]);
    kit_register(one, "p:long:*", kit_note, &logs[1]);
    kit_register(one, "p:long:id", kit_note, &logs[2]);
    kit_register(two, "*", kit_note, &logs[3]);
    kit_send(sender, "p:", 1); /* an empty rest matches too */
    kit_send(sender, "p:x", 2);
    kit_send(sender, "p:long", 3);
    kit_send(sender, "p:long:x", 4);
    kit_send(sender, "p:long:id", 5);
    kit_send(sender, "p:long:id2", 6);
    kit_send(sender, "q", 7);
    kit_poll_until(one, &logs[0], 3);
    kit_poll_until(one, &logs[1], 2);
    kit_poll_until(one, &logs[2], 1);
    kit_poll_until(two, &logs[3], 1);
    assert_string_equal(logs[0].seen[2].target, "p:long");
    assert_string_equal(logs[1].seen[0].target, "p:long:x");
    assert_int_equal(logs[2].seen[0].number, 5);
    assert_int_equal(logs[3].seen[0].number, 7);
    /* What is given back belongs to the next best. */
    assert_int_equal(smew_bus_unregister(one, "p:long:id"), SMEW_OK);
    kit_send(sender, "p:long:id", 8);
    kit_poll_until(one, &logs[1], 3);
    assert_int_equal(smew_bus_unregister(one, "p:long:*"), SMEW_OK);
    kit_send(sender, "p:long:id", 9);
    kit_poll_until(one, &logs[0], 4);
    assert_int_equal(smew_bus_unregister(one, "p:*"), SMEW_OK);
    kit_send(sender, "p:long:id", 10);
    kit_poll_until(two, &logs[3], 2);
    kit_close(sender);
    kit_close(one);
    kit_close(two);
}

/* ---- standby ------------------------------------------------------------------------- */

struct standby {
    struct smew_bus *bus;
    struct kit_log *log;
    uint32_t timeout_ms;
    enum smew_status status;
    pthread_t thread;
    atomic_bool over;
};

static void *stand_by(void *argument)
{
    struct standby *standby = argument;
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;

    options.standby = true;
    options.timeout_ms = standby->timeout_ms;
    standby->status = smew_bus_register(standby->bus, "m", kit_note, standby->log, &options, NULL);
    atomic_store(&standby->over, true);
    return NULL;
}

static void start_standby(struct standby *standby)
{
    atomic_init(&standby->over, false);
    assert_int_equal(pthread_create(&standby->thread, NULL, stand_by, standby), 0);
}

static enum smew_status end_standby(struct standby *standby)
{
    assert_int_equal(pthread_join(standby->thread, NULL), 0);
    return standby->status;
}

static void a_standby_waits_until_its_deadline(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct standby standby = {.bus = kit_open(NULL), .timeout_ms = 30};
    uint64_t begin_ns = smew_now_ns();

    (void)state;
    kit_register(host, "m", kit_ignore, NULL);
    start_standby(&standby);
    assert_int_equal(end_standby(&standby), SMEW_CLAIMED);
    assert_true(smew_now_ns() - begin_ns >= 30 * UINT64_C(1000000));
    standby.timeout_ms = SMEW_NOW;
    start_standby(&standby);
    assert_int_equal(end_standby(&standby), SMEW_CLAIMED);
    kit_close(standby.bus);
    kit_close(host);
}

/* What the host had not handled goes to the standby, in order, none of it twice. */
static void a_standby_takes_over(bool by_close)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log before;
    static struct kit_log after;
    struct standby standby = {.bus = kit_open(NULL), .log = &after, .timeout_ms = KIT_WAIT_MS};

    kit_log_init(&before);
    kit_log_init(&after);
    kit_register(host, "m", kit_note, &before);
    start_standby(&standby);
    for (uint64_t i = 0; i < 200; i++)
        kit_send(sender, "m", i);
    while (before.count < 50)
        (void)!smew_bus_poll(host, 10, 1);
    assert_false(atomic_load(&standby.over));
    if (by_close)
        smew_bus_close(host, KIT_WAIT_MS, NULL);
    else
        assert_int_equal(smew_bus_unregister(host, "m"), SMEW_OK);
    assert_int_equal(end_standby(&standby), SMEW_OK);
    for (uint64_t i = 200; i < 250; i++)
        kit_send(sender, "m", i);
    kit_poll_until(standby.bus, &after, 200);
    assert_int_equal(before.count, 50);
    kit_expect_run(&before, NULL, 0, 50);
    kit_expect_run(&after, NULL, 50, 200);
    for (size_t i = 0; i < after.count && !by_close; i++)
        assert_false(after.seen[i].redelivered); /* a living host says what it has not handled */
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(standby.bus);
    if (!by_close)
        kit_close(host);
}

static void a_standby_takes_over_what_was_given_back(void **state)
{
    (void)state;
    a_standby_takes_over(false);
}

static void a_standby_takes_over_from_a_closed_node(void **state)
{
    (void)state;
    a_standby_takes_over(true);
}

/* Between the host's end and the next one's beginning the messages wait. */
static void messages_wait_for_the_next_host(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_bus *next;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_ignore, NULL);
    for (uint64_t i = 0; i < 100; i++)
        kit_send(sender, "m", i);
    smew_bus_close(host, 0, NULL);
    assert_int_equal(kit_send_number(sender, "m", 100, NULL), SMEW_NO_MACHINE);
    assert_int_equal(smew_bus_flush(sender, 20), SMEW_TIMEOUT);
    next = kit_open(NULL);
    kit_register(next, "m", kit_note, &log);
    kit_poll_until(next, &log, 100);
    kit_expect_run(&log, "m", 0, 100);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(next);
}

/* ---- walking ------------------------------------------------------------------------- */

struct walk {
    unsigned count;
    unsigned most;
    bool alive;
    char text[256];
};

static bool see_claim(const char *id, const char *node, void *user)
{
    struct walk *walk = user;

    walk->count++;
    (void)snprintf(walk->text + strlen(walk->text), sizeof(walk->text) - strlen(walk->text),
                   "%s=%s ", id, node);
    return walk->count < walk->most;
}

static void claims_are_shown(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct walk walk = {.most = 9};
    char expected[64];

    (void)state;
    kit_register(one, "a", kit_ignore, NULL);
    kit_register(two, "b:*", kit_ignore, NULL);
    assert_int_equal(smew_bus_each_claim(two, see_claim, &walk), SMEW_OK);
    assert_int_equal(walk.count, 2);
    (void)snprintf(expected, sizeof(expected), "a=%s ", smew_bus_address(one));
    assert_non_null(strstr(walk.text, expected));
    (void)snprintf(expected, sizeof(expected), "b:*=%s ", smew_bus_address(two));
    assert_non_null(strstr(walk.text, expected));
    walk = (struct walk){.most = 1};
    assert_int_equal(smew_bus_each_claim(two, see_claim, &walk), SMEW_OK);
    assert_int_equal(walk.count, 1);
    assert_int_equal(smew_bus_each_claim(two, NULL, NULL), SMEW_INVALID);
    kit_close(one);
    walk = (struct walk){.most = 9};
    assert_int_equal(smew_bus_each_claim(two, see_claim, &walk), SMEW_OK);
    assert_int_equal(walk.count, 1);
    kit_close(two);
}

static bool see_node(const struct smew_node_info *node, void *user)
{
    struct walk *walk = user;

    walk->count++;
    if (strcmp(node->name, "somebody") == 0)
        walk->alive = node->alive && !node->suspect && node->pid > 0 && node->address[0] == '@';
    return walk->count < walk->most;
}

static void nodes_are_shown(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two;
    struct walk walk = {.most = 9};

    (void)state;
    options.name = "somebody";
    two = kit_open(&options);
    assert_int_equal(smew_bus_each_node(one, see_node, &walk), SMEW_OK);
    assert_int_equal(walk.count, 2);
    assert_true(walk.alive);
    walk = (struct walk){.most = 1};
    assert_int_equal(smew_bus_each_node(one, see_node, &walk), SMEW_OK);
    assert_int_equal(walk.count, 1);
    assert_int_equal(smew_bus_each_node(one, NULL, NULL), SMEW_INVALID);
    kit_close(two);
    walk = (struct walk){.most = 9};
    assert_int_equal(smew_bus_each_node(one, see_node, &walk), SMEW_OK);
    assert_int_equal(walk.count, 1);
    kit_close(one);
}

BUS_CONTRACT_PART(bus_contract_claim, SUPPORT_TEST(ids_are_checked),
                  SUPPORT_TEST(a_claim_is_held_once), SUPPORT_TEST(the_more_explicit_claim_wins),
                  SUPPORT_TEST(a_standby_waits_until_its_deadline),
                  SUPPORT_TEST(a_standby_takes_over_what_was_given_back),
                  SUPPORT_TEST(a_standby_takes_over_from_a_closed_node),
                  SUPPORT_TEST(messages_wait_for_the_next_host), SUPPORT_TEST(claims_are_shown),
                  SUPPORT_TEST(nodes_are_shown));
