#!/bin/sh
# Becomes a command on another root file system than the machine's. For the private mount namespace that
# `ip netns exec` makes: nothing of it is seen outside, and it ends with the last process in it.
#
#   enter.sh ROOT DIRECTORY COMMAND...   ROOT is read-only; DIRECTORY is the same inside and outside
set -eu
root=$1 directory=$2
shift 2
mkdir -p "$root$directory"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
for place in /dev /proc /sys "$directory"; do mount --rbind "$place" "$root$place"; done
# Of this host, by `ip netns exec`.
for file in /etc/hosts /etc/resolv.conf; do mount --bind "$file" "$root$file"; done
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
exec chroot "$root" "$@"
