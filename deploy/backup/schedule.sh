#!/bin/bash
# schedule.sh: takes the backups when they are due. One runs beside each PostgreSQL; the one beside the
# primary works.
#
# Patroni's leader is the lock: there is one, and when its host dies another takes its place within the
# failover. What is due is
# asked of the repository (is there a backup of this kind since its time?), so that no state dies with a host,
# a missed time is
# made up for, and nothing is taken twice.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scripts=${BACKUP_SCRIPTS:-$here/../scripts}
export PGBACKREST_CONFIG=${PGBACKREST_CONFIG:-/tmp/pgbackrest.conf}
"$here/configure.sh" "$PGBACKREST_CONFIG"

# due KIND: the last moment at which it should have been taken, in seconds. UTC.
due() {
  local now=${NOW:-$(date +%s)} day moment
  day=$(date -u -d "@$now" +%F)
  case $1 in
    daily)
      moment=$(date -u -d "$day 02:00" +%s)
      if [ "$moment" -gt "$now" ]; then moment=$((moment - 86400)); fi ;;
    weekly)
      moment=$(($(date -u -d "$day 03:00" +%s) - $(date -u -d "$day" +%w) * 86400))
      if [ "$moment" -gt "$now" ]; then moment=$((moment - 604800)); fi ;;
    monthly)
      moment=$(date -u -d "${day%-*}-01 04:00" +%s)
      if [ "$moment" -gt "$now" ]; then moment=$(date -u -d "${day%-*}-01 04:00 1 month ago" +%s); fi ;;
  esac
  echo "$moment"
}
if [ "${1:-}" = due ]; then due "$2"; exit 0; fi

primary() {
  [ "$(psql -h "${PG_SOCKET_DIR:-/var/run/postgresql}" -p "${PGPORT:-5432}" -U "${POSTGRES_USER:-fleet}" \
    -d postgres -XAtc 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]
}
taken() {
  pgbackrest --stanza="${BACKUP_STANZA:-fleet2}" --log-level-console=off --output=json info |
    jq --arg kind "$1" '[.[0].backup[] | select(.annotation.tier == $kind) | .timestamp.stop] | max // 0'
}
trap 'exit 0' TERM INT
while true; do
  pause=60
  if primary; then
    for kind in monthly weekly daily; do
      last=$(taken "$kind") || last=none
      if [ "$last" = none ]; then
        echo "schedule.sh: the repository cannot be read; trying again" >&2
        pause=300
        break
      fi
      if [ "$last" -lt "$(due "$kind")" ] && ! "$scripts/backup-now.sh" "$kind"; then
        echo "schedule.sh: the $kind backup failed; trying again in 10 min" >&2
        pause=600
      fi
    done
    "$scripts/backup-metrics.sh" || true
  fi
  # In the background: a signal ends the wait at once.
  sleep "$pause" &
  wait $!
done
