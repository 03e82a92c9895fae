#!/bin/sh
# Starts a Redis data node as what the Sentinels say it is. Without asking, a former master that comes back
# would be a second master for some seconds, until the Sentinels notice, and clients that still know its
# address could write to it.
#
#   NODE_NAME       redis-primary, redis-replica, redis-replica2
#   FIRST_MASTER    who begins, where no Sentinel knows of a master (default: redis-primary)
#   SENTINELS       whom to ask (default: sentinel1 sentinel2 sentinel3); empty: this Redis is the only one
#   SENTINEL_PASSWORD or SENTINEL_PASSWORD_FILE   their password
#   CONFIG          the file that Redis runs from and Sentinel rewrites; kept over restarts
#   ACL_FILE        the file that its users are written to
#   and the passwords of redis-users.acl and redis.conf, or their files
set -eu
here=$(dirname "$0")
: "${NODE_NAME:?}"
: "${SENTINELS=sentinel1 sentinel2 sentinel3}"
: "${CONFIG:=/data/redis.conf}"
: "${ACL_FILE:=/tmp/users.acl}"
export ACL_FILE

# Filled anew each time: a changed redis.conf counts from the next start. What Sentinel wrote there is who the master is, and that is asked for below.
"$here/fill-users.sh" "$here/redis-users.acl" "$ACL_FILE"
"$here/fill.sh" "${TEMPLATE:-$here/redis.conf}" "$CONFIG"

if [ -z "$SENTINELS" ]; then
  # Nobody copies it: waiting for a replica would refuse every write.
  echo "redis-start: $NODE_NAME starts alone"
  exec redis-server "$CONFIG" --min-replicas-to-write 0
fi

password=${SENTINEL_PASSWORD:-}
[ -z "${SENTINEL_PASSWORD_FILE:-}" ] || password=$(cat "$SENTINEL_PASSWORD_FILE")
master=
refusal=
for sentinel in $SENTINELS; do
  # A second each: they are one hop away, and on the very first start none is there.
  # The password by the environment: an argument would stand in the list of processes.
  master=$(
    REDISCLI_AUTH="$password" timeout 1 redis-cli -h "$sentinel" -p 26379 --raw \
      SENTINEL get-master-addr-by-name fleet-redis 2>/dev/null | head -n 1
  ) || master=
  case $master in
    *NOAUTH* | *WRONGPASS* | *NOPERM*) refusal="$sentinel: $master" master= ;;
    '' | *ERR* | *refused* | *[!A-Za-z0-9.-]*) master= ;;
    *) break ;;
  esac
done
# They know, and do not say it: whoever starts as a master now may be the second one.
if [ -z "$master" ] && [ -n "$refusal" ]; then
  echo "redis-start: the Sentinels refuse SENTINEL_PASSWORD ($refusal)." \
    "Not started: it is not known who the master is" >&2
  exit 1
fi
# Nobody knows: the first start of all. The specification's names say who begins.
: "${master:=${FIRST_MASTER:-redis-primary}}"

if [ "$master" = "$NODE_NAME" ]; then
  echo "redis-start: $NODE_NAME starts as the master"
  exec redis-server "$CONFIG"
fi
echo "redis-start: $NODE_NAME starts as a replica of $master"
exec redis-server "$CONFIG" --replicaof "$master 6379"
