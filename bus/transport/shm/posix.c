/* SPDX-License-Identifier: MIT */
/*
 * The transport `shm-posix`: the same channel over shm_open'ed memory and named semaphores, for who
 * wants POSIX's own means; a build option, SMEW_SHM_POSIX.
 *
 * It trusts its peers.  A peer may cut the memory off or, when /dev/shm is full, punch holes into
 * it, and the next touch is a SIGBUS that kills this process; it may write wherever this end maps
 * for reading, and change a large frame while it is read.  `shm` has none of this.
 *
 * Happy path: each end makes its lane's two segments and a semaphore, and tells their names in its
 * HELLO; the other opens them and removes the names.  A blocking send or receive waits on the
 * semaphore, which is posted beside each bell; for the news of the other's death, which posts
 * nothing, it looks up every SLICE_MS.
 *
 * Failures: as of `shm`.  Where a semaphore cannot be had, waiting is on the socket.  What a crash
 * left of names is removed when the next one listens.
 */
#include "bus/transport/builtin.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os/packet.h"
#include "base/os/posix.h"
#include "bus/transport/local.h"
#include "bus/transport/shm/end.h"

enum { SLICE_MS = 20 };

static const char ring_word[] = "ring";
static const char cursors_word[] = "cursors";

struct own {
    struct smew__posix_id id;
    bool named;                   /* the names may be there */
    struct smew__semaphore rest;  /* on which this end waits */
    struct smew__semaphore other; /* on which the other does */
};

static void remove_names(const struct smew__posix_id *id)
{
    smew__posix_memory_unlink(id, ring_word);
    smew__posix_memory_unlink(id, cursors_word);
    smew__semaphore_unlink(id);
}

/* ---- the kind ------------------------------------------------------------------------ */

static enum smew_status make_lane(struct smew__shm_end *end, const struct smew__posix_id *id,
                                  const struct smew__lane_spec *spec)
{
    struct smew__memory ring = {.fd = -1};
    struct smew__memory cursors = {.fd = -1};
    struct smew__lane_sizes sizes;
    enum smew_status status = smew__lane_memory_sizes(spec, &sizes);

    if (status == SMEW_OK)
        status = smew__posix_memory_create(id, ring_word, sizes.ring, sizes.page, &ring);
    if (status == SMEW_OK)
        status = smew__posix_memory_create(id, cursors_word, sizes.cursors, 0, &cursors);
    if (status == SMEW_OK)
        status = smew__lane_memory_lay_out(spec, &ring, &cursors, &end->in_memory);
    if (status != SMEW_OK) {
        smew__memory_fini(&ring);
        smew__memory_fini(&cursors);
    }
    return status;
}

static enum smew_status posix_make(struct smew__shm_end *end, const struct smew__lane_spec *spec)
{
    struct own *own = smew__calloc(1, sizeof(*own));
    enum smew_status status;

    if (own == NULL)
        return SMEW_NO_MEMORY;
    end->own = own;
    end->settled = true; /* as far as it can be */
    status = smew__posix_id_make(&own->id);
    if (status != SMEW_OK)
        return status;
    own->named = true;
    status = make_lane(end, &own->id, spec);
    if (status == SMEW_OK)
        (void)smew__semaphore_create(&own->id, &own->rest); /* or without */
    return status;
}

static size_t posix_present(const struct smew__shm_end *end, struct smew__shm_datagram *hello,
                            int fds[2])
{
    const struct own *own = end->own;

    fds[0] = -1;
    fds[1] = -1;
    hello->pid = own->id.pid;
    hello->start_ticks = own->id.start_ticks;
    hello->number = own->id.number;
    return 0;
}

static void posix_presented(struct smew__shm_end *end)
{
    (void)end; /* the other end removes the names */
}

static enum smew_status open_lane(struct smew__shm_end *end, const struct smew__posix_id *id)
{
    const struct smew__lane_spec least = {.ring_bytes = SMEW__LANE_BYTES_MIN, .window = 1};
    const struct smew__lane_spec most = {.ring_bytes = SMEW__LANE_BYTES_MAX,
                                         .window = SMEW__LANE_WINDOW_MAX};
    struct smew__memory ring = {.fd = -1};
    struct smew__memory cursors = {.fd = -1};
    struct smew__lane_sizes low;
    struct smew__lane_sizes high;
    enum smew_status status = smew__lane_memory_sizes(&least, &low);

    if (status == SMEW_OK)
        status = smew__lane_memory_sizes(&most, &high);
    if (status == SMEW_OK)
        status =
            smew__posix_memory_attach(id, ring_word, true, low.ring, high.ring, low.page, &ring);
    if (status == SMEW_OK)
        status = smew__posix_memory_attach(id, cursors_word, false, low.cursors, high.cursors, 0,
                                           &cursors);
    if (status == SMEW_OK)
        status = smew__lane_memory_adopt(&ring, &cursors, &end->out_memory);
    if (status != SMEW_OK) {
        smew__memory_fini(&ring);
        smew__memory_fini(&cursors);
    }
    return status;
}

static enum smew_status posix_open(struct smew__shm_end *end,
                                   const struct smew__shm_datagram *hello, const int *fds)
{
    const struct smew__posix_id id = {hello->pid, hello->start_ticks, hello->number};
    struct own *own = end->own;
    enum smew_status status = open_lane(end, &id);

    (void)fds;
    if (status == SMEW_NOT_FOUND)
        return SMEW_RESET; /* closed before this end came to it, and took its names along */
    (void)smew__semaphore_attach(&id, &own->other);
    remove_names(&id);
    return status;
}

static void posix_wake(const struct smew__shm_end *end)
{
    struct own *own = end->own;

    if (own != NULL)
        smew__semaphore_post(&own->other);
}

static enum smew_status posix_wait(const struct smew__shm_end *end, uint64_t deadline_ns)
{
    struct own *own = end->own;
    uint64_t slice_ns = smew__deadline_ns(SLICE_MS);
    enum smew_status status;

    if (own->rest.handle == NULL)
        return SMEW_UNSUPPORTED;
    status = smew__semaphore_wait(&own->rest, slice_ns < deadline_ns ? slice_ns : deadline_ns);
    return status == SMEW_TIMEOUT && slice_ns < deadline_ns ? SMEW_OK : status;
}

/* A forked child leaves the names: they are its parent's. */
static void posix_fini(struct smew__shm_end *end)
{
    struct own *own = end->own;

    if (own == NULL)
        return;
    if (own->named && smew__shm_ours(end))
        remove_names(&own->id);
    smew__semaphore_close(&own->rest);
    smew__semaphore_close(&own->other);
    smew__free(own);
}

static const struct smew__shm_kind kind = {
    .hello = SMEW__SHM_NAMES,
    .make = posix_make,
    .present = posix_present,
    .presented = posix_presented,
    .open = posix_open,
    .freeze = smew__posix_frozen_create,
    .thaw = smew__posix_frozen_map,
    .wake = posix_wake,
    .wait = posix_wait,
    .fini = posix_fini,
};

/* ---- the scheme ---------------------------------------------------------------------- */

static enum smew_status create(uint32_t frame_max, struct smew_channel **channel)
{
    return smew__shm_end_create(&kind, frame_max, channel);
}

static const struct smew__local_scheme scheme = {
    .name = "shm-posix",
    .listen = smew__packet_listen,
    .connect = smew__packet_connect,
    .create = create,
    .start = smew__shm_end_start,
};

static enum smew_status posix_listen(const struct smew_endpoint *endpoint,
                                     struct smew_listener **listener, struct smew_error *error)
{
    (void)smew__posix_sweep();
    return smew__local_listen(&scheme, endpoint, listener, error);
}

static enum smew_status posix_dial(const struct smew_endpoint *endpoint,
                                   struct smew_channel **channel, struct smew_error *error)
{
    return smew__local_dial(&scheme, endpoint, channel, error);
}

const struct smew_transport_ops smew__transport_shm_posix = {
    .scheme = "shm-posix",
    .flags = 0,
    .listen = posix_listen,
    .dial = posix_dial,
};
