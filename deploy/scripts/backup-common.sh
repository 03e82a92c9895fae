#!/bin/bash
# Shared by the backup scripts; sourced, not run.
# Exit codes, the same in all of them, stand in docs/disaster-recovery-runbook.md.
repository=''
: "${BACKUP_STANZA:=fleet2}"
export PGBACKREST_CONFIG=${PGBACKREST_CONFIG:-/tmp/pgbackrest.conf}

# fail CODE MESSAGE [WHAT TO DO]
fail() {
  echo "${0##*/}: $2" >&2
  if [ -n "${3:-}" ]; then echo "  What to do: $3" >&2; fi
  exit "$1"
}
say() { echo "$(date -u +%H:%M:%S) $*"; }

need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null ||
      fail 2 "$program is not installed here" "run it in a Patroni container, which has it"
  done
}

# Debian keeps pg_ctl and the like apart; the newest there is, or PG_BIN.
find_postgresql() {
  local newest
  newest=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
  PATH=${PG_BIN:-$newest}:$PATH
}

# Which of the known ills pgBackRest's words mean; ends with its code.
explain() {
  # The repository's index was read with the key: the key is right, and what cannot be decrypted is damaged.
  if [ -n "$repository" ] && [[ $1 == *CryptoError* ]]; then
    set -- "checksum: ${1//CryptoError/cannot be decrypted}"
  fi
  case $1 in
    *"unable to load info file"*FormatError* | *CryptoError*)
      fail 7 "the repository cannot be decrypted: BACKUP_CIPHER_PASS is not the key of its backups" \
        "take the key from where it is kept apart from the hosts; nothing was changed" ;;
    *"No space left"*)
      fail 5 "the disk is full: ${1:0:600}" "free space or choose another folder with -D" ;;
    *HostConnect* | *"unable to get address"* | *"[049]"* | \
      *"missing stanza path"* | *"unable to list"* | *ProtocolError*)
      fail 6 "the repository cannot be read: ${1:0:600}" \
        "is the bucket or folder there (BACKUP_S3_*, BACKUP_REPO_PATH), and readable? Nothing was changed" ;;
    *checksum* | *FormatError* | *"does not match"* | *corrupt* | *"zst error"* | \
      *"unable to open missing file"* | *"unexpected eof"*)
      fail 8 "the backup is corrupt: ${1:0:600}" \
        "take an older one (backup-list.sh; --set LABEL), or base.tar.gz with -b; nothing was changed" ;;
    *) fail 1 "pgBackRest failed: ${1:0:1200}" "nothing was changed" ;;
  esac
}

# Sets `repository` to the stanza's part of pgBackRest's `info`, with at least one backup in it.
read_repository() {
  local out code
  need pgbackrest jq
  [ -r "$PGBACKREST_CONFIG" ] ||
    fail 2 "there is no configuration $PGBACKREST_CONFIG" "deploy/backup/configure.sh $PGBACKREST_CONFIG"
  out=$(pgbackrest --stanza="$BACKUP_STANZA" \
    --log-level-console=off --log-level-stderr=error --output=json info 2>&1) || explain "$out"
  repository=$(jq -c '.[0]' <<<"$out" 2>/dev/null) || explain "$out"
  code=$(jq -r '.status.code' <<<"$repository")
  case $code in
    0) ;;
    2 | 3) [ "$(jq '.backup | length' <<<"$repository")" -gt 0 ] ||
      fail 10 "there is no backup of $BACKUP_STANZA in the repository" "take one: backup-now.sh daily" ;;
    *) explain "$(jq -r '[.status.message, (.repo[]?.status.message)] | join("; ")' <<<"$repository")" ;;
  esac
}
