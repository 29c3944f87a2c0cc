/* SPDX-License-Identifier: MIT */
/* Handlers that run where a test wants them. */
#include "tests/bus/script.h"

#include <string.h>

enum {
    BEAT_MS = 20,
    LOOKS = 300, /* for what must not be there */
};

struct kit_log script_log;

/* ---- handlers -------------------------------------------------------------------------- */

void script_handle(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct script *script = user;

    (void)bus;
    (void)message;
    script->run(script);
    script->runs++;
}

void script_note(struct script *script, enum smew_status status)
{
    if (!script->status)
        script->status = status;
}

void script_say(struct script *script, unsigned count)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.source = script->source;
    options.on_full = script->on_full;
    for (; count > 0; count--)
        script_note(script, kit_send_number(script->bus, "m", script->next++, &options));
}

void script_say_some(struct script *script)
{
    script_say(script, BEFORE);
}

void script_say_large(struct script *script)
{
    static char payload[SCRIPT_LARGE];

    memcpy(payload, &script->next, sizeof(script->next));
    script->next++;
    script_note(script, smew_bus_send(script->bus, "m", "LARGE", payload, sizeof(payload), NULL));
}

void script_ask(struct script *script, void (*run)(struct script *script))
{
    script->run = run;
    kit_send(script->bus, "in", 0);
}

void script_run(struct script *script, void (*run)(struct script *script))
{
    unsigned before = script->runs;

    script_ask(script, run);
    while (script->runs == before)
        assert_int_equal(smew_bus_poll(script->bus, KIT_WAIT_MS, 1), SMEW_OK);
    assert_int_equal(script->status, SMEW_OK);
}

bool script_says_in_lane(void *argument)
{
    struct script *script = argument;
    uint64_t before = kit_stats(script->bus).lanes_sent;

    script_run(script, script_say_some);
    kit_poll_until(script->host, &script_log, script->next);
    return kit_stats(script->bus).lanes_sent > before;
}

/* ---- other threads, other nodes ---------------------------------------------------------- */

void *script_look_often(void *host)
{
    for (unsigned looks = 0; looks < LOOKS; looks++)
        (void)!smew_bus_poll(host, looks % 16 ? 0 : 1, 0);
    return NULL;
}

void *script_take_over(void *argument)
{
    struct script *script = argument;

    script_note(script, smew_bus_register(script->host, "m", kit_note, &script_log, NULL, NULL));
    return NULL;
}

bool script_takes_lanes(void *bus)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.wait_ms = KIT_WAIT_MS;
    (void)!kit_send_number(bus, "warm", 0, &options);
    return kit_stats(bus).lanes_sent > 0;
}

/* ---- scenes ---------------------------------------------------------------------------- */

void script_open(struct script *script, const struct smew_bus_options *options)
{
    *script = (struct script){.bus = kit_open(options), .host = kit_open(NULL)};
    kit_log_init(&script_log);
    kit_register(script->bus, "in", script_handle, script);
    kit_warm_up(script->bus, script->host);
    kit_register(script->host, "m", kit_note, &script_log);
}

void script_open_beating(struct script *script)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.heartbeat_ms = BEAT_MS;
    script_open(script, &options);
}

static bool is_quiet(void *argument)
{
    struct script *script = argument;

    (void)!smew_bus_poll(script->host, 1, 0);
    return smew_bus_flush(script->bus, 0) == SMEW_OK;
}

void script_expect_all(struct script *script)
{
    kit_poll_until(script->host, &script_log, script->next);
    assert_true(support_wait_until(is_quiet, script, KIT_WAIT_MS));
    kit_poll_all(script->host);
    assert_int_equal(kit_log_count(&script_log), script->next);
    kit_expect_run(&script_log, "m", 0, script->next);
    assert_int_equal(kit_stats(script->bus).dead_letters, 0);
}

void script_close(struct script *script)
{
    script_expect_all(script);
    kit_close(script->bus);
    kit_close(script->host);
}
