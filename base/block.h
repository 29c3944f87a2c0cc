/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_BLOCK_H
#define SMEW_BASE_BLOCK_H

/*
 * Memory for what comes and goes by the thousand, and is given back by another thread than the one
 * that took it: messages and parcels.  The C library gives such memory back to the kernel and takes
 * it again, page by page, which cost more than all else that a message needs.  Here blocks that are
 * given back are kept for the next of about their size, 16 MiB of them at most in a process.  Each
 * heartbeat gives back a quarter of those that were not needed since the one before.
 *
 * Each block counts as an allocation and can be made to fail like any other (alloc.h); those that
 * are kept do not count.  Any thread; nothing waits: where two threads are at it at once, one goes
 * to the C library, so a fork() in the middle costs the child this and no more.  In builds with the
 * address sanitizer nothing is kept.
 */

#include <stddef.h>

void *smew__block_alloc(size_t size); /* for any type; NULL as smew__alloc() */
void smew__block_free(void *memory);  /* NULL is fine; not for other memory */

/* Gives back a part of what was kept and not needed since the last call, at least one block of each
   size.  Every node's heartbeat calls it. */
void smew__blocks_trim(void);

#endif
