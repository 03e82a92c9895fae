#!/bin/sh
# pgbackrest-get.sh NAME PATH: PostgreSQL's restore_command (%f, %p) of a standby: the segment from the repository.
# 0: it is there; 1: it is not, and the standby goes on to ask its primary.
#
# A standby asks here before each attempt to stream, and at its promotion. A repository that is away must not
# make a failover longer: it is waited for BACKUP_GET_LIMIT seconds (2), and then not asked again for a
# minute. A restore does not use this: it has to know the difference between "not there" and "away".
set -eu
here=$(dirname "$0")
run=${BACKUP_RUN_DIR:-/tmp/pgbackrest}
away=$run/repository-away
if [ -n "$(find "$away" -mmin -1 2>/dev/null)" ]; then exit 1; fi
export PGBACKREST_CONFIG="${PGBACKREST_CONFIG:-/tmp/pgbackrest.conf}"
[ -r "$PGBACKREST_CONFIG" ] || "$here/configure.sh" "$PGBACKREST_CONFIG" || exit 1
code=0
timeout -k 1 "${BACKUP_GET_LIMIT:-2}" \
  pgbackrest --stanza="${BACKUP_STANZA:-fleet2}" --log-level-console=off archive-get "$1" "$2" || code=$?
case $code in
  0 | 1) exit "$code" ;;
  # Above 125 PostgreSQL would end.
  *) mkdir -p "$run"; : >"$away"; exit 1 ;;
esac
