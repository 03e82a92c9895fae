#!/bin/bash
# restore-drill.sh [--last]: restores the newest good backup and all WAL of the archive into a folder below
# BACKUP_DRILL_DIR, checks every table and index, and removes it again: the backups can be restored, and so
# long it takes. Beside the running system, of which nothing is touched; it needs room for the database once
# more. The success is annotated at the backup: when (`drill`), how long it took (`drill-seconds`: the
# measured RTO of the database), and how old the last transaction in it was (`drill-behind`: the measured RPO,
# of a database that is written to). backup-metrics.sh shows them. --last: prints when the last success was,
# in seconds; 0: never.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$here/backup-common.sh"
read_repository
if [ "${1:-}" = --last ]; then
  jq '[.backup[].annotation.drill // "0" | tonumber] | max // 0' <<<"$repository"
  exit 0
fi
: "${BACKUP_DRILL_DIR:?is not set: a folder with room for the database}"
label=$(jq -r '[.backup[] | select(.annotation.verified)] | last | .label // empty' <<<"$repository")
[ -n "$label" ] || fail 10 "there is no good backup yet" "backup-now.sh daily"
mkdir -p "$BACKUP_DRILL_DIR"
# What a killed one left.
find "$BACKUP_DRILL_DIR" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} +
room=$(mktemp -d "$BACKUP_DRILL_DIR/drill.XXXXXX")
trap 'rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

started=$(date +%s)
"$here/pitr-restore.sh" --yes --set "$label" --target-latest -D "$room/data" | tee "$room/said"
ended=$(date +%s)
last=$(sed -n 's/^ *last transaction *\([0-9].*\)$/\1/p' "$room/said")
behind=$((started - $(date -u -d "${last:-@$started}" +%s)))
out=$(pgbackrest_run --set="$label" --annotation=drill="$(now)" \
  --annotation=drill-seconds=$((ended - started)) --annotation=drill-behind=$((behind > 0 ? behind : 0)) \
  annotate) || explain "$out"
say "Restored $label in $((ended - started)) s; its last transaction was $behind s old"
