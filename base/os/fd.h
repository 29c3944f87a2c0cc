/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_FD_H
#define SMEW_BASE_OS_FD_H

/* File descriptors and event fds.  errno ends here: everything answers a status. */

#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

/* Translates errno after a failed call: EMFILE and ENFILE become NO_FDS, and so on. */
enum smew_status smew__os_status(int error_number);
/* The same with a sentence: "cannot open /run/smew: permission denied". */
enum smew_status smew__os_fail(struct smew_error *error, int error_number, const char *format, ...)
    SMEW_PRINTF(3, 4);

/* Closes and sets to -1; -1 is fine. */
void smew__fd_close(int *fd);

/*
 * For ThreadSanitizer, and nothing else; called before uv_loop_close().  libuv closes its fds by a
 * bare system call, and memfd_create() and shm_open() make some in ways that the sanitizer does not
 * see: for it a number is still what it was in another thread's loop, and closing it a race with
 * that.  Every smew__fd_close() comes after what was said here.
 */
void smew__fd_closes_unseen(void);

/*
 * Allocates the file's first `size` bytes: an errno, 0 for success.  EFBIG beyond RLIMIT_FSIZE,
 * where the kernel would kill with SIGXFSZ: it is asked before.
 */
int smew__fd_allocate(int fd, size_t size);

/* Waits for poll(2) events until the deadline: OK, TIMEOUT, IO.  Interrupted waits go on. */
enum smew_status smew__fd_wait(int fd, short events, uint64_t deadline_ns);

/* An eventfd, non-blocking, close-on-exec. */
enum smew_status smew__eventfd_open(int *fd);
void smew__eventfd_signal(int fd); /* async-signal-safe, keeps errno */
void smew__eventfd_drain(int fd);

/*
 * A set of descriptors that is one itself: readable while one of them is ready for what it is
 * watched for.  NO_FDS, NO_MEMORY.
 */
enum smew_status smew__fdset_open(int *set);
/*
 * Watches `fd` for these poll(2) events from now on; with 0, no longer.  One that is closed goes by
 * itself.  Only the first time of an fd can fail: NO_MEMORY, NO_SPACE.
 */
enum smew_status smew__fdset_watch(int set, int fd, short events);

/*
 * Are this many descriptors free right now?  Asked before a library that aborts for want of them;
 * another thread may take them in between, so ask for more than are needed.  OK, NO_FDS.
 */
enum smew_status smew__fd_spare(unsigned count);

#endif
