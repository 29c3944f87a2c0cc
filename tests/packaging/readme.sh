#!/bin/sh
# SPDX-License-Identifier: MIT
#
# readme.sh README LANGUAGE: prints what stands in the README's ```LANGUAGE blocks.
set -eu
awk -v language="$2" '
    /^```/ { inside = !inside && $0 == "```" language; next }
    inside { print }
' "$1"
