/* SPDX-License-Identifier: MIT */
/*
 * The seeds of the fuzzers of this folder: every item of the table that is small, as a frame, as a
 * record and in a stream.
 *
 *     fuzz_seeds write FOLDER    makes FOLDER/frame, FOLDER/record, FOLDER/stream
 *     fuzz_seeds check FOLDER    fails when they are not what it would write: a test
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "serialization/stream.h"
#include "tests/serialization/kit.h"

enum { LARGEST = 2048 };

typedef bool (*visit_fn)(const char *path, const struct smew__buffer *seed);

static bool write_seed(const char *path, const struct smew__buffer *seed)
{
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(seed->data, 1, seed->size, file) == seed->size;

    if (file != NULL && fclose(file) != 0)
        written = false;
    if (!written)
        perror(path);
    return written;
}

static bool check_seed(const char *path, const struct smew__buffer *seed)
{
    uint8_t bytes[2 * LARGEST];
    FILE *file = fopen(path, "rb");
    size_t size = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);

    if (file != NULL)
        (void)fclose(file);
    if (size == seed->size && memcmp(bytes, seed->data, size) == 0)
        return true;
    (void)fprintf(stderr, "%s is not what `fuzz_seeds write` makes\n", path);
    return false;
}

static void put_stream(const struct smew__buffer *frame, struct smew__buffer *out)
{
    const struct smew_bytes body = {frame->data, frame->size};
    uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE];
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    uint8_t tail[SMEW__STREAM_TAIL_SIZE];

    smew__stream_preamble(preamble);
    smew__stream_head((uint32_t)frame->size, head);
    smew__stream_tail(head, &body, 1, tail);
    smew__buffer_append(out, preamble, sizeof preamble);
    for (int i = 0; i < 2; i++) { /* the same frame twice: one behind another */
        smew__buffer_append(out, head, sizeof head);
        smew__buffer_append(out, frame->data, frame->size);
        smew__buffer_append(out, tail, sizeof tail);
    }
}

static bool visit(visit_fn function, const char *folder, const char *kind, const char *name,
                  const struct smew__buffer *seed)
{
    char path[4096];

    if (seed->failed || seed->size / 2 > LARGEST)
        return false;
    (void)snprintf(path, sizeof path, "%s/%s/%s", folder, kind, name);
    return function(path, seed);
}

static bool visit_item(visit_fn function, const char *folder, const struct kit_item *item)
{
    struct smew__buffer frame;
    struct smew__buffer record;
    struct smew__buffer stream;
    bool fine;

    smew__buffer_init(&frame);
    smew__buffer_init(&record);
    smew__buffer_init(&stream);
    fine = smew__codec_frame.encode(&item->item, &frame) == SMEW_OK &&
           smew__codec_record.encode(&item->item, &record) == SMEW_OK;
    if (fine && frame.size <= LARGEST - 16) {
        put_stream(&frame, &stream);
        fine = visit(function, folder, "frame", item->name, &frame) &&
               visit(function, folder, "record", item->name, &record) &&
               visit(function, folder, "stream", item->name, &stream);
    }
    smew__buffer_fini(&stream);
    smew__buffer_fini(&record);
    smew__buffer_fini(&frame);
    return fine;
}

static void make_folders(const char *folder)
{
    static const char *const kinds[] = {"", "/frame", "/record", "/stream"};
    char path[4096];

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", folder, kinds[i]);
        (void)mkdir(path, 0777); /* writing tells whether it is there */
    }
}

int main(int argument_count, char **arguments)
{
    bool writes = argument_count == 3 && strcmp(arguments[1], "write") == 0;
    bool fine = true;
    size_t count;
    const struct kit_item *items = kit_items(&count);

    if (argument_count != 3 || (!writes && strcmp(arguments[1], "check") != 0)) {
        (void)fprintf(stderr, "usage: fuzz_seeds write|check FOLDER\n");
        return 2;
    }
    if (writes)
        make_folders(arguments[2]);
    for (size_t i = 0; i < count; i++)
        fine = visit_item(writes ? write_seed : check_seed, arguments[2], &items[i]) && fine;
    return fine ? 0 : 1;
}
