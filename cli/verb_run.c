/* SPDX-License-Identifier: MIT */
/*
 * `smew run CHART…`: hosts charts on a bus until it is told to stop.
 *
 * Happy path: load every chart, join the bus, create the orchestrator, claim each id or pattern,
 * print one line on stdout that everything is ready, poll for notices until SIGTERM or SIGINT,
 * then finish what arrived and leave the bus.  Failure modes: a chart that is not valid stops it
 * before the bus is touched; a claim held elsewhere is refused with its holder's name, or waited
 * for with --standby; what could not be delivered at the end is counted on stderr.
 */
#include <smew/chart.h>
#include <smew/orchestrator.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/claims.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/report.h"

enum {
    DRAIN_DEFAULT_MS = 5000,
    CLOSE_MS = 1000,
    STANDBY_TURN_MS = 250, /* how soon a signal ends a wait for a claim */
    POLL_MS = 1000,
};

struct hosted {
    struct smew_chart *chart;
    char id[SMEW_ID_MAX + 2];
};

struct running {
    struct smew__command *command;
    struct smew_bus *bus;
    struct smew_orchestrator *orchestrator;
    struct hosted *hosted;
    size_t count;
    uint32_t drain_ms;
};

/* ---- what to host ------------------------------------------------------------------- */

/* "traffic" of "/charts/traffic.json": the id of a chart that names none. */
static void stem_of(const char *path, char *buffer, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t length = dot != NULL && dot > base ? (size_t)(dot - base) : strlen(base);

    snprintf(buffer, size, "%.*s", (int)length, base);
}

/* The chart's own id, unless it has only the name of its file. */
static void default_id(const struct smew_chart *chart, const char *path, char *buffer, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *id = smew_chart_id(chart);

    if (strcmp(id, path) == 0 || (slash != NULL && strcmp(id, slash + 1) == 0))
        stem_of(path, buffer, size);
    else
        snprintf(buffer, size, "%s", id);
}

static enum smew__exit check_names(const struct smew__command *command)
{
    const char *id = smew__option_text(&command->arguments, "id", NULL);
    const char *pattern = smew__option_text(&command->arguments, "spawn", NULL);

    if (id != NULL && pattern != NULL)
        return smew__complain(command, SMEW__EXIT_USAGE, "--id and --spawn exclude each other");
    if ((id != NULL || pattern != NULL) && command->arguments.count > 1)
        return smew__complain(command, SMEW__EXIT_USAGE,
                              "--%s names the machines of one chart; run a command for each",
                              id != NULL ? "id" : "spawn");
    if (pattern != NULL && (*pattern == '\0' || pattern[strlen(pattern) - 1] != '*'))
        return smew__complain(command, SMEW__EXIT_USAGE,
                              "--spawn %s: a prefix with a trailing '*' is needed, quoted for the "
                              "shell: --spawn 'pkg:*'",
                              pattern);
    if (id != NULL && *id != '\0' && id[strlen(id) - 1] == '*')
        return smew__complain(command, SMEW__EXIT_USAGE,
                              "--id %s is a pattern; --spawn '%s' hosts one", id, id);
    if ((id != NULL && strlen(id) > SMEW_ID_MAX) ||
        (pattern != NULL && strlen(pattern) > SMEW_ID_MAX))
        return smew__complain(command, SMEW__EXIT_USAGE, "an id has at most %d bytes",
                              (int)SMEW_ID_MAX);
    return SMEW__EXIT_OK;
}

static enum smew__exit load_chart(struct running *running, const char *path)
{
    const struct smew__arguments *arguments = &running->command->arguments;
    const char *id = smew__option_text(arguments, "id", NULL);
    struct hosted *hosted = &running->hosted[running->count];
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_error error;

    behavior.ignore_missing = smew__option_given(arguments, "ignore-missing");
    if (smew_chart_load_file(path, &behavior, &hosted->chart, &error) != SMEW_OK)
        return smew__complain(running->command, SMEW__EXIT_CHART, "%s", error.text);
    running->count++;
    id = smew__option_text(arguments, "spawn", id);
    if (id != NULL)
        snprintf(hosted->id, sizeof(hosted->id), "%s", id);
    else
        default_id(hosted->chart, path, hosted->id, sizeof(hosted->id));
    return SMEW__EXIT_OK;
}

static enum smew__exit load_charts(struct running *running)
{
    const struct smew__arguments *arguments = &running->command->arguments;
    enum smew__exit code = check_names(running->command);

    if (code != SMEW__EXIT_OK)
        return code;
    running->hosted = smew__calloc(arguments->count, sizeof(*running->hosted));
    if (running->hosted == NULL)
        return smew__complain(running->command, SMEW__EXIT_FAILED, "out of memory");
    for (size_t i = 0; code == SMEW__EXIT_OK && i < arguments->count; i++)
        code = load_chart(running, arguments->positional[i]);
    return code;
}

/* ---- claiming ----------------------------------------------------------------------- */

static enum smew__exit refuse_host(struct running *running, const char *id, enum smew_status status,
                                   const struct smew_error *error)
{
    char holder[SMEW__HOLDER_SIZE];

    if (status != SMEW_CLAIMED)
        return smew__complain(running->command, smew__exit_of(status), "cannot host \"%s\": %s", id,
                              error->text);
    smew__claim_holder(running->bus, id, holder);
    return smew__complain(running->command, SMEW__EXIT_CLAIMED,
                          "\"%s\" is hosted by %s; --standby waits until that ends", id, holder);
}

/* Waits for a claim in turns, so that a signal ends the wait. */
static enum smew_status stand_by(struct running *running, const struct hosted *hosted,
                                 struct smew_error *error)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    char holder[SMEW__HOLDER_SIZE];
    enum smew_status status;

    smew__claim_holder(running->bus, hosted->id, holder);
    smew__report_line(SMEW_LOG_INFO, "standby: \"%s\" is hosted by %s", hosted->id, holder);
    options.standby = true;
    options.timeout_ms = STANDBY_TURN_MS;
    do {
        status = smew_orchestrator_host(running->orchestrator, hosted->id, hosted->chart, NULL,
                                        &options, error);
    } while ((status == SMEW_TIMEOUT || status == SMEW_CLAIMED) && !smew__interrupted());
    return status;
}

static enum smew__exit host(struct running *running, const struct hosted *hosted)
{
    struct smew_error error = {.text = ""};
    enum smew_status status = smew_orchestrator_host(running->orchestrator, hosted->id,
                                                     hosted->chart, NULL, NULL, &error);

    if (status == SMEW_CLAIMED && smew__option_given(&running->command->arguments, "standby"))
        status = stand_by(running, hosted, &error);
    if (status == SMEW_OK || smew__interrupted())
        return SMEW__EXIT_OK;
    return refuse_host(running, hosted->id, status, &error);
}

/* ---- running ------------------------------------------------------------------------ */

static void print_ready(const struct running *running)
{
    const struct smew__output *output = &running->command->output;
    const char *url = running->command->bus_url, *address = smew_bus_address(running->bus);
    json_t *ids = json_array(), *document;

    if (output->format == SMEW__FORMAT_TABLE)
        fprintf(output->stream, "ready: ");
    for (size_t i = 0; i < running->count; i++) {
        char clean[SMEW__CELL_SIZE];

        json_array_append_new(ids, json_string(running->hosted[i].id));
        smew__output_clean(clean, sizeof(clean), running->hosted[i].id);
        if (output->format == SMEW__FORMAT_TABLE)
            fprintf(output->stream, "%s%s", i > 0 ? ", " : "", clean);
    }
    if (output->format == SMEW__FORMAT_TABLE)
        fprintf(output->stream, " on %s as %s\n", url, address);
    document = json_pack("{s:O, s:s, s:s}", "ready", ids, "bus", url, "address", address);
    smew__output_line(output, document);
    fflush(output->stream);
    json_decref(document);
    json_decref(ids);
}

static enum smew__exit serve(struct running *running)
{
    while (!smew__interrupted()) {
        enum smew_status status = smew_bus_poll(running->bus, POLL_MS, 256);

        if (status != SMEW_OK && status != SMEW_TIMEOUT)
            return smew__complain(running->command, SMEW__EXIT_FAILED, "the bus failed: %s",
                                  smew_status_text(status));
    }
    return SMEW__EXIT_OK;
}

static enum smew__exit run(struct running *running)
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    enum smew__exit code = SMEW__EXIT_OK;
    struct smew_error error = {.text = ""};

    options.event_buses = (uint32_t)smew__option_number(&running->command->arguments, "buses", 0);
    if (smew_orchestrator_create(running->bus, &options, &running->orchestrator, &error) != SMEW_OK)
        return smew__complain(running->command, SMEW__EXIT_FAILED, "cannot run machines: %s",
                              error.text);
    for (size_t i = 0; code == SMEW__EXIT_OK && i < running->count; i++)
        code = host(running, &running->hosted[i]);
    if (code != SMEW__EXIT_OK || smew__interrupted())
        return code;
    print_ready(running);
    return serve(running);
}

static void leave(struct running *running)
{
    struct smew_left left = {0};

    smew_orchestrator_destroy(running->orchestrator, running->drain_ms);
    smew__interrupt_wakes(NULL);
    smew_bus_close(running->bus, CLOSE_MS, &left);
    if (left.unsent > 0 || left.unprocessed > 0)
        smew__report_line(SMEW_LOG_WARN, "stopped with %zu messages not sent and %zu not handled",
                          left.unsent, left.unprocessed);
}

/* With the charts loaded: from joining the bus to leaving it. */
static enum smew__exit join_and_run(struct running *running)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    enum smew__exit code;

    options.on_notice = smew__report_notice;
    options.on_dead_letter = smew__report_dead_letter;
    smew__report_start(smew__option_given(&running->command->arguments, "verbose"));
    if (smew__interrupt_begin() != SMEW_OK)
        return smew__complain(running->command, SMEW__EXIT_FAILED, "cannot wait for signals");
    code = smew__join(running->command, &options, &running->bus);
    if (code == SMEW__EXIT_OK) {
        smew__interrupt_wakes(running->bus);
        code = run(running);
        leave(running);
    }
    smew__interrupt_end();
    return code;
}

enum smew__exit smew__verb_run(struct smew__command *command)
{
    struct running running = {
        .command = command,
        .drain_ms = (uint32_t)smew__option_number(&command->arguments, "drain", DRAIN_DEFAULT_MS),
    };
    enum smew__exit code = load_charts(&running);

    if (code == SMEW__EXIT_OK)
        code = join_and_run(&running);
    for (size_t i = 0; i < running.count; i++)
        smew_chart_unref(running.hosted[i].chart);
    smew__free(running.hosted);
    return code;
}
