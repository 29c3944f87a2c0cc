// SPDX-License-Identifier: MIT
//
// xstate.cjs FOLDER: XState's side of `smew-bench chart`, with the xstate of FOLDER/node_modules.
// It lives as long as the bench and runs a sample for each line on stdin, so that it stays warm and
// the bench can put its own samples between them.  One process is one chart, so that the compiler
// has nothing else to generalise for.
//
//   {"chart": …, "event": NAME}      the first line; the chart's action "count" counts
//       answers {"version": …}
//   {"events": N, "warm_ms": MS}     that many events, after so long that nobody counts
//       answers {"ns": …, "actions": …}
//   {"machines": N}                  actors of the chart, started
//       answers {"bytes": …}: of one, on the collector's heap
//
// Failure modes: what is thrown is answered as {"error": SENTENCE}; the end of stdin ends it.
"use strict";
const { createRequire } = require("node:module");
const readline = require("node:readline");

const WARM_LAP = 1000;
const load = createRequire(process.argv[2] + "/");
const { createActor, createMachine } = load("xstate");

let actions = 0;
let machine, actor, event;

function prepare(request) {
    const count = () => {
        actions++;
    };
    machine = createMachine(request.chart, { actions: { count } });
    actor = createActor(machine).start();
    event = { type: request.event };
    return { version: load("xstate/package.json").version };
}

function lap(count) {
    for (let i = 0; i < count; i++) actor.send(event);
}

function sample(request) {
    const warm = process.hrtime.bigint() + BigInt(request.warm_ms) * 1000000n;
    while (process.hrtime.bigint() < warm) lap(WARM_LAP);
    const before = actions;
    const begin = process.hrtime.bigint();
    lap(request.events);
    const ns = Number(process.hrtime.bigint() - begin);
    return { ns, actions: actions - before };
}

function weigh(request) {
    const actors = new Array(request.machines).fill(null);
    global.gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < actors.length; i++) actors[i] = createActor(machine).start();
    global.gc();
    return { bytes: (process.memoryUsage().heapUsed - before) / actors.length };
}

function answer(request) {
    if (request.chart) return prepare(request);
    return request.machines ? weigh(request) : sample(request);
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
    let reply;
    try {
        reply = answer(JSON.parse(line));
    } catch (error) {
        reply = { error: String(error) };
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
});
