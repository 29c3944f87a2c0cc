/* SPDX-License-Identifier: MIT */
/*
 * Reading a whole file that somebody names: a chart, say.  The size that the file claims is only a
 * hint (files of /proc claim 0); what counts is what can be read, up to the caller's limit.  Only
 * regular files, since a FIFO or a terminal could keep us waiting for ever.
 */
#include "base/os/path.h"

#include <errno.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/status.h"

/* Reads to the end; one byte beyond `most` is enough to know that it is too much. */
static enum smew_status read_all(int fd, size_t most, size_t hint, const char *path,
                                 struct smew__buffer *buffer, struct smew_error *error)
{
    size_t step = hint < most ? hint + 1 : most + 1;

    for (;;) {
        void *room = smew__buffer_reserve(buffer, step + 1); /* the terminator */
        ssize_t got;

        if (room == NULL)
            return smew__fail(error, SMEW_NO_MEMORY, "no memory to read %s", path);
        got = SMEW__SYS(read(fd, room, step));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return smew__os_fail(error, errno, "cannot read %s", path);
        if (got == 0)
            return SMEW_OK;
        buffer->size += (size_t)got;
        if (buffer->size > most)
            return smew__fail(error, SMEW_TOO_BIG, "%s is larger than %zu bytes", path, most);
        step = most + 1 - buffer->size < 4096 ? most + 1 - buffer->size : 4096;
    }
}

enum smew_status smew__file_read(const char *path, size_t most, char **data, size_t *size,
                                 struct smew_error *error)
{
    int fd = SMEW__SYS(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct smew__buffer buffer;
    enum smew_status status;
    struct stat file;

    if (fd < 0)
        return smew__os_fail(error, errno, "cannot open %s", path);
    smew__buffer_init(&buffer);
    if (SMEW__SYS(fstat(fd, &file)) != 0)
        status = smew__os_fail(error, errno, "cannot look at %s", path);
    else if (!S_ISREG(file.st_mode))
        status = smew__fail(error, SMEW_IO, "%s is not a regular file", path);
    else
        status = read_all(fd, most, (size_t)file.st_size, path, &buffer, error);
    smew__fd_close(&fd);
    if (status != SMEW_OK) {
        smew__buffer_fini(&buffer);
        return status;
    }
    buffer.data[buffer.size] = '\0';
    *data = (char *)buffer.data;
    *size = buffer.size;
    return SMEW_OK;
}
