/* SPDX-License-Identifier: MIT */
/* Plain records, record_plain.h.  Neither direction can fail but by saying no. */
#include "serialization/record_plain.h"

#include <string.h>

#include "base/crc32c/crc32c.h"

uint32_t smew__record_plain_write_source(struct smew__text source, uint8_t *extension)
{
    const struct smew__record_plain plain = {.source = source};
    const struct smew__record_fixed fixed = {.source_size = (uint8_t)source.size};
    const size_t size = smew__record_plain_extension(&plain);

    memcpy(extension, &fixed, sizeof fixed);
    memset(extension + size - SMEW__RECORD_WORD, 0, SMEW__RECORD_WORD);
    memcpy(extension + sizeof fixed, source.data, source.size);
    return smew__crc32c(0, extension, size);
}

bool smew__record_plain_read_source(const uint8_t *extension, size_t extension_size,
                                    struct smew__text implied, struct smew__text *source)
{
    const uint8_t *text = extension + SMEW__RECORD_WORD;
    struct smew__record_fixed fixed, expected = {0};
    size_t size;

    memcpy(&fixed, extension, sizeof fixed);
    expected.source_size = fixed.source_size;
    size = fixed.source_size;
    if (memcmp(&fixed, &expected, sizeof fixed) != 0 || size == 0 ||
        extension_size != SMEW__RECORD_WORD + (size / SMEW__RECORD_WORD + 1) * SMEW__RECORD_WORD)
        return false;
    *source = (struct smew__text){(const char *)text, size};
    return text[size] == 0 && smew__record_is_padded(text, size + 1, SMEW__RECORD_WORD) &&
           smew__text_is_name(source->data, size) &&
           !(size == implied.size && memcmp(text, implied.data, size) == 0);
}
