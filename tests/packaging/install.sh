#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh ROOT BUILD WORK C_FLAGS: does what is installed serve somebody who has only that?  Installs
# BUILD below WORK, then builds the README's program against it with pkg-config as C and as C++, and
# with find_package(); and a program of smew::chart, which must come without libuv and protobuf-c.
set -eu
root=$1 build=$2 work=$3 flags=$4
here=$(cd "$(dirname "$0")" && pwd)
prefix=$work/prefix
rm -rf "$work"
mkdir -p "$work/consumer"

run() {
    echo "$*"
    "$@"
}

# The prefix is moved after the installation: nothing in it may remember where it was put first.
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$prefix"

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name smew.pc)")
export PKG_CONFIG_PATH
"$here/readme.sh" "$root/README.md" c >"$work/consumer/readme.c"
cp "$work/consumer/readme.c" "$work/consumer/readme.cpp"
cp "$here/consumer/CMakeLists.txt" "$here/consumer/options.cpp" "$work/consumer"
cp "$root/samples/kettle/kettle.c" "$work/consumer/chart.c"

cflags="$flags -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags smew)"
libs=$(pkg-config --libs smew)
# shellcheck disable=SC2086 # several words each
{
    run cc -std=c11 $cflags "$work/consumer/readme.c" -o "$work/as_c" $libs
    run c++ -std=c++11 $cflags "$work/consumer/readme.cpp" -o "$work/as_cpp" $libs
}

run cmake -S "$work/consumer" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags"
run cmake --build "$work/build"

SMEW_RUNTIME_DIR=$work/run "$work/build/options"

ldd "$work/build/readme_c" | grep -q libuv
if ldd "$work/build/chart" | grep -E 'libuv|protobuf'; then
    echo "a program of smew::chart alone is linked with the above"
    exit 1
fi
run "$work/build/chart" "$root/samples/kettle/kettle.json"

"$prefix/bin/smew" version
