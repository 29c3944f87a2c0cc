/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_ALLOC_H
#define SMEW_BASE_ALLOC_H

/*
 * Every allocation of the library goes through here, so that a test can make the n-th one fail
 * and count what is not given back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *smew__alloc(size_t size);                /* never called with 0 */
void *smew__calloc(size_t count, size_t size); /* NULL also on overflow */
void *smew__realloc(void *memory, size_t size);
char *smew__strdup(const char *text);
void *smew__memdup(const void *data, size_t size);
void smew__free(void *memory); /* NULL is fine */

/* For block.h, whose memory counts here: is an allocation to fail?  One more, or one less. */
bool smew__alloc_refuses(size_t size);
void smew__alloc_counts(bool more);
/* The same by the holder of the one lock that all calls of it are under, which makes it cheaper. */
void smew__alloc_counts_locked(bool more);

/*
 * Tests: the n-th allocation from now fails (1 is the next one; 0: none), and with `for_good`
 * each one after it.  Process-wide.
 */
void smew__alloc_fail_at(uint64_t n, int for_good);
uint64_t smew__alloc_failed(void); /* how many it made fail since then */
uint64_t smew__alloc_count(void);  /* allocations since the process started */
int64_t smew__alloc_live(void);    /* blocks not freed yet */

#endif
