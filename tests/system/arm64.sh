#!/bin/sh
# SPDX-License-Identifier: MIT
#
# arm64.sh ROOT BUILD: smew for aarch64, as far as another machine can show it.  Everything is built
# into BUILD with Debian's cross compiler, warnings being errors; then the tests of what depends on
# the machine (records, rings, CRC) run under qemu-user, without those of system calls (base/os),
# whose errors are qemu's, and those that step through instructions.
#
# Adds the architecture arm64 to dpkg's and installs its packages beside those that are there.
# Answers 77, skipped, where there is no root.
set -eu
[ "$(id -u)" -eq 0 ] || exit 77
root=$(cd "$1" && pwd)
build=$2

dpkg --add-architecture arm64
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user \
    libuv1-dev:arm64 libprotobuf-c-dev:arm64 libjansson-dev:arm64 libexpat1-dev:arm64 \
    libcmocka-dev:arm64

cmake -G Ninja -S "$root" -B "$build" -DCMAKE_TOOLCHAIN_FILE="$root/cmake/aarch64.cmake" \
    -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS=-Werror -O1"
cmake --build "$build"
cd "$build"
ctest -j 2 --output-on-failure --no-tests=error --timeout 300 \
    -R '^(base|resilience|serialization|shm)/' -E '^base/os/|/kill_|/steps|_long|_whole'
