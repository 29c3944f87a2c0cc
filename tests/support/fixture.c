/* SPDX-License-Identifier: MIT */
/*
 * The runtime directory of a test, and the count of what it must give back: fds, threads,
 * allocations, files.  A thread that was joined can be seen in /proc for a moment longer, so the
 * counts may settle before they are judged.
 */
#include "tests/support/support.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/support/nursery.h"

unsigned support_settle_ms = 10000;

struct counts {
    unsigned fds;
    unsigned threads;
    int64_t allocations;
};

static char runtime_dir[] = "/tmp/smew.XXXXXX";
static struct counts before;

/* Entries of a folder but "." and ".."; 0 when it cannot be read. */
static unsigned count_entries(const char *path, bool print)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    unsigned count = 0;

    if (folder == NULL)
        return 0;
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (print)
            fprintf(stderr, "left behind: %s/%s\n", path, entry->d_name);
    }
    (void)closedir(folder);
    return count;
}

unsigned support_count_fds(void)
{
    unsigned entries = count_entries("/proc/self/fd", false);

    return entries == 0 ? 0 : entries - 1; /* the fd that counts */
}

unsigned support_count_threads(void)
{
    return count_entries("/proc/self/task", false);
}

const char *support_runtime_dir(void)
{
    return runtime_dir;
}

bool support_runtime_dir_empty(void)
{
    return count_entries(runtime_dir, true) == 0;
}

static int remove_entry(const char *path, const struct stat *file, int type, struct FTW *where)
{
    (void)file;
    (void)type;
    (void)where;
    return remove(path);
}

void support_remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static struct counts count_all(void)
{
    return (struct counts){support_count_fds(), support_count_threads(), smew__alloc_live()};
}

static bool has_settled(void *argument)
{
    struct counts now = count_all();

    (void)argument;
    return now.fds <= before.fds && now.threads <= before.threads &&
           now.allocations <= before.allocations && count_entries(runtime_dir, false) == 0;
}

/* Where the fds lead, so that a leak can be found. */
static void print_fds(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        char link[32];
        char target[256];
        ssize_t length;

        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        length = readlink(link, target, sizeof target - 1);
        if (length >= 0)
            fprintf(stderr, "    fd %d: %.*s\n", fd, (int)length, target);
    }
}

static void *end_at_once(void *argument)
{
    return argument;
}

/* ThreadSanitizer adds a thread of its own to the first one: let it come before the count. */
static void start_first_thread(void)
{
    static bool started;
    pthread_t thread;

    if (!started && pthread_create(&thread, NULL, end_at_once, NULL) == 0)
        started = pthread_join(thread, NULL) == 0;
}

int support_setup(void **state)
{
    (void)state;
    start_first_thread();
    memcpy(runtime_dir + sizeof runtime_dir - 7, "XXXXXX", 6);
    if (mkdtemp(runtime_dir) == NULL || setenv("SMEW_RUNTIME_DIR", runtime_dir, 1) != 0) {
        fprintf(stderr, "cannot make a runtime directory: %s\n", strerror(errno));
        return -1;
    }
    before = count_all();
    return 0;
}

int support_teardown(void **state)
{
    struct counts now;
    bool settled;

    (void)state;
    support_nursery_close();
    settled = support_wait_until(has_settled, NULL, support_settle_ms);
    now = count_all();
    if (now.fds > before.fds) {
        fprintf(stderr, "leaked %u fds:\n", now.fds - before.fds);
        print_fds();
    }
    if (now.threads > before.threads)
        fprintf(stderr, "leaked %u threads\n", now.threads - before.threads);
    if (now.allocations > before.allocations)
        fprintf(stderr, "leaked %lld allocations\n",
                (long long)(now.allocations - before.allocations));
    (void)support_runtime_dir_empty();
    support_remove_tree(runtime_dir);
    return settled ? 0 : -1;
}
