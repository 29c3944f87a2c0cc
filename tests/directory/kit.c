/* SPDX-License-Identifier: MIT */
/* The tests' common ground; see kit.h. */
#include "tests/directory/kit.h"

#include <stdio.h>

#include <fcntl.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/alloc.h"
#include "base/clock.h"

struct smew__directory_options kit_options(bool in_process)
{
    return (struct smew__directory_options){
        .scheme = in_process ? "inproc" : "pipe",
        .bus = "t",
        .node_name = "tester",
        .node = 4711,
        .in_process = in_process,
        .deadline_ns = smew__deadline_ns(5000),
    };
}

struct smew__directory *kit_open(bool in_process)
{
    const struct smew__directory_options options = kit_options(in_process);
    struct smew__directory *directory = NULL;
    struct smew_error error;

    if (smew__directory_open(&options, &directory, &error) != SMEW_OK)
        fail_msg("%s: %s", smew_status_name(error.status), error.text);
    return directory;
}

void kit_crash(struct smew__directory *directory)
{
    struct smew__storage *storage = directory->storage;

    storage->ops->slot_unlock(storage, directory->self.slot);
    storage->ops->leave(storage);
    smew__free(directory);
}

enum smew_status kit_claim(struct smew__directory *directory, const char *id)
{
    struct smew__node_ref owner;

    return smew__directory_claim(directory, id, &owner);
}

bool kit_same(struct smew__node_ref a, struct smew__node_ref b)
{
    return a.slot == b.slot && a.generation == b.generation;
}

void kit_expect_host(struct smew__directory *directory, const char *id,
                     const struct smew__directory *host)
{
    struct smew__node_ref owner;
    enum smew_status status = smew__directory_lookup(directory, id, &owner);

    if (host == NULL) {
        assert_int_equal(status, SMEW_NO_MACHINE);
        return;
    }
    assert_int_equal(status, SMEW_OK);
    assert_true(kit_same(owner, smew__directory_self(host)));
}

const char *kit_folder(void)
{
    static char path[512];

    (void)snprintf(path, sizeof path, "%s/pipe/t", support_runtime_dir());
    return path;
}

int kit_board_fd(void)
{
    char path[600];
    int fd;

    (void)snprintf(path, sizeof path, "%s/directory", kit_folder());
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

void kit_make_file(const char *name)
{
    char path[700];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", kit_folder(), name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

bool kit_is_there(const char *name)
{
    char path[700];

    (void)snprintf(path, sizeof path, "%s/%s", kit_folder(), name);
    return access(path, F_OK) == 0;
}

/* A child that opens, claims "x" and "pkg:*", says so, and waits to be killed. */
struct member {
    int said[2];
    bool forks; /* and leaves a child of its own that outlives it */
};

static int member_run(void *argument)
{
    struct member *member = argument;
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *directory;
    pid_t child = 0;

    if (smew__directory_open(&options, &directory, NULL) != SMEW_OK ||
        kit_claim(directory, "x") != SMEW_OK || kit_claim(directory, "pkg:*") != SMEW_OK)
        return 1;
    if (member->forks)
        child = fork();
    if (child == 0 && member->forks)
        for (;;)
            (void)pause();
    if (write(member->said[1], &child, sizeof child) != sizeof child)
        return 2;
    for (;;)
        (void)pause();
}

pid_t kit_start_member(bool forks, pid_t *grandchild)
{
    struct member member = {.forks = forks};
    pid_t pid;

    assert_int_equal(pipe(member.said), 0);
    pid = support_fork(member_run, &member);
    (void)close(member.said[1]);
    assert_int_equal(read(member.said[0], grandchild, sizeof *grandchild), sizeof *grandchild);
    (void)close(member.said[0]);
    return pid;
}
