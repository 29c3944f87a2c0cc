/* SPDX-License-Identifier: MIT */
/* The handler sets a flag and nothing else; each wait of the program is shorter than 100 ms. */
#include "samples/dpkg/stop.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

bool feeder_stop_on_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    /* The second signal kills, as people expect of it. */
    action.sa_flags = (int)SA_RESETHAND;
    return sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}

bool feeder_stopped(void)
{
    return stopped != 0;
}
