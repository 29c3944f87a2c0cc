#!/bin/sh
# SPDX-License-Identifier: MIT
#
# scxml_suite.sh PROGRAM FOLDER LEAST: fetches SCION's SCXML tests into FOLDER, once, and runs them.
# Where npm or its registry is not to be had, the test is skipped (77).
set -eu
program=$1
folder=$2
least=$3
package=@scion-scxml/test-framework@2.0.16

if [ ! -d "$folder/package/test" ]; then
    mkdir -p "$folder"
    cd "$folder"
    if ! command -v npm >/dev/null || ! npm pack --silent "$package" >/dev/null 2>&1; then
        echo "skipped: $package cannot be fetched"
        exit 77
    fi
    tar xzf ./*.tgz
fi
exec "$program" "$folder/package/test" "$least"
