#!/bin/bash
# engine-inside.sh ROOT DATA NETWORK FOLDER…: the first process of namespaces of its own (mounts, processes
# and, with NETWORK "own", network). Makes ROOT its root, where DATA and each FOLDER are at the same path as
# outside, and becomes dockerd. Its end is the end of every container, and nothing of it is seen outside.
set -euo pipefail
root=$1 data=$2 network=$3
shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
# One's own: the machine's shows the links of the machine's network.
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
for folder in "$data" "$@"; do
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
# pivot_root and not chroot: "docker exec" enters a container's mounts at their root, which after a mere
# chroot would be the machine's own.
mkdir -p "$root/mnt/machine"
cd "$root"
pivot_root . mnt/machine
export network data
# shellcheck disable=SC2016 # For the shell inside.
exec chroot . /bin/bash -c '
  set -eu
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  umount -l /mnt/machine
  if [ "$network" = own ]; then
    ip link set lo up
    # Names that Docker does not know are asked for at the name servers of the machine, which cannot be
    # reached from here: they refuse at once, rather than not at all.
    sed -n "s/^nameserver //p" /etc/resolv.conf | while read -r server; do
      ip addr add "$server" dev lo 2>/dev/null || true
    done
    set -- --default-address-pool base=172.31.0.0/16,size=24
  else
    # For builds, which use the network of the machine: nothing in it is changed.
    set -- --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false
  fi
  # Reaps what containers leave; dockerd does not.
  exec tini -- dockerd --data-root "$data" --exec-root /run/docker --pidfile /run/docker.pid \
    --host unix:///run/docker.sock --cgroup-parent /fleet2-containers "$@"' inside
