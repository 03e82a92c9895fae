#!/bin/bash
# schedule.sh: takes the backups when they are due. One runs beside each PostgreSQL; the one beside the
# primary works, and holds the primary's advisory lock while it does (backup-now.sh).
#
#   schedule.sh           looks every minute
#   schedule.sh once      looks once, does what is due, and ends; 1 when something failed
#   schedule.sh due KIND  prints the last moment at which KIND was due
#   schedule.sh health    0 while it lives and says so
#   schedule.sh pulse     writes the metrics every minute (its own)
#
# Times are UTC, which knows no summer: daily 02:00, weekly Sunday 03:00, monthly on the 1st 04:00; a restore
# is tried on Sunday 05:00 where BACKUP_DRILL_DIR says in which folder (restore-drill.sh).
# What is due is asked of the repository (is there a good backup for this moment?), so that no state dies with
# a host, a missed time is made up for once, and nothing is taken twice. Each backup is annotated with the
# moment that it is for: one that began late still is that day's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scripts=${BACKUP_SCRIPTS:-$here/../scripts}
# shellcheck source-path=SCRIPTDIR source=../scripts/backup-common.sh
. "$scripts/backup-common.sh"
looked=$BACKUP_RUN_DIR/looked
# Seconds between two looks, and after a failure before the same is tried again.
pause=60 again=600

# due KIND: the last moment at which it should have been taken, in seconds. UTC.
due() {
  local now day moment
  now=$(now)
  day=$(date -u -d "@$now" +%F)
  case $1 in
    daily) moment=$(date -u -d "$day 02:00" +%s) ;;
    weekly) moment=$(($(date -u -d "$day 03:00" +%s) - $(date -u -d "$day" +%w) * 86400)) ;;
    drill) moment=$(($(date -u -d "$day 05:00" +%s) - $(date -u -d "$day" +%w) * 86400)) ;;
    monthly) moment=$(date -u -d "${day%-*}-01 04:00" +%s) ;;
    *) fail 2 "no kind of backup: $1" "daily, weekly, monthly or drill" ;;
  esac
  if [ "$moment" -gt "$now" ]; then
    case $1 in
      daily) moment=$((moment - 86400)) ;;
      weekly | drill) moment=$((moment - 604800)) ;;
      monthly) moment=$(date -u -d "${day%-*}-01 04:00 1 month ago" +%s) ;;
    esac
  fi
  echo "$moment"
}

# For which moment the last good one of a kind was. In a new repository the first daily backup stands for all
# kinds until their time comes again: three of the same data would say nothing more.
taken() {
  jq --arg kind "$1" 'def due: (.annotation.due // .timestamp.stop) | tonumber;
    [.[0].backup[]? | select(.annotation.verified)] |
    ([.[] | select(.annotation.tier == $kind) | due] | max) //
    (if $kind == "daily" then 0 else last.annotation.since // "9999999999" | tonumber end)' <<<"$info"
}

declare -A not_before=()
failed=0
# attempt NAME COMMAND...: unless it failed a short time ago.
attempt() {
  local name=$1
  shift
  if [ "$(now)" -lt "${not_before[$name]:-0}" ]; then return; fi
  # In the background: a signal ends it at once, with all that it has started.
  setsid "$@" &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=''
  if [ "$code" = 0 ]; then return; fi
  failed=1
  not_before[$name]=$(($(now) + again))
  echo "schedule.sh: $name failed; trying again in $((again / 60)) min" >&2
}

look() {
  local kind moment
  if is_primary; then
    if info=$(pgbackrest_run --output=json info); then
      for kind in daily weekly monthly; do
        moment=$(due "$kind")
        if [ "$(taken "$kind")" -ge "$moment" ]; then continue; fi
        attempt "the $kind backup" env BACKUP_DUE="$moment" "$scripts/backup-now.sh" "$kind"
        info=$(pgbackrest_run --output=json info) || break
      done
      # What a failover left out is filled in while the new primary still has it.
      attempt "the look for gaps in the archive" "$scripts/wal-gaps.sh" >/dev/null
      if [ "${BACKUP_DRILL_DIR:-none}" != none ] &&
        [ "$("$scripts/restore-drill.sh" --last)" -lt "$(due drill)" ]; then
        attempt "the restore drill" "$scripts/restore-drill.sh"
      fi
    else
      failed=1
      echo "schedule.sh: the repository cannot be read: ${info:0:300}" >&2
    fi
  fi
}
# Also while a backup lasts, which may be hours.
pulse() {
  "$scripts/backup-metrics.sh" || true
  : >"$looked"
}

child='' pulsing=''
leave() {
  if [ -n "$child" ]; then kill -- "-$child" 2>/dev/null || true; fi
  if [ -n "$pulsing" ]; then kill -- "-$pulsing" 2>/dev/null || true; fi
  exit 0
}
case ${1:-} in
  due) due "${2:-}"; exit 0 ;;
  health)
    [ -n "$(find "$looked" -mmin -5 2>/dev/null)" ]
    exit ;;
  pulse) while true; do pulse; sleep "$pause"; done ;;
esac
find_postgresql
mkdir -p "$BACKUP_RUN_DIR"
"$here/configure.sh" "$PGBACKREST_CONFIG"
trap leave TERM INT
if [ "${1:-}" = once ]; then
  look
  pulse
  exit "$failed"
fi
setsid "$0" pulse &
pulsing=$!
while true; do
  look
  sleep "$pause" &
  wait $!
done
