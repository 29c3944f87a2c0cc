/* SPDX-License-Identifier: MIT */
#ifndef SMEW_MESSAGE_H
#define SMEW_MESSAGE_H

/*
 * A message as a handler sees it: the envelope's fields and the payload, read-only.
 *
 * A message given to a handler is the library's and lives until the handler returns;
 * smew_message_hold() makes it live on (and keeps its sender waiting for its completion) until
 * smew_message_complete().  A message given as a reply is the caller's; smew_message_free().
 * Strings are UTF-8, terminated, and live as long as the message.  Accessors: any thread.
 */

#include <smew/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SMEW_ID_MAX = 255,     /* bytes of a machine id, a pattern or an event name */
    SMEW_HEADERS_MAX = 32, /* user headers of one message */
};

enum smew_kind {
    SMEW_KIND_EVENT = 1,
    SMEW_KIND_REQUEST = 2,
    SMEW_KIND_REPLY = 3,
    SMEW_KIND_PUBLISH = 4,
    SMEW_KIND_CONTROL = 5,
};

/* How the payload's bytes are to be read.  smew carries them and never looks inside. */
enum smew_content {
    SMEW_CONTENT_RAW = 0,
    SMEW_CONTENT_JSON = 1,
    SMEW_CONTENT_MSGPACK = 2,
    SMEW_CONTENT_PROTOBUF = 3,
};

/* Unique on its bus: a re-send of the same message keeps it. */
struct smew_message_id {
    uint64_t node;     /* random number of the sending node's incarnation */
    uint32_t stream;   /* one or more for each sending thread of that node */
    uint64_t sequence; /* 1, 2, 3 … within the stream */
};

struct smew_header {
    const char *name;
    const char *value;
};

struct smew_message;

SMEW_API struct smew_message_id smew_message_id(const struct smew_message *message);
SMEW_API enum smew_kind smew_message_kind(const struct smew_message *message);
/* The sending machine's id, or the sending node's address ("@3.17") where none was given. */
SMEW_API const char *smew_message_source(const struct smew_message *message);
SMEW_API const char *smew_message_target(const struct smew_message *message);
SMEW_API const char *smew_message_event(const struct smew_message *message);
/*
 * Aligned for any type, and followed by a 0 byte; never NULL, also when its size is 0.  One that is
 * read in place (smew_bus_options, in_place_bytes) is aligned for 64-bit values only, and followed
 * by anything.
 */
SMEW_API const void *smew_message_payload(const struct smew_message *message);
SMEW_API size_t smew_message_payload_size(const struct smew_message *message);
SMEW_API enum smew_content smew_message_content(const struct smew_message *message);
/*
 * Sender's wall clock at send, nanoseconds since 1970, as of its kernel's last tick: up to 10 ms
 * before.  A node whose threads send more than a hundred messages a millisecond on shared memory
 * looks every 4 ms: so much more, and as much as its service thread is late.
 */
SMEW_API uint64_t smew_message_sent_ns(const struct smew_message *message);
/* Sent once before and perhaps handled once before: its receiver died, or a channel was lost. */
SMEW_API bool smew_message_redelivered(const struct smew_message *message);
/* Published messages that this subscriber did not get, just before this one. */
SMEW_API uint64_t smew_message_missed(const struct smew_message *message);
/* W3C trace context, or NULL. */
SMEW_API const char *smew_message_traceparent(const struct smew_message *message);
/* The value of a user header, or NULL. */
SMEW_API const char *smew_message_header(const struct smew_message *message, const char *name);

/* Frees a reply.  NULL is fine. */
SMEW_API void smew_message_free(struct smew_message *message);

#ifdef __cplusplus
}
#endif
#endif
