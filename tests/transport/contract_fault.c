/* SPDX-License-Identifier: MIT */
/*
 * The contract, fifth part: what the system refuses.  Too few fds, an allocation or a system call
 * that fails wherever there is one, a fork in the middle: a status each, nothing leaked, and
 * service afterwards.
 */
#include "tests/transport/contract.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>
#include <unistd.h>

enum { EXCHANGE_MS = 300 }; /* what a failed call may cost each time in a walk */

/* Leaves this process without a free fd; gives the limit back. */
static struct rlimit take_fds(void)
{
    struct rlimit before;
    struct rlimit now;
    int lowest = dup(0);

    assert_true(lowest >= 0);
    assert_int_equal(close(lowest), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

static void too_few_fds(void **state)
{
    struct contract_link link = {.listener = contract_listen("bus/1.1")};
    struct smew_endpoint endpoint = contract_at("bus/1.1", 0);
    struct smew_endpoint elsewhere = contract_at("bus/1.2", 0);
    struct smew_channel *channel = NULL;
    struct smew_listener *listener = NULL;
    struct smew_error dial_error = {0};
    struct smew_error listen_error = {0};
    enum smew_status dialled;
    enum smew_status listened;
    enum smew_status accepted;
    struct rlimit limit;

    (void)state;
    link.dialled = contract_dial("bus/1.1");
    limit = take_fds();
    dialled = contract_transport()->dial(&endpoint, &channel, &dial_error);
    listened = contract_transport()->listen(&elsewhere, &listener, &listen_error);
    accepted = link.listener->ops->try_accept(link.listener, &link.accepted);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);

    assert_int_equal(dialled, SMEW_NO_FDS);
    assert_int_equal(dial_error.status, SMEW_NO_FDS);
    assert_int_equal(listened, SMEW_NO_FDS);
    assert_int_equal(listen_error.status, SMEW_NO_FDS);
    assert_true(strlen(dial_error.text) > 0 && strlen(listen_error.text) > 0);
    assert_null(channel);
    assert_null(listener);
    /* Who needs an fd to accept leaves the connection in the backlog. */
    if (accepted == SMEW_NO_FDS)
        link.accepted = contract_accept(link.listener);
    else
        assert_int_equal(accepted, SMEW_OK);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

/* What a walk lets fail, and how the whole of it went. */
struct attempt {
    bool any_status;              /* walks over system calls: only that it ends is asked */
    enum smew_status may_fail_as; /* else */
};

static bool went_well(const struct attempt *attempt, enum smew_status status)
{
    if (!attempt->any_status && status != SMEW_OK)
        assert_int_equal(status, attempt->may_fail_as);
    return status == SMEW_OK;
}

/* Sends a small frame and one that is written from where it lies, and receives both. */
static void exchange(const struct attempt *attempt, struct contract_link *link)
{
    static const size_t sizes[] = {10, 100000};
    struct smew_bytes frame;

    for (size_t i = 0; i < 2; i++) {
        uint8_t *data = malloc(sizes[i]);
        enum smew_status status;

        assert_non_null(data);
        contract_fill(i, data, sizes[i]);
        status = smew_channel_send(link->dialled, data, sizes[i], EXCHANGE_MS);
        /* Nothing was sent when memory was short, so it can be sent again. */
        if (status == SMEW_NO_MEMORY)
            status = smew_channel_send(link->dialled, data, sizes[i], EXCHANGE_MS);
        free(data);
        if (!went_well(attempt, status))
            return;
        status = smew_channel_receive(link->accepted, &frame, EXCHANGE_MS);
        if (status == SMEW_NO_MEMORY)
            status = smew_channel_receive(link->accepted, &frame, EXCHANGE_MS);
        if (!went_well(attempt, status))
            return;
        assert_int_equal(frame.size, sizes[i]);
        assert_true(contract_is_filled(i, frame));
    }
}

static void attempt_all(void *argument)
{
    const struct attempt *attempt = argument;
    struct smew_endpoint endpoint = contract_at("bus/1.1", 0);
    struct contract_link link = {0};
    struct smew_error error;

    if (went_well(attempt, contract_transport()->listen(&endpoint, &link.listener, &error)) &&
        went_well(attempt, contract_transport()->dial(&endpoint, &link.dialled, &error))) {
        enum smew_status status = link.listener->ops->try_accept(link.listener, &link.accepted);

        if (status == SMEW_NO_MEMORY)
            status = link.listener->ops->try_accept(link.listener, &link.accepted);
        if (went_well(attempt, status))
            exchange(attempt, &link);
    }
    contract_disconnect(&link);
}

static void any_allocation_may_fail(void **state)
{
    struct attempt attempt = {.may_fail_as = SMEW_NO_MEMORY};

    (void)state;
    assert_in_range(support_walk_allocations(attempt_all, &attempt), 1, 1000);
}

static void any_system_call_may_fail(void **state)
{
    static const int errors[] = {EMFILE, ENOMEM, EIO, EACCES, EINTR};
    struct attempt attempt = {.any_status = true};

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_in_range(support_walk_calls(errors[i], attempt_all, &attempt), 1, 1000);
        attempt_all(&attempt); /* removes what could not be removed */
    }
}

static int use_as_child(void *argument)
{
    struct contract_link *link = argument;
    struct smew_channel *channel = NULL;
    struct smew_bytes part = {"child", 5};
    struct smew_bytes frame;
    bool refused = link->dialled->ops->try_send(link->dialled, &part, 1) == SMEW_FORKED &&
                   link->dialled->ops->flush(link->dialled) == SMEW_FORKED &&
                   link->accepted->ops->try_receive(link->accepted, &frame) == SMEW_FORKED &&
                   link->listener->ops->try_accept(link->listener, &channel) == SMEW_FORKED;

    smew_channel_close(link->dialled);
    smew_channel_close(link->accepted);
    link->listener->ops->close(link->listener);
    return refused ? 0 : 1;
}

static void a_forked_child_is_refused(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    contract_send(link.dialled, 1, 100);
    assert_int_equal(support_reap(support_fork(use_as_child, &link), CONTRACT_WAIT_MS), 0);
    contract_expect(link.accepted, 1, 100);
    contract_expect_alive(&link);
    smew_channel_close(link.dialled);
    smew_channel_close(link.accepted);
    link.dialled = contract_dial("bus/1.1"); /* the child took nothing away */
    link.accepted = contract_accept(link.listener);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

/* Within one process nobody answers for the parent; its listener is not the child's. */
static int begin_anew(void *argument)
{
    struct smew_endpoint parents = contract_at("bus/1.1", 0);
    struct smew_channel *channel = NULL;
    struct contract_link link;

    (void)argument;
    if ((contract_transport()->flags & SMEW_TRANSPORT_IN_PROCESS) != 0 &&
        contract_transport()->dial(&parents, &channel, NULL) != SMEW_NOT_FOUND)
        return 1;
    link.listener = contract_listen("bus/2.1");
    link.dialled = contract_dial("bus/2.1");
    link.accepted = contract_accept(link.listener);
    contract_expect_alive(&link);
    contract_disconnect(&link);
    return 0;
}

static void a_forked_child_opens_its_own(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    assert_int_equal(support_reap(support_fork(begin_anew, NULL), CONTRACT_WAIT_MS), 0);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

static int hold_open(void *argument)
{
    const int *ends = argument;
    char byte;

    close(ends[1]);
    return (int)read(ends[0], &byte, 1); /* until the parent closes its end */
}

/* A child that lives on holds copies of every fd; the connection must end all the same. */
static void a_forked_child_keeps_nothing_open(void **state)
{
    struct contract_link link = contract_connect(0);
    int ends[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = support_fork(hold_open, ends);
    smew_channel_close(link.dialled);
    link.dialled = NULL;
    contract_expect_status(link.accepted, SMEW_RESET);
    contract_disconnect(&link);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(support_reap(child, CONTRACT_WAIT_MS), 0);
}

CONTRACT_PART(contract_fault, SUPPORT_TEST(too_few_fds), SUPPORT_TEST(any_allocation_may_fail),
              SUPPORT_TEST(any_system_call_may_fail), SUPPORT_TEST(a_forked_child_is_refused),
              SUPPORT_TEST(a_forked_child_opens_its_own),
              SUPPORT_TEST(a_forked_child_keeps_nothing_open));
