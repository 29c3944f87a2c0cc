/* SPDX-License-Identifier: MIT */
/* The orchestrator takes its messages straight from the node, on threads of its own. */
#include "samples/dpkg/host.h"

#include <string.h>

enum { DRAIN_MS = 5000, CLOSE_MS = 1000 };

enum smew_status feeder_host_start(struct feeder_host *host, const char *url, const char *chart,
                                   struct smew_error *error)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    enum smew_status status;

    memset(host, 0, sizeof(*host));
    options.name = "dpkg-feeder host";
    status = smew_chart_load_file(chart, NULL, &host->chart, error);
    if (status == SMEW_OK)
        status = smew_bus_open(url, &options, &host->bus, error);
    if (status == SMEW_OK)
        status = smew_orchestrator_create(host->bus, NULL, &host->orchestrator, error);
    if (status == SMEW_OK)
        status =
            smew_orchestrator_host(host->orchestrator, "pkg:*", host->chart, NULL, NULL, error);
    if (status != SMEW_OK)
        feeder_host_stop(host);
    return status;
}

void feeder_host_stop(struct feeder_host *host)
{
    smew_orchestrator_destroy(host->orchestrator, DRAIN_MS);
    smew_bus_close(host->bus, CLOSE_MS, NULL);
    smew_chart_unref(host->chart);
    memset(host, 0, sizeof(*host));
}
