#!/bin/sh
# SPDX-License-Identifier: MIT
#
# feeder.sh BIN SAMPLES WORK: the feeder as people use it, where the demo does not get to: what it
# says of damaged lines, of a log that grows and is rotated, of checkpoints, of hosts that are not
# there, of dpkg-query that disagrees; and with which exit status it ends.
set -eu
bin=$(cd "$1" && pwd) samples=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
mkdir -m 700 "$work/runtime"
export SMEW_RUNTIME_DIR="$work/runtime"
unset SMEW_BUS
log=$work/log
follower=
trap '[ -z "$follower" ] || kill -KILL "$follower" 2>/dev/null || true' EXIT

fail() {
    echo "$*"
    [ ! -e "$work/said" ] || cat "$work/said"
    exit 1
}

# ends STATUS ARGUMENT...: the feeder with machines of its own on the log; what it said is in said.
ends() {
    expected=$1
    shift
    code=0
    "$bin/dpkg-feeder" --bus inproc://test --host "$samples/dpkg.json" "$@" >"$work/said" 2>&1 ||
        code=$?
    [ $code -eq "$expected" ] || fail "ended with $code, not $expected: $*"
}

says() {
    grep -q -- "$1" "$work/said" || fail "does not say: $1"
}

# line STATUS PACKAGE, as dpkg writes it.
line() {
    echo "2026-01-01 12:00:00 status $1 $2 1.0"
}

# ---- good, damaged and impossible lines ----

{
    echo '2026-01-01 12:00:00 startup archives unpack'
    line half-installed a:all
    echo 'nonsense'
    line unpacked a:all
    line instaled a:all
    line half-configured a:all
    line installed a:all
} >"$log"
ends 0 "$log"
says 'log:3: skipped: does not begin with a time'
says 'log:5: skipped: no status of dpkg'
says '7 lines, 4 events of 1 packages, 2 malformed'
says 'all 1 machines are where the log says'

line unpacked a:all >>"$log"
ends 1 "$log"
says 'line 8: pkg:a:all is installed: no transition for unpacked'
says 'pkg:a:all is installed; the log last said unpacked'

: >"$work/empty"
ends 0 "$work/empty"
says '0 events'

# ---- rounds: more than a checkpoint's pause, under ids of their own ----

ends 0 --events 50000 --states "$work/states" "$samples/sample.log"
says '50000 events'
[ "$(sort -u "$work/states" | wc -l)" -gt 1000 ] || fail 'rounds have no ids of their own'

# ---- shuffled lines ----

ends 1 --shuffle 1 --show 2 "$samples/sample.log"
says 'lines more without a transition'

# ---- dpkg-query ----

{
    line installed a:all
    line not-installed b:all
    line half-installed c:all
    line unpacked c:amd64
    line half-installed d
} >"$log"
printf 'a:all installed\nc:amd64 unpacked\nd:amd64 installed\nelse:all installed\n' >"$work/query"
ends 0 --dpkg-query "$work/query" "$log"
says 'all 5 machines are where the log and dpkg-query say'
says '2 packages changed their architecture'
ends 0 --dpkg-query - "$log" <"$work/query"
printf 'a:all unpacked\nc:amd64 unpacked\nd:amd64 installed\n' >"$work/query"
ends 1 --dpkg-query "$work/query" "$log"
says 'pkg:a:all is installed; dpkg-query says unpacked'
echo 'nonsense' >"$work/query"
ends 3 --dpkg-query "$work/query" "$log"
says 'is no line NAME:ARCH STATUS of dpkg-query'
ends 3 --dpkg-query "$work/none" "$log"

# ---- checkpoints: what was processed is not sent again, and is compared all the same ----

{
    line half-installed a:all
    line unpacked a:all
} >"$log"
ends 0 --checkpoint "$work/place" "$log"
says ' 2 events in'
line half-configured a:all >>"$log"
ends 0 --checkpoint "$work/place" "$log"
says 'going on after line 2'
says ' 1 events in'
echo '2025-01-01 12:00:00 startup archives unpack' >"$log"
line installed a:all >>"$log"
ends 0 --checkpoint "$work/place" "$log"
says 'is of another log'
echo 'nonsense' >"$work/place"
ends 3 --checkpoint "$work/place" "$log"
says 'is no checkpoint'

# ---- what cannot be done ----

ends 3 "$work/none"
says 'No such file'
ends 2 --window 0
says 'a number from 1 to 65536 is needed'
ends 2 --follow --shuffle 1
ends 2 one two
ends 2 --nonsense
ends 0 --help
says 'Exit status'
code=0
"$bin/dpkg-feeder" --bus pipe://nobody --wait 50 "$log" >"$work/said" 2>&1 || code=$?
[ $code -eq 3 ] || fail "without a host it ended with $code"
says 'line 2: no node hosts this machine'
says 'nobody hosts pkg:\* on pipe://nobody'
code=0
"$bin/dpkg-feeder" --bus inproc://test --host "$work/none.json" "$log" >"$work/said" 2>&1 || code=$?
[ $code -eq 3 ] || fail "without a chart it ended with $code"

# ---- a log that grows and is rotated, until SIGTERM ----

# until_it_says TEXT: within a minute.  tail wakes up as the file grows, and ends with its reader.
until_it_says() {
    timeout 60 tail -n +1 -f "$work/said" | grep -q -- "$1" ||
        fail "does not say within a minute: $1"
}

line half-installed a:all >"$log"
"$bin/dpkg-feeder" --bus inproc://test --host "$samples/dpkg.json" --follow "$log" >"$work/said" \
    2>&1 &
follower=$!
until_it_says 'following'
line unpacked a:all >>"$log"
until_it_says 'line 2: pkg:a:all half-installed → unpacked'
mv "$log" "$log.1"
line half-configured a:all >>"$log.1"
line installed a:all >"$log"
until_it_says 'line 3: pkg:a:all unpacked → half-configured'
until_it_says 'rotated; going on with the new one'
until_it_says 'line 1: pkg:a:all half-configured → installed'
kill -TERM "$follower"
code=0
wait "$follower" || code=$?
follower=
[ $code -eq 0 ] || fail "the follower ended with $code"
says 'all 1 machines are where the log says'

[ -z "$(ls -A "$work/runtime")" ] || fail "left behind: $(ls -A "$work/runtime")"
