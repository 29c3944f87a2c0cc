/* SPDX-License-Identifier: MIT */
/*
 * dpkg-feeder: drives one machine for each Debian package with what dpkg wrote into its log, and
 * says whether the machines then are where the packages are.  A user's program: it knows nothing of
 * smew but <smew/…>.
 *
 * Happy path: join the bus (and host the machines, when told to), feed, ask every machine, compare,
 * report.  Failure modes: whatever keeps it from finding out is one sentence on stderr and exit
 * status 3; what was found out until then is reported all the same.
 */
#include <stdio.h>
#include <string.h>

#include "samples/dpkg/check.h"
#include "samples/dpkg/feed.h"
#include "samples/dpkg/host.h"
#include "samples/dpkg/options.h"
#include "samples/dpkg/report.h"
#include "samples/dpkg/stop.h"

enum { CLOSE_MS = 1000 };

static enum feeder_exit judge(const struct feeder_feed *feed, const struct feeder_check *check)
{
    bool agree = feed->refused + check->log_mismatches + check->query_mismatches == 0;

    return agree ? FEEDER_EXIT_AGREE : FEEDER_EXIT_DISAGREE;
}

/* With everything sent and answered. */
static enum feeder_exit check_all(struct feeder_feed *feed, struct feeder_check *check)
{
    const struct feeder_options *options = feed->options;

    if (!feeder_check_machines(check, feed) ||
        (options->dpkg_query != NULL && !feeder_check_query(check, feed)) ||
        (options->states != NULL && !feeder_report_states(feed, options->states)))
        return FEEDER_EXIT_FAILED;
    feeder_report_check(feed, check);
    return judge(feed, check);
}

static enum feeder_exit feed_and_check(struct feeder_feed *feed, struct feeder_check *check)
{
    bool fine = feeder_feed_run(feed);

    feeder_report_feed(feed);
    return fine ? check_all(feed, check) : FEEDER_EXIT_FAILED;
}

static enum feeder_exit run(const struct feeder_options *options)
{
    struct smew_bus_options bus_options = SMEW_BUS_OPTIONS_INIT;
    enum feeder_exit code = FEEDER_EXIT_FAILED;
    struct feeder_check check;
    struct feeder_feed feed;
    struct smew_error error;
    struct smew_bus *bus;

    bus_options.name = "dpkg-feeder";
    if (smew_bus_open(options->url, &bus_options, &bus, &error) != SMEW_OK) {
        fprintf(stderr, "dpkg-feeder: %s\n", error.text);
        return FEEDER_EXIT_FAILED;
    }
    memset(&check, 0, sizeof(check));
    if (feeder_feed_init(&feed, options, bus))
        code = feed_and_check(&feed, &check);
    smew_bus_close(bus, CLOSE_MS, NULL);
    feeder_check_fini(&check);
    feeder_feed_fini(&feed);
    return code;
}

int main(int argc, char **argv)
{
    struct feeder_host host = {NULL, NULL, NULL};
    struct feeder_options options;
    struct smew_error error;
    enum feeder_exit exit_code;
    int code = feeder_options_parse(&options, argc, argv);

    if (code >= 0)
        return code;
    if (!feeder_stop_on_signals()) {
        perror("dpkg-feeder");
        return FEEDER_EXIT_FAILED;
    }
    if (options.chart != NULL &&
        feeder_host_start(&host, options.url, options.chart, &error) != SMEW_OK) {
        fprintf(stderr, "dpkg-feeder: %s\n", error.text);
        return FEEDER_EXIT_FAILED;
    }
    exit_code = run(&options);
    feeder_host_stop(&host);
    return (int)exit_code;
}
