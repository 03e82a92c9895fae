#!/bin/bash
# backup-metrics.sh: writes fleet2_backup_MEMBER.prom into BACKUP_METRICS_DIR, from the repository itself.
# What was, stands there and not on a host: after a failover the next host says the same. MEMBER is NODE_NAME:
# several may write into one folder. Beside a standby it says only that its scheduler looks.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$(dirname "$0")/backup-common.sh"
[ -n "${BACKUP_METRICS_DIR:-}" ] || exit 0
member=${NODE_NAME:-postgres}
file=$BACKUP_METRICS_DIR/fleet2_backup_$member.prom

# metric NAME HELP: its lines come on standard input, and each gets the member.
metric() {
  echo "# HELP fleet2_backup_$1 $2"
  echo "# TYPE fleet2_backup_$1 gauge"
  sed -E "s/^(\S+) (\S+)\$/fleet2_backup_$1{member=\"$member\",kind=\"\1\"} \2/
    s/^(\S+)\$/fleet2_backup_$1{member=\"$member\"} \1/"
}
# The last success of each kind: KIND VALUE.
of_last() {
  jq -r "[.backup[] | select(.annotation.verified)] | group_by(.annotation.tier)[] |
    max_by(.annotation.verified | tonumber) | \"\(.annotation.tier) \($1)\"" <<<"$found"
}
# The last restore that was tried with success (restore-drill.sh).
drill() {
  local last name
  last=$(jq -c '[.backup[].annotation | select(.drill)] | max_by(.drill | tonumber) // empty' <<<"$found")
  if [ -z "$last" ]; then return; fi
  while read -r name key help; do
    echo "# HELP fleet2_restore_drill_$name $help"
    echo "# TYPE fleet2_restore_drill_$name gauge"
    echo "fleet2_restore_drill_$name{member=\"$member\"} $(jq -r --arg key "$key" '.[$key]' <<<"$last")"
  done <<'END'
last_success_timestamp_seconds drill When a restore was last tried with success.
rto_seconds drill-seconds How long that restore took, with its checks.
rpo_seconds drill-behind How old the last transaction in it was.
END
}
wal() {
  local status="$PGDATA/pg_wal/archive_status" waiting oldest
  waiting=$(find "$status" -name '*.ready' -printf '%T@\n' 2>/dev/null | sort -n)
  oldest=${waiting%%$'\n'*}
  { grep -c . <<<"$waiting" || true; } |
    metric wal_waiting 'WAL segments that are finished and not yet in the archive.'
  if [ -n "$oldest" ]; then oldest=$(($(date +%s) - ${oldest%.*})); fi
  echo "${oldest:-0}" |
    metric wal_lag_seconds 'How long the oldest finished WAL segment waits for the archive.'
  if [ -s "$BACKUP_RUN_DIR/missing" ]; then
    metric wal_missing 'Segments since the last good backup that the archive lacks.' \
      <"$BACKUP_RUN_DIR/missing"
  fi
}
# In a standby region: what the archive has and this has not replayed.
following() {
  local row replayed last id files
  row=$(psql_here -c "SELECT pg_last_wal_replay_lsn() - '0/0',
    extract(epoch FROM pg_last_xact_replay_timestamp())::bigint")
  IFS='|' read -r replayed last <<<"$row"
  id=$(jq -r '.archive[-1].id' <<<"$found")
  files=$(pgbackrest_run --output=json repo-ls --recurse "archive/$BACKUP_STANZA/$id") || return 0
  jq -r --argjson replayed "${replayed:-0}" --argjson now "$(date +%s)" '
    def hex: explode | reduce .[] as $digit (0; . * 16 + if $digit > 57 then $digit - 55 else $digit - 48 end);
    [to_entries[] | select(.key | test("/[0-9A-F]{24}-")) | (.key | split("/")[-1]) as $name |
      {timeline: $name[0:8], number: (($name[8:16] | hex) * 256 + ($name[16:24] | hex)), time: .value.time}] |
    (map(.timeline) | max) as $newest |
    [.[] | select(.timeline == $newest and .number > (($replayed - 1) / 16777216 | floor)) | .time] |
    if length == 0 then 0 else [$now - min, 0] | max end' <<<"$files" |
    metric standby_lag_seconds 'How long the oldest segment waits that the standby region has not replayed.'
  if [ -n "$last" ]; then
    echo "$last" | metric standby_last_transaction_timestamp_seconds \
      'When the last transaction was committed that the standby region has.'
  fi
}
{
  copy=$(undo_folder)/undo-copy
  { if [ -f "$copy" ]; then echo $(($(date +%s) - $(stat -c %Y "$copy"))); else echo 0; fi; } |
    metric undo_copy_open_seconds 'How long the copy of undo.sh has been open; 0: none is.'
  date +%s | metric looked_timestamp_seconds 'When the scheduler beside the member last looked.'
  if is_primary; then
    readable=1
    found=$( (read_repository; echo "$repository") 2>/dev/null) || readable=0
    echo "$readable" | metric repository_ok 'Whether the repository can be read and holds a backup.'
    if [ "$readable" = 1 ]; then
      of_last '.annotation.verified' | metric last_success_timestamp_seconds \
        'When the last backup of the kind had been taken, verified, and laid down as base.tar.gz.'
      of_last '.info.size' | metric size_bytes 'Size of the database in the last good backup of the kind.'
      of_last '(.annotation.verified | tonumber) - .timestamp.start' |
        metric duration_seconds 'How long the last good backup of the kind took, with its checks.'
      drill
    fi
    if [ -s "$BACKUP_RUN_DIR/verified" ]; then
      metric verify_ok 'Whether the last check of the whole repository found it sound.' \
        <"$BACKUP_RUN_DIR/verified"
    fi
    wal
  elif [ -n "${STANDBY_CLUSTER:-}" ]; then
    readable=1
    found=$( (read_repository; echo "$repository") 2>/dev/null) || readable=0
    echo "$readable" | metric repository_ok 'Whether the repository can be read and holds a backup.'
    if [ "$readable" = 1 ]; then following; fi
  fi
} >"$file.new.$$"
chmod 644 "$file.new.$$"
mv "$file.new.$$" "$file"
