/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SHM_IMAGE_H
#define SMEW_TESTS_SHM_IMAGE_H

/*
 * Memory that is noted and put back byte by byte: what two processes share, and what this one keeps
 * for itself.  Only the first counts when images are compared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_PARTS_MAX = 24 };

struct image_parts {
    struct {
        void *data;
        size_t size;
        bool shared;
    } parts[IMAGE_PARTS_MAX];
    size_t count;
};

/* On a zeroed struct. */
void image_add(struct image_parts *parts, void *data, size_t size, bool shared);

/* Notes all; into an older image of the same parts, or NULL.  The caller frees it. */
uint8_t *image_take(const struct image_parts *parts, uint8_t *older);
void image_put_back(const struct image_parts *parts, const uint8_t *image);
bool image_is_unchanged(const struct image_parts *parts, const uint8_t *image);
uint64_t image_digest(const struct image_parts *parts);

#endif
