#!/bin/bash
# backup-tar.sh DUE: writes the second, tool-independent format of a backup, base.tar.gz, for the day of DUE
# (seconds), checks it, and makes it fleet2/daily/latest.
#
#   BACKUP_TAR_DIR        the folder under which fleet2/daily/ comes; with a bucket: room to make it in
#   BACKUP_S3_BUCKET      a bucket instead, with BACKUP_S3_* as for configure.sh; needs aws
#   BACKUP_TAR_SOURCE     connection string of whom pg_basebackup asks: a standby's, so that the primary is
#                         spared; absent: the server beside this
#   REPLICATION_PASSWORD_FILE    the password for it
#
# base.tar.gz holds its own backup_manifest, so that it is ONE file or object: nobody ever reads the data of
# one day with the manifest of another. A reader of latest/base.tar.gz gets the old one or the new one, whole:
# in a folder `latest` is a link that is renamed over the old one, in a bucket an object is replaced as a
# whole, by a copy inside the bucket of what is there and checked already. It holds no WAL: a restore takes
# that from the archive.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$here/backup-common.sh"
day=$(date -u -d "@${1:?usage: backup-tar.sh DUE}" +%Y%m%dT%H%M%SZ)
keep_days=7
find_postgresql
need pg_basebackup jq sha256sum
place=${BACKUP_TAR_DIR:-${TMPDIR:-/tmp}}/fleet2/daily
mkdir -p "$place"
# What a killed one left.
find "$place" -mindepth 1 -maxdepth 1 -name '.new.*' -mmin +1440 -exec rm -rf {} +
new=$(mktemp -d "$place/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' INT TERM

if [ -n "${BACKUP_TAR_SOURCE:-}" ] && [ -n "${REPLICATION_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$REPLICATION_PASSWORD_FILE")
  export PGPASSWORD
fi
own="host=${PG_SOCKET_DIR:-/var/run/postgresql} port=${PGPORT:-5432} user=${POSTGRES_USER:-fleet}"
# To standard output: so the manifest goes into the tar.
pg_basebackup -Ft -X none --manifest-checksums=SHA256 --checkpoint=fast --label="fleet2 $day" -D - \
  -d "${BACKUP_TAR_SOURCE:-$own}" | gzip -3 >"$new/base.tar.gz" ||
  fail 1 "pg_basebackup failed; the backup in the repository is good" \
    "is there room in $place, and may one replicate from ${BACKUP_TAR_SOURCE:-the server beside this}?"

# Every file of the manifest, read back and compared, without room for a second copy.
tar -xzOf "$new/base.tar.gz" backup_manifest >"$new/backup_manifest" ||
  fail 8 "base.tar.gz holds no backup_manifest" "see what pg_basebackup said"
jq -r '.Files[] | select(.Path) | "\(.Checksum)  \(.Path)"' "$new/backup_manifest" | sort >"$new/.wanted"
# One process a file: the names come into one list, and the checksums, in the same order, into another.
tar -xzvf "$new/base.tar.gz" --index-file="$new/.names" --to-command=sha256sum | cut -c1-64 >"$new/.sums"
sed -n 's|^\./||; /\/$/!p' "$new/.names" | paste -d ' ' "$new/.sums" - | sed 's/ /  /' | sort >"$new/.found"
missing=$(comm -23 "$new/.wanted" "$new/.found")
if [ -n "$missing" ] || [ ! -s "$new/.wanted" ]; then
  fail 8 "base.tar.gz is not what its manifest says: $(head -3 <<<"$missing")" "is the disk sound?"
fi
rm "$new"/.[a-z]*

if [ -z "${BACKUP_S3_BUCKET:-}" ]; then
  sync "$new"/*
  rm -rf "${place:?}/$day"
  mv "$new" "$place/$day"
  ln -s "$day" "$place/.latest.$$"
  mv -T "$place/.latest.$$" "$place/latest"
else
  need aws
  secret() { eval "if [ -n \"\${$1_FILE:-}\" ]; then cat \"\${$1_FILE}\"; else printf %s \"\${$1:-}\"; fi"; }
  AWS_ACCESS_KEY_ID=$(secret BACKUP_S3_KEY)
  AWS_SECRET_ACCESS_KEY=$(secret BACKUP_S3_KEY_SECRET)
  # Without a key of ours whatever aws finds by itself: a role of the machine.
  if [ -n "$AWS_ACCESS_KEY_ID" ]; then export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; fi
  export AWS_DEFAULT_REGION=${BACKUP_S3_REGION:-us-east-1}
  s3=(aws)
  if [ -n "${BACKUP_S3_ENDPOINT:-}" ]; then
    case $BACKUP_S3_ENDPOINT in
      http*://*) s3+=(--endpoint-url "$BACKUP_S3_ENDPOINT") ;;
      *) s3+=(--endpoint-url "https://$BACKUP_S3_ENDPOINT") ;;
    esac
  fi
  if [ "${BACKUP_S3_VERIFY_TLS:-y}" = n ]; then s3+=(--no-verify-ssl); fi
  s3+=(s3)
  to=s3://$BACKUP_S3_BUCKET/fleet2/daily
  put() {
    "${s3[@]}" cp --only-show-errors --sse AES256 "$1" "$2" ||
      fail 6 "$2 cannot be written" "see what aws said"
  }
  # The day's own first; then inside the bucket over the old one, which is one step there. The manifest beside
  # it is for people: base.tar.gz has its own, so it may be a moment late.
  put "$new/base.tar.gz" "$to/$day/base.tar.gz"
  put "$new/backup_manifest" "$to/$day/backup_manifest"
  put "$to/$day/base.tar.gz" "$to/latest/base.tar.gz"
  put "$to/$day/backup_manifest" "$to/latest/backup_manifest"
fi

# Days past their age; the names are times.
before=$(date -u -d "@$(($1 - keep_days * 86400))" +%Y%m%dT%H%M%SZ)
if [ -z "${BACKUP_S3_BUCKET:-}" ]; then
  there=$(find "$place" -mindepth 1 -maxdepth 1 -type d -name '2*Z' -printf '%f\n')
else
  there=$("${s3[@]}" ls "$to/" | sed -n 's|^ *PRE \(2[0-9TZ]*\)/$|\1|p')
fi
for each in $there; do
  if [[ $each > $before || $each == "$before" ]]; then continue; fi
  if [ -z "${BACKUP_S3_BUCKET:-}" ]; then
    rm -rf "${place:?}/$each"
  else
    "${s3[@]}" rm --only-show-errors --recursive "$to/$each/" ||
      fail 6 "$to/$each/ cannot be removed" "see what aws said"
  fi
done
