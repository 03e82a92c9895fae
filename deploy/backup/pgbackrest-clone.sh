#!/bin/sh
# pgbackrest-clone.sh --datadir=DIR …: Patroni's way of making the first member of a standby cluster
# (create_replica_methods) from the newest backup in the repository: no server of the other region is asked.
# Patroni gives it more options, which it has no use for, and makes a standby of what came out.
set -eu
here=$(dirname "$0")
data=''
for option; do
  case $option in --datadir=*) data=${option#*=} ;; esac
done
: "${data:?pgbackrest-clone.sh: --datadir is missing}"
export PGBACKREST_CONFIG="${PGBACKREST_CONFIG:-/tmp/pgbackrest.conf}"
[ -r "$PGBACKREST_CONFIG" ] || "$here/configure.sh" "$PGBACKREST_CONFIG"
mkdir -p "$data"
chmod 700 "$data"
exec pgbackrest --stanza="${BACKUP_STANZA:-fleet2}" --pg1-path="$data" --type=none \
  --log-level-console=warn restore
