#!/bin/bash
# backup-now.sh daily|weekly|monthly: takes a full backup now, verifies it, removes what is past its age.
# `daily` also writes the second, tool-independent format: fleet2/daily/latest/base.tar.gz (backup-tar.sh).
#
#   BACKUP_DUE            the moment that this backup is for, in seconds (schedule.sh); absent: now
#   BACKUP_METRICS_DIR    node_exporter's textfile folder; absent: no metrics
#
# It runs beside the primary: pgBackRest reads the files of the server it is on. One at a time in the whole
# cluster: it holds an advisory lock of the primary in a session of its own, which PostgreSQL lets go when the
# session ends, however it ends. A former primary's lock is worth nothing: it is asked for before each step
# that changes the repository.
#
# A backup is a success once it has been verified and base.tar.gz is in its place; only then is it annotated
# with `verified`, by which the schedule, the metrics and the removal go. What a dead host left half done is
# taken up where it ended. Exit codes: pitr-restore.sh --help; 13: another backup is under way.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$here/backup-common.sh"
kind=${1:-}
case $kind in
  daily) keep_days=7 ;;
  weekly) keep_days=28 ;;
  monthly) keep_days=365 ;;
  *) fail 2 "usage: backup-now.sh daily|weekly|monthly" ;;
esac
find_postgresql
need pgbackrest jq psql pg_basebackup
due=${BACKUP_DUE:-$(now)}

# ---- the lock
# Of this program among PostgreSQL's advisory locks: the letters FL2B.
lock_key=1179398722
coproc LOCK { psql_here 2>&1; }
trap 'kill "$LOCK_PID" 2>/dev/null || true' EXIT
trap 'exit 1' INT TERM
# ask QUESTION: sets `answer` to what the session that holds the lock says; empty once it has ended.
ask() {
  answer=''
  if { echo "$1;" >&"${LOCK[1]}"; } 2>/dev/null; then read -r answer <&"${LOCK[0]}" || answer=''; fi
}
ask "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE pg_try_advisory_lock($lock_key)::text END"
case $answer in
  true) ;;
  false) fail 13 "another backup of $BACKUP_STANZA is under way" "wait: backup-list.sh lists it then" ;;
  standby) fail 2 "the server beside this is a standby" "run it beside the primary" ;;
  *) fail 1 "the server beside this does not answer: $answer" \
    "is it running, and is PG_SOCKET_DIR where its socket is?" ;;
esac
# A lost session means that the server has ended or is no primary any more; who leads now takes the backup.
still_ours() {
  ask 'SELECT pg_is_in_recovery()'
  [ "$answer" = f ] ||
    fail 1 "the server beside this is the primary no more" "nothing: who is beside the new primary takes it"
}

# ---- the backup
say "1/5 Full backup ($kind) …"
out=$(pgbackrest_run stanza-create) || explain "$out"
# Who has just taken over writes its new timeline into pg_control with its first checkpoint, which is spread over
# minutes. Until then pgBackRest takes the WAL for another server's.
ask "SELECT timeline_id = ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
  FROM pg_control_checkpoint()"
if [ "$answer" = f ]; then
  say "  This primary has just taken over: its first checkpoint …"
  psql_here -c CHECKPOINT
fi
info=$(pgbackrest_run --output=json info) || explain "$info"
# What was begun for this very moment, and has not come to its end.
label=''
if [ -n "${BACKUP_DUE:-}" ]; then
  label=$(jq -r --arg kind "$kind" --arg due "$due" '[.[0].backup[] | select(.annotation.tier == $kind
    and .annotation.due == $due and (.annotation.verified | not))] | last.label // empty' <<<"$info")
fi
# When the first backup of this repository was taken; carried on from one to the next (schedule.sh).
since=$(jq -r --arg now "$(now)" '[.[0].backup[].annotation.since // empty] | last // $now' <<<"$info")
if [ -n "$label" ]; then
  echo "  $label is there already: going on with it"
else
  out=$(pgbackrest_run --type=full --annotation=tier="$kind" --annotation=due="$due" \
    --annotation=since="$since" backup) || explain "$out"
fi
read_repository
: "${label:=$(jq -r '.backup[-1].label' <<<"$repository")}"
of_backup() { jq -r --arg set "$label" ".backup[] | select(.label == \$set) | $1" <<<"$repository"; }
damaged=$(of_backup '.error // false')
if [ "$damaged" != false ]; then
  fail 8 "$label holds pages whose checksums are wrong: the database itself is damaged" \
    "docs/disaster-recovery-runbook.md, a damaged backup"
fi

say "2/5 Verifying the repository …"
mkdir -p "$BACKUP_RUN_DIR"
# It exits 0 on corruption, too: its words count.
out=$(pgbackrest_run --output=text --verbose verify) || explain "$out"
if grep -q '^status: ok' <<<"$out"; then
  echo 1 >"$BACKUP_RUN_DIR/verified"
else
  echo 0 >"$BACKUP_RUN_DIR/verified"
  echo "$out" >&2
  fail 8 "the repository is damaged, as said above" "docs/disaster-recovery-runbook.md, a damaged backup"
fi

if [ "$kind" = daily ] && [ -n "${BACKUP_TAR_DIR:-}${BACKUP_S3_BUCKET:-}" ]; then
  say "3/5 base.tar.gz, for any tool …"
  "$here/backup-tar.sh" "$due"
else
  say "3/5 base.tar.gz: not for $kind, or no place is set (BACKUP_TAR_DIR, BACKUP_S3_BUCKET)"
fi

say "4/5 A success: $label"
still_ours
out=$(pgbackrest_run --set="$label" --annotation=verified="$(date +%s)" annotate) || explain "$out"
read_repository

say "5/5 Removing what is past its age …"
# What is older by its kind and a day (a moment seven days ago is reached from the backup before it), and what
# was begun and came to no end two days ago. Never the one just taken.
old=$(jq -r --arg kind "$kind" --arg new "$label" --argjson now "$(now)" --argjson days "$keep_days" '
  def due: (.annotation.due // .timestamp.stop) | tonumber;
  .backup[] | select(.label != $new and (
    (.annotation.tier == $kind and .annotation.verified and due < $now - ($days + 1) * 86400) or
    (.annotation.tier and (.annotation.verified | not) and due < $now - 2 * 86400))) | .label' \
  <<<"$repository")
for each in $old; do
  still_ours
  out=$(pgbackrest_run --set="$each" expire) || explain "$out"
  echo "  removed $each"
done
# WAL since the newest full that is 7 days old: any moment of 7 days can be gone back to, however many fulls
# were taken by hand. An older full keeps the little WAL that makes it consistent.
read_repository
fulls=$(jq --argjson now "$(now)" 'def due: (.annotation.due // .timestamp.stop) | tonumber;
  [.backup[] | select(due >= $now - 7 * 86400)] | length + 1' <<<"$repository")
still_ours
out=$(pgbackrest_run --repo1-retention-archive="$fulls" expire) || explain "$out"
"$here/backup-metrics.sh"
size=$(of_backup .info.size)
took=$(of_backup '(.annotation.verified | tonumber) - .timestamp.start')
say "Done: $label, $((size >> 20)) MB in $took s"
