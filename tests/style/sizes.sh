#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sizes.sh ROOT: no source above 600 lines, no function above 70.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tree.sh"
cd "$1"
tree_files '*.h' '*.c' '*.sh' '*.awk' '*.cmake' CMakeLists.txt dev |
    xargs awk -v FILE_MAX=600 -v FUNCTION_MAX=70 -f "$here/sizes.awk"
