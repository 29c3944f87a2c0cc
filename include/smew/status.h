/* SPDX-License-Identifier: MIT */
#ifndef SMEW_STATUS_H
#define SMEW_STATUS_H

/*
 * What every smew function that can fail answers with: SMEW_OK or a negative code.
 *
 * A code says what kind of thing went wrong, so that a program can decide; `struct smew_error`
 * adds the sentence for a person: what, where and what to do.  Out-parameters are written only
 * on success.  errno is never part of the interface.
 */

#include <smew/export.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One list makes the codes and their texts, so neither can be forgotten. */
#define SMEW_STATUS_LIST(X)                                                          \
    X(OK, 0, "ok")                                                                   \
    X(INVALID, -1, "an argument is not valid")                                       \
    X(NO_MEMORY, -2, "out of memory")                                                \
    X(TIMEOUT, -3, "the deadline passed")                                            \
    X(FULL, -4, "no room: the receiver is behind; nothing was accepted")             \
    X(NO_MACHINE, -5, "no node hosts this machine")                                  \
    X(CLAIMED, -6, "another node hosts this machine or pattern")                     \
    X(EXISTS, -7, "it exists already")                                               \
    X(NOT_FOUND, -8, "there is no such thing")                                       \
    X(RESET, -9, "the other end is gone")                                            \
    X(CLOSED, -10, "it is closed")                                                   \
    X(AGAIN, -11, "not now; try again when the fd is ready")                         \
    X(TOO_BIG, -12, "larger than the limit")                                         \
    X(CORRUPT, -13, "damaged: a check failed")                                       \
    X(VERSION, -14, "the other side speaks another version")                         \
    X(PERMISSION, -15, "not permitted")                                              \
    X(WOULD_DEADLOCK, -16, "would wait for what only the calling thread can do")     \
    X(FORKED, -17, "the handle belongs to the parent process; open one of your own") \
    X(NO_FDS, -18, "too few file descriptors")                                       \
    X(NO_SPACE, -19, "no space left")                                                \
    X(IO, -20, "the operating system refused")                                       \
    X(UNSUPPORTED, -21, "not supported here")                                        \
    X(PATH_TOO_LONG, -22, "the path is too long for a socket address")               \
    X(PEER_DEAD, -23, "the process that hosted it is dead")                          \
    X(EXPIRED, -24, "the message's own deadline passed before it was handled")       \
    X(CANCELLED, -25, "cancelled")                                                   \
    X(BUSY, -26, "somebody else is using it")                                        \
    X(SYNTAX, -27, "the document is not valid")                                      \
    X(LIMIT, -28, "a limit was reached")                                             \
    X(STOPPED, -29, "the machine has stopped")                                       \
    X(REJECTED, -30, "the handler refused the message")                              \
    X(QUEUED, -31, "no room now: kept by the sender, not accepted yet")

enum smew_status {
#define SMEW_STATUS_ENUM(name, code, text) SMEW_##name = (code),
    SMEW_STATUS_LIST(SMEW_STATUS_ENUM)
#undef SMEW_STATUS_ENUM
};

/* The text of a code: static, English, no full stop.  Any thread. */
SMEW_API const char *smew_status_text(enum smew_status status);

/* The name of a code without its prefix, "NO_MACHINE" say: static.  Any thread. */
SMEW_API const char *smew_status_name(enum smew_status status);

enum { SMEW_ERROR_TEXT_SIZE = 512 };

/*
 * A status with its sentence.  The caller owns it and may pass NULL wherever one is asked for;
 * it is written only on failure, and the text is always terminated.
 */
struct smew_error {
    enum smew_status status;
    char text[SMEW_ERROR_TEXT_SIZE];
};

#ifdef __cplusplus
}
#endif
#endif
