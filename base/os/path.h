/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_PATH_H
#define SMEW_BASE_OS_PATH_H

/*
 * The runtime directory, and folders below it: mode 0700, owner checked, no symlinks followed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

enum { SMEW_PATH_MAX = 512 };

/* What is in the runtime directory beside one folder for each scheme: channels by name. */
#define SMEW__CHANNELS_FOLDER ".channels"

/*
 * `given`, else $SMEW_RUNTIME_DIR, else $XDG_RUNTIME_DIR/smew, else /run/smew for root, else
 * NOT_FOUND with a sentence that says what to set.
 */
enum smew_status smew__runtime_dir(const char *given, char path[SMEW_PATH_MAX],
                                   struct smew_error *error);

/*
 * Makes a folder (parents too) unless it is there, and checks it: a real directory, ours, closed
 * to others.  PERMISSION says whose it is.  *fd is an O_DIRECTORY fd, the caller's.
 */
enum smew_status smew__folder_open(const char *path, bool create, int *fd,
                                   struct smew_error *error);

/* Calls fn for each name in the folder but "." and ".."; stops when it returns false. */
enum smew_status smew__folder_each(int folder_fd, bool (*fn)(const char *name, void *user),
                                   void *user);
enum smew_status smew__folder_unlink(int folder_fd, const char *name); /* NOT_FOUND */
enum smew_status smew__folder_remove(const char *path);                /* rmdir */

/* The whole file, terminated; the caller frees.  NOT_FOUND, TOO_BIG, PERMISSION, IO. */
enum smew_status smew__file_read(const char *path, size_t most, char **data, size_t *size,
                                 struct smew_error *error);

#endif
