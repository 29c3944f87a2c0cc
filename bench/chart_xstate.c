/* SPDX-License-Identifier: MIT */
/*
 * XState's side of a chart's row: a node process that runs xstate.cjs, asked by lines of JSON and
 * answering with them.
 *
 * Failure modes: no node, no xstate in the folder, a chart that it does not want, an answer that
 * does not come within a minute: the sentence says which, and the process is killed at close.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "bench/chart_side.h"

enum { LINE_SIZE = 8192, ANSWER_MS = 60000, WEIGHED = 10000 };

struct bench_xstate {
    pid_t process;
    int end; /* of a socket pair: the other is its stdin and stdout */
    char version[32];
};

/* In the child; ends it. */
static void become_node(int end, const char *folder, int core)
{
    (void)bench_pin(core);
    (void)setenv("NODE_ENV", "production", 1);
    if (dup2(end, STDIN_FILENO) >= 0 && dup2(end, STDOUT_FILENO) >= 0)
        (void)execlp("node", "node", "--expose-gc", BENCH_XSTATE_DRIVER, folder, (char *)NULL);
    _exit(127);
}

/* One line, without its end. */
static bool read_line(int end, char line[LINE_SIZE])
{
    struct pollfd waiting = {.fd = end, .events = POLLIN};
    size_t size = 0;

    while (size < LINE_SIZE - 1) {
        ssize_t got;

        if (poll(&waiting, 1, ANSWER_MS) != 1)
            return false;
        got = read(end, line + size, LINE_SIZE - 1 - size);
        if (got <= 0)
            return false;
        size += (size_t)got;
        line[size] = 0;
        if (line[size - 1] == '\n')
            return true;
    }
    return false;
}

static bool write_line(int end, json_t *request)
{
    char line[LINE_SIZE];
    const size_t size =
        request != NULL ? json_dumpb(request, line, LINE_SIZE - 1, JSON_COMPACT) : 0;

    if (size == 0 || size > LINE_SIZE - 1)
        return false;
    line[size] = '\n';
    return send(end, line, size + 1, MSG_NOSIGNAL) == (ssize_t)size + 1;
}

/* Takes over the request.  The answer, which the caller gives back; NULL: the sentence says why. */
static json_t *ask(struct bench_xstate *xstate, json_t *request, char error[BENCH_ERROR_SIZE])
{
    char line[LINE_SIZE];
    const bool asked = write_line(xstate->end, request);
    json_t *answer = asked && read_line(xstate->end, line) ? json_loads(line, 0, NULL) : NULL;
    const char *sentence = json_string_value(json_object_get(answer, "error"));

    json_decref(request);
    if (answer == NULL)
        (void)snprintf(error, BENCH_ERROR_SIZE, "node with xstate does not answer");
    if (sentence == NULL)
        return answer;
    (void)snprintf(error, BENCH_ERROR_SIZE, "node: %.*s", BENCH_ERROR_SIZE - 8, sentence);
    json_decref(answer);
    return NULL;
}

static bool start(struct bench_xstate *xstate, const char *folder, int core)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    xstate->end = ends[0];
    xstate->process = fork();
    if (xstate->process == 0)
        become_node(ends[1], folder, core);
    (void)close(ends[1]);
    return xstate->process > 0;
}

struct bench_xstate *bench_xstate_open(const struct bench_chart_case *what, const char *folder,
                                       int core, char error[BENCH_ERROR_SIZE])
{
    struct bench_xstate *xstate = calloc(1, sizeof(*xstate));
    char whole[4096] = "";
    json_t *answer = NULL;

    if (xstate == NULL)
        return NULL;
    xstate->end = -1;
    if (realpath(folder, whole) == NULL)
        (void)snprintf(error, BENCH_ERROR_SIZE, "there is no folder %.60s", folder);
    else if (!start(xstate, whole, core))
        (void)snprintf(error, BENCH_ERROR_SIZE, "node cannot be started");
    else
        answer = ask(xstate,
                     json_pack("{s:o, s:s}", "chart", json_loads(what->chart, 0, NULL), "event",
                               what->event),
                     error);
    if (answer == NULL) {
        bench_xstate_close(xstate);
        return NULL;
    }
    (void)snprintf(xstate->version, sizeof(xstate->version), "%s",
                   json_string_value(json_object_get(answer, "version")));
    json_decref(answer);
    return xstate;
}

void bench_xstate_close(struct bench_xstate *xstate)
{
    if (xstate == NULL)
        return;
    if (xstate->end >= 0)
        (void)close(xstate->end);
    if (xstate->process > 0) {
        (void)kill(xstate->process, SIGKILL);
        (void)waitpid(xstate->process, NULL, 0);
    }
    free(xstate);
}

const char *bench_xstate_version(const struct bench_xstate *xstate)
{
    return xstate->version;
}

bool bench_xstate_lap(struct bench_xstate *xstate, uint64_t events, unsigned warm_ms,
                      struct bench_lap *lap, char error[BENCH_ERROR_SIZE])
{
    json_t *answer =
        ask(xstate, json_pack("{s:I, s:i}", "events", (json_int_t)events, "warm_ms", (int)warm_ms),
            error);
    json_int_t ns = 0, actions = 0;

    if (answer == NULL)
        return false;
    (void)json_unpack(answer, "{s:I, s:I}", "ns", &ns, "actions", &actions);
    json_decref(answer);
    *lap = (struct bench_lap){.ns = (uint64_t)ns, .actions = (uint64_t)actions};
    return ns > 0;
}

double bench_xstate_bytes(struct bench_xstate *xstate)
{
    char error[BENCH_ERROR_SIZE];
    json_t *answer = ask(xstate, json_pack("{s:i}", "machines", WEIGHED), error);
    const double bytes = json_number_value(json_object_get(answer, "bytes"));

    json_decref(answer);
    return bytes;
}
