#!/bin/bash
# pitr-restore.sh [OPTIONS]: restores the database to a moment, into a folder of its own, and checks what came
# out. Options: --help.
# It restores beside the target and moves into place at the end: whatever goes wrong, what was there is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$here/backup-common.sh"

usage() {
  cat <<'END'
pitr-restore.sh: restores the database to a moment, and checks what came out.

From where
  -b FILE              base.tar.gz, which holds its backup_manifest (an older one has it beside it);
                       absent: a backup of pgBackRest's repository
  -s BUCKET            the bucket of the repository (default: as configured)
  --set LABEL          the backup to start from (backup-list.sh); default: the newest that is old enough
To which moment
  --target-latest      all that the archive has (default)
  --target-time TIME   such as '2026-11-28 14:05:00+00'; say the zone
  --target-name NAME   a point made by pg_create_restore_point
  --target-lsn LSN     such as 0/3000148
  --timeline TLI       latest (default), current (the backup's own), or a number
To where
  -D DIR               the folder (default: $PGDATA); empty, or not there
  --overwrite DIR      the same folder again: it holds data, and may be replaced.
                       What it holds is moved to DIR.before-…, not deleted
How
  --verify-only        checks the backup and the archive, restores nothing
  --dry-run            says what would be done
  --yes                asks nothing
  --database NAME      whose rows are counted (default fleet)

Exit codes: 0 done; 1 something unforeseen; 2 usage; 3 the folder holds data; 4 a server runs on the folder;
5 too little space; 6 the repository cannot be read; 7 wrong key; 8 the backup is corrupt; 9 WAL is missing;
10 nothing leads to that moment; 11 restored, but the check of its data failed; 12 you said no.
END
}

tarball='' bucket='' label='' kind=latest target='' timeline=latest folder=${PGDATA:-}
overwrite='' verify_only='' dry_run=''
yes='' database=${POSTGRES_DB:-fleet}
while [ $# -gt 0 ]; do
  option=$1
  case $option in
    -h | --help) usage; exit 0 ;;
    --target-latest) kind=latest; shift; continue ;;
    --verify-only) verify_only=1; shift; continue ;;
    --dry-run) dry_run=1; shift; continue ;;
    --yes) yes=1; shift; continue ;;
    -b | -s | -D | --set | --target-time | --target-name | --target-lsn \
      | --timeline | --overwrite | --database) ;;
    *) fail 2 "unknown option $option" "see --help" ;;
  esac
  [ -n "${2:-}" ] || fail 2 "$option wants a value" "see --help"
  case $option in
    -b) tarball=$2 ;;
    -s) bucket=$2 ;;
    -D) folder=$2 ;;
    --set) label=$2 ;;
    --timeline) timeline=$2 ;;
    --overwrite) overwrite=$2 ;;
    --database) database=$2 ;;
    --target-*)
      [ "$kind" = latest ] || fail 2 "two targets: --target-$kind and $option" "give one"
      kind=${option#--target-} target=$2 ;;
  esac
  shift 2
done

case $kind in
  time)
    target_seconds=$(date -u -d "$target" +%s 2>/dev/null) ||
      fail 2 "--target-time: \"$target\" is no time" "such as '2026-11-28 14:05:00+00'"
    [[ $target =~ ([+-][0-9]{2}(:?[0-9]{2})?|Z|UTC)$ ]] ||
      fail 2 "--target-time: \"$target\" has no zone, and an hour's mistake is an hour's loss" \
        "append +00 for UTC" ;;
  lsn) [[ $target =~ ^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$ ]] ||
    fail 2 "--target-lsn: \"$target\" is no position" "such as 0/3000148" ;;
  name) [[ $target =~ ^[^\'\\]{1,63}$ ]] ||
    fail 2 "--target-name: \"$target\" is no name of a restore point" \
      "up to 63 characters without ' and \\" ;;
esac
[[ $timeline =~ ^(latest|current|[1-9][0-9]*)$ ]] ||
  fail 2 "--timeline: \"$timeline\" is neither latest, current nor a number"
if [ "$(id -u)" = 0 ]; then
  fail 2 "PostgreSQL does not run as root" \
    "run it as PostgreSQL's own user: setpriv --reuid=postgres --regid=postgres --clear-groups $0 …"
fi
find_postgresql
need pgbackrest jq pg_ctl psql pg_controldata pg_amcheck pg_verifybackup
if [ -n "$bucket" ]; then export PGBACKREST_REPO1_S3_BUCKET=$bucket; fi

# ---- what there is
if [ -n "$tarball" ]; then
  [ -r "$tarball" ] || fail 2 "-b: $tarball cannot be read" "download it: docs/disaster-recovery-runbook.md"
  # Its own: what stands beside it may be of another day.
  manifest_copy=$(mktemp)
  trap 'rm -f "$manifest_copy"' EXIT
  tar -xzOf "$tarball" backup_manifest >"$manifest_copy" 2>/dev/null ||
    # As whoever packs a folder anew names it.
    tar -xzOf "$tarball" ./backup_manifest >"$manifest_copy" 2>/dev/null ||
    cp "$(dirname "$tarball")/backup_manifest" "$manifest_copy" 2>/dev/null ||
    fail 8 "-b: no backup_manifest is in $tarball or beside it, so nothing could show that it is whole" \
      "download it anew, or take an older one"
fi
read_repository
if [ -n "$tarball" ]; then
  source_text="$tarball and the WAL archive of $BACKUP_STANZA"
  bytes=$(jq '[.Files[].Size] | add' "$manifest_copy") ||
    fail 8 "backup_manifest is no JSON: it is damaged"
  begin=$(jq -r '.["WAL-Ranges"][-1]["End-LSN"]' "$manifest_copy")
else
  if [ -n "$label" ]; then
    chosen=$(jq -c --arg set "$label" '.backup[] | select(.label == $set)' <<<"$repository")
    [ -n "$chosen" ] || fail 10 "there is no backup $label" "backup-list.sh names those that are there"
  else
    chosen=$(jq -c --argjson until "${target_seconds:-9999999999}" \
      '[.backup[] | select(.timestamp.stop <= $until and (.error | not))] | last // empty' <<<"$repository")
    [ -n "$chosen" ] || fail 10 "$target is before the first backup, which ended at $(
      jq -r '.backup[0].timestamp.stop | strftime("%Y-%m-%d %H:%M:%S+00")' <<<"$repository")" \
      "choose a later moment; backup-list.sh shows what there is. Nothing was changed"
  fi
  label=$(jq -r .label <<<"$chosen")
  bytes=$(jq .info.size <<<"$chosen")
  begin=$(jq -r .lsn.stop <<<"$chosen")
  ended=$(jq -r '.timestamp.stop | strftime("%Y-%m-%d %H:%M:%S+00")' <<<"$chosen")
  source_text="backup $label of $BACKUP_STANZA, ended $ended"
  if [ "$kind" = time ] && [ "$(jq .timestamp.stop <<<"$chosen")" -gt "$target_seconds" ]; then
    fail 10 "backup $label ended after $target: it can lead only to later moments" "leave --set out"
  fi
fi
if [ "$kind" = time ] && [ "$target_seconds" -gt "$(date +%s)" ]; then
  fail 10 "$target has not come yet" "it is $(date -u '+%Y-%m-%d %H:%M:%S+00') now"
fi

if [ -n "$verify_only" ]; then
  say "Checking every file and WAL segment of the repository …"
  # It exits 0 on corruption, too: its words count.
  report=$(pgbackrest --stanza="$BACKUP_STANZA" \
    --log-level-console=off --output=text --verbose verify 2>&1) || explain "$report"
  echo "$report"
  grep -q '^status: ok' <<<"$report" ||
    fail 8 "the repository is damaged, as said above" "take a new backup now: backup-now.sh daily"
  if [ -n "$tarball" ]; then
    room=$(mktemp -d "${TMPDIR:-/tmp}/verify.XXXXXX")
    trap 'rm -rf "$room" "$manifest_copy"' EXIT
    tar -xzf "$tarball" -C "$room" ||
      fail 8 "$tarball does not unpack" "take an older one, or the repository's (without -b)"
    pg_verifybackup -n -m "$manifest_copy" "$room" ||
      fail 8 "$tarball is not what its manifest says"
  fi
  say "All is whole."
  exit 0
fi

# ---- to where
[ -n "$folder" ] || fail 2 "no folder" "-D DIR"
folder=$(realpath -m "$folder")
parent=$(dirname "$folder")
if [ ! -d "$parent" ] || [ ! -w "$parent" ]; then
  fail 2 "$parent is not there, or $(id -un) may not write in it: the restore is made beside the folder" \
    "choose another with -D"
fi
if [ -f "$folder/postmaster.pid" ] && kill -0 "$(head -1 "$folder/postmaster.pid")" 2>/dev/null; then
  fail 4 "a server (process $(head -1 "$folder/postmaster.pid")) runs on $folder" \
    "stop it first, under Patroni by stopping Patroni; nothing was changed"
fi
holds_data() { [ -e "$folder" ] && { [ ! -d "$folder" ] || [ -n "$(ls -A "$folder")" ]; }; }
if holds_data && { [ -z "$overwrite" ] || [ "$(realpath -m "$overwrite")" != "$folder" ]; }; then
  fail 3 "$folder holds data" \
    "choose an empty folder with -D, or say --overwrite $folder as well: it is then moved aside, not deleted"
fi
free=$(($(df --output=avail -B1 "$parent" | tail -1)))
# The data, and a tenth, and room for WAL.
wanted=$((bytes + bytes / 10 + ${RESTORE_WAL_ROOM_BYTES:-268435456}))
if [ "$free" -lt "$wanted" ]; then
  fail 5 "$parent has $((free >> 20)) MB free, and the restore wants $((wanted >> 20)) MB" \
    "free space, or choose another place with -D; nothing was changed"
fi
aside=$folder.before-$(date -u +%Y%m%dT%H%M%SZ)

cat <<END
This will be done:
  from       $source_text
  to         $kind${target:+ $target}, timeline $timeline
  into       $folder$(if holds_data; then echo " (what it holds is moved to $aside)"; fi)
  size       $((bytes >> 20)) MB; $((free >> 20)) MB are free
No running server is touched, and nothing is written to the repository.
END
if [ -n "$dry_run" ]; then echo "--dry-run: nothing was done."; exit 0; fi
if [ -z "$yes" ]; then
  read -r -p "Go on? Type yes: " answer || answer=''
  [ "$answer" = yes ] || fail 12 "not done: you did not say yes"
fi

# ---- the restore
started=$(date +%s)
work=$(mktemp -d "$parent/.$(basename "$folder").restoring.XXXXXX")
data=$work/data
mkdir -m 700 "$data" "$work/socket"
server=''
finish() {
  if [ -n "$server" ]; then pg_ctl -D "$data" -m immediate stop >/dev/null 2>&1 || true; fi
  rm -rf "$work" "${manifest_copy:-}"
}
trap finish EXIT
trap 'exit 1' INT TERM

say "1/4 Restoring the files …"
if [ -n "$tarball" ]; then
  out=$(tar -xzf "$tarball" -C "$data" 2>&1) || case $out in
    *"No space"*) explain "No space left on device" ;;
    *) fail 8 "$tarball does not unpack: ${out:0:300}" \
      "take an older one, or the repository's (without -b); nothing was changed" ;;
  esac
  out=$(pg_verifybackup -n -m "$manifest_copy" "$data" 2>&1) ||
    fail 8 "$tarball is not what its manifest says: ${out:0:300}" \
      "take an older one, or the repository's (without -b); nothing was changed"
else
  (while sleep 5; do say "    $(du -sm "$data" 2>/dev/null | cut -f1) of $((bytes >> 20)) MB"; done) &
  progress=$!
  restored=0
  out=$(pgbackrest --stanza="$BACKUP_STANZA" --pg1-path="$data" --set="$label" --type=none \
    --log-level-console=off --log-level-stderr=error restore 2>&1) || restored=$?
  kill "$progress" 2>/dev/null || true
  if [ "$restored" != 0 ]; then explain "$out"; fi
fi

say "2/4 Replaying WAL up to: $kind${target:+ $target} …"
# Before PostgreSQL starts: the backup's own.
backup_timeline=$(pg_controldata "$data" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")
control() { pg_controldata "$data" | sed -n "s/^$1 setting: *//p"; }
# A configuration of its own: no address of the old cluster, no archiving into the repository, nobody to wait
# for.
cat >"$work/postgresql.conf" <<END
data_directory = '$data'
hba_file = '$work/hba.conf'
listen_addresses = ''
unix_socket_directories = '$work/socket'
archive_mode = off
synchronous_standby_names = ''
hot_standby = on
timezone = 'UTC'
log_timezone = 'UTC'
max_connections = $(control max_connections)
max_worker_processes = $(control max_worker_processes)
max_wal_senders = $(control max_wal_senders)
max_prepared_transactions = $(control max_prepared_xacts)
max_locks_per_transaction = $(control max_locks_per_xact)
END
echo 'local all all trust' >"$work/hba.conf"
recovery=(
  "restore_command=pgbackrest --stanza=$BACKUP_STANZA --pg1-path=$data archive-get %f \"%p\""
  "recovery_target_timeline=$timeline" recovery_target_action=promote primary_conninfo= primary_slot_name=
  recovery_target_time= recovery_target_name= recovery_target_lsn= recovery_target_xid= recovery_target=
)
if [ "$kind" != latest ]; then recovery+=("recovery_target_$kind=$target"); fi
touch "$data/recovery.signal"
rm -f "$data/standby.signal" "$data/postmaster.pid"
arguments=(-D "$data" -c "config_file=$work/postgresql.conf")
for setting in "${recovery[@]}" listen_addresses= archive_mode=off synchronous_standby_names= \
  "unix_socket_directories=$work/socket" port=5432; do
  arguments+=(-c "$setting")
done
postgres "${arguments[@]}" >"$work/log" 2>&1 &
server=$!
# Of the archive's segments those that the restore should come to.
of_timeline() {
  case $timeline in
    latest) cat ;;
    current) grep "^$(printf %08X "$backup_timeline")" || true ;;
    *) grep "^$(printf %08X "$timeline")" || true ;;
  esac
}
owner=${POSTGRES_USER:-fleet}
sql() { psql -h "$work/socket" -p 5432 -U "$owner" -d "$1" -XAtq -v ON_ERROR_STOP=1 -c "$2"; }
said=$(date +%s)
until [ "$(sql postgres 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do
  if ! kill -0 "$server" 2>/dev/null; then
    server=''
    log=$(grep -E 'FATAL|PANIC|ERROR' "$work/log" | tail -5 || true)
    case $log in
      *"before configured recovery target was reached"*)
        fail 9 "the archive ends before $kind $target: the last transaction in it is of $(
          sed -n 's/.*last completed transaction was at log time //p' "$work/log" | tail -1)" \
          "WAL is missing: choose an earlier moment, or --target-latest; nothing was changed" ;;
      *"requested recovery stop point is before consistent recovery point"*)
        fail 10 "$kind $target is before this backup ended" \
          "take an older one: --set, or leave -b out; nothing was changed" ;;
      *"is not a child of this server's history"* | *"recovery target timeline"*"does not exist"*)
        fail 10 "timeline $timeline does not come from this backup: $log" \
          "--timeline latest, or an older backup with --set; nothing was changed" ;;
      *"could not locate required checkpoint"* | *"could not locate a valid checkpoint"* \
        | *"WAL ends before"*)
        fail 9 "the WAL that makes this backup consistent is missing from the archive" \
          "choose another backup with --set; nothing was changed" ;;
      *) fail 1 "PostgreSQL did not recover: $(tail -8 "$work/log")" "nothing was changed" ;;
    esac
  fi
  if [ $(($(date +%s) - said)) -ge 5 ]; then
    said=$(date +%s)
    say "    $(grep -o 'restored log file "[0-9A-F]*"' "$work/log" | tail -1)"
  fi
  sleep 0.3
done
# At a gap recovery ends as if that were all: what the archive holds beyond it, on the timeline that was asked
# for, shows the gap.
if [ "$kind" = latest ]; then
  newest=$(archived_segments | of_timeline | tail -1)
  reached=$(grep -o 'restored log file "[0-9A-F]\{24\}"' "$work/log" | tail -1 | cut -d'"' -f2 || true)
  if [[ -n $newest && ${reached:-0} < $newest ]]; then
    fail 9 "the archive has WAL up to $newest, but after ${reached:-none} a segment is missing" \
      "restore to a moment before the gap: --target-time '$(
        sed -n 's/.*last completed transaction was at log time //p' "$work/log" |
          tail -1)'; nothing was changed"
  fi
fi
last=$(sed -n 's/.*last completed transaction was at log time //p' "$work/log" | tail -1)
position=$(sed -n 's/.*redo done at \([0-9A-F/]*\).*/\1/p' "$work/log" | tail -1)

say "3/4 Checking the data: every table and index …"
out=$(pg_amcheck -h "$work/socket" -p 5432 -U "$owner" --all --install-missing --heapallindexed 2>&1) || {
  trap - EXIT
  pg_ctl -D "$data" -m fast stop >/dev/null
  fail 11 "pg_amcheck found damage in what was restored, which is kept in $data: ${out:0:800}" \
    "restore from another backup: --set, or -b"
}
counts="  there is no database $database"
if [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname = '${database//\'/\'\'}'")" = 1 ]; then
  counts=$(sql "$database" "SELECT format('%10s  %I.%I', (xpath('/row/n/text()', query_to_xml(
    format('SELECT count(*) AS n FROM %I.%I', n.nspname, c.relname), false, true, '')))[1]::text,
    n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY n.nspname, c.relname")
fi

say "4/4 Moving it into place …"
pg_ctl -D "$data" -m fast stop >/dev/null
server=''
if holds_data; then mv "$folder" "$aside"; elif [ -d "$folder" ]; then rmdir "$folder"; fi
mv "$data" "$folder"

new_timeline=$(pg_controldata "$folder" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")
cat <<END

Restored in $(($(date +%s) - started)) s into $folder
  recovered to         $position (the backup itself: $begin), timeline $new_timeline
  last transaction     ${last:-none after the backup}
  pg_amcheck           no damage found
Rows in $database:
${counts:-  no tables}

To make it the new Patroni cluster (docs/disaster-recovery-runbook.md):
  1. on every member: stop Patroni
  2. patronictl remove fleet2                 (its old state in etcd; asks you to type it out)
  3. $folder as the data folder of ONE member; start Patroni there: it takes the data as they are and leads
  4. empty the data folders of the others and start Patroni there: they copy from the first
  5. take a backup at once: backup-now.sh daily
END
