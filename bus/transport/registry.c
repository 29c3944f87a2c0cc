/* SPDX-License-Identifier: MIT */
/*
 * The registry of schemes.
 *
 * The built-in transports are a constant table.  What programs add goes into a fixed array of
 * atomic pointers that fills from the front and never shrinks, so that finding needs no lock and
 * a child that forked in the middle of a registration finds nothing half done.
 *
 * Failures: INVALID names the member that is missing or the character that is not allowed,
 * EXISTS a scheme that is there, LIMIT a full array.
 */

#include <smew/transport.h>

#include <stdatomic.h>
#include <string.h>

#include "base/status.h"
#include "bus/transport/builtin.h"

enum { SCHEME_SIZE_MAX = 15, ADDED_MAX = 16 };

static const struct smew_transport_ops *const built_in[] = {
    &smew__transport_pipe,
    &smew__transport_inproc,
    &smew__transport_shm,
#ifdef SMEW_SHM_POSIX
    &smew__transport_shm_posix,
#endif
};

/* Non-NULL up to the first NULL; a slot is written once. */
static _Atomic(const struct smew_transport_ops *) added[ADDED_MAX];

static bool is_scheme(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return size > 0 && size <= SCHEME_SIZE_MAX && text[size] == '\0' && text[0] != '-';
}

static enum smew_status check_ops(const struct smew_transport_ops *ops, struct smew_error *error)
{
    if (ops == NULL)
        return smew__fail(error, SMEW_INVALID, "a transport needs its table of operations");
    if (ops->scheme == NULL)
        return smew__fail(error, SMEW_INVALID, "the transport's member scheme is missing");
    if (!is_scheme(ops->scheme))
        return smew__fail(error, SMEW_INVALID,
                          "\"%.32s\" is no scheme: 1 to %d lower case letters, digits and '-', "
                          "not beginning with '-'",
                          ops->scheme, SCHEME_SIZE_MAX);
    if ((ops->flags & SMEW_TRANSPORT_LANES) != 0)
        return smew__fail(error, SMEW_INVALID,
                          "the transport %s says that it shares memory: only built-in ones do",
                          ops->scheme);
    if ((ops->flags & ~(uint32_t)SMEW_TRANSPORT_IN_PROCESS) != 0)
        return smew__fail(error, SMEW_INVALID,
                          "the transport %s sets flags that this version does not know: 0x%x",
                          ops->scheme, (unsigned)ops->flags);
    if (ops->listen == NULL)
        return smew__fail(error, SMEW_INVALID, "the transport %s: its member listen is missing",
                          ops->scheme);
    if (ops->dial == NULL)
        return smew__fail(error, SMEW_INVALID, "the transport %s: its member dial is missing",
                          ops->scheme);
    return SMEW_OK;
}

static const struct smew_transport_ops *find_built_in(const char *scheme)
{
    for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
        if (strcmp(built_in[i]->scheme, scheme) == 0)
            return built_in[i];
    }
    return NULL;
}

static enum smew_status fail_exists(const char *scheme, struct smew_error *error)
{
    return smew__fail(error, SMEW_EXISTS, "there is a transport %s already", scheme);
}

enum smew_status smew_transport_register(const struct smew_transport_ops *ops,
                                         struct smew_error *error)
{
    enum smew_status status = check_ops(ops, error);

    if (status != SMEW_OK)
        return status;
    if (find_built_in(ops->scheme) != NULL)
        return fail_exists(ops->scheme, error);
    /* Whoever loses the race for a slot compares with the winner, so a scheme gets in once. */
    for (size_t i = 0; i < ADDED_MAX; i++) {
        const struct smew_transport_ops *there = NULL;

        /* Release: pairs with smew_transport_find, which reads what the pointer leads to. */
        if (atomic_compare_exchange_strong_explicit(&added[i], &there, ops, memory_order_acq_rel,
                                                    memory_order_acquire))
            return SMEW_OK;
        if (strcmp(there->scheme, ops->scheme) == 0)
            return fail_exists(ops->scheme, error);
    }
    return smew__fail(error, SMEW_LIMIT, "%d transports were added; there is no room for %s",
                      ADDED_MAX, ops->scheme);
}

const struct smew_transport_ops *smew_transport_find(const char *scheme)
{
    const struct smew_transport_ops *found;

    if (scheme == NULL)
        return NULL;
    found = find_built_in(scheme);
    for (size_t i = 0; found == NULL && i < ADDED_MAX; i++) {
        /* Pairs with smew_transport_register. */
        const struct smew_transport_ops *there =
            atomic_load_explicit(&added[i], memory_order_acquire);

        if (there == NULL)
            break;
        if (strcmp(there->scheme, scheme) == 0)
            found = there;
    }
    return found;
}

enum smew_status smew__endpoint_check(const struct smew_endpoint *endpoint,
                                      struct smew_error *error)
{
    if (endpoint == NULL || endpoint->place == NULL || endpoint->place[0] == '\0')
        return smew__fail(error, SMEW_INVALID, "an endpoint needs a place");
    if (endpoint->frame_max > SMEW_FRAME_MAX)
        return smew__fail(error, SMEW_INVALID, "frame_max is %u bytes; the limit is %u",
                          (unsigned)endpoint->frame_max, (unsigned)SMEW_FRAME_MAX);
    return SMEW_OK;
}

uint32_t smew__endpoint_frame_max(const struct smew_endpoint *endpoint)
{
    return endpoint->frame_max == 0 ? (uint32_t)SMEW_FRAME_MAX : endpoint->frame_max;
}
