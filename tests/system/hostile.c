/* SPDX-License-Identifier: MIT */
/*
 * A node that serves, and somebody who writes to its socket by hand: another program, another
 * version, damage, nonsense in the right form.  Each is refused and counted, the one that can read
 * is told why, and the node goes on serving the others.
 *
 * Argument: the scheme.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <smew/smew.h>

#include "serialization/item.h"
#include "tests/support/support.h"
#include "tests/system/byhand.h"

enum { WAIT_MS = 5000, WINDOW = 4 };

static struct smew_bus *host, *friend;
static struct smew_bus *quiet;     /* a node that sent one event and says nothing any more */
static uint64_t quiet_incarnation; /* as the host saw it */

/* ---- what is said by hand -------------------------------------------------------------- */

static int dial(void)
{
    return byhand_dial("hostile", smew_bus_address(host));
}

/* A HELLO in the name of the quiet node. */
static struct smew__item hello_of(const char *bus, uint64_t node)
{
    char *end;
    const unsigned long slot = strtoul(smew_bus_address(quiet) + 1, &end, 10);
    const unsigned long generation = strtoul(end + 1, NULL, 10);

    return (struct smew__item){.type = SMEW__ITEM_HELLO,
                               .hello = {.bus = {bus, strlen(bus)},
                                         .name = {"stranger", 8},
                                         .node = node,
                                         .slot = (uint32_t)slot,
                                         .generation = (uint32_t)generation,
                                         .window = WINDOW,
                                         .pid = getpid()}};
}

static struct smew__item envelope_of(uint64_t node, uint64_t sequence)
{
    return (struct smew__item){.type = SMEW__ITEM_ENVELOPE,
                               .envelope = {.id = {node, 1, sequence},
                                            .kind = SMEW_KIND_EVENT,
                                            .source = {"stranger", 8},
                                            .target = {"held", 4},
                                            .event = {"E", 1},
                                            .payload = ""}};
}

/* ---- the node under attack ----------------------------------------------------------- */

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)user;
    if (strcmp(smew_message_source(message), smew_bus_address(quiet)) == 0)
        quiet_incarnation = smew_message_id(message).node;
    if (smew_message_kind(message) == SMEW_KIND_REQUEST)
        assert_int_equal(smew_bus_reply(bus, message, "here", 4, SMEW_CONTENT_RAW), SMEW_OK);
}

/* A channel may hang up a moment before its node counts why. */
static bool has_counted(void *unused)
{
    struct smew_bus_stats stats;

    (void)unused;
    assert_int_equal(smew_bus_stats(host, &stats), SMEW_OK);
    return stats.bad_frames == 1;
}

struct answer {
    bool over;
    enum smew_status status;
};

static void on_reply(struct smew_bus *bus, enum smew_status status,
                     const struct smew_message *reply, void *user)
{
    struct answer *answer = user;

    (void)bus;
    (void)reply;
    *answer = (struct answer){true, status};
}

static bool answered(void *argument)
{
    (void)!smew_bus_poll(host, 0, 0);
    (void)!smew_bus_poll(friend, 0, 0);
    return ((struct answer *)argument)->over;
}

static void assert_still_serves(void)
{
    struct answer answer = {0};

    assert_int_equal(
        smew_bus_request_async(friend, "echo", "ASK", NULL, 0, NULL, on_reply, &answer), SMEW_OK);
    assert_true(support_wait_until(answered, &answer, WAIT_MS));
    assert_int_equal(answer.status, SMEW_OK);
}

static bool quiet_was_heard(void *unused)
{
    (void)unused;
    (void)!smew_bus_poll(host, 0, 0);
    return quiet_incarnation != 0;
}

static int open_nodes(void **state)
{
    quiet_incarnation = 0;
    return support_setup(state) || smew_bus_open(byhand_url("hostile"), NULL, &host, NULL) ||
           smew_bus_open(byhand_url("hostile"), NULL, &friend, NULL) ||
           smew_bus_open(byhand_url("hostile"), NULL, &quiet, NULL) ||
           smew_bus_register(host, "echo", on_message, NULL, NULL, NULL) ||
           smew_bus_register(host, "held", on_message, NULL, NULL, NULL) ||
           smew_bus_send(quiet, "echo", "HELLO", NULL, 0, NULL) ||
           !support_wait_until(quiet_was_heard, NULL, WAIT_MS) || smew_bus_flush(quiet, WAIT_MS);
}

static int close_nodes(void **state)
{
    smew_bus_close(quiet, 1000, NULL);
    smew_bus_close(friend, 1000, NULL);
    smew_bus_close(host, 1000, NULL);
    return support_teardown(state);
}

/* Writes nonsense; the node closes, counts it, and goes on. */
static void assert_refused(int fd)
{
    (void)byhand_hear_to_end(fd, NULL);
    assert_true(support_wait_until(has_counted, NULL, WAIT_MS));
    assert_still_serves();
}

/* ---- tests --------------------------------------------------------------------------- */

static void another_program(void **state)
{
    int fd = dial();

    (void)state;
    byhand_put(fd, "GET / HTTP/1.1\r\n\r\n", 18);
    assert_refused(fd);
}

static void another_version(void **state)
{
    int fd = dial();

    (void)state;
    byhand_greet_strangely(fd);
    assert_refused(fd);
}

static void a_damaged_frame(void **state)
{
    static const uint8_t frame[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 1, 2, 3, 4};
    int fd = dial();

    (void)state;
    byhand_greet(fd);
    byhand_put(fd, frame, sizeof(frame));
    assert_refused(fd);
}

static void an_oversized_frame(void **state)
{
    int fd = dial();

    (void)state;
    byhand_greet(fd);
    byhand_put_oversized(fd);
    assert_refused(fd);
}

static void a_frame_that_is_no_item(void **state)
{
    int fd = dial();

    (void)state;
    byhand_greet(fd);
    byhand_put_frame(fd, "\xff\xff\xff", 3);
    assert_refused(fd);
}

static void an_envelope_before_its_hello(void **state)
{
    struct smew__item envelope = envelope_of(quiet_incarnation, 1);
    int fd = dial();

    (void)state;
    byhand_greet(fd);
    byhand_put_item(fd, &envelope);
    assert_refused(fd);
}

static void an_envelope_of_somebody_else(void **state)
{
    struct smew__item hello = hello_of("hostile", quiet_incarnation);
    struct smew__item envelope = envelope_of(quiet_incarnation + 1, 1);
    int fd = dial();

    (void)state;
    byhand_greet(fd);
    byhand_put_item(fd, &hello);
    byhand_put_item(fd, &envelope);
    assert_refused(fd);
}

static void more_than_its_window(void **state)
{
    struct smew__item hello = hello_of("hostile", quiet_incarnation);
    int fd = dial();

    (void)state;
    byhand_greet(fd);
    byhand_put_item(fd, &hello);
    for (uint64_t i = 1; i <= 4096; i++) { /* the host does not poll: nothing completes */
        struct smew__item envelope = envelope_of(quiet_incarnation, i);

        byhand_put_item(fd, &envelope);
    }
    assert_refused(fd);
}

static void a_truncated_frame(void **state)
{
    int fd = dial();

    (void)state;
    byhand_greet(fd);
    byhand_put_half(fd);
    (void)byhand_hear_to_end(fd, NULL); /* lost like any connection */
    assert_still_serves();
}

/* Says hello and reads the refusal. */
static void assert_told(const struct smew__item *hello, enum smew_status status, const char *why)
{
    struct smew__item answer = {0};
    int fd = dial();

    byhand_greet(fd);
    byhand_put_item(fd, hello);
    assert_true(byhand_hear_to_end(fd, &answer));
    assert_int_equal(answer.type, SMEW__ITEM_REFUSE);
    assert_int_equal(answer.refuse.status, status);
    assert_non_null(strstr(answer.refuse.text.data, why));
    smew__item_fini(&answer);
    assert_still_serves();
}

static void another_bus_is_told_so(void **state)
{
    struct smew__item hello = hello_of("elsewhere", quiet_incarnation);

    (void)state;
    assert_told(&hello, SMEW_INVALID, "another bus");
}

static void a_false_identity_is_told_so(void **state)
{
    struct smew__item hello = hello_of("hostile", quiet_incarnation + 1);

    (void)state;
    assert_told(&hello, SMEW_PERMISSION, "another node");
    assert_true(support_wait_until(has_counted, NULL, WAIT_MS));
}

/* libuv keeps two descriptors from its first loop on: no leak of any test. */
static int first_loop(void **state)
{
    struct smew_bus *bus;

    (void)state;
    if (smew_bus_open("inproc://first", NULL, &bus, NULL))
        return 1;
    smew_bus_close(bus, 0, NULL);
    return 0;
}

#define HOSTILE_TEST(function) cmocka_unit_test_setup_teardown(function, open_nodes, close_nodes)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(another_program),
        HOSTILE_TEST(another_version),
        HOSTILE_TEST(a_damaged_frame),
        HOSTILE_TEST(an_oversized_frame),
        HOSTILE_TEST(a_frame_that_is_no_item),
        HOSTILE_TEST(an_envelope_before_its_hello),
        HOSTILE_TEST(an_envelope_of_somebody_else),
        HOSTILE_TEST(more_than_its_window),
        HOSTILE_TEST(a_truncated_frame),
        HOSTILE_TEST(another_bus_is_told_so),
        HOSTILE_TEST(a_false_identity_is_told_so),
    };

    byhand_use(count > 1 ? arguments[1] : "pipe");
    return cmocka_run_group_tests(tests, first_loop, NULL);
}
