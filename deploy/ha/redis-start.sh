#!/bin/sh
# Starts a Redis data node as what the Sentinels say it is. Without asking, a former master that comes back would be a second master for some seconds, until the
# Sentinels notice, and clients that still know its address could write to it.
#
#   NODE_NAME       redis-primary, redis-replica, redis-replica2
#   CONFIG          the file that Redis runs from and Sentinel rewrites; kept over restarts
set -eu
here=$(dirname "$0")
: "${NODE_NAME:?}"
: "${SENTINELS:=sentinel1 sentinel2 sentinel3}"
: "${CONFIG:=/data/redis.conf}"

# Filled anew each time: a changed redis.conf counts from the next start. What Sentinel wrote there is who the master is, and that is asked for below.
"$here/fill.sh" "${TEMPLATE:-$here/redis.conf}" "$CONFIG"

master=
for sentinel in $SENTINELS; do
  # A second each: they are one hop away, and on the very first start none is there.
  master=$(timeout 1 redis-cli -h "$sentinel" -p 26379 --raw SENTINEL get-master-addr-by-name fleet-redis 2>/dev/null | head -n 1) || master=
  case $master in '' | *ERR* | *refused* | *[!A-Za-z0-9.-]*) master= ;; *) break ;; esac
done
# Nobody knows: the first start of all. The specification's names say who begins.
: "${master:=redis-primary}"

if [ "$master" = "$NODE_NAME" ]; then
  echo "redis-start: $NODE_NAME starts as the master"
  exec redis-server "$CONFIG"
fi
echo "redis-start: $NODE_NAME starts as a replica of $master"
exec redis-server "$CONFIG" --replicaof "$master 6379"
