/* SPDX-License-Identifier: MIT */
/*
 * Happy path: bytes are gathered until a newline.  At the end of a followed file the path is asked
 * whether it still names this file (logrotate moves it) and whether it is at least as long as what
 * was read (copytruncate).  Between the last read and that question the old file may have grown,
 * so it is read once more before it is left.  Failure modes: a path that names nothing for a while
 * is an end like any other; the half line at the end of a file that was left is dropped.
 */
#include "samples/dpkg/log.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

bool feeder_log_open(struct feeder_log *log, const char *path)
{
    memset(log, 0, sizeof(*log));
    log->path = path;
    log->file = fopen(path, "re");
    return log->file != NULL;
}

void feeder_log_close(struct feeder_log *log)
{
    if (log->file != NULL)
        fclose(log->file);
    log->file = NULL;
}

/* FNV-1a. */
static uint64_t hash_of(const char *text, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The line is whole: log->length may be more than what was kept of it. */
static enum feeder_read whole_line(struct feeder_log *log)
{
    log->number++;
    if (log->number == 1)
        log->first_hash =
            hash_of(log->text, log->length < FEEDER_LINE_MAX ? log->length : FEEDER_LINE_MAX);
    return FEEDER_READ_LINE;
}

/* Gathers bytes up to a newline (true), or to where the file ends so far. */
static bool gather(struct feeder_log *log)
{
    int c;

    clearerr(log->file);
    while ((c = getc_unlocked(log->file)) != EOF && c != '\n') {
        if (log->length < FEEDER_LINE_MAX)
            log->text[log->length] = (char)c;
        log->length++;
    }
    return c == '\n';
}

enum place {
    PLACE_SAME,
    PLACE_CUT,   /* the same file, shorter than what was read */
    PLACE_OTHER, /* another file has the path */
};

static enum place look(struct feeder_log *log)
{
    struct stat here;
    struct stat there;

    if (stat(log->path, &there) != 0 || fstat(fileno(log->file), &here) != 0)
        return PLACE_SAME;
    if (here.st_dev != there.st_dev || here.st_ino != there.st_ino)
        return PLACE_OTHER;
    return there.st_size < ftello(log->file) ? PLACE_CUT : PLACE_SAME;
}

static enum feeder_read start_again(struct feeder_log *log, FILE *file)
{
    if (file != log->file)
        fclose(log->file);
    log->file = file;
    log->number = 0;
    log->length = 0;
    log->replaced = false;
    return FEEDER_READ_ROTATED;
}

/* At the end of a followed file. */
static enum feeder_read follow_on(struct feeder_log *log)
{
    enum place place = look(log);
    FILE *file;

    if (place == PLACE_CUT) {
        rewind(log->file);
        return start_again(log, log->file);
    }
    if (place == PLACE_SAME)
        return FEEDER_READ_END;
    if (!log->replaced) {
        log->replaced = true;
        return FEEDER_READ_END;
    }
    file = fopen(log->path, "re");
    return file != NULL ? start_again(log, file) : FEEDER_READ_END;
}

enum feeder_read feeder_log_next(struct feeder_log *log, bool follow)
{
    /* The last call gave this line away. */
    if (log->taken)
        log->length = 0;
    log->taken = gather(log) || (!follow && log->length > 0);
    if (log->taken)
        return whole_line(log);
    if (ferror(log->file))
        return FEEDER_READ_FAILED;
    return follow ? follow_on(log) : FEEDER_READ_END;
}
