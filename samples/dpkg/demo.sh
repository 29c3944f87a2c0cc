#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh BIN [--rate|--small]: the main job on real input, with the programs in BIN.  `smew run`
# hosts one machine for each Debian package in one process, dpkg-feeder drives them with this
# computer's dpkg log from another, and the machines are compared with the log and with dpkg-query.
# --rate prints only figures; --small does all of it with fewer events.
#
# Works on a copy of the log, so that each run sees the same, and on a bus of its own in a temporary
# directory, which is removed however this ends.  Fails when a machine is not where it should be, a
# line has no transition, or anything is left behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
mode=${2-}
case $mode in
'') events=1000000 ;;
--rate) events=1000000 ;;
--small) events=20000 ;;
*)
    echo "demo.sh: no such option: $mode" >&2
    exit 2
    ;;
esac
chart=$here/dpkg.json
work=$(mktemp -d "${TMPDIR:-/tmp}/smew-demo.XXXXXX")
mkdir -m 700 "$work/runtime"
export SMEW_RUNTIME_DIR="$work/runtime" SMEW_BUS=shm://demo
host=

cleanup() {
    if [ -n "$host" ]; then
        kill -KILL "$host" 2>/dev/null || true
        wait "$host" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

title() {
    printf '\n── %s\n\n' "$*"
}

fail() {
    echo "demo: $*" >&2
    [ ! -s "$work/host.log" ] || sed 's/^/host: /' "$work/host.log" >&2
    exit 1
}

feed() {
    (cd "$work" && "$bin/dpkg-feeder" "$@" dpkg.log)
}

# ---- the input ----

log=/var/log/dpkg.log
if grep -q ' status ' "$log" 2>/dev/null; then
    # shellcheck disable=SC2016 # dpkg-query's fields
    dpkg-query -W -f '${Package}:${Architecture} ${db:Status-Status}\n' >"$work/dpkg-query"
    query="--dpkg-query $work/dpkg-query"
else
    echo "$log has nothing to show; this is the sample log that came with smew,"
    echo "and dpkg-query, which knows another computer, is not asked"
    log=$here/sample.log query=
fi
cp "$log" "$work/dpkg.log"

# ---- the host ----

start_host() {
    "$bin/smew" run "$chart" --spawn 'pkg:*' >"$work/host.out" 2>"$work/host.log" &
    host=$!
    tries=0
    until grep -q ready "$work/host.out"; do
        kill -0 "$host" 2>/dev/null || fail "the host ended before it was ready"
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "the host was not ready within 20 s"
        sleep 0.1
    done
}

# SIGTERM: the host finishes what it has, leaves the bus, and leaves nothing behind.
stop_host() {
    kill -TERM "$host"
    code=0
    wait "$host" || code=$?
    host=
    [ $code -eq 0 ] || fail "the host ended with $code"
    [ -z "$(ls -A "$work/runtime")" ] || fail "left behind: $(ls -A "$work/runtime")"
}

start_host

if [ "$mode" = --rate ]; then
    title "two processes, shm://, one event at a time"
    feed --events 50000 --window 1
    title "two processes, shm://, $events events"
    feed --events $events
    stop_host
    title "one process, inproc://, $events events"
    feed --bus inproc://demo --host "$chart" --events $events
    exit 0
fi

title "$log, one event at a time, to machines in another process, over shared memory"
# shellcheck disable=SC2086 # two words or none
feed --window 1 $query --states "$work/shm.states" || fail "the machines do not agree"

title "what anybody can see meanwhile"
"$bin/smew" ps --limit 5
echo
"$bin/smew" show "$(sed -n '1s/ .*//p' "$work/shm.states")"

title "$events events: the log round after round, under fresh ids"
feed --events $events || fail "the machines do not agree"
echo
"$bin/smew" stat

title "the same log over pipe:// and over inproc://: only the URL changes"
for bus in pipe inproc; do
    feed --bus $bus://same --host "$chart" --states "$work/$bus.states" >"$work/$bus.out" ||
        fail "the machines do not agree: $(cat "$work/$bus.out")"
    cmp "$work/shm.states" "$work/$bus.states" || fail "shm and $bus differ"
done
echo "the final states of $(wc -l <"$work/shm.states") machines are identical over shm, pipe and inproc"

# ---- what is killed ----

# killed PID: SIGKILL, and its end.
killed() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
}

# moves_on: until the feeder has written another checkpoint, or has ended.
moves_on() {
    tries=0
    while [ "$(cat "$work/place" 2>/dev/null)" = "$place" ] && kill -0 $feeder 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 2000 ] || fail "the feeder wrote no checkpoint within 20 s"
        sleep 0.01
    done
    place=$(cat "$work/place" 2>/dev/null || true)
}

title "the feeder is killed again and again, and goes on from its checkpoint of processed lines"
stop_host
start_host
kills=0 code=137 place=
while [ $code -eq 137 ]; do
    (cd "$work" && exec "$bin/dpkg-feeder" --window 4 --checkpoint place --states killed.states \
        dpkg.log >killed.out 2>&1) &
    feeder=$!
    if [ $kills -lt 5 ]; then
        moves_on
        kill -KILL $feeder 2>/dev/null || true
        kills=$((kills + 1))
    fi
    code=0
    wait $feeder 2>/dev/null || code=$?
done
[ $code -eq 0 ] || fail "the feeder ended with $code: $(cat "$work/killed.out")"
cat "$work/killed.out"
cmp "$work/shm.states" "$work/killed.states" || fail "a killed feeder leads elsewhere"
echo "killed up to $kills times; the final states are the same as before"

title "the host is killed in the middle: the next one takes over, and no later event is lost"
stop_host
start_host
rm -f "$work/place"
place=
(cd "$work" && exec "$bin/dpkg-feeder" --window 4 --checkpoint place --show 3 dpkg.log \
    >cut.out 2>&1) &
feeder=$!
moves_on
killed "$host"
start_host
code=0
wait $feeder || code=$?
[ $code -le 1 ] || fail "the feeder ended with $code: $(cat "$work/cut.out")"
cat "$work/cut.out"
sent=$(sed -n 's/^bus .*: \([0-9]*\) events.*/\1/p' "$work/cut.out")
events_in_log=$(sed -n 's/.* lines, \([0-9]*\) events of.*/\1/p' "$work/cut.out")
[ "$sent" = "$events_in_log" ] || fail "$sent of $events_in_log events were answered"
echo "each of the $sent events was delivered and answered, by one host or the other"

title "the same lines shuffled: what dpkg never does has no transition"
code=0
feed --bus inproc://shuffled --host "$chart" --shuffle 1 --show 3 >"$work/shuffled.out" || code=$?
[ $code -eq 1 ] || fail "the shuffled log ended with $code: $(cat "$work/shuffled.out")"
grep 'no transition\|without' "$work/shuffled.out"

stop_host
title "the host has drained and ended; nothing is left behind"
