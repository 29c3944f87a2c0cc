# SPDX-License-Identifier: MIT
#
# Sourced by the checks of this folder.  Each check is called with the root of the tree that it
# looks at, prints FILE:LINE: SENTENCE for what is wrong, and fails when something is; so that
# seeded.sh can show it a tree with a violation in it.

# Prints the files under the current directory that match any of the name patterns, without "./".
tree_files() {
    names=
    for pattern in "$@"; do
        names="$names${names:+ -o }-name $pattern"
    done
    set -f
    # shellcheck disable=SC2086 # one word for each part of the expression
    find . \( -path ./build -o -path ./.git \) -prune -o -type f \( $names \) -print |
        sed 's,^\./,,' | LC_ALL=C sort
    set +f
}
