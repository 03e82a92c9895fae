#!/bin/sh
# configure.sh FILE: writes pgBackRest's configuration to FILE (mode 0600), from variables; a secret X comes
# from X or from the file X_FILE.
#
#   BACKUP_REPO_PATH      where in the repository (default /var/lib/fleet2-backup/pgbackrest; in a bucket
#                         /pgbackrest)
#   BACKUP_CIPHER_PASS    the repository's key, required: without it a backup cannot be read, and nobody can
#                         make it up again
#   BACKUP_S3_BUCKET      a bucket; absent: the repository is a folder
#   BACKUP_S3_ENDPOINT, BACKUP_S3_REGION, BACKUP_S3_KEY, BACKUP_S3_KEY_SECRET
#                         where the bucket is, and who asks
#   BACKUP_S3_VERIFY_TLS  y (default) or n, for tests only
#   BACKUP_QUEUE_MAX      finished WAL that may wait for a repository that is away (default 8GB, as a slot of
#                         a replica that is away). Past it segments are let go, so that the primary's disk
#                         does not fill: the archive has a gap then (fleet2_backup_wal_missing), and the next
#                         full backup is the first from which later moments can be reached
#   BACKUP_RUN_DIR        locks, and what is on its way (default /tmp/pgbackrest)
#   PGDATA, PG_SOCKET_DIR, POSTGRES_USER    the server beside it
set -eu
target=${1:?usage: configure.sh FILE}

# secret NAME: the variable, or the contents of the file that NAME_FILE names.
secret() {
  eval "file=\${$1_FILE:-} value=\${$1:-}"
  # shellcheck disable=SC2154
  if [ -n "$file" ]; then value=$(cat "$file"); fi
  if [ -z "$value" ]; then
    echo "configure.sh: neither $1 nor $1_FILE is set, or the file is empty" >&2
    exit 2
  fi
  printf '%s' "$value"
}

cipher=$(secret BACKUP_CIPHER_PASS)
if [ -n "${BACKUP_S3_BUCKET:-}" ]; then
  key=$(secret BACKUP_S3_KEY)
  key_secret=$(secret BACKUP_S3_KEY_SECRET)
  : "${BACKUP_S3_REGION:?is not set: the region of the bucket, such as eu-central-1}"
  : "${BACKUP_S3_ENDPOINT:=s3.$BACKUP_S3_REGION.amazonaws.com}"
  repository="repo1-type=s3
repo1-path=${BACKUP_REPO_PATH:-/pgbackrest}
repo1-s3-bucket=$BACKUP_S3_BUCKET
repo1-s3-endpoint=$BACKUP_S3_ENDPOINT
repo1-s3-region=$BACKUP_S3_REGION
repo1-s3-key=$key
repo1-s3-key-secret=$key_secret
repo1-s3-uri-style=path
repo1-storage-verify-tls=${BACKUP_S3_VERIFY_TLS:-y}"
else
  repository="repo1-type=posix
repo1-path=${BACKUP_REPO_PATH:-/var/lib/fleet2-backup/pgbackrest}"
fi

umask 077
cat >"$target.new.$$" <<END
[global]
$repository
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=$cipher
repo1-bundle=y
compress-type=zst
start-fast=y
process-max=2
lock-path=${BACKUP_RUN_DIR:-/tmp/pgbackrest}
log-path=${BACKUP_RUN_DIR:-/tmp/pgbackrest}
log-level-file=off
log-level-console=warn
spool-path=${BACKUP_RUN_DIR:-/tmp/pgbackrest}
# Nothing is removed by a backup: backup-now.sh removes, by the age that each kind has and once the new one is
# known to be good, and never the last good one.
expire-auto=n
repo1-retention-full-type=count
repo1-retention-full=9999999
repo1-retention-archive-type=full
repo1-retention-archive=9999999

[global:archive-push]
# Several segments at a time, and PostgreSQL's own process waits for none longer than 15 s: at a shutdown
# PostgreSQL waits for it, and with the repository away that lasted past 60 s.
archive-async=y
archive-timeout=15
archive-push-queue-max=${BACKUP_QUEUE_MAX:-8GB}

[${BACKUP_STANZA:-fleet2}]
pg1-path=${PGDATA:-/var/lib/postgresql/data}
pg1-socket-path=${PG_SOCKET_DIR:-/var/run/postgresql}
pg1-port=${PGPORT:-5432}
pg1-user=${POSTGRES_USER:-fleet}
END
mkdir -p "${BACKUP_RUN_DIR:-/tmp/pgbackrest}"
mv "$target.new.$$" "$target"
