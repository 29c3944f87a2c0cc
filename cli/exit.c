/* SPDX-License-Identifier: MIT */
/*
 * Statuses of the library as exit codes.  A script wants to tell apart what it can act on (wait,
 * correct a name, take over); everything else is FAILED, with the sentence on stderr.
 */
#include "cli/exit.h"

#include <stddef.h>

enum smew__exit smew__exit_of(enum smew_status status)
{
    switch (status) {
    case SMEW_OK:
        return SMEW__EXIT_OK;
    case SMEW_NO_MACHINE:
    case SMEW_NOT_FOUND: /* its pattern is hosted, and it has not come to life */
    case SMEW_PEER_DEAD:
        return SMEW__EXIT_NO_MACHINE;
    case SMEW_TIMEOUT:
    case SMEW_EXPIRED:
    case SMEW_FULL:
        return SMEW__EXIT_TIMEOUT;
    case SMEW_CLAIMED:
        return SMEW__EXIT_CLAIMED;
    case SMEW_STOPPED:
        return SMEW__EXIT_STOPPED;
    default:
        return SMEW__EXIT_FAILED;
    }
}

const struct smew__exit_row *smew__exit_row(unsigned index)
{
    static const struct smew__exit_row rows[] = {
#define SMEW__EXIT_ROW(name, code, text) {code, text},
        SMEW__EXIT_LIST(SMEW__EXIT_ROW)
#undef SMEW__EXIT_ROW
    };

    return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index] : NULL;
}
