/* SPDX-License-Identifier: MIT */
/*
 * Happy path: getopt_long(), one row of the table an option.  Failure modes: a number that is none
 * or out of bounds, and options that exclude each other, each end with a sentence on stderr.
 */
#include "samples/dpkg/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "dpkg-feeder [OPTION]... [LOG]\n"
    "\n"
    "Sends each status line of a dpkg log (/var/log/dpkg.log) as an event to the machine\n"
    "pkg:NAME:ARCH, and compares what became of the machines with what the log last said.\n"
    "\n"
    "  --bus URL          the bus (default: $SMEW_BUS, or shm://smew)\n"
    "  --host CHART       host the machines in this program, on a node of their own\n"
    "  --wait MS          how long to wait for a host (default 5000)\n"
    "  --timeout MS       how long to wait for an answer (default 10000)\n"
    "  --window N         requests on their way at once (default 256)\n"
    "  --events N         go round the log until N events are sent, under fresh ids each time\n"
    "  --shuffle SEED     send the lines in another order\n"
    "  --follow           go on when the log grows or is rotated, until SIGINT or SIGTERM\n"
    "  --checkpoint FILE  remember there which lines are processed, and go on after them;\n"
    "                     what was on its way when the feeder was killed is sent again\n"
    "  --dpkg-query FILE  compare also with the lines of FILE (- for stdin), which come from\n"
    "                     dpkg-query -W -f '${Package}:${Architecture} ${db:Status-Status}\\n'\n"
    "  --states FILE      write the machines and their states to FILE, sorted\n"
    "  --show N           list at most N findings of a kind (default 10)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 all agree; 1 a line without a transition, or a mismatch; 2 usage;\n"
    "3 it could not be found out.\n";

enum {
    WINDOW_MAX = 65536,
    SHOW_MAX = 1000000,
};

enum feeder_option {
    OPTION_BUS = 1,
    OPTION_HOST,
    OPTION_WAIT,
    OPTION_TIMEOUT,
    OPTION_WINDOW,
    OPTION_EVENTS,
    OPTION_SHUFFLE,
    OPTION_FOLLOW,
    OPTION_CHECKPOINT,
    OPTION_DPKG_QUERY,
    OPTION_STATES,
    OPTION_SHOW,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"bus", required_argument, NULL, OPTION_BUS},
    {"host", required_argument, NULL, OPTION_HOST},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"shuffle", required_argument, NULL, OPTION_SHUFFLE},
    {"follow", no_argument, NULL, OPTION_FOLLOW},
    {"checkpoint", required_argument, NULL, OPTION_CHECKPOINT},
    {"dpkg-query", required_argument, NULL, OPTION_DPKG_QUERY},
    {"states", required_argument, NULL, OPTION_STATES},
    {"show", required_argument, NULL, OPTION_SHOW},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* optarg as a number from least to most. */
static bool number(const char *name, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;
    unsigned long long read = strtoull(optarg, &end, 10);

    if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0' || read < least || read > most) {
        fprintf(stderr, "dpkg-feeder: --%s %s: a number from %llu to %llu is needed\n", name,
                optarg, (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *value = read;
    return true;
}

static bool number32(const char *name, uint64_t least, uint64_t most, uint32_t *value)
{
    uint64_t wide;

    if (!number(name, least, most, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}

/* False when the argument is not valid. */
static bool take(struct feeder_options *options, int option)
{
    switch (option) {
    case OPTION_BUS:
        options->url = optarg;
        return true;
    case OPTION_HOST:
        options->chart = optarg;
        return true;
    case OPTION_WAIT:
        return number32("wait", 0, UINT32_MAX, &options->wait_ms);
    case OPTION_TIMEOUT:
        return number32("timeout", 1, UINT32_MAX, &options->timeout_ms);
    case OPTION_WINDOW:
        return number32("window", 1, WINDOW_MAX, &options->window);
    case OPTION_EVENTS:
        return number("events", 1, UINT32_MAX, &options->events);
    case OPTION_SHUFFLE:
        options->shuffle = true;
        return number("shuffle", 0, UINT64_MAX, &options->seed);
    case OPTION_FOLLOW:
        options->follow = true;
        return true;
    case OPTION_CHECKPOINT:
        options->checkpoint = optarg;
        return true;
    case OPTION_DPKG_QUERY:
        options->dpkg_query = optarg;
        return true;
    case OPTION_STATES:
        options->states = optarg;
        return true;
    case OPTION_SHOW:
        return number32("show", 0, SHOW_MAX, &options->show);
    default:
        return false;
    }
}

/* Only the log as it is can be followed or taken up again. */
static bool fits_together(const struct feeder_options *options)
{
    if ((options->follow || options->checkpoint != NULL) &&
        (options->shuffle || options->events > 0)) {
        fputs("dpkg-feeder: --follow and --checkpoint exclude --shuffle and --events\n", stderr);
        return false;
    }
    return true;
}

int feeder_options_parse(struct feeder_options *options, int argc, char **argv)
{
    const char *url = getenv("SMEW_BUS");
    int option;

    *options = (struct feeder_options){
        .log = "/var/log/dpkg.log",
        .url = url != NULL && *url != '\0' ? url : "shm://smew",
        .window = 256,
        .wait_ms = 5000,
        .timeout_ms = 10000,
        .show = 10,
    };
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(usage, stdout);
            return FEEDER_EXIT_AGREE;
        }
        if (!take(options, option))
            return FEEDER_EXIT_USAGE;
    }
    if (argc - optind > 1) {
        fputs("dpkg-feeder: one log at a time; see --help\n", stderr);
        return FEEDER_EXIT_USAGE;
    }
    if (optind < argc)
        options->log = argv[optind];
    return fits_together(options) ? -1 : FEEDER_EXIT_USAGE;
}
