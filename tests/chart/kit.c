/* SPDX-License-Identifier: MIT */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart/script.h"

void kit_write(struct kit_log *log, const char *format, ...)
{
    size_t used = strlen(log->text);
    va_list arguments;

    if (used > 0 && used + 1 < sizeof log->text)
        log->text[used++] = ' ';
    va_start(arguments, format);
    (void)vsnprintf(log->text + used, sizeof log->text - used, format, arguments);
    va_end(arguments);
}

/* ---- behaviour ----------------------------------------------------------------------- */

static void mark(const struct smew_call *call)
{
    kit_write(call->user, "%s", smew_value_string(smew_value_get(call->params, "id"), "?"));
}

static void note(const struct smew_call *call)
{
    kit_write(call->user, "%s%s", call->event->type, (const char *)call->event->payload);
}

static const char *key_of(const struct smew_call *call)
{
    return smew_value_string(smew_value_get(call->params, "key"), "n");
}

static double value_of(const struct smew_call *call)
{
    const struct smew_value *context = smew_machine_context(call->machine);

    return smew_value_number(smew_value_get(context, key_of(call)), 0);
}

static void add(const struct smew_call *call)
{
    double by = smew_value_number(smew_value_get(call->params, "by"), 1);

    if (smew_machine_set_number(call->machine, key_of(call), value_of(call) + by) != SMEW_OK)
        kit_write(call->user, "not added");
}

static bool yes(const struct smew_call *call)
{
    (void)call;
    return true;
}

static bool no(const struct smew_call *call)
{
    (void)call;
    return false;
}

static bool at(const struct smew_call *call)
{
    return value_of(call) == smew_value_number(smew_value_get(call->params, "value"), -1);
}

static uint64_t soon(const struct smew_call *call)
{
    (void)call;
    return 10;
}

static uint64_t late(const struct smew_call *call)
{
    (void)call;
    return 1000;
}

const struct smew_behavior *kit_behavior(void)
{
    static const struct smew_named_action actions[] = {
        {"mark", mark}, {"note", note}, {"add", add}};
    static const struct smew_named_guard guards[] = {{"yes", yes}, {"no", no}, {"at", at}};
    static const struct smew_named_delay delays[] = {{"soon", soon}, {"late", late}};
    static const struct smew_behavior behavior = {.size = sizeof behavior,
                                                  .actions = actions,
                                                  .action_count = 3,
                                                  .guards = guards,
                                                  .guard_count = 3,
                                                  .delays = delays,
                                                  .delay_count = 2};

    return &behavior;
}

/* ---- host ---------------------------------------------------------------------------- */

static enum smew_status send_to(struct smew_machine *machine, const char *target,
                                const struct smew_event *event, void *owner)
{
    (void)machine;
    if (strcmp(target, "nobody") == 0)
        return SMEW_NO_MACHINE;
    kit_write(owner, "%s<%s%s", target, event->type, (const char *)event->payload);
    return SMEW_OK;
}

static void write_log(struct smew_machine *machine, const char *text, void *owner)
{
    (void)machine;
    kit_write(owner, "\"%s\"", text);
}

static void emit(struct smew_machine *machine, const struct smew_event *event, void *owner)
{
    (void)machine;
    kit_write(owner, "!%s%s", event->type, (const char *)event->payload);
}

struct smew_machine_host kit_host(struct kit_log *log)
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;

    host.send_to = send_to;
    host.log = write_log;
    host.emit = emit;
    host.owner = log;
    host.user = log;
    return host;
}

/* ---- machines ------------------------------------------------------------------------ */

struct smew_chart *kit_load_with(const char *text, const struct smew_behavior *behavior)
{
    char *json = strdup(text);
    struct smew_chart *chart = NULL;
    struct smew_error error;

    for (char *at_byte = json; *at_byte; at_byte++)
        if (*at_byte == '\'')
            *at_byte = '"';
    if (smew_chart_load_json(json, strlen(json), "test", behavior, &chart, &error) != SMEW_OK)
        fail_msg("%s", error.text);
    free(json);
    return chart;
}

struct smew_chart *kit_load(const char *text)
{
    return kit_load_with(text, kit_behavior());
}

struct smew_machine *kit_begin(struct smew_chart *chart, struct kit_log *log)
{
    struct smew_machine_host host = kit_host(log);
    struct smew_machine *machine;

    log->text[0] = '\0';
    assert_int_equal(smew_machine_create(chart, "self", &host, &machine), SMEW_OK);
    smew_chart_unref(chart); /* the machine holds it */
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    return machine;
}

struct smew_machine *kit_start(const char *text, struct kit_log *log)
{
    return kit_begin(kit_load(text), log);
}

void kit_expect_log(struct kit_log *log, const char *text)
{
    assert_string_equal(log->text, text);
    log->text[0] = '\0';
}

void kit_stop(struct smew_machine *machine)
{
    smew_machine_destroy(machine);
}

enum smew_status kit_send(struct smew_machine *machine, const char *type, const char *payload,
                          struct smew_step *step)
{
    struct smew_event event = {.type = type,
                               .payload = payload,
                               .payload_size = payload ? strlen(payload) : 0,
                               .content = SMEW_CONTENT_JSON};

    return smew_machine_send(machine, &event, 0, step);
}

/* ---- scenarios ----------------------------------------------------------------------- */

static void look(const struct kit_scenario *scenario, size_t i, const struct smew_machine *machine,
                 struct kit_log *log)
{
    const struct kit_step *step = &scenario->steps[i];
    char state[512];

    (void)smew_machine_state(machine, state, sizeof state);
    if (step->state && strcmp(step->state, state) != 0)
        fail_msg("%s, step %zu (%s): in %s, not in %s", scenario->name, i, step->what, state,
                 step->state);
    if (step->log && strcmp(step->log, log->text) != 0)
        fail_msg("%s, step %zu (%s): log is [%s], not [%s]", scenario->name, i, step->what,
                 log->text, step->log);
    log->text[0] = '\0';
}

void kit_run_loaded(const struct kit_scenario *scenario, struct smew_chart *chart)
{
    struct kit_log log;
    struct smew_machine *machine = kit_begin(chart, &log);
    uint64_t now_ns = 0;

    look(scenario, 0, machine, &log);
    for (size_t i = 1; scenario->steps[i].what; i++) {
        const char *what = scenario->steps[i].what;
        struct smew_event event = {.type = what};
        enum smew_status status;

        if (*what == '+') {
            now_ns += strtoull(what + 1, NULL, 10) * 1000000;
            status = smew_machine_advance(machine, now_ns, NULL);
        } else {
            status = smew_machine_send(machine, &event, now_ns, NULL);
        }
        if (status != SMEW_OK)
            fail_msg("%s, step %zu (%s): %s", scenario->name, i, what, smew_status_text(status));
        look(scenario, i, machine, &log);
    }
    kit_stop(machine);
}

void kit_run(const struct kit_scenario *scenarios, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kit_run_loaded(&scenarios[i], kit_load(scenarios[i].chart));
}

struct smew_chart *kit_load_scripted(const char *text)
{
    struct smew_chart *chart = NULL;
    struct smew_error error;

    if (!smew__script_engine())
        skip();
    if (smew_chart_load_scxml(text, strlen(text), "test", kit_behavior(), &chart, &error) !=
        SMEW_OK)
        fail_msg("%s", error.text);
    return chart;
}
