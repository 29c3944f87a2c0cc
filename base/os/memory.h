/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_MEMORY_H
#define SMEW_BASE_OS_MEMORY_H

/*
 * Memory that is passed to another process as a file descriptor: memfds, close-on-exec, allocated
 * with posix_fallocate before anybody maps them (after getrlimit: beyond RLIMIT_FSIZE the kernel
 * kills with SIGXFSZ), pre-faulted, and sealed, so that touching a mapping can never be a SIGBUS,
 * whatever the other side does.
 *
 * What the other side could do, and what became of it (Linux 6.18, tried unless said otherwise):
 *   Shrinking      is a SIGBUS behind the new end; the seals forbid it.
 *   Growing        is harmless; the seals forbid it.
 *   Punching holes (fallocate, MADV_REMOVE) makes zeros of the pages, at once, in every mapping;
 *                  the next touch allocates them anew.  A memfd has no file system that could be
 *                  full, so that is no SIGBUS as a rule: out of memory, in a cgroup with a limit
 *                  say, the OOM killer kills who touches, as for any memory.  But where
 *                  vm.overcommit_memory is 2, and everything that may be promised is promised,
 *                  the kernel answers it with SIGBUS (mm/shmem.c says so above shmem_acct_block;
 *                  read, not tried).  F_SEAL_WRITE would forbid it, and cannot be had while
 *                  somebody writes; but F_SEAL_FUTURE_WRITE forbids it too, to everybody, those
 *                  included who have it mapped writable.
 *   Huge pages     (MFD_HUGETLB) have the same seals, and a hole is a SIGBUS when none is free;
 *                  such a memfd is refused.
 * So whoever attaches for writing seals it against further writers as soon as it has it mapped, and
 * then looks for holes once more; who made it asks smew__memory_settled() before it trusts its own
 * mapping.  And a memory is attached for writing once: the kernel refuses a second one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

struct smew__memory {
    int fd;        /* -1 once closed; the mapping stays */
    uint8_t *data; /* NULL: not mapped */
    size_t size;   /* of the file */
    size_t mapped; /* of the mapping: what is repeated counts twice */
};

size_t smew__memory_page(void); /* bytes; a power of two */

/*
 * Zeroed memory of `size` bytes (a multiple of the page), mapped read-write, sealed against
 * shrinking and growing.  `name` shows in /proc/PID/maps.  `repeat_from`: everything from this
 * offset on (a multiple of the page) is mapped a second time directly behind; 0: nothing is.
 * NO_MEMORY, NO_FDS, NO_SPACE (allocation refused, or RLIMIT_FSIZE), IO.
 */
enum smew_status smew__memory_create(const char *name, size_t size, size_t repeat_from,
                                     struct smew__memory *memory);
/*
 * Seals it against future writable mappings and against further seals (and so for everybody but
 * who has it mapped already).  Before it is passed.
 */
enum smew_status smew__memory_seal_writes(struct smew__memory *memory);
/*
 * Maps an fd that another process passed, and takes it over whatever the result.  PERMISSION when
 * it is no memfd of small pages, not sealed against shrinking and growing, or, with `writable`
 * false, not sealed against future writes; with `writable` true, when it was attached for writing
 * before: it is sealed here.  CORRUPT when its size is not a multiple of the page within `least` to
 * `most`, or it has holes.  `repeat_from` as above, checked to be within.
 */
enum smew_status smew__memory_attach(int fd, bool writable, size_t least, size_t most,
                                     size_t repeat_from, struct smew__memory *memory);
/*
 * For who created it and passed it for writing, while it has the fd.  OK: it was attached (sealed
 * against further writers) and is whole, and so it stays.  AGAIN: nobody has attached it yet.
 * CORRUPT: somebody punched holes first.
 */
enum smew_status smew__memory_settled(const struct smew__memory *memory);
/*
 * Maps an fd whose memory the caller trusts, seals or not, and takes it over whatever the result;
 * `repeat_from` as above.
 */
enum smew_status smew__memory_map(int fd, size_t size, bool writable, size_t repeat_from,
                                  struct smew__memory *memory);
void smew__memory_close_fd(struct smew__memory *memory);
void smew__memory_fini(struct smew__memory *memory); /* a zeroed one is fine */

/*
 * Futex words in shared memory; a read-only mapping can be waited on and woken.  OK (woken, the
 * word is not `seen` any more, or for nothing), TIMEOUT.
 */
enum smew_status smew__futex_wait(const _Atomic uint32_t *word, uint32_t seen,
                                  uint64_t deadline_ns);
/*
 * The same for several words, 1 to SMEW__FUTEX_WORDS, until one of them is woken or is not what was
 * seen (futex_waitv(2), Linux 5.16).  A word whose memory is gone meanwhile counts as woken: only
 * the kernel touches it.  UNSUPPORTED: the kernel has no such call, or does not permit it; nobody
 * has slept.
 */
enum { SMEW__FUTEX_WORDS = 128 };
struct smew__futex_word {
    const _Atomic uint32_t *word;
    uint32_t seen;
    bool own; /* of this process alone: woken by smew__futex_wake_own() */
};
enum smew_status smew__futex_wait_any(const struct smew__futex_word *words, size_t count,
                                      uint64_t deadline_ns);
/* All of those who wait; safe in a signal handler. */
void smew__futex_wake(const _Atomic uint32_t *word);
void smew__futex_wake_own(const _Atomic uint32_t *word);
/* One of those who wait.  Only the address is used: nothing need be there any more. */
void smew__futex_wake_one(const _Atomic uint32_t *word);

#endif
