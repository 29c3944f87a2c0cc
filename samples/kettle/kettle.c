/* SPDX-License-Identifier: MIT */
/*
 * A statechart in a C program, without a bus and without threads: it links smew::chart alone.
 *
 *     kettle samples/kettle/kettle.json
 *
 * The chart's context is a struct of ours, one in each machine; the sensor's readings come as
 * structs too, the switch's settings as JSON.  The clock is an argument, so ten minutes take no
 * time.  Failure modes: a chart that cannot be loaded, or that uses a name which is not in the
 * tables below, is refused with file, line and column.
 */
#include <inttypes.h>
#include <smew/chart.h>
#include <stdio.h>

#define SECONDS UINT64_C(1000000000)

struct kettle {
    double target;
    double celsius;
    unsigned boils;
};

/* The payload of READING. */
struct reading {
    double celsius;
};

/* ---- the context: from the chart or a snapshot, and into one ------------------------- */

static bool read_kettle(void *context, const struct smew_value *from)
{
    struct kettle *kettle = context;

    kettle->target = smew_value_number(smew_value_get(from, "target"), kettle->target);
    kettle->celsius = smew_value_number(smew_value_get(from, "celsius"), kettle->celsius);
    kettle->boils = (unsigned)smew_value_number(smew_value_get(from, "boils"), kettle->boils);
    return kettle->target > 0;
}

static size_t write_kettle(const void *context, char *buffer, size_t size_bytes)
{
    const struct kettle *kettle = context;

    return (size_t)snprintf(buffer, size_bytes, "{\"target\":%g,\"celsius\":%g,\"boils\":%u}",
                            kettle->target, kettle->celsius, kettle->boils);
}

/* ---- what the chart names ------------------------------------------------------------ */

/* {"target": 80} or nothing. */
static void aim(const struct smew_call *call)
{
    struct kettle *kettle = call->context;
    const struct smew_value *target = smew_value_get(smew_call_payload(call), "target");

    kettle->target = smew_value_number(target, kettle->target);
}

static void note(const struct smew_call *call)
{
    struct kettle *kettle = call->context;
    struct reading reading;

    if (smew_event_read(call->event, &reading, sizeof reading))
        kettle->celsius = reading.celsius;
}

static void count(const struct smew_call *call)
{
    struct kettle *kettle = call->context;

    note(call);
    kettle->boils++;
}

static bool is_done(const struct smew_call *call)
{
    const struct kettle *kettle = call->context;
    struct reading reading;

    return smew_event_read(call->event, &reading, sizeof reading) &&
           reading.celsius >= kettle->target;
}

static uint64_t patience(const struct smew_call *call)
{
    (void)call;
    return 600000;
}

static const struct smew_named_action actions[] = {{"aim", aim}, {"note", note}, {"count", count}};
static const struct smew_named_guard guards[] = {{"done", is_done}};
static const struct smew_named_delay delays[] = {{"patience", patience}};

/* ---- the program --------------------------------------------------------------------- */

static void show(struct smew_machine *machine, const struct smew_event *event,
                 const struct smew_step *step, void *owner)
{
    const struct kettle *kettle = smew_machine_own_context(machine);
    char from[64];
    char to[64];

    (void)owner;
    (void)smew_machine_state_before(machine, from, sizeof from);
    (void)smew_machine_state(machine, to, sizeof to);
    printf("%s: %s -> %s%s, %g of %g degrees, boiled %u times%s\n", event->type, from, to,
           smew_machine_has_tag(machine, "hot") ? " (hot)" : "", kettle->celsius, kettle->target,
           kettle->boils, step->done ? ", for good" : "");
}

static enum smew_status send_reading(struct smew_machine *machine, double celsius, uint64_t now_ns)
{
    struct reading reading = {celsius};
    struct smew_event event = {
        .type = "READING", .payload = &reading, .payload_size = sizeof reading};

    return smew_machine_send(machine, &event, now_ns, NULL);
}

/* Boils once, to 80 degrees. */
static enum smew_status boil(struct smew_machine *machine)
{
    static const char setting[] = "{\"target\":80}";
    struct smew_event event = {.type = "SWITCH",
                               .payload = setting,
                               .payload_size = sizeof setting - 1,
                               .content = SMEW_CONTENT_JSON};
    enum smew_status status = smew_machine_start(machine, 0, NULL);

    if (status == SMEW_OK)
        status = smew_machine_send(machine, &event, SECONDS, NULL);
    if (status == SMEW_OK)
        status = send_reading(machine, 20.5, 2 * SECONDS);
    if (status == SMEW_OK)
        status = send_reading(machine, 81, 90 * SECONDS);
    return status;
}

/* Goes on where the other one was, and is left alone: a machine of ours has no next event. */
static enum smew_status wait_in_vain(struct smew_machine *machine)
{
    struct smew_event event = {.type = "SWITCH"};
    enum smew_status status = SMEW_REJECTED;

    if (smew_machine_can(machine, &event))
        status = smew_machine_send(machine, &event, 0, NULL);
    printf("due in %" PRIu64 " s\n", smew_machine_due_ns(machine) / SECONDS);
    if (status == SMEW_OK)
        status = smew_machine_advance(machine, smew_machine_due_ns(machine), NULL);
    return status;
}

static enum smew_status run(struct smew_chart *chart, struct smew_error *error)
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;
    struct smew_machine *machine;
    char snapshot[1024];
    enum smew_status status;
    size_t size;

    host.transition = show;
    status = smew_machine_create(chart, "kitchen", &host, &machine);
    if (status != SMEW_OK)
        return status;
    status = boil(machine);
    size = smew_machine_snapshot(machine, snapshot, sizeof snapshot);
    smew_machine_destroy(machine);
    if (status != SMEW_OK || size >= sizeof snapshot)
        return status != SMEW_OK ? status : SMEW_TOO_BIG;
    printf("%s\n", snapshot);
    status = smew_machine_restore(chart, "kitchen", &host, snapshot, size, 0, &machine, error);
    if (status != SMEW_OK)
        return status;
    status = wait_in_vain(machine);
    smew_machine_destroy(machine);
    return status;
}

int main(int argc, char **argv)
{
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_error error = {.text = ""};
    struct smew_chart *chart;
    enum smew_status status;

    if (argc != 2)
        return fprintf(stderr, "usage: kettle CHART\n"), 2;
    behavior.actions = actions;
    behavior.action_count = sizeof actions / sizeof *actions;
    behavior.guards = guards;
    behavior.guard_count = sizeof guards / sizeof *guards;
    behavior.delays = delays;
    behavior.delay_count = sizeof delays / sizeof *delays;
    behavior.context_bytes = sizeof(struct kettle);
    behavior.read_context = read_kettle;
    behavior.write_context = write_kettle;
    status = smew_chart_load_file(argv[1], &behavior, &chart, &error);
    if (status == SMEW_OK) {
        status = run(chart, &error);
        smew_chart_unref(chart);
    }
    if (status != SMEW_OK)
        fprintf(stderr, "%s\n", *error.text ? error.text : smew_status_text(status));
    return status != SMEW_OK;
}
