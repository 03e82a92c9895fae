#!/bin/sh
# Fills Patroni's configuration in, and becomes Patroni.
set -eu
here=$(dirname "$0")
: "${CONFIG:=/tmp/patroni.yml}"
"$here/fill.sh" "$here/patroni.yml" "$CONFIG"
exec patroni "$CONFIG"
