#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lives.sh CHART_TEST CHART WORK: is the chart what dpkg does?  dpkg itself, with a root and a
# database of its own below WORK, gets packages that are installed, upgraded, triggered, replaced,
# removed and purged, and scripts that fail on purpose at each of these.  CHART_TEST must then find
# a transition for every line of its log, and a line for every transition of the chart.  Answers
# 77, skipped, where there is no dpkg.
set -eu
chart_test=$1 chart=$2 work=$3
command -v dpkg-deb >/dev/null || exit 77
rm -rf "$work"
mkdir -p "$work/root/var/lib/dpkg/info" "$work/root/var/lib/dpkg/updates" "$work/debs"
work=$(cd "$work" && pwd)
: >"$work/root/var/lib/dpkg/status"
: >"$work/root/var/lib/dpkg/available"

# deb NAME VERSION [CONTROL-LINE...]: a package with one file, /opt/NAME.
deb() {
    tree=$work/$1-$2
    mkdir -p "$tree/DEBIAN" "$tree/opt"
    echo "$2" >"$tree/opt/$1"
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: all\n' "$1" "$2"
        printf 'Maintainer: Nobody <nobody@example.org>\nDescription: none\n'
        shift 2
        for line; do echo "$line"; done
    } >"$tree/DEBIAN/control"
}

# script NAME BODY: a maintainer script of the deb begun last.
script() {
    printf '#!/bin/sh\n%s\n' "$2" >"$tree/DEBIAN/$1"
    chmod 755 "$tree/DEBIAN/$1"
}

conffile() {
    mkdir -p "$tree/etc"
    echo a >"$tree/etc/$1"
    echo "/etc/$1" >"$tree/DEBIAN/conffiles"
}

# The files belong to whoever runs this, so that dpkg may give them to their owner again.
build() {
    dpkg-deb -b "$tree" "$work/debs" >/dev/null
}

# dpkg as itself, on our root.
run() {
    dpkg --root="$work/root" --log="$work/dpkg.log" --force-not-root --force-script-chrootless \
        "$@" >>"$work/said" 2>&1
}
fails() {
    ! run "$@" || { echo "did not fail: dpkg $*" && exit 1; }
}
install() {
    run -i "$work/debs/$1_$2_all.deb"
}
install_untriggered() {
    run --no-triggers -i "$work/debs/$1_$2_all.deb"
}
unpack() {
    run --unpack "$work/debs/$1_$2_all.deb"
}
install_fails() {
    fails -i "$work/debs/$1_$2_all.deb"
}

# ---- an ordinary life, and upgrades whose scripts fail ----

deb plain 1 && build
# shellcheck disable=SC2016 # for the shell of the script
deb plain 2 && script prerm 'test "$1" != upgrade' && build
# shellcheck disable=SC2016
deb plain 3 && script prerm 'test "$1" != failed-upgrade' && build
deb plain 4 && script preinst 'exit 1' && build
install plain 1
install_fails plain 4
install plain 2
install_fails plain 3
run --remove plain
install plain 1
unpack plain 1
unpack plain 1
run --configure plain
unpack plain 1
run --remove plain

# ---- scripts that fail until a file appears ----

deb slow 1 && conffile slow
script postinst "test \$1 != configure || test -e $work/may-configure"
script prerm "test \$1 != remove || test -e $work/may-stop"
script postrm "test \$1 != remove || test -e $work/may-remove"
build
install_fails slow 1
fails --configure slow
install_fails slow 1
fails --remove slow
touch "$work/may-configure"
run --configure slow
fails --remove slow
touch "$work/may-stop"
fails --remove slow
fails --remove slow
touch "$work/may-remove"
run --remove slow
run --purge slow

# ---- conffiles, and first installations that fail ----

deb conf 1 && conffile conf && build
deb conf 2 && conffile conf && script preinst 'exit 1' && build
deb new 1 && script preinst 'exit 1' && build
install conf 1
run --remove conf
install_fails conf 2
install conf 1
run --purge conf
install_fails new 1

# ---- triggers ----

deb listens 1 && printf 'interest-await bell\ninterest-await gong\n' >"$tree/DEBIAN/triggers" &&
    build
deb listens 2 && script preinst 'exit 1' && build
deb rings 1 && printf 'activate-await bell\n' >"$tree/DEBIAN/triggers" && build
deb rings 2 && printf 'activate-await bell\n' >"$tree/DEBIAN/triggers" &&
    script preinst 'exit 1' && build
deb both 1 && printf 'interest-await horn\nactivate-await gong\n' >"$tree/DEBIAN/triggers" && build
deb horn 1 && printf 'activate-await horn\n' >"$tree/DEBIAN/triggers" && build
install listens 1
install_untriggered rings 1
install_untriggered both 1
install_untriggered horn 1
install_untriggered horn 1
install_fails rings 2
install_fails listens 2
run --triggers-only -a
run --configure -a
install_untriggered rings 1
install_untriggered horn 1
install_untriggered both 1
run --remove both horn rings listens

# ---- one package in place of another ----

deb old 1 && build
deb old 2 && script postinst 'exit 1' && build
deb old 3 && printf 'activate-await bell\n' >"$tree/DEBIAN/triggers" && build
deb old 4 && printf 'interest-await horn\n' >"$tree/DEBIAN/triggers" && build
deb instead 1 'Conflicts: old' 'Replaces: old' 'Provides: old' && build
deb instead 2 'Conflicts: old' 'Replaces: old' 'Provides: old' && script preinst 'exit 1' && build
deb swallows 1 'Replaces: old' && echo 1 >"$tree/opt/old" && build

install old 1
install_fails instead 2
install instead 1
run --remove instead
install listens 1
install old 3
install_fails instead 2
install swallows 1
run --remove swallows
for version in 1 2 3 4; do
    case $version in
    1) unpack old 1 ;;
    2) install_fails old 2 ;;
    3) install_untriggered old 3 ;;
    4) install old 4 && install_untriggered horn 1 ;;
    esac
    run --no-triggers --unpack "$work/debs/swallows_1_all.deb"
    run --remove swallows
done
install old 1
install swallows 1
run --remove swallows

# ---- deconfigured for another's sake ----

deb victim 1 && build
deb victim 2 && build
deb breaks 1 'Breaks: victim (<< 2)' && build
install victim 1
run --auto-deconfigure --unpack "$work/debs/breaks_1_all.deb"
install victim 2
run --configure -a

# ---- another architecture, and back ----

native=$(dpkg --print-architecture)
deb moves 1 && build
deb moves 2 && sed -i "s/^Architecture: all/Architecture: $native/" "$tree/DEBIAN/control" && build
moved=$work/debs/moves_2_$native.deb
install moves 1
run -i "$moved"
install moves 1
run --remove moves
run -i "$moved"
run --remove moves
install moves 1
run -i "$moved"

exec "$chart_test" "$chart" "$work/dpkg.log" every
