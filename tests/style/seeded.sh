#!/bin/sh
# SPDX-License-Identifier: MIT
#
# seeded.sh ROOT WORK: do the checks of this folder see anything?  Builds a tiny tree that every
# check accepts, then plants one violation at a time and expects the check to fail and to name the
# file that it was planted in.
set -eu
checks=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$1" && pwd)
rm -rf "$2"
mkdir -p "$2"
work=$(cd "$2" && pwd)
tree=$work/tree

# Said in a file, since half of a pipe is a shell of its own.
bad() {
    echo "$*" | tee "$work/bad"
}

# Writes stdin to a file of the tree.
plant() {
    mkdir -p "$tree/$(dirname "$1")"
    cat >"$tree/$1"
}

# The tree that nothing is wrong with.
grow() {
    rm -rf "$tree"
    mkdir -p "$tree/build"
    cp "$root/.clang-format" "$root/.clang-tidy" "$tree"
    plant include/smew/status.h <<'END'
/* SPDX-License-Identifier: MIT */
#ifndef SMEW_STATUS_H
#define SMEW_STATUS_H

int smew_status(int code);

#endif
END
    plant base/os/fd.c <<'END'
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <smew/status.h>

int smew_status(int code)
{
    return code == 0 ? errno : code;
}
END
    plant bus/node.h <<'END'
/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_NODE_H
#define SMEW_BUS_NODE_H

#include <smew/status.h>

/* Says what became of it; a comment may speak of errno. */
int smew__node(int code);

#endif
END
    plant bus/node.c <<'END'
/* SPDX-License-Identifier: MIT */
#include "bus/node.h"

#include <uv.h>

int smew__node(int code)
{
    return smew_status(code);
}
END
    plant bus/CMakeLists.txt <<'END'
smew_layer(bus SOURCES node.c
    LINKS base # and no more
    LIBRARIES PkgConfig::UV)
END
    plant samples/light/CMakeLists.txt <<'END'
smew_program(light PUBLIC_API_ONLY SOURCES light.c LINKS orchestrator)
END
    plant bench/ref_ring.c <<'END'
/* SPDX-License-Identifier: MIT */
#include "base/crc32c/crc32c.h"
END
    plant tests/bus/node.c <<'END'
/* SPDX-License-Identifier: MIT */
#include "bus/node.h"

int main(void)
{
    return smew__node(1);
}
END
    {
        printf '[\n'
        for source in base/os/fd.c bus/node.c tests/bus/node.c; do
            [ $source = base/os/fd.c ] || printf ',\n'
            printf '{\n  "directory": "%s",\n' "$tree"
            printf '  "command": "cc -I%s/include -I%s -c %s",\n' "$tree" "$tree" "$tree/$source"
            printf '  "file": "%s"\n}' "$tree/$source"
        done
        printf '\n]\n'
    } >"$tree/build/compile_commands.json"
}

run_check() {
    case $1 in
    lint | analyzer) "$checks/tidy.sh" "$tree" "$tree/build" "$1" ;;
    *) "$checks/$1.sh" "$tree" ;;
    esac >"$work/said" 2>&1
}

accepts() {
    run_check "$1" && return
    bad "$1 refuses the tree without a violation:"
    cat "$work/said"
}

# refuses CHECK FILE: with the violation on stdin appended to the file.
refuses() {
    grow
    mkdir -p "$tree/$(dirname "$2")"
    cat >>"$tree/$2"
    if run_check "$1"; then
        bad "$1 does not see the violation planted in $2:"
        tail -n 3 "$tree/$2"
    elif ! grep -q "$2" "$work/said"; then
        bad "$1 fails without naming $2:"
        cat "$work/said"
    fi
}

for check in format lint analyzer headers layers sizes words; do
    grow
    accepts $check
done

echo 'int  crooked ( void );' | refuses format bus/node.h
echo 'int first(int *p) { int unset; return p == 0 ? *p : unset; }' | refuses analyzer bus/node.c
echo 'int twice(int a) { if (a) { return 1; } else { return 1; } }' | refuses lint bus/node.c
# What passed is looked at again when something that it includes has changed.
grow
accepts lint
echo '#define SMEW_TWICE(a) a * 2' >>"$tree/include/smew/status.h"
if run_check lint; then
    bad "tidy.sh does not look again after a header has changed"
fi

echo 'extern size_t unknown;' | refuses headers include/smew/status.h
echo 'enum { NOT_GUARDED };' | refuses headers bus/node.h
echo 'extern int class;' | refuses headers include/smew/status.h

echo '#include "orchestrator/machine.h"' | refuses layers bus/node.c
echo '#include "bus/node.h"' | refuses layers bus/transport/pipe/pipe.c
echo '#include "bus/node.h"' | refuses layers include/smew/status.h
echo '#include "node.h"' | refuses layers bus/node.c
echo '#include "tests/support/wait.h"' | refuses layers bus/node.c
echo '#include <smew/orchestrator.h>' | refuses layers bus/node.c
echo '#include <smew/unheard-of.h>' | refuses layers bus/node.c
echo '#include "base/clock.h"' | refuses layers samples/light/light.c
echo '#include "base/crc32c/crc32c.h"' | refuses layers bench/peer_smew.c
echo '#include "base/clock.h"' | refuses layers bench/ref_ring.c
echo '#include <uv.h>' | refuses layers bus/directory/directory.c
echo '#include "serialization/envelope.pb-c.h"' | refuses layers bus/node.c
echo '#include <protobuf-c/protobuf-c.h>' | refuses layers chart/chart.c
echo '#include <jansson.h>' | refuses layers orchestrator/machine.c
echo '#include <sys/socket.h>' | refuses layers bus/node.c
echo 'int broken(void) { return errno; }' | refuses layers bus/node.c
echo 'int lost;' | refuses layers elsewhere/lost.c
echo 'int lost;' | refuses layers include/smew/lost.h
printf 'smew_layer(chart SOURCES a.c\n    LINKS base\n    bus)\n' |
    refuses layers chart/CMakeLists.txt
echo 'smew_layer(bus SOURCES a.c)' | refuses layers chart/CMakeLists.txt
echo 'smew_layer(chart SOURCES a.c LIBRARIES PkgConfig::UV)' | refuses layers chart/CMakeLists.txt
echo 'smew_program(x SOURCES a.c LINKS base samples)' | refuses layers cli/CMakeLists.txt

seq 600 | sed 's/.*/\/\* & \*\//' | refuses sizes bus/node.c
{ printf 'void longest(void)\n{\n'; seq 69 | sed 's/.*/    \/* & *\//'; echo '}'; } |
    refuses sizes bus/node.c

# Each forbidden word is written in two pieces, so that this file passes.
echo "int a; /* NO""LINT */" | refuses words bus/node.c
echo "#pragma GCC diag""nostic push" | refuses words bus/node.c
echo "/* TO""DO: everything */" | refuses words bus/node.c
echo "void nap(void) { sle""ep(1); }" | refuses words tests/bus/node.c
printf '#!/bin/sh\n# SPDX-License-Identifier: MIT\n%s\n' "sle""ep 1" | refuses words tests/bus/node.sh
echo 'int nobodys;' | refuses words bus/new.c

# The table itself may not point up.
grow
sed 's/^layer base .*/& bus/' "$checks/layers.txt" >"$work/layers.txt"
if "$checks/layers.sh" "$tree" "$work/layers.txt" >"$work/said"; then
    bad "layers does not see that its table points up"
fi

[ ! -e "$work/bad" ]
