#!/bin/sh
# alpine.sh ROOT: BusyBox as everything that Alpine has of a shell and its tools.
set -eu
root=$1
mkdir -p "$root/bin"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
done
