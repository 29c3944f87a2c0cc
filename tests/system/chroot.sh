#!/bin/sh
# SPDX-License-Identifier: MIT
#
# chroot.sh ROOT CACHE: does a Debian 12 that has nothing but its base need anything else typed than
# `./dev demo` and `./dev test`?  So that no package of this machine helps, both run in a chroot that
# debootstrap made, in a fresh clone of what is committed in ROOT.
#
# The base system is kept as CACHE/base.tar and unpacked anew each time.  All mounts are in a mount
# namespace of ours and all processes in a PID namespace, so that nothing is left of either when
# this ends, however it ends.  Needs root, the network, and a few minutes; answers 77, skipped, where
# there is no root.
set -eu
[ "$(id -u)" -eq 0 ] || exit 77
root=$(cd "$1" && pwd)
mkdir -p "$2"
cache=$(cd "$2" && pwd)
debian=$cache/debian

# Once more, inside the namespaces.
if [ "${3-}" != inside ]; then
    exec unshare --mount --pid --fork --kill-child "$0" "$root" "$cache" inside
fi

if [ ! -e "$cache/base.tar" ]; then
    rm -rf "$cache/new"
    debootstrap --variant=minbase bookworm "$cache/new" http://deb.debian.org/debian
    tar -C "$cache/new" -cf "$cache/base.tar.new" .
    mv "$cache/base.tar.new" "$cache/base.tar"
    rm -rf "$cache/new"
fi

rm -rf --one-file-system "$debian"
mkdir "$debian"
tar -C "$debian" -xf "$cache/base.tar"
git clone --quiet --no-hardlinks "$root" "$debian/smew"
cp /etc/resolv.conf "$debian/etc/resolv.conf"
# A proxy of this machine is its way to the network, not a package of it.
apt-config dump | grep -i '^Acquire::.*proxy' >"$debian/etc/apt/apt.conf.d/80proxy" || true

mount -t proc proc "$debian/proc"
mount -t tmpfs tmpfs "$debian/run"
mount -t tmpfs tmpfs "$debian/dev"
for device in null zero full random urandom tty; do
    touch "$debian/dev/$device"
    mount --bind "/dev/$device" "$debian/dev/$device"
done
mkdir "$debian/dev/shm" "$debian/dev/pts"
mount -t tmpfs tmpfs "$debian/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$debian/dev/pts"
ln -s pts/ptmx "$debian/dev/ptmx"
ln -s /proc/self/fd "$debian/dev/fd"

# A user's shell knows little more than this.
user_types() {
    echo "==> $*"
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        chroot "$debian" sh -c "cd /smew && $*" </dev/null
}

user_types ./dev demo
user_types ./dev test

umount --recursive "$debian/proc" "$debian/run" "$debian/dev"
rm -rf --one-file-system "$debian"
