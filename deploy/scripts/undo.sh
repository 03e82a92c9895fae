#!/bin/bash
# undo.sh open|status|close: a copy of the database as it was at a moment, running beside the system, for
# `npm run undo` to take rows of one organisation from. Options: --help.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$here/backup-common.sh"

usage() {
  cat <<'END'
undo.sh: a copy of the database as it was at a moment, beside the running system.

  undo.sh open --target-time TIME [OPTIONS]   restores it aside, checks it and starts it
  undo.sh status [-D DIR]                     is one open, of which moment, how large
  undo.sh close [-D DIR]                      stops it and removes its files

  --target-time TIME   the moment just before the mistake, such as '2026-11-28 14:05:00+00'; say the zone.
                       --target-name, --target-lsn, --set, --timeline, -b, -s, --database, --yes:
                       as in pitr-restore.sh
  -D DIR               where (default $UNDO_DIR, or `undo` beside $BACKUP_DRILL_DIR): room for the database
                       once more
  --listen HOST:PORT   over TCP, too; without it by the socket in DIR/socket alone
  --help

The copy takes no changes, archives nothing, and asks for the passwords of its moment. Whoever knows none of
them sees nothing in it; the serving role sees one organisation at a time.

Exit codes: 0 done; 2 usage; 3 a copy is open already, or DIR holds something else; 13 the copy did not start;
14 no copy is open; the others as pitr-restore.sh.
END
}

verb=${1:-}
[ $# -eq 0 ] || shift
folder=$(undo_folder)
listen='' moment='' restore=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) verb=--help; shift; continue ;;
    --yes) restore+=("$1"); shift; continue ;;
  esac
  [ -n "${2:-}" ] || fail 2 "$1 wants a value" "see --help"
  case $1 in
    -D) folder=$2 ;;
    --listen) listen=$2 ;;
    --target-time | --target-name | --target-lsn) moment=$2 restore+=("$1" "$2") ;;
    -b | -s | --set | --timeline | --database) restore+=("$1" "$2") ;;
    *) fail 2 "unknown option $1" "see --help" ;;
  esac
  shift 2
done
case $verb in
  -h | --help) usage; exit 0 ;;
  open | status | close) ;;
  *) fail 2 "say open, status or close" "see --help" ;;
esac
[[ -z $listen || $listen =~ ^[a-zA-Z0-9._*-]+:[0-9]{2,5}$ ]] ||
  fail 2 "--listen: \"$listen\" is not HOST:PORT" "such as 127.0.0.1:5499"
[ -n "$folder" ] || fail 2 "no folder" "-D DIR"
folder=$(realpath -m "$folder")
[[ $folder =~ ^[A-Za-z0-9._/-]+$ ]] ||
  fail 2 "-D: \"$folder\" has other characters than letters, digits and . _ / -" "choose another folder"
mark=$folder/undo-copy
find_postgresql
runs() { pg_ctl -D "$folder/data" status >/dev/null 2>&1; }

describe() {
  echo "A copy of $(cat "$mark") is in $folder ($(du -sm "$folder" | cut -f1) MB), $(
    if runs; then echo running; else echo stopped; fi)."
}

case $verb in
  status)
    [ -f "$mark" ] || fail 14 "no copy is open in $folder"
    describe
    exit 0 ;;
  close)
    [ -f "$mark" ] || fail 14 "no copy is open in $folder, and nothing was removed"
    if runs; then pg_ctl -D "$folder/data" -m immediate stop >/dev/null; fi
    rm -rf "$folder"
    echo "Closed: $folder is gone."
    exit 0 ;;
esac

# ---- open
[ -n "$moment" ] || fail 2 "no moment: there is nothing to undo in what is now" \
  "--target-time, the moment just before the mistake"
[[ $moment != *$'\n'* ]] || fail 2 "the moment is more than one line"
if [ -f "$mark" ]; then
  fail 3 "$(describe)" "undo.sh close first"
elif [ -e "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
  fail 3 "$folder holds something that is no copy" "choose another folder with -D"
fi
need pg_ctl postgres
mkdir -p "$folder"
# Others may pass through to the socket, and see nothing else.
chmod 711 "$folder"
kept=''
finish() { if [ -z "$kept" ]; then rm -rf "$folder"; fi; }
trap finish EXIT
trap 'exit 1' INT TERM
# How to make a cluster of it, which it ends with, is not what this copy is for.
"$here/pitr-restore.sh" -D "$folder/data" "${restore[@]}" | sed -u '/^To make it the new Patroni cluster/,$d'
mkdir -m 711 "$folder/socket"
host=${listen%:*} port=${listen##*:}
# A throw-away copy, so without fsync. What was set by ALTER SYSTEM is the old cluster's.
: >"$folder/data/postgresql.auto.conf"
cat >"$folder/postgresql.conf" <<END
data_directory = '$folder/data'
hba_file = '$folder/hba.conf'
listen_addresses = '${listen:+$host}'
port = ${port:-5432}
unix_socket_directories = '$folder/socket'
unix_socket_permissions = 0777
password_encryption = 'scram-sha-256'
archive_mode = off
fsync = off
default_transaction_read_only = on
max_connections = 20
timezone = 'UTC'
log_timezone = 'UTC'
fleet2.restored_to = '${moment//\'/\'\'}'
END
echo "local all all scram-sha-256
host all all all scram-sha-256" >"$folder/hba.conf"
# It is no standby, whatever the restored folder says.
rm -f "$folder/data/recovery.signal" "$folder/data/standby.signal"
pg_ctl -D "$folder/data" -w -t 60 -l "$folder/log" \
  -o "-c config_file=$folder/postgresql.conf" start >/dev/null ||
  fail 13 "the copy did not start: $(tail -5 "$folder/log")" "nothing else was changed"
echo "$moment" >"$mark"
kept=1
cat <<END
Open: the database as it was at $moment, in $folder.
What differs from it now (docs/disaster-recovery-runbook.md, "A wrong click"):
  npm run undo -- compare --copy ${listen:-$folder/socket} --organisation ID
Afterwards, because it takes room and holds everybody's data:
  undo.sh close -D $folder
END
