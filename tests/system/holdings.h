/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SYSTEM_HOLDINGS_H
#define SMEW_TESTS_SYSTEM_HOLDINGS_H

/*
 * What a process holds that a leak would make grow: descriptors, memory shared without a name,
 * memory of its own; and what lies below the runtime directory.
 */

#include <stdint.h>
#include <sys/types.h>

struct holdings {
    unsigned fds;
    unsigned mappings;     /* of memfds: a lane's ring counts twice */
    uint64_t mapped_bytes; /* of those */
    uint64_t own_bytes;    /* resident and anonymous */
};

/* Zeros for a process that cannot be looked at. */
struct holdings holdings_of(pid_t pid);
void holdings_print(const char *who, const struct holdings *holdings);

/* Files, sockets and folders below the running test's runtime directory. */
unsigned holdings_of_runtime_dir(void);

#endif
