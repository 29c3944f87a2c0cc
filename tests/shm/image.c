/* SPDX-License-Identifier: MIT */
/* Memory that is noted and put back. */
#include "tests/shm/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/support/support.h"

void image_add(struct image_parts *parts, void *data, size_t size, bool shared)
{
    assert_true(parts->count < IMAGE_PARTS_MAX);
    parts->parts[parts->count].data = data;
    parts->parts[parts->count].size = size;
    parts->parts[parts->count].shared = shared;
    parts->count++;
}

uint8_t *image_take(const struct image_parts *parts, uint8_t *older)
{
    uint8_t *image = older;
    size_t size = 0;

    for (size_t i = 0; i < parts->count; i++)
        size += parts->parts[i].size;
    if (image == NULL)
        image = malloc(size);
    assert_non_null(image);
    for (size_t i = 0, at = 0; i < parts->count; at += parts->parts[i].size, i++)
        memcpy(image + at, parts->parts[i].data, parts->parts[i].size);
    return image;
}

void image_put_back(const struct image_parts *parts, const uint8_t *image)
{
    for (size_t i = 0; i < parts->count; image += parts->parts[i].size, i++)
        memcpy(parts->parts[i].data, image, parts->parts[i].size);
}

bool image_is_unchanged(const struct image_parts *parts, const uint8_t *image)
{
    for (size_t i = 0; i < parts->count; image += parts->parts[i].size, i++)
        if (parts->parts[i].shared &&
            memcmp(parts->parts[i].data, image, parts->parts[i].size) != 0)
            return false;
    return true;
}

uint64_t image_digest(const struct image_parts *parts)
{
    uint64_t digest = 0;

    for (size_t i = 0; i < parts->count; i++)
        if (parts->parts[i].shared)
            digest = digest * 31 + smew__hash(parts->parts[i].data, parts->parts[i].size);
    return digest;
}
