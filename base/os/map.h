/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_MAP_H
#define SMEW_BASE_OS_MAP_H

/*
 * Files that several processes map.  A file is allocated with posix_fallocate before anybody maps
 * it, since touching a hole of a full tmpfs is a SIGBUS; and RLIMIT_FSIZE is asked before, since
 * beyond it the kernel kills with SIGXFSZ.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

struct smew__map {
    int fd;
    uint8_t *data;
    size_t size;
    uint64_t device; /* identity of the file, to compare with what the path names now */
    uint64_t inode;
};

/*
 * A new file of `size` zero bytes without a name (O_TMPFILE) in the folder, mapped read-write; a
 * crash leaves nothing.  smew__map_publish() gives it its name.
 */
enum smew_status smew__map_create(int folder_fd, size_t size, struct smew__map *map,
                                  struct smew_error *error);
/* EXISTS when the name is taken. */
enum smew_status smew__map_publish(const struct smew__map *map, int folder_fd, const char *name);
/* Opens an existing file, at least `least` bytes.  NOT_FOUND, CORRUPT (shorter), PERMISSION. */
enum smew_status smew__map_open(int folder_fd, const char *name, size_t least, bool writable,
                                struct smew__map *map, struct smew_error *error);
/* Does the name still lead to this very file? */
bool smew__map_current(const struct smew__map *map, int folder_fd, const char *name);
/* Allocates up to `size` and maps all of it; the data may move. */
enum smew_status smew__map_grow(struct smew__map *map, size_t size);
/* Maps again what another process made longer; only for read-only views.  The data may move. */
enum smew_status smew__map_refresh(struct smew__map *map);
void smew__map_close(struct smew__map *map); /* a zeroed map with fd -1 is fine */

#endif
