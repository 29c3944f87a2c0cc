/* SPDX-License-Identifier: MIT */
/* Scribbling over a bus's directory.  The files are mapped anew for each slice, since nodes come.
 */
#include "tests/system/scribbler.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <smew/transport.h>

#include "bus/directory/names.h"

enum {
    PLACES_MOST = 64,
    SLICE_MS = 25, /* of one kind of hostility */
};

struct place {
    uint8_t *data;
    size_t size;
};

/* Its view of the bus: the board, and announcements.  The host of "m" has the first slot. */
struct view {
    struct smew__board *board;
    bool merciless;
    const smew__cell *spared; /* the bucket of "m" */
    struct place names[PLACES_MOST];
    size_t count;
};

static struct place map_file(int folder, const char *name)
{
    struct place place = {0};
    struct stat stat;
    int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    void *data = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size > 0)
        data = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data != MAP_FAILED)
        place = (struct place){data, (size_t)stat.st_size};
    if (fd >= 0)
        (void)close(fd);
    return place;
}

static void view_close(struct view *view)
{
    if (view->board)
        (void)munmap(view->board, sizeof(*view->board));
    for (size_t i = 0; i < view->count; i++)
        (void)munmap(view->names[i].data, view->names[i].size);
    *view = (struct view){0};
}

static void view_open(struct view *view, const char *path, bool merciless)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    struct smew__key key;
    struct place place;

    *view = (struct view){.merciless = merciless};
    while (folder && (entry = readdir(folder)) != NULL && view->count < PLACES_MOST) {
        if (!view->merciless && strncmp(entry->d_name, "0.", 2) == 0)
            continue;
        place = map_file(dirfd(folder), entry->d_name);
        if (!place.data)
            continue;
        if (strcmp(entry->d_name, SMEW__BOARD_FILE) == 0)
            view->board = (struct smew__board *)(void *)place.data;
        else
            view->names[view->count++] = place;
    }
    if (folder)
        (void)closedir(folder);
    if (view->board && !smew__key_parse("m", &key))
        view->spared = view->board->claims[key.hash % SMEW__BUCKETS];
}

static bool overlaps(const uint8_t *data, size_t size, const void *other, size_t other_size)
{
    const uint8_t *from = other;

    return data < from + other_size && from < data + size;
}

/* What leads to "m" in the first half. */
static bool is_spared(const struct view *view, const void *data, size_t size)
{
    const struct smew__board *board = view->board;

    return !view->merciless &&
           (overlaps(data, size, &board->header, offsetof(struct smew__board_header, epoch)) ||
            overlaps(data, size, &board->nodes[0], sizeof(board->nodes[0])) ||
            overlaps(data, size, view->spared, SMEW__BUCKET_CELLS * sizeof(smew__cell)));
}

/* A part of what there is, by chance. */
static struct place choose_place(const struct view *view, struct support_random *random)
{
    struct smew__board *board = view->board;

    switch (support_random_below(random, 8)) {
    case 0:
        return (struct place){(uint8_t *)&board->header, sizeof(board->header)};
    case 1:
        return (struct place){(uint8_t *)board->nodes, 8 * sizeof(board->nodes[0])};
    case 2:
        return (struct place){(uint8_t *)board->nodes, sizeof(board->nodes)};
    case 3:
        return (struct place){(uint8_t *)board->topics, sizeof(board->topics)};
    case 4:
        return (struct place){(uint8_t *)board->claims, sizeof(board->claims)};
    case 5:
        return (struct place){(uint8_t *)board, sizeof(*board)};
    default:
        if (view->count == 0)
            return (struct place){(uint8_t *)board, sizeof(*board)};
        return view->names[support_random_below(random, view->count)];
    }
}

/* What a liar would write: of slots that there are, names that are wanted, entries in use. */
static void forge(const struct view *view, struct support_random *random)
{
    static const char *const names[] = {"m", "o", "nobody", "news*", "c1", "p4:*"};
    struct smew__node_ref ref = {(uint32_t)support_random_below(random, 8),
                                 1 + (uint32_t)support_random_below(random, 3)};
    uint64_t value = support_random_next(random);
    struct smew__board *board = view->board;
    smew__cell *place;
    struct smew__key key;
    uint64_t cell;

    (void)!smew__key_parse(names[support_random_below(random, 6)], &key);
    cell = smew__cell_make((enum smew__cell_state)(value & 3), ref, (uint32_t)(value >> 8 & 7),
                           key.hash);
    switch (support_random_below(random, 4)) {
    case 0:
        place = &board->topics[value >> 16 & 15];
        break;
    case 1:
        place = &board->nodes[ref.slot].life;
        cell = smew__life_make(ref.generation, (enum smew__life_state)(value & 3));
        break;
    default:
        place = &board->claims[key.hash % SMEW__BUCKETS][value >> 16 & 15];
        break;
    }
    if (!is_spared(view, place, sizeof(*place)))
        atomic_store(place, cell);
}

/* Another part's words, as they are. */
static void replay(const struct view *view, struct place place, struct support_random *random)
{
    struct place from = choose_place(view, random);
    size_t size = 32 * (1 + support_random_below(random, 4));

    if (from.size < size || place.size < size)
        return;
    place.data += support_random_below(random, (place.size - size) / 32 + 1) * 32;
    from.data += support_random_below(random, (from.size - size) / 32 + 1) * 32;
    if (!is_spared(view, place.data, size))
        memmove(place.data, from.data, size);
}

static void scribble(const struct view *view, unsigned kind, struct support_random *random)
{
    struct place place = choose_place(view, random);
    size_t size = 1 + support_random_below(random, 64);
    uint8_t *data = place.data + support_random_below(random, place.size - size);

    if (kind < 3 && is_spared(view, data, size))
        return;
    if (kind == 0)
        support_random_fill(random, data, size);
    else if (kind == 1)
        memset(data, 0, size);
    else if (kind == 2)
        data[0] ^= (uint8_t)(1 << support_random_below(random, 8));
    else if (kind == 3)
        replay(view, place, random);
    else
        forge(view, random);
}

static bool is_over(void *until_ns)
{
    return smew_now_ns() >= *(uint64_t *)until_ns;
}

void scribble_on(const char *path, const atomic_bool *merciless, _Atomic uint64_t *scribbles,
                 struct support_random random)
{
    struct view view;

    for (;;) {
        uint64_t until_ns = smew_now_ns() + SLICE_MS * UINT64_C(1000000);
        unsigned kind = (unsigned)support_random_below(&random, 5);
        bool slowly = support_random_below(&random, 2) == 0;

        view_open(&view, path, *merciless);
        if (!view.board)
            return;
        while (!is_over(&until_ns)) {
            uint64_t soon_ns = smew_now_ns() + 1000000;

            scribble(&view, kind, &random);
            ++*scribbles;
            if (slowly)
                (void)support_wait_until(is_over, &soon_ns, 10);
        }
        view_close(&view);
    }
}
