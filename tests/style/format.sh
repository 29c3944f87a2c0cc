#!/bin/sh
# SPDX-License-Identifier: MIT
#
# format.sh ROOT: clang-format, with the tree's .clang-format, would change nothing.
set -eu
. "$(dirname "$0")/tree.sh"
cd "$1"
tree_files '*.h' '*.c' | xargs clang-format --dry-run -Werror --style=file
