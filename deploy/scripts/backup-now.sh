#!/bin/bash
# backup-now.sh daily|weekly|monthly: takes a full backup now, verifies it, removes what is past its age.
# `daily` also writes the second, tool-independent format: fleet2/daily/latest/base.tar.gz with
# backup_manifest.
#
#   BACKUP_TAR_DIR        the folder under which fleet2/daily/latest/ comes (or the bucket BACKUP_S3_BUCKET,
# by aws)
#   BACKUP_TAR_SOURCE     connection string of whom pg_basebackup asks: a standby's, so that the primary is
# spared
#   BACKUP_METRICS_DIR    node_exporter's textfile folder; absent: no metrics
#
# It runs beside the primary: pgBackRest reads the files of the server it is on. Exit codes: pitr-restore.sh
# --help.
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
need pgbackrest jq pg_basebackup pg_verifybackup
started=$(date +%s)
pgbackrest_run() {
  pgbackrest --stanza="$BACKUP_STANZA" --log-level-console=off --log-level-stderr=error "$@" 2>&1
}

say "1/4 Full backup ($kind) …"
out=$(pgbackrest_run stanza-create) || explain "$out"
out=$(pgbackrest_run --type=full --annotation=tier="$kind" backup) || explain "$out"
read_repository
label=$(jq -r '.backup[-1].label' <<<"$repository")

say "2/4 Verifying the repository …"
# It exits 0 on corruption, too: its words count.
out=$(pgbackrest_run --output=text --verbose verify) || explain "$out"
if ! grep -q '^status: ok' <<<"$out"; then
  echo "$out" >&2
  fail 8 "the repository is damaged, as said above" "docs/disaster-recovery-runbook.md, a damaged backup"
fi

if [ "$kind" = daily ] && [ -n "${BACKUP_TAR_DIR:-}${BACKUP_S3_BUCKET:-}" ]; then
  say "3/4 base.tar.gz, for any tool …"
  day=$(date -u +%Y%m%dT%H%M%SZ)
  place=${BACKUP_TAR_DIR:-${TMPDIR:-/tmp}}/fleet2/daily
  mkdir -p "$place"
  new=$(mktemp -d "$place/.new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  # No WAL in it: it comes from the archive, which a restore needs anyway.
  own="host=${PG_SOCKET_DIR:-/var/run/postgresql} port=${PGPORT:-5432} user=${POSTGRES_USER:-fleet}"
  pg_basebackup -Ft -z -X none --no-sync --manifest-checksums=SHA256 --checkpoint=fast \
    --label="fleet2 $day" -D "$new" -d "${BACKUP_TAR_SOURCE:-$own}" ||
    fail 1 "pg_basebackup failed; the backup $label in the repository is good" \
      "may $(id -un) replicate from BACKUP_TAR_SOURCE?"
  if [ -n "${BACKUP_S3_BUCKET:-}" ]; then
    need aws
    to=s3://$BACKUP_S3_BUCKET/fleet2/daily
    for name in "$day" latest; do
      aws s3 cp --only-show-errors --sse --recursive "$new" "$to/$name/" ||
        fail 6 "$to/$name/ cannot be written" "see what aws said"
    done
  else
    sync "$new"/*
    mv "$new" "$place/$day"
    ln -s "$day" "$place/.latest.$$"
    # A rename: `latest` is a whole backup at any moment.
    mv -T "$place/.latest.$$" "$place/latest"
    find "$place" -mindepth 1 -maxdepth 1 -type d -name '2*Z' -mtime +7 ! -name "$day" -exec rm -rf {} +
  fi
else
  say "3/4 base.tar.gz: not for $kind"
fi

say "4/4 Removing what is past its age …"
old=$(jq -r --arg kind "$kind" --argjson before "$((started - keep_days * 86400))" --arg new "$label" \
  '.backup[] | select(.annotation.tier == $kind and .timestamp.stop < $before and .label != $new) | .label' \
  <<<"$repository")
for each in $old; do
  out=$(pgbackrest_run --set="$each" expire) || explain "$out"
  echo "  removed $each"
done
out=$(pgbackrest_run expire) || explain "$out"
"$here/backup-metrics.sh" "$kind" "$(($(date +%s) - started))"
size=$(jq '.backup[-1].info.size' <<<"$repository")
say "Done: $label, $((size >> 20)) MB in $(($(date +%s) - started)) s"
