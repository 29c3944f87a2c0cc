/* SPDX-License-Identifier: MIT */
/*
 * The verb table: what the command can do, in the words of its help.  The command line is read
 * by it, and the help pages, man pages and completions are written from it; nothing else lists
 * verbs or options.
 */
#include "cli/command.h"

#include <string.h>

enum { HOUR_MS = 3600 * 1000 };

const struct smew__option smew__common_options[] = {
    {"output", 'o', SMEW__OPTION_CHOICE, "table|json|jsonl", "how to print what was found", 0},
    {"bus", 0, SMEW__OPTION_TEXT, "URL", "the bus; default: $SMEW_BUS, else shm://smew", 0},
    {"help", 'h', SMEW__OPTION_FLAG, NULL, "the help page of the verb", 0},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__option run_options[] = {
    {"id", 0, SMEW__OPTION_TEXT, "ID", "the machine's id; default: the chart's id", 0},
    {"spawn", 0, SMEW__OPTION_TEXT, "'PREFIX*'",
     "a machine for each id with this prefix, from its first event on", 0},
    {"standby", 0, SMEW__OPTION_FLAG, NULL, "wait for a claim that another node holds", 0},
    {"buses", 0, SMEW__OPTION_NUMBER, "N", "threads that run machines; default: one a core", 64},
    {"drain", 0, SMEW__OPTION_NUMBER, "MS", "how long to finish when stopped; default: 5000",
     HOUR_MS},
    {"ignore-missing", 0, SMEW__OPTION_FLAG, NULL,
     "names without an implementation: actions do nothing, guards are false", 0},
    {"verbose", 'v', SMEW__OPTION_FLAG, NULL, "log everything to stderr", 0},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__option send_options[] = {
    {"wait", 0, SMEW__OPTION_NUMBER_OR_BARE, "MS",
     "wait for the machine, or for a takeover; alone: 60000 ms", HOUR_MS},
    {"timeout", 0, SMEW__OPTION_NUMBER, "MS", "how long to wait for the answer; default: 5000",
     HOUR_MS},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__option ps_options[] = {
    {"limit", 0, SMEW__OPTION_NUMBER, "N", "machines to list of each node; default: 100", 100000},
    {"timeout", 0, SMEW__OPTION_NUMBER, "MS", "how long to wait for a node; default: 1000",
     HOUR_MS},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__option show_options[] = {
    {"timeout", 0, SMEW__OPTION_NUMBER, "MS", "how long to wait for the answer; default: 5000",
     HOUR_MS},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__option watch_options[] = {
    {"count", 0, SMEW__OPTION_NUMBER, "N", "end after N transitions", UINT32_MAX},
    {"for", 0, SMEW__OPTION_NUMBER, "MS", "end after that time", UINT32_MAX},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__option stat_options[] = {
    {"timeout", 0, SMEW__OPTION_NUMBER, "MS", "how long to wait for a node; default: 1000",
     HOUR_MS},
    {NULL, 0, SMEW__OPTION_FLAG, NULL, NULL, 0},
};

static const struct smew__verb verbs[] = {
    {
        .name = "run",
        .summary = "host the machines of charts until stopped",
        .usage = "CHART… [--id ID | --spawn 'PREFIX*'] [--standby]",
        .details =
            "Loads XState JSON charts, claims their machines' ids on the bus and runs them.\n"
            "Prints one line when everything is hosted; logs to stderr.  SIGTERM or SIGINT ends\n"
            "it: what arrived is finished first; a second signal ends it at once.\n"
            "\n"
            "  smew run traffic.json\n"
            "  smew run traffic.json --id crossing-7 --standby\n"
            "  smew run package.json --spawn 'pkg:*'\n",
        .options = run_options,
        .least = 1,
        .most = SIZE_MAX,
        .run = smew__verb_run,
    },
    {
        .name = "send",
        .summary = "send an event to a machine and print what it did",
        .usage = "ID EVENT [JSON] [--wait[=MS]] [--timeout MS]",
        .details = "Sends a request and prints the old and the new state and the time taken.\n"
                   "\n"
                   "  smew send light TIMER\n"
                   "  smew send order-17 PAY '{\"amount\": 12.5}' --wait\n",
        .options = send_options,
        .least = 2,
        .most = 3,
        .run = smew__verb_send,
    },
    {
        .name = "ps",
        .summary = "list the nodes of the bus and their machines",
        .usage = "[--limit N]",
        .details = NULL,
        .options = ps_options,
        .least = 0,
        .most = 0,
        .run = smew__verb_ps,
    },
    {
        .name = "show",
        .summary = "show one machine: state, context, counters, what it accepts now",
        .usage = "ID",
        .details = "Looking at an id of a hosted pattern does not bring its machine to life.\n",
        .options = show_options,
        .least = 1,
        .most = 1,
        .run = smew__verb_show,
    },
    {
        .name = "watch",
        .summary = "print every transition as it happens",
        .usage = "[ID | 'PREFIX*'] [--count N] [--for MS]",
        .details =
            "A lossy tap at the hosts: it costs nothing while nobody watches, never slows a\n"
            "machine down, and says how many transitions it missed.  Ends with SIGINT.\n",
        .options = watch_options,
        .least = 0,
        .most = 1,
        .run = smew__verb_watch,
    },
    {
        .name = "stat",
        .summary = "show the counters of every node",
        .usage = "",
        .details = "`-o json` has all of them; the table the ones to look at first.\n",
        .options = stat_options,
        .least = 0,
        .most = 0,
        .run = smew__verb_stat,
    },
    {
        .name = "check",
        .summary = "check charts without running them",
        .usage = "CHART…",
        .details = "Errors are printed as file:line:column.  Names of actions and guards that\n"
                   "`smew run` has no implementation for are notes, not errors.\n",
        .options = NULL,
        .least = 1,
        .most = SIZE_MAX,
        .run = smew__verb_check,
    },
    {
        .name = "clean",
        .summary = "remove what crashed programs left in the runtime directory",
        .usage = "",
        .details = "Never touches what a living node uses.  Nobody needs it to start again: each\n"
                   "start cleans its own bus.\n",
        .options = NULL,
        .least = 0,
        .most = 0,
        .run = smew__verb_clean,
    },
    {
        .name = "help",
        .summary = "explain a verb, or a topic: exit-codes, environment",
        .usage = "[VERB | TOPIC]",
        .details = NULL,
        .options = NULL,
        .least = 0,
        .most = 1,
        .run = smew__verb_help,
    },
    {
        .name = "version",
        .summary = "print the version",
        .usage = "",
        .details = NULL,
        .options = NULL,
        .least = 0,
        .most = 0,
        .run = smew__verb_version,
    },
};

const struct smew__verb *smew__verb_at(size_t index)
{
    return index < sizeof(verbs) / sizeof(verbs[0]) ? &verbs[index] : NULL;
}

const struct smew__verb *smew__verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}
