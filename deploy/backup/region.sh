#!/bin/bash
# region.sh: which region may take writes. With a second region (docs/second-region.md) one record in the
# repository, which both regions read, names the region whose primary it is, and the branch of WAL that its
# activation began. A region that comes back after another was activated finds it there, and ends itself.
#
#   region.sh show             prints the record (JSON); nothing: no second region was ever activated
#   region.sh check lead       0: this data may be led here; 1: not, and why; 3: no answer of the repository
#   region.sh check archive    the same for giving WAL to the archive: this data descends from the activation
#   region.sh start            before Patroni: ends with 1 where it would lead what it may not
#   region.sh watch PID        beside Patroni, whose process is PID: looks again and again, and ends it
#   region.sh claim            from now on it is this region (activate-dr.sh, before the promotion)
#   region.sh activated TIMELINE "PARENT LSN" TIME
#                              and this is its branch (after the promotion), and the time of the last
#                              transaction that came from the other region
#
#   REGION                 this region's name (default: primary)
#   REGION_CHECK_SECONDS   between two looks (default 15)
#   STANDBY_CLUSTER        set: this region follows another one (deploy/ha/patroni.yml)
#   REST_ADDRESS           where Patroni answers (default 127.0.0.1:8008)
#
# A repository that does not answer stops nobody: the database must not depend on a bucket. So a region that
# reaches its people and not the repository goes on; docs/second-region.md says what else stops it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${REGION:=primary}" "${REGION_CHECK_SECONDS:=15}" "${REST_ADDRESS:=127.0.0.1:8008}"
: "${BACKUP_RUN_DIR:=/tmp/pgbackrest}" "${PGDATA:=/var/lib/postgresql/data}"
export PGBACKREST_CONFIG="${PGBACKREST_CONFIG:-/tmp/pgbackrest.conf}"
name=fleet2-region/record.json

say() { echo "region.sh: $*" >&2; }
repository() {
  [ -r "$PGBACKREST_CONFIG" ] || "$here/configure.sh" "$PGBACKREST_CONFIG" || return 3
  timeout -k 1 "${REGION_LIMIT:-5}" pgbackrest --stanza="${BACKUP_STANZA:-fleet2}" \
    --log-level-console=off --log-level-stderr=off "$@"
}

# The record; empty: there is none. 3: the repository does not answer.
record() {
  local code=0 text
  # Not encrypted: it holds no secret, and pgBackRest knows no key for a file that is not its own.
  text=$(repository repo-get --raw --ignore-missing "$name") || code=$?
  case $code in
    0) printf '%s' "$text" ;;
    1) ;;
    *) return 3 ;;
  esac
}

# write FILTER ARGS…: the record as it is, changed by a filter of jq.
write() {
  local old new
  old=$(record) || { say "the repository does not answer"; return 3; }
  new=$(jq -nc --argjson old "${old:-null}" --arg region "$REGION" --arg now "$(date -u +%FT%TZ)" "$@")
  repository repo-put --raw "$name" <<<"$new" || { say "the repository takes no record"; return 3; }
  echo "$new"
}

# Whether the data has WAL of a timeline in whose history the branch stands: descends TIMELINE "PARENT LSN".
# A history file alone may have come from the archive; WAL of it is there only where it has been followed.
descends() {
  local file own segments='????????????????'
  for file in "$PGDATA"/pg_wal/*.history; do
    [ -e "$file" ] || continue
    own=${file##*/}
    own=${own%.history}
    [ -n "$(find "$PGDATA/pg_wal" -maxdepth 1 -name "$own$segments" -print -quit)" ] || continue
    if awk -v own="$((16#$own))" -v timeline="$1" -v left="$2" '
      $1 ~ /^[0-9]+$/ { if (before == left && $1 == timeline) found = 1; before = $1 " " $2 }
      END { exit !(found || (before == left && own == timeline)) }' "$file"
    then return 0; fi
  done
  return 1
}

# verdict lead|archive RECORD: 0 or 1, and why.
verdict() {
  local region timeline left
  if [ -z "$2" ]; then return 0; fi
  region=$(jq -r .region <<<"$2")
  timeline=$(jq -r '.timeline // empty' <<<"$2")
  left=$(jq -r '.left // empty' <<<"$2")
  if [ "$1" = lead ] && [ "$region" != "$REGION" ]; then
    say "region $region has been activated (epoch $(jq -r '"\(.epoch), \(.since)"' <<<"$2")):" \
      "$REGION takes no writes"
    return 1
  fi
  if [ -n "$timeline" ] && [ -s "$PGDATA/PG_VERSION" ] && ! descends "$timeline" "$left"; then
    say "this data is of before region $region was activated: it has no timeline $timeline that left $left"
    return 1
  fi
}

check_lead() {
  local now
  now=$(record) || return 3
  verdict lead "$now"
}

# Asked for each segment that is archived: what was said up to 10 s ago does. An old word is better than none.
check_archive() {
  local kept="$BACKUP_RUN_DIR/region" code=0
  mkdir -p "$BACKUP_RUN_DIR"
  if [ -z "$(find "$kept" -newermt '-10 seconds' 2>/dev/null)" ]; then
    if REGION_LIMIT=2 record >"$kept.$$"; then mv "$kept.$$" "$kept"; else rm -f "$kept.$$"; code=3; fi
  fi
  [ -e "$kept" ] || return "$code"
  verdict archive "$(cat "$kept")"
}

# Whether the cluster follows another region, so that nobody in it takes writes: 0 yes, 1 no, 2 Patroni does
# not say.
follows() {
  local answer
  answer=$(exec 2>/dev/null 3<>"/dev/tcp/${REST_ADDRESS%:*}/${REST_ADDRESS##*:}" &&
    printf 'GET /config HTTP/1.0\r\n\r\n' >&3 && timeout 3 cat <&3) || return 2
  [[ $answer =~ ^HTTP/[0-9.]+\ 200 ]] || return 2
  jq -e '.standby_cluster | type == "object"' >/dev/null 2>&1 <<<"${answer#*$'\r\n\r\n'}"
}

# Whether something that may take writes runs here, or is about to. Patroni that starts says nothing yet.
leads() {
  local code=0
  follows || code=$?
  case $code in
    0) return 1 ;;
    1) return 0 ;;
    *) [[ $("${PG_BIN:+$PG_BIN/}pg_controldata" -D "$PGDATA" 2>/dev/null) == *"in production"* ]] ;;
  esac
}

watch() {
  local patroni=$1 code waited
  while kill -0 "$patroni" 2>/dev/null; do
    code=0
    check_lead 2>"$BACKUP_RUN_DIR/fence" || code=$?
    if [ "$code" = 1 ] && leads; then
      cat "$BACKUP_RUN_DIR/fence" >&2
      say "ending Patroni and PostgreSQL here"
      kill -TERM "$patroni" 2>/dev/null || true
      for ((waited = 0; waited < 60; waited++)); do
        kill -0 "$patroni" 2>/dev/null || return 0
        sleep 1
      done
      "${PG_BIN:+$PG_BIN/}pg_ctl" -D "$PGDATA" -m immediate stop >&2 || true
      kill -KILL "$patroni" 2>/dev/null || true
    fi
    sleep "$REGION_CHECK_SECONDS" &
    wait $!
  done
}

start() {
  local code=0
  # A standby is no danger: it takes no writes, and `watch` sees to it that it stays one.
  if [ -n "${STANDBY_CLUSTER:-}" ]; then
    if [ ! -s "$PGDATA/PG_VERSION" ] || [ -e "$PGDATA/standby.signal" ]; then return 0; fi
  fi
  check_lead || code=$?
  case $code in
    0) ;;
    1)
      say 'What to do: docs/second-region.md, "When the old region is back"'
      # Whoever starts it again and again need not do so without pause.
      sleep "${REGION_REFUSAL_SECONDS:-5}"
      return 1 ;;
    *) say "the repository does not answer whether another region was activated: going on without" ;;
  esac
}

usage="usage: region.sh show | check lead|archive | start | watch PID | claim | activated TIMELINE LEFT TIME"
case ${1:-}${2:+ $2} in
  show) record ;;
  'check lead') check_lead ;;
  'check archive') check_archive ;;
  start) start ;;
  'watch '*)
    mkdir -p "$BACKUP_RUN_DIR"
    trap 'exit 0' TERM INT
    watch "$2" ;;
  claim)
    # shellcheck disable=SC2016
    write '($old // {epoch: 1}) + {region: $region, state: "claimed", since: $now} | .epoch += 1' ;;
  'activated '*)
    # shellcheck disable=SC2016
    write --arg timeline "$2" --arg left "${3:?$usage}" --arg last "${4:-}" '$old + {region: $region,
      state: "active", timeline: ($timeline | tonumber), left: $left, last_transaction: $last}' ;;
  *)
    say "$usage"
    exit 2 ;;
esac
