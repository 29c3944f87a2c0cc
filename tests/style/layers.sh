#!/bin/sh
# SPDX-License-Identifier: MIT
#
# layers.sh ROOT [TABLE]: includes and links point down only, as layers.txt says.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tree.sh"
table=${2:-$here/layers.txt}
cd "$1"
tree_files '*.h' '*.c' CMakeLists.txt |
    xargs awk -v table="$table" -f "$here/layers.awk" "$table"
