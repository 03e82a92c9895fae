#!/bin/bash
# backup-metrics.sh [KIND SECONDS]: writes fleet2_backup.prom into BACKUP_METRICS_DIR, from the repository
# itself.
# What was, stands there and not on a host: after a failover the next host says the same.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$(dirname "$0")/backup-common.sh"
[ -n "${BACKUP_METRICS_DIR:-}" ] || exit 0
file=$BACKUP_METRICS_DIR/fleet2_backup.prom
if [ -n "${1:-}" ]; then
  echo "fleet2_backup_duration_seconds{kind=\"$1\"} $2" >"$BACKUP_METRICS_DIR/.duration.$1"
fi
readable=1
found=$( (read_repository; echo "$repository") 2>/dev/null) || readable=0
{
  echo '# HELP fleet2_backup_repository_ok Whether the repository can be read and holds a backup.'
  echo '# TYPE fleet2_backup_repository_ok gauge'
  echo "fleet2_backup_repository_ok $readable"
  if [ "$readable" = 1 ]; then
    echo '# HELP fleet2_backup_last_success_timestamp_seconds When the last good backup of the kind ended.'
    echo '# TYPE fleet2_backup_last_success_timestamp_seconds gauge'
    jq -r '[.backup[] | select(.annotation.tier and (.error | not))] | group_by(.annotation.tier)[] | last |
      "fleet2_backup_last_success_timestamp_seconds{kind=\"\(.annotation.tier)\"} \(.timestamp.stop)"' \
      <<<"$found"
    echo '# HELP fleet2_backup_size_bytes Size of the database in the last good backup of the kind.'
    echo '# TYPE fleet2_backup_size_bytes gauge'
    jq -r '[.backup[] | select(.annotation.tier and (.error | not))] | group_by(.annotation.tier)[] | last |
      "fleet2_backup_size_bytes{kind=\"\(.annotation.tier)\"} \(.info.size)"' <<<"$found"
  fi
  echo '# HELP fleet2_backup_duration_seconds How long the last good backup took here, with its checks.'
  echo '# TYPE fleet2_backup_duration_seconds gauge'
  cat "$BACKUP_METRICS_DIR"/.duration.* 2>/dev/null || true
  echo '# HELP fleet2_backup_wal_waiting WAL segments that are finished and not yet in the archive.'
  echo '# TYPE fleet2_backup_wal_waiting gauge'
  waiting=$(find "${PGDATA:-/var/lib/postgresql/data}/pg_wal/archive_status" -name '*.ready' | wc -l)
  echo "fleet2_backup_wal_waiting $waiting"
} >"$file.new"
chmod 644 "$file.new"
mv "$file.new" "$file"
