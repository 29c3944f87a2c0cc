#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check.sh MODEL [long]: has spin walk through every state of a model of this folder, and through
# the model with each of its seeded bugs.  The model itself must be free of errors, walked through
# to the end, and without a line that was never reached; each bug must be found.
# Exits with 77, "skipped", where spin is missing.
#
# A model's head lists its bugs, one a line: " * BUG_1  what is wrong".  With `long` its bounds are
# larger (-DLONG), and the bugs are left to the short run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=$here/$1.pml
long=${2-}
cc=${CC:-cc}
quick=$(command -v tcc || echo "$cc -O0") # for what runs for a moment

command -v spin >/dev/null || {
    echo "skipped: there is no spin (./dev deps test installs it)"
    exit 77
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# verify DEFINE COMPILER...: leaves what the verifier said in `said`.  States are kept as they are,
# not hashed away; too small a depth or too little memory shows as an unfinished search.
verify() {
    define=$1
    shift
    rm -f pan*
    spin -a ${define:+"-D$define"} "$model" >said 2>&1 || echo "spin failed" >>said
    if [ -s said ]; then
        echo "$1.pml $define: spin does not like it"
        cat said
        exit 1
    fi
    "$@" -w -DSAFETY -DMEMLIM=6000 -o pan pan.c
    ./pan -m20000 -w20 >said 2>&1 || true
}

states() {
    sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' said
}

# The compilers may be several words.
# shellcheck disable=SC2086
if [ "$long" = long ]; then
    verify LONG $cc -O2 -DCOLLAPSE
else
    verify '' $cc -O1
fi
if ! grep -q 'errors: 0$' said ||
    grep -q 'not completed\|too small\|reached -DMEMLIM\|([1-9][0-9]* of [0-9]* states)' said; then
    echo "$1: not as it must be"
    cat said
    exit 1
fi
echo "$1${long:+ ($long)}: $(states) states, $(sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' said) deep, no error"
[ "$long" != long ] || exit 0

bad=0
bugs=$(sed -n 's/^ \* \(BUG_[0-9]*\) .*/\1/p' "$model")
for bug in $bugs; do
    # shellcheck disable=SC2086
    verify "$bug" $quick
    found=$(sed -n 's/^pan:1: //p' said)
    case $found in
    '' | *enough_stores* | *'array index'*) # the last two: the model's arrays are too small
        echo "$1 $bug: NOT FOUND in $(states) states ($found)"
        bad=1
        ;;
    *) echo "$1 $bug: found: $found" ;;
    esac
done
[ -n "$bugs" ] || {
    echo "$1: its head lists no seeded bugs"
    bad=1
}
exit $bad
