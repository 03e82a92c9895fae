#!/bin/sh
# Fills Sentinel's configuration in, once: afterwards the file is Sentinel's own, which keeps in it who the master is.
set -eu
here=$(dirname "$0")
: "${CONFIG:=/data/sentinel.conf}"
[ -s "$CONFIG" ] || "$here/fill.sh" "$here/sentinel.conf" "$CONFIG"
exec redis-server "$CONFIG" --sentinel
