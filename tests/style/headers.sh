#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh ROOT [BUILD]: every header compiles alone; the public ones with nothing but include/ to
# look in, as C11 and as C++11.  BUILD has the headers that are generated.
set -eu
. "$(dirname "$0")/tree.sh"
cd "$1"
generated=${2:-build}

warnings='-fsyntax-only -Wall -Wextra -Wpedantic -Werror'
bad=0

# compiles HEADER COMPILER ARGUMENT...
compiles() {
    header=$1
    shift
    # The second inclusion finds a missing guard; the last line keeps the unit from being empty.
    printf '#include <%s>\n#include <%s>\nextern int last;\n' "$header" "$header" | "$@" - || {
        echo "$header:1: does not compile alone with $1"
        bad=1
    }
}

# shellcheck disable=SC2086 # the warnings are several words
for file in $(tree_files '*.h'); do
    case $file in
    include/*)
        compiles "${file#include/}" cc -std=c11 $warnings -Iinclude -x c
        compiles "${file#include/}" c++ -std=c++11 $warnings -Iinclude -x c++
        ;;
    *)
        compiles "$file" cc -std=c11 $warnings -D_GNU_SOURCE -Iinclude -I. -I"$generated" -x c
        ;;
    esac
done
exit $bad
