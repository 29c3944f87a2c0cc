#!/bin/sh
# SPDX-License-Identifier: MIT
#
# words.sh ROOT: no check is switched off in a source, nothing is left unfinished, no test sleeps
# to be right, and every source says its licence at the top.
set -eu
. "$(dirname "$0")/tree.sh"
cd "$1"

bad=0
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# forbid SENTENCE REGEX FILE...
forbid() {
    sentence=$1 regex=$2
    shift 2
    grep -nE "$regex" /dev/null "$@" >"$found" || return 0
    sed "s/^\([^:]*:[0-9]*\):.*/\1: $sentence/" "$found"
    bad=1
}

sources=$(tree_files '*.h' '*.c' '*.sh' '*.awk' dev)
# Paths of this tree have no spaces (the first check below would not find them otherwise).
# shellcheck disable=SC2086
set -- $sources

# The brackets keep this file itself from being found.
forbid 'switches a check off' 'NOLIN[T]|#[ ]*pragma (GCC|clang) diagnosti[c]|no_sanitiz[e]' "$@"
forbid 'unfinished work' '\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b' "$@"

for file; do
    case $file in
    tests/*.[ch]) forbid 'a test that sleeps: poll a condition with a deadline' \
        '\b(u|nano|clock_nano)?slee[p]\(' "$file" ;;
    tests/*.sh) forbid 'a test that sleeps: wait for what it waits for' \
        '^[^#]*\bslee[p] ' "$file" ;;
    esac
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
        echo "$file:1: no licence at the top"
        bad=1
    }
done
exit $bad
