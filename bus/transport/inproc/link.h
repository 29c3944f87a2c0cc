/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_INPROC_LINK_H
#define SMEW_BUS_TRANSPORT_INPROC_LINK_H

/* Two connected channels within one process. */

#include <smew/transport.h>

/* NO_MEMORY, NO_FDS.  Each end is closed by itself; the last one frees both. */
enum smew_status smew__link_open(uint32_t frame_max, struct smew_channel *ends[2]);

#endif
