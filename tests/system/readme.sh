#!/bin/sh
# SPDX-License-Identifier: MIT
#
# readme.sh ROOT BUILD WORK: is the README true?  Its commands run, in a directory of their own for
# the bus, with the programs of BUILD; `./dev` ones would start us again, so that of those only the
# verb and the preset are looked up.  Its program is the sample's; its folders are there.
# packaging/install builds the program.
set -eu
root=$1 build=$2 work=$3
readme=$root/README.md
blocks=$root/tests/packaging/readme.sh
rm -rf "$work"
mkdir -p "$work"
mkdir -m 700 "$work/runtime"
bad=0

complain() {
    echo "README.md: $*"
    bad=1
}

# ---- ./dev VERB [PRESET], in the blocks, the tables and the sentences ----

grep -o '`*\./dev [a-z]*\( [a-z0-9]*\)\{0,1\}' "$readme" | tr -d '`' |
    sed 's/ *$//' | sort -u >"$work/dev"
while read -r _ verb preset; do
    "$root/dev" help | grep -q "^  $verb " || complain "./dev has no verb $verb"
    case $verb in test | build)
        [ -z "$preset" ] || grep -q "\"name\": \"$preset\"" "$root/CMakePresets.json" ||
            complain "there is no preset $preset"
        ;;
    bench)
        [ -z "$preset" ] || "$root/dev" help | grep -q "\b$preset (" ||
            complain "there is no bench $preset"
        ;;
    esac
done <"$work/dev"
for command in './dev demo' './dev test'; do
    grep -qx "$command" "$work/dev" || complain "$command is not named"
done

# ---- the other commands ----

"$blocks" "$readme" sh | grep -v '^\./dev' >"$work/session"
sed -n 's/^smew \([a-z]*\).*/\1/p' "$work/session" >"$work/verbs"
for verb in run send show ps; do
    grep -qx $verb "$work/verbs" || complain "the session does not show smew $verb"
done

# The session takes its programs from the release build; here they are those of BUILD.
cd "$root"
{
    # shellcheck disable=SC2016 # for the shell that runs the session
    echo 'trap "kill \$! 2>/dev/null || true" EXIT'
    sed "s,\$PWD/build/release/bin,$build/bin," "$work/session"
    # shellcheck disable=SC2016
    echo 'wait $!'
} >"$work/session.sh"
unset SMEW_BUS
SMEW_RUNTIME_DIR=$work/runtime sh -eux "$work/session.sh" || complain "the session fails"
[ -z "$(ls "$work/runtime")" ] || complain "the session leaves $(ls "$work/runtime") behind"

# ---- the program and the folders ----

"$blocks" "$readme" c >"$work/readme.c"
[ -s "$work/readme.c" ] || complain "there is no program"
sed '/^\/\*/,/\*\/$/d' "$root/samples/traffic/traffic.c" | sed '/./,$!d' >"$work/sample.c"
diff "$work/readme.c" "$work/sample.c" || complain "the program is not samples/traffic/traffic.c"

# shellcheck disable=SC2016 # the backquotes are Markdown's
for folder in $(sed -n 's/^| \(`[a-z].*\/`\) |.*/\1/p' "$readme" | tr -d '`,'); do
    [ -d "$root/$folder" ] || complain "there is no folder $folder"
done
for folder in "$root"/*/; do
    folder=$(basename "$folder")
    case $folder in build | cmake) continue ;; esac
    [ -n "$(ls "$root/$folder")" ] || continue
    grep -q "^|.*\`$folder/" "$readme" || complain "the folder $folder is not in the map"
done
exit $bad
