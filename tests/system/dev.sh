#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dev.sh ROOT WORK: the door itself.  What is installed is not asked of the network, a tool from
# elsewhere than Debian counts, what is missing is installed and nothing else, and what `help`
# lists is what there is.  A copy of `dev` is given an apt-get that only says what it was told.
set -eu
root=$1 work=$2
rm -rf "$work"
mkdir -p "$work/bin" "$work/packaging"
cp "$root/dev" "$work"

fail() {
    echo "$*"
    exit 1
}

cat >"$work/bin/apt-get" <<'END'
#!/bin/sh
echo "$@" >>"$(dirname "$0")/told"
END
cp "$work/bin/apt-get" "$work/bin/sudo"
echo 'exec "$@"' >>"$work/bin/sudo"
chmod +x "$work/bin/apt-get" "$work/bin/sudo"

# deps_of [WORD]: what ./dev deps asks apt-get for, with the apt.txt on stdin.
deps_of() {
    cat >"$work/packaging/apt.txt"
    rm -f "$work/bin/told"
    PATH="$work/bin:$PATH" "$work/dev" deps "$@" >"$work/said" 2>&1 || fail "deps: $(cat "$work/said")"
    sed -n 's/.*--no-install-recommends //p' "$work/bin/told" 2>/dev/null | head -n 1
}

expect() {
    [ "$2" = "$1" ] || fail "expected \"$1\", got \"$2\""
}

expect '' "$(printf 'dpkg # always there\nsh:no-such-package\n' | deps_of)"
expect 'no-such-package' "$(printf 'dpkg\nno-such-package\n' | deps_of)"
expect 'no-such-package' "$(printf 'no-such-tool:no-such-package\n' | deps_of)"
expect 'one two' "$(printf 'one\ntwo test\nthree fuzz\n' | deps_of)"
expect 'one two three' "$(printf 'one\ntwo test\nthree fuzz\n' | deps_of fuzz)"

# Packages of two architectures: only ours counts.
cat >"$work/bin/dpkg" <<'END'
#!/bin/sh
echo ours
END
cat >"$work/bin/dpkg-query" <<'END'
#!/bin/sh
for last; do :; done
case $last in
both) printf 'ours installed\ntheirs installed\n' ;;
script) echo 'all installed' ;;
theirs) echo 'theirs installed' ;;
removed) echo 'ours config-files' ;;
esac
END
chmod +x "$work/bin/dpkg" "$work/bin/dpkg-query"
expect 'theirs removed' "$(printf 'both\nscript\ntheirs\nremoved\n' | deps_of)"
rm "$work/bin/dpkg" "$work/bin/dpkg-query"

# Without any network at all, where we may take it away.
if [ "$(id -u)" -eq 0 ]; then
    unshare --net "$root/dev" deps >"$work/said" 2>&1 || fail "offline: $(cat "$work/said")"
fi

for verb in demo test build bench deps clean help; do
    "$root/dev" help | grep -q "^  $verb " || fail "help does not list $verb"
done
status=0
"$root/dev" no-such-verb >/dev/null 2>&1 || status=$?
expect 2 "$status"
