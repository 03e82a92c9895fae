#!/bin/sh
# Fills keepalived's configuration in, and becomes keepalived. Runs as root in the host's own network: it moves an address.
#
#   KEEPALIVED_ADDRESS    the address that moves, with its prefix: 192.0.2.80/24
#   KEEPALIVED_OWN_IP     this host's own; KEEPALIVED_PEER_IP the other's
#   KEEPALIVED_INTERFACE  default: eth0;  KEEPALIVED_ROUTER_ID  default: 51, the same on both and no other's in this network
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${RUN_DIR:=/run/keepalived}" "${KEEPALIVED_INTERFACE:=eth0}" "${KEEPALIVED_ROUTER_ID:=51}"
: "${KEEPALIVED_ADDRESS:?the address that moves}" "${KEEPALIVED_OWN_IP:?}" "${KEEPALIVED_PEER_IP:?}"
CHECK_SCRIPT=$RUN_DIR/check.sh
RELEASE_SCRIPT=$RUN_DIR/release.sh
export RUN_DIR KEEPALIVED_INTERFACE KEEPALIVED_ROUTER_ID KEEPALIVED_ADDRESS CHECK_SCRIPT RELEASE_SCRIPT
mkdir -p "$RUN_DIR"
# keepalived runs nothing that anybody but root could have changed.
cp "$here/keepalived-check.sh" "$CHECK_SCRIPT"
cp "$here/keepalived-release.sh" "$RELEASE_SCRIPT"
chmod 755 "$CHECK_SCRIPT" "$RELEASE_SCRIPT"
"$here/fill.sh" "$here/keepalived.conf" "$RUN_DIR/keepalived.conf"
[ "${1:-}" = --prepare ] && exit 0
# The address is this host's own without being held: resets can be sent from it after it has moved (keepalived-release.sh), and nobody is told of it.
sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 || echo "keepalived-start: set net.ipv4.conf.all.arp_ignore=1 and arp_announce=2 on this host" >&2
ip address replace "${KEEPALIVED_ADDRESS%/*}/32" dev lo
# A pid file of a process that was killed would stop it.
rm -f "$RUN_DIR"/*.pid
exec keepalived --dont-fork --log-console --vrrp --no-syslog --use-file="$RUN_DIR/keepalived.conf" --pid="$RUN_DIR/keepalived.pid" --vrrp_pid="$RUN_DIR/vrrp.pid"
