#!/bin/bash
# wal-gaps.sh: looks whether the archive has every WAL segment since the last good backup, across failovers,
# and fills in what is missing where the primary still has it. Runs beside the primary.
#
# Why there are gaps: with archive_mode=on a standby takes a segment that it has received for archived. When
# the primary dies with finished segments that it had not archived yet, nobody archives them: the new primary
# does not, and no restore leads past them, though all of it stands in the new primary's pg_wal. Prints the
# number of segments that are missing and could not be filled in (0: none), and leaves it for
# backup-metrics.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$here/backup-common.sh"
read_repository
first=$(jq -r '[.backup[] | select(.annotation.verified)] | last | .archive.start // empty' <<<"$repository")
if [ -z "$first" ]; then echo 0; exit 0; fi
# The one that is written now is left out: it is not finished.
last=$(psql_here -c 'SELECT pg_walfile_name(pg_current_wal_lsn())')
history=$(cat "$PGDATA/pg_wal/${last:0:8}.history" 2>/dev/null || true)
push() { pgbackrest_run --no-archive-async archive-push "$PGDATA/pg_wal/$1"; }

missing=0
wanted=$(segment_chain "$first" "$last" "$history" | sed '$d' | sort -u)
there=$(archived_segments)
for name in $(comm -23 <(echo "$wanted") <(echo "$there")); do
  # On its way already.
  if [ -e "$PGDATA/pg_wal/archive_status/$name.ready" ]; then continue; fi
  out='it has it no more'
  if [ -e "$PGDATA/pg_wal/$name" ] && out=$(push "$name"); then
    echo "wal-gaps.sh: $name was missing in the archive, and is filled in" >&2
  else
    echo "wal-gaps.sh: $name is missing in the archive, and the primary cannot fill it in: $out" >&2
    missing=$((missing + 1))
  fi
done
# A timeline's history, too, may have died with the primary that began it.
id=$(jq -r '.archive[-1].id' <<<"$repository")
there=$(pgbackrest_run repo-ls --filter='[.]history$' "archive/$BACKUP_STANZA/$id") || explain "$there"
for path in "$PGDATA"/pg_wal/*.history; do
  name=${path##*/}
  if [ ! -e "$path" ] || [ -e "$PGDATA/pg_wal/archive_status/$name.ready" ]; then continue; fi
  if ! grep -qx "$name" <<<"$there"; then
    out=$(push "$name") || explain "$out"
  fi
done
mkdir -p "$BACKUP_RUN_DIR"
echo "$missing" >"$BACKUP_RUN_DIR/missing"
echo "$missing"
