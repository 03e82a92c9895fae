#!/bin/bash
# Shared by the backup scripts; sourced, not run.
# Exit codes, the same in all of them, stand in docs/disaster-recovery-runbook.md.
repository=''
: "${BACKUP_STANZA:=fleet2}"
: "${BACKUP_RUN_DIR:=/tmp/pgbackrest}"
: "${PGDATA:=/var/lib/postgresql/data}"
export BACKUP_STANZA BACKUP_RUN_DIR PGDATA PGBACKREST_CONFIG=${PGBACKREST_CONFIG:-/tmp/pgbackrest.conf}

# The time in seconds; a test gives one in the file that BACKUP_CLOCK names.
now() { if [ -n "${BACKUP_CLOCK:-}" ]; then cat "$BACKUP_CLOCK"; else date +%s; fi; }

# pgBackRest with its complaints in the output, which explain() reads. While segments are pushed the archiver holds
# a lock, which creating or looking after the stanza needs for a moment (exit code 50): a minute is waited for it.
pgbackrest_run() {
  local out code waited
  for ((waited = 0; ; waited++)); do
    code=0
    out=$(pgbackrest --stanza="$BACKUP_STANZA" --log-level-console=off --log-level-stderr=error "$@" 2>&1) || code=$?
    if [ "$code" != 50 ] || [ "$waited" -ge 60 ]; then break; fi
    sleep 1
  done
  printf '%s\n' "$out"
  return "$code"
}

# Where undo.sh opens its copy; nothing: nobody has said. Not in the drill's own folder, which is emptied of what
# is a day old.
undo_folder() {
  if [ -n "${UNDO_DIR:-}" ]; then
    echo "$UNDO_DIR"
  elif [[ ${BACKUP_DRILL_DIR:-} == /* ]]; then
    echo "$(dirname "$BACKUP_DRILL_DIR")/undo"
  fi
}

# The server beside us, over its socket.
psql_here() {
  psql -h "${PG_SOCKET_DIR:-/var/run/postgresql}" -p "${PGPORT:-5432}" -U "${POSTGRES_USER:-fleet}" \
    -d postgres -XAtq -v ON_ERROR_STOP=1 "$@"
}
is_primary() { [ "$(psql_here -c 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; }

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
    *"does not match pg_control timeline"*)
      fail 1 "the primary has just taken over, and has not made its first checkpoint: ${1:0:600}" \
        "psql -c CHECKPOINT on the primary, and again; nothing was changed" ;;
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

# The names of all WAL segments in the archive, sorted; of the newest cluster, should there have been others.
archived_segments() {
  local id listed
  id=$(jq -r '.archive[-1].id // empty' <<<"$repository")
  [ -n "$id" ] || return 0
  listed=$(pgbackrest_run repo-ls --recurse "archive/$BACKUP_STANZA/$id") || explain "$listed"
  # Of a name with its folder and its checksum. A .partial is no segment.
  sed -nE 's|^[0-9A-F]{16}/([0-9A-F]{24})-[0-9a-f]{40}(\.[a-z0-9]+)?$|\1|p' <<<"$listed" | sort -u
}

# The number of a segment, the same on every timeline. Segments are of 16 MB, initdb's own size.
segment_number() { echo $((16#${1:8:8} * 256 + 16#${1:16:8})); }

# The names of what one backup must be followed by, to be led to `last`: segment_chain FIRST LAST HISTORY, by
# the lines of the history file (timeline, position at which it was left) of LAST's timeline.
segment_chain() {
  awk -v first="$(segment_number "$1")" -v last="$(segment_number "$2")" -v own="${2:0:8}" '
    function hex(text,   at, value) {
      value = 0
      for (at = 1; at <= length(text); at++)
        value = value * 16 + index("0123456789ABCDEF", substr(text, at, 1)) - 1
      return value
    }
    $1 ~ /^[0-9]+$/ {
      split($2, position, "/")
      timeline[++count] = sprintf("%08X", $1)
      left[count] = hex(position[1]) * 256 + int(hex(position[2]) / 16777216)
    }
    END {
      at = 1
      for (number = first; number <= last; number++) {
        # The segment in which a timeline was left is the next timeline'"'"'s.
        while (at <= count && number >= left[at]) at++
        printf "%s%08X%08X\n", at <= count ? timeline[at] : own, int(number / 256), number % 256
      }
    }' <<<"${3:-}"
}
