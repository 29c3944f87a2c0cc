/* SPDX-License-Identifier: MIT */
/*
 * The memory of `shm`: memfds that a hostile peer can neither take away nor, where it should not,
 * write (base/os/memory.h); passed by their fds, and so without a name.
 */
#include "bus/transport/shm/end.h"

static enum smew_status memfd_make(struct smew__shm_end *end, const struct smew__lane_spec *spec)
{
    return smew__lane_memory_create(spec, &end->in_memory);
}

static size_t memfd_present(const struct smew__shm_end *end, struct smew__shm_datagram *hello,
                            int fds[2])
{
    (void)hello;
    fds[0] = end->in_memory.ring_memory.fd;
    fds[1] = end->in_memory.cursor_memory.fd;
    return 2;
}

/* The ring's fd goes when it is settled. */
static void memfd_presented(struct smew__shm_end *end)
{
    smew__memory_close_fd(&end->in_memory.cursor_memory);
}

static enum smew_status memfd_open(struct smew__shm_end *end,
                                   const struct smew__shm_datagram *hello, const int *fds)
{
    (void)hello;
    return smew__lane_memory_attach(fds[0], fds[1], &end->out_memory);
}

static enum smew_status memfd_freeze(const struct smew_bytes *parts, size_t count, size_t size,
                                     int *fd)
{
    return smew__frozen_create("smew-frame", parts, count, size, fd);
}

static void memfd_wake(const struct smew__shm_end *end)
{
    (void)end; /* the datagram is all */
}

static enum smew_status memfd_wait(const struct smew__shm_end *end, uint64_t deadline_ns)
{
    (void)end;
    (void)deadline_ns;
    return SMEW_UNSUPPORTED;
}

static void memfd_fini(struct smew__shm_end *end)
{
    (void)end;
}

const struct smew__shm_kind smew__shm_memfd = {
    .hello = SMEW__SHM_HELLO,
    .make = memfd_make,
    .present = memfd_present,
    .presented = memfd_presented,
    .open = memfd_open,
    .freeze = memfd_freeze,
    .thaw = smew__frozen_map,
    .wake = memfd_wake,
    .wait = memfd_wait,
    .fini = memfd_fini,
};
