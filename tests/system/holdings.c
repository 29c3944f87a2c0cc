/* SPDX-License-Identifier: MIT */
/* Reads /proc: nobody else knows what a process holds without asking it. */
#include "tests/system/holdings.h"

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

static FILE *open_of(pid_t pid, const char *what)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, what);
    return fopen(path, "re");
}

static unsigned count_fds(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    DIR *folder;

    (void)snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
    folder = opendir(path);
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count - 2; /* . and .. */
}

static void add_mappings(pid_t pid, struct holdings *holdings)
{
    FILE *file = open_of(pid, "maps");
    char line[512];

    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        char *end;
        uint64_t from = strtoull(line, &end, 16);

        if (!strstr(line, "/memfd:"))
            continue;
        holdings->mappings++;
        holdings->mapped_bytes += strtoull(end + 1, NULL, 16) - from;
    }
    (void)fclose(file);
}

static void add_own(pid_t pid, struct holdings *holdings)
{
    FILE *file = open_of(pid, "status");
    char line[512];

    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "RssAnon:", 8) == 0)
            holdings->own_bytes = strtoull(line + 8, NULL, 10) * 1024;
    }
    (void)fclose(file);
}

struct holdings holdings_of(pid_t pid)
{
    struct holdings holdings = {.fds = count_fds(pid)};

    add_mappings(pid, &holdings);
    add_own(pid, &holdings);
    return holdings;
}

void holdings_print(const char *who, const struct holdings *holdings)
{
    print_message("%s: %u fds, %u mappings of %" PRIu64 " KiB, %" PRIu64 " KiB of its own\n", who,
                  holdings->fds, holdings->mappings, holdings->mapped_bytes / 1024,
                  holdings->own_bytes / 1024);
}

static unsigned entries;

static int count_entry(const char *path, const struct stat *file, int type, struct FTW *where)
{
    (void)path;
    (void)file;
    (void)type;
    (void)where;
    entries++;
    return 0;
}

unsigned holdings_of_runtime_dir(void)
{
    entries = 0;
    (void)nftw(support_runtime_dir(), count_entry, 16, FTW_PHYS);
    return entries;
}
