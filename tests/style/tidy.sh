#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tidy.sh ROOT BUILD lint|analyzer: clang-tidy, with the tree's .clang-tidy, finds nothing in the
# sources that BUILD compiles.  The analyzer, which takes five times as long as all the rest, is a
# test of its own.
#
# A source that passed is not looked at again until it, a header, a build file or the rules change:
# its stamp in BUILD/tidy is then older than the newest of those.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tree.sh"
root=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
stamps=$build/tidy/$3
mkdir -p "$stamps"
cd "$root"

case $3 in
lint) checks='-clang-analyzer-*' ;;
analyzer) checks='-bugprone-*,-cert-*,-misc-*,-performance-*,-portability-*,-readability-*' ;;
esac

# The newest of what every source depends on.
newest=$(tree_files '*.h' CMakeLists.txt .clang-tidy | xargs stat -c '%.9Y %n' | sort -rn |
    sed -n '1s/^[0-9.]* //p')

# What BUILD compiles of this tree, without what it generated, and has no fresh stamp.
stale() {
    sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" | sort -u |
        grep "^$root/" | grep -v "^$build/" | grep -v "^$root/build/" |
        while read -r source; do
            stamp=$stamps/$(echo "$source" | tr / :)
            [ -n "$(find "$stamp" -newer "$source" -newer "$newest" 2>/dev/null)" ] ||
                echo "$source" "$stamp"
        done
}

# $0 build, $1 checks, $2 source, $3 stamp; which is as old as the look that it stands for.
# shellcheck disable=SC2016 # expanded by the shells that xargs starts
one='touch "$3.new" && clang-tidy --quiet -p "$0" --checks="$1" "$2" 2>/dev/null && mv "$3.new" "$3"'
stale | xargs -r -P 2 -L 1 sh -c "$one" "$build" "$checks"
