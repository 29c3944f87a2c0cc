/* SPDX-License-Identifier: MIT */
/*
 * The contract, first part: opening a node, and what can be wrong with it: each thing has a status,
 * a sentence, and leaves nothing behind.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <string.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opening fails with this status and a sentence. */
static void refuse_open(const char *url, const struct smew_bus_options *options,
                        enum smew_status expected)
{
    struct smew_bus *bus = NULL;
    struct smew_error error = {0};
    enum smew_status status = smew_bus_open(url, options, &bus, &error);

    if (status != expected)
        fail_msg("opening %s answers %s instead of %s: %s", url == NULL ? "NULL" : url,
                 smew_status_name(status), smew_status_name(expected), error.text);
    assert_int_equal(error.status, expected);
    assert_true(strlen(error.text) > 10);
    assert_null(bus);
    assert_int_equal(smew_bus_open(url, options, &bus, NULL), expected);
}

static bool is_in_process(void)
{
    return (smew_transport_find(kit_scheme())->flags & SMEW_TRANSPORT_IN_PROCESS) != 0;
}

static void a_url_has_a_scheme_and_a_name(void **state)
{
    char name[66];

    (void)state;
    refuse_open(NULL, NULL, SMEW_INVALID);
    refuse_open("", NULL, SMEW_INVALID);
    refuse_open("pipe", NULL, SMEW_INVALID);
    refuse_open("pipe:/x", NULL, SMEW_INVALID);
    refuse_open("a-scheme-of-16-b://x", NULL, SMEW_INVALID);
    refuse_open("nothing://x", NULL, SMEW_UNSUPPORTED);
    refuse_open("://x", NULL, SMEW_UNSUPPORTED);
    refuse_open(kit_url(""), NULL, SMEW_INVALID);
    refuse_open(kit_url("a/b"), NULL, SMEW_INVALID);
    refuse_open(kit_url(".."), NULL, SMEW_INVALID);
    refuse_open(kit_url("a b"), NULL, SMEW_INVALID);
    memset(name, 'n', 65);
    name[65] = '\0';
    refuse_open(kit_url(name), NULL, SMEW_INVALID);
    name[64] = '\0';
    kit_close(kit_open_at(kit_url(name), NULL));
    kit_close(kit_open_at(kit_url("A-Z_a.z-09"), NULL));
    assert_int_equal(smew_bus_open(kit_url("x"), NULL, NULL, NULL), SMEW_INVALID);
}

static void options_are_checked(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    char name[65];

    (void)state;
    options.size = sizeof(options) + 8; /* of a newer library */
    refuse_open(kit_test_url(), &options, SMEW_INVALID);
    options.size = 0;
    refuse_open(kit_test_url(), &options, SMEW_INVALID);
    options.size = sizeof(options);
    options.window = 65537;
    refuse_open(kit_test_url(), &options, SMEW_INVALID);
    options.window = 65536;
    options.payload_max = 8 * 1024 * 1024 + 1;
    refuse_open(kit_test_url(), &options, SMEW_INVALID);
    options.payload_max = 8 * 1024 * 1024;
    memset(name, 'n', 64);
    name[64] = '\0';
    options.name = name;
    refuse_open(kit_test_url(), &options, SMEW_INVALID);
    options.name = "two\nlines";
    refuse_open(kit_test_url(), &options, SMEW_INVALID);
    options.name = "fine";
    kit_close(kit_open(&options));
    options.window = 65537;
    options.size = offsetof(struct smew_bus_options, window); /* of an older program */
    kit_close(kit_open(&options));
}

static void a_directory_of_another_owner_is_refused(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    char path[128];

    (void)state;
    if (is_in_process() || geteuid() != 0)
        skip(); /* there is no folder; or only root gives one away */
    (void)snprintf(path, sizeof(path), "%s/foreign", support_runtime_dir());
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, 65534, 65534), 0);
    options.runtime_dir = path;
    refuse_open(kit_test_url(), &options, SMEW_PERMISSION);
    assert_int_equal(chown(path, 0, 0), 0);
    /* The other way round: ours, seen by somebody else. */
    assert_int_equal(seteuid(65534), 0);
    refuse_open(kit_test_url(), &options, SMEW_PERMISSION);
    assert_int_equal(seteuid(0), 0);
    kit_close(kit_open(&options));
    assert_int_equal(rmdir(path), 0);
}

static void a_path_too_long_is_refused(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    char path[200];

    (void)state;
    if (!kit_is_pipe())
        skip(); /* in one process there are no paths */
    memset(path, 'p', sizeof(path));
    memcpy(path, support_runtime_dir(), strlen(support_runtime_dir()));
    path[strlen(support_runtime_dir())] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(mkdir(path, 0700), 0);
    options.runtime_dir = path;
    refuse_open(kit_test_url(), &options, SMEW_PATH_TOO_LONG);
    assert_int_equal(rmdir(path), 0); /* and nothing is in there */
}

static void too_few_descriptors_are_a_status(void **state)
{
    struct rlimit before;
    struct rlimit few;
    unsigned rounds = 0;
    enum smew_status status = SMEW_NO_FDS;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (few = before, few.rlim_cur = 3; status != SMEW_OK && few.rlim_cur < 200; few.rlim_cur++) {
        struct smew_bus *bus = NULL;
        struct smew_error error = {0};

        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        status = smew_bus_open(kit_test_url(), NULL, &bus, &error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (status == SMEW_OK) {
            kit_close(bus);
            break;
        }
        if (status != SMEW_NO_FDS || error.status != SMEW_NO_FDS || strlen(error.text) < 10)
            fail_msg("with %u descriptors: %s, %s", (unsigned)few.rlim_cur,
                     smew_status_name(status), error.text);
        rounds++;
    }
    assert_int_equal(status, SMEW_OK);
    assert_true(rounds >= 5);
}

/* ---- in a child ---------------------------------------------------------------------- */

struct forked {
    struct smew_bus *bus;
    struct smew_subscription *subscription;
};

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            return 1;                                                                     \
        }                                                                                 \
    } while (0)

static bool each_node(const struct smew_node_info *node, void *user)
{
    (void)node;
    (void)user;
    return true;
}

static bool each_claim(const char *id, const char *node, void *user)
{
    (void)id;
    (void)node;
    (void)user;
    return true;
}

static int call_everything(void *argument)
{
    struct forked *parent = argument;
    struct smew_bus *bus = parent->bus;
    struct smew_subscription *subscription = NULL;
    struct smew_message *reply = NULL;
    struct smew_bus_stats stats;
    struct smew_left left = {1, 1, 1};

    CHECK(smew_bus_send(bus, "m", "E", NULL, 0, NULL) == SMEW_FORKED);
    CHECK(smew_bus_request(bus, "m", "E", NULL, 0, NULL, &reply) == SMEW_FORKED);
    CHECK(smew_bus_request_async(bus, "m", "E", NULL, 0, NULL, kit_note_reply, NULL) ==
          SMEW_FORKED);
    CHECK(smew_bus_publish(bus, "m", "E", NULL, 0, SMEW_CONTENT_RAW) == SMEW_FORKED);
    CHECK(!smew_bus_has_subscribers(bus, "m"));
    CHECK(smew_bus_register(bus, "n", kit_note, NULL, NULL, NULL) == SMEW_FORKED);
    CHECK(smew_bus_unregister(bus, "m") == SMEW_FORKED);
    CHECK(smew_bus_subscribe(bus, "m", kit_note, NULL, &subscription) == SMEW_FORKED);
    CHECK(smew_bus_poll(bus, 0, 0) == SMEW_FORKED);
    CHECK(smew_bus_flush(bus, 0) == SMEW_FORKED);
    CHECK(smew_bus_stats(bus, &stats) == SMEW_FORKED);
    CHECK(smew_bus_each_node(bus, each_node, NULL) == SMEW_FORKED);
    CHECK(smew_bus_each_claim(bus, each_claim, NULL) == SMEW_FORKED);
    smew_bus_unsubscribe(bus, parent->subscription);
    smew_bus_close(bus, 1000, &left);
    return 0;
}

static void a_forked_child_is_refused(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    struct forked forked = {.bus = bus};
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(bus, "m", kit_note, &log);
    assert_int_equal(smew_bus_subscribe(bus, "t", kit_note, &log, &forked.subscription), SMEW_OK);
    assert_int_equal(support_reap(support_fork_bare(call_everything, &forked), KIT_WAIT_MS), 0);
    /* The parent did not notice. */
    kit_send(bus, "m", 1);
    assert_int_equal(smew_bus_publish(bus, "t", "E", NULL, 0, SMEW_CONTENT_RAW), SMEW_OK);
    kit_poll_until(bus, &log, 2);
    kit_close(bus);
}

/* The child has the parent's memory, and must not take the parent's machine for its own. */
static int send_to_parent(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus = NULL;

    (void)argument;
    options.level = SMEW_LEVEL_PROCESSED;
    options.timeout_ms = KIT_WAIT_MS;
    CHECK(smew_bus_open(kit_test_url(), NULL, &bus, NULL) == SMEW_OK);
    CHECK(smew_bus_send(bus, "m", "E", NULL, 0, &options) == SMEW_OK);
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

static void a_child_may_open_a_node_of_its_own(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    static struct kit_log log;
    pid_t child;

    (void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    /*
     * The one forbids threads in a child of a process that has some.  The other copies the locks of
     * its allocator as they are: one that the service thread holds stays locked in the child.
     */
    kit_close(bus);
    skip(); /* this test is about a fork beside threads, which sanitizers cannot follow */
#endif
    if (!kit_is_pipe()) {
        kit_close(bus);
        skip(); /* in one process nothing of it is another's */
    }
    kit_log_init(&log);
    kit_register(bus, "m", kit_note, &log);
    kit_poll_all(bus); /* this thread polls the node, and the child's is its copy */
    child = support_fork(send_to_parent, NULL);
    kit_poll_until(bus, &log, 1);
    assert_int_equal(support_reap(child, KIT_WAIT_MS), 0);
    kit_close(bus);
}

/* ---- living together ----------------------------------------------------------------- */

static void nodes_have_addresses_of_their_own(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct smew_bus *other = kit_open_at(kit_url("other"), NULL);

    (void)state;
    assert_int_equal(smew_bus_address(one)[0], '@');
    assert_string_not_equal(smew_bus_address(one), smew_bus_address(two));
    assert_true(smew_bus_fd(one) >= 0);
    assert_int_not_equal(smew_bus_fd(one), smew_bus_fd(two));
    /* Two buses do not know each other. */
    kit_register(one, "m", kit_ignore, NULL);
    assert_int_equal(kit_send_number(other, "m", 1, NULL), SMEW_NO_MACHINE);
    kit_register(other, "m", kit_ignore, NULL);
    kit_close(two);
    kit_close(one);
    kit_close(other);
}

static void opening_and_closing_leaves_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct smew_bus *one = kit_open(NULL);
        struct smew_bus *two = i % 2 == 0 ? kit_open(NULL) : NULL;

        if (two != NULL)
            kit_close(two);
        kit_close(one);
    }
    smew_bus_close(NULL, 0, NULL);
}

static void try_in_handler(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct smew_bus *other = NULL;
    struct smew_error error = {0};

    if (smew_bus_open(kit_test_url(), NULL, &other, &error) == SMEW_WOULD_DEADLOCK &&
        smew_bus_register(bus, "n", kit_ignore, NULL, NULL, &error) == SMEW_WOULD_DEADLOCK &&
        smew_bus_flush(bus, 0) == SMEW_WOULD_DEADLOCK &&
        smew_bus_poll(bus, 0, 0) == SMEW_WOULD_DEADLOCK && strlen(error.text) > 10)
        kit_note(bus, message, user);
}

static void what_waits_is_refused_in_a_handler(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(bus, "m", try_in_handler, &log);
    kit_send(bus, "m", 1);
    assert_int_equal(smew_bus_poll(bus, KIT_WAIT_MS, 0), SMEW_OK);
    assert_int_equal(log.count, 1);
    kit_close(bus);
}

BUS_CONTRACT_PART(bus_contract_open, SUPPORT_TEST(a_url_has_a_scheme_and_a_name),
                  SUPPORT_TEST(options_are_checked),
                  SUPPORT_TEST(a_directory_of_another_owner_is_refused),
                  SUPPORT_TEST(a_path_too_long_is_refused),
                  SUPPORT_TEST(too_few_descriptors_are_a_status),
                  SUPPORT_TEST(a_forked_child_is_refused),
                  SUPPORT_TEST(a_child_may_open_a_node_of_its_own),
                  SUPPORT_TEST(nodes_have_addresses_of_their_own),
                  SUPPORT_TEST(opening_and_closing_leaves_nothing),
                  SUPPORT_TEST(what_waits_is_refused_in_a_handler));
