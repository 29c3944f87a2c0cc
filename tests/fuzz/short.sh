#!/bin/sh
# SPDX-License-Identifier: MIT
#
# short.sh ROOT: builds every fuzzer (preset `fuzz`, in build/fuzz) and runs each for a while.
# Exits with 77, "skipped", where clang or its fuzzer runtime is missing.
#
# SMEW_FUZZ_RUNS is how many inputs each gets (a slow one a hundredth of that); without it 100000, or
# as many as fit into a minute that all of them share.  What a fuzzer learns stays in build/fuzz/corpus for the next time; an
# input that fails is left in build/fuzz/findings, with what the fuzzer said beside it.
set -eu
cd "$1"
build=build/fuzz

skip() {
    echo "skipped: $*"
    exit 77
}

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
command -v clang >/dev/null || skip "there is no clang (./dev deps fuzz installs it)"
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d == 0 && n; }' |
    clang -x c -fsanitize=fuzzer,address,undefined -o "$probe/probe" - 2>/dev/null ||
    skip "clang has no fuzzer runtime (./dev deps fuzz installs it)"

cmake --preset fuzz >"$probe/log" 2>&1 && cmake --build $build --target fuzzers >"$probe/log" 2>&1 || {
    cat "$probe/log"
    exit 1
}

count=$(grep -c = $build/fuzzers.txt) || {
    echo "$build/fuzzers.txt names no fuzzer"
    exit 1
}
# bounds PACE: for a fuzzer of that pace.
bounds() {
    [ "$1" = slow ] && share=100 || share=1
    if [ -n "${SMEW_FUZZ_RUNS-}" ]; then
        echo "-runs=$((SMEW_FUZZ_RUNS / share))"
    else
        echo "-runs=$((100000 / share)) -max_total_time=$((60 / count))"
    fi
}

# last NAME FILE: the last value that libFuzzer printed for it, 0 if none.
last() {
    sed -n "s/.*$1 *\([0-9][0-9]*\).*/\1/p" "$2" | tail -n 1 | grep . || echo 0
}

mkdir -p $build/findings
bad=0
total=0
line='%-32s %10s %6s %6s %6s %9s\n'
# shellcheck disable=SC2059 # the format is ours
printf "$line" fuzzer executions cov ft inputs findings
while IFS='=' read -r program seeds pace; do
    name=${program#fuzz_}
    log=$build/findings/$name.log
    mkdir -p "$build/corpus/$name"
    rm -f "$build/findings/$name-"*
    # shellcheck disable=SC2046 # the bounds are several words
    "$build/fuzz/$program" $(bounds "$pace") -seed=1 -timeout=60 -rss_limit_mb=1024 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$build/findings/$name-" \
        "$build/corpus/$name" "$seeds" >"$log" 2>&1 || bad=1
    executions=$(last stat::number_of_executed_units: "$log")
    findings=$(find $build/findings -name "$name-*" | wc -l)
    [ "$executions" -gt 0 ] || bad=1
    total=$((total + executions))
    # shellcheck disable=SC2059
    printf "$line" "$name" "$executions" "$(last ' cov:' "$log")" "$(last ' ft:' "$log")" \
        "$(last ' corp:' "$log")" "$findings"
done <$build/fuzzers.txt
echo "$total executions in all"

if [ $bad -ne 0 ]; then
    tail -n 40 $(grep -lE 'ERROR|does not hold|SUMMARY' $build/findings/*.log) || true
    echo "inputs that fail are in $build/findings; run $build/fuzz/PROGRAM FILE to see one again"
fi
exit $bad
