/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_HOST_H
#define SMEW_SAMPLES_DPKG_HOST_H

/*
 * The machines in this program: what `smew run CHART --spawn 'pkg:*'` is in another one.  With it
 * the same run goes over inproc, and its final states can be compared.
 */

#include <smew/orchestrator.h>

struct feeder_host {
    struct smew_bus *bus; /* a node of its own: a program may have several */
    struct smew_chart *chart;
    struct smew_orchestrator *orchestrator;
};

/* Hosts the chart under "pkg:*"; on failure `error` says why and there is nothing to stop. */
enum smew_status feeder_host_start(struct feeder_host *host, const char *url, const char *chart,
                                   struct smew_error *error);

/* A host that was zeroed and never started is fine. */
void feeder_host_stop(struct feeder_host *host);

#endif
