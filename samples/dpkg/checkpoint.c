/* SPDX-License-Identifier: MIT */
/*
 * It outlives this program's death, whenever that comes; the computer's, only once the system has
 * written it.  A place that is too early costs repetition and never a line.
 */
#include "samples/dpkg/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 4096, LINE_ROOM = 80 };

static const char head[] = "dpkg-feeder 1 ";

/* A number that ends with this character; what follows goes to *rest. */
static bool take(const char *text, int base, char end, uint64_t *number, char **rest)
{
    *number = strtoull(text, rest, base);
    return *rest != text && *(*rest)++ == end;
}

static bool read_line(const char *text, struct feeder_checkpoint *checkpoint)
{
    size_t length = strlen(head);
    char *rest;

    return strncmp(text, head, length) == 0 &&
           take(text + length, 16, ' ', &checkpoint->log, &rest) &&
           take(rest, 10, '\n', &checkpoint->line, &rest) && *rest == '\0';
}

bool feeder_checkpoint_load(const char *path, struct feeder_checkpoint *checkpoint)
{
    FILE *file = fopen(path, "re");
    char text[LINE_ROOM];
    bool fine;

    *checkpoint = (struct feeder_checkpoint){0, 0};
    if (file == NULL)
        return true;
    fine = fgets(text, sizeof(text), file) != NULL && read_line(text, checkpoint);
    fclose(file);
    return fine;
}

bool feeder_checkpoint_save(const char *path, const struct feeder_checkpoint *checkpoint)
{
    char beside[PATH_ROOM];
    int length = snprintf(beside, sizeof(beside), "%s.new", path);
    FILE *file;
    bool fine;

    if (length < 0 || (size_t)length >= sizeof(beside) || (file = fopen(beside, "we")) == NULL)
        return false;
    fine = fprintf(file, "%s%016" PRIx64 " %" PRIu64 "\n", head, checkpoint->log,
                   checkpoint->line) > 0;
    fine = fclose(file) == 0 && fine;
    return fine && rename(beside, path) == 0;
}
