#!/bin/sh
# Starts a Sentinel. Its configuration is filled in anew each time, so that a changed file or password counts
# from the next start; what the Sentinel itself has written into it since (who the master is, whom it knows,
# which election it is in) is carried over.
#
#   CONFIG        the file that Sentinel runs from and rewrites; kept over restarts
#   ACL_FILE      the file that its users are written to
#   FIRST_MASTER  whom it watches on its very first start (default: redis-primary)
#   and the passwords of sentinel-users.acl and sentinel.conf, or their files
set -eu
here=$(dirname "$0")
: "${CONFIG:=/data/sentinel.conf}"
: "${ACL_FILE:=/tmp/users.acl}"
export ACL_FILE
umask 077

"$here/fill-users.sh" "$here/sentinel-users.acl" "$ACL_FILE"
"$here/fill.sh" "$here/sentinel.conf" "$CONFIG.filled"
if [ -s "$CONFIG" ]; then
  # What Sentinel calls its state, by the names under which it writes it down; the quorum is the template's.
  state='^sentinel (myid|current-epoch|config-epoch|leader-epoch|known-replica|known-slave|known-sentinel) '
  master=$(sed -n 's/^sentinel monitor fleet-redis \([^ ]*\) \([0-9]*\) .*/\1 \2/p' "$CONFIG" | tail -n 1)
  : "${master:=${FIRST_MASTER:-redis-primary} 6379}"
  {
    sed "s/^\(sentinel monitor fleet-redis\) [^ ]* [0-9]*/\1 $master/" "$CONFIG.filled"
    grep -E "$state" "$CONFIG" || true
  } >"$CONFIG.new"
  rm "$CONFIG.filled"
else
  mv "$CONFIG.filled" "$CONFIG.new"
fi
mv "$CONFIG.new" "$CONFIG"
exec redis-server "$CONFIG" --sentinel
