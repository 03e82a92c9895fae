#!/bin/bash
# activate-dr.sh [OPTIONS]: makes the standby region the one that takes writes. Runs beside the standby
# region's PostgreSQL. Options: --help; what to do around it: docs/second-region.md.
# Everything before "Promoting" can be broken off and changes nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$here/backup-common.sh"
region_sh=${REGION_SCRIPT:-$here/../backup/region.sh}

usage() {
  cat <<'END'
activate-dr.sh: makes this standby region the one that takes writes, in five steps:
1 is the primary region truly away? 2 promote the database 3 DNS 4 scale the application 5 tell people

Who is asked whether the primary region is there (step 1)
  --primary URL        an address of it, such as https://app.fleet2.com/api/health; several: once each. Any
                       HTTP answer counts as "it is there", 503 too (default: $DR_PRIMARY_URLS, by spaces)
  --witness URL        a blackbox exporter in a third place, such as http://witness.example.net:9115, which is
                       asked about each of these addresses (default: $DR_WITNESS_URLS, by spaces), by its
                       module $DR_WITNESS_MODULE (public, as in deploy/monitoring/blackbox.yml)
  --control URL        an address that has nothing to do with us and has to answer, or this place is itself
                       cut off (default: $DR_CONTROL_URL)
  --tries N            all of them stay silent N times, 5 s apart (default 12: a minute, in which a primary
                       that lives gives the archive a segment)
Otherwise than for a lost region
  --planned LSN        the primary region is there and is left on purpose, its instances are stopped, and LSN
                       is what its database said then (SELECT pg_current_wal_lsn()): waits until it is here.
                       Nothing is lost
How
  --replay-limit S     waits so many seconds for the standby to replay what the archive has (default 600)
  --from N             goes on with step N (3 to 5): what failed there has been mended
  --dry-run            does step 1, shows the standby, and says what would be done
  --yes                asks nothing

Variables for steps 3 to 5; where one is not set the step says what to do by hand, and waits for your word:
  DR_DNS_COMMAND       leads the public name here
  DR_SCALE_COMMAND     starts the other members and instances
  DR_NOTICE_FILE       the notice of the page /status (NUXT_STATUS_NOTICE_FILE): written with what may be lost
  DR_NOTIFY_COMMAND    tells people; the text comes on its standard input
and REST_ADDRESS (127.0.0.1:8008), REST_PASSWORD or REST_PASSWORD_FILE, REGION, and those of the backups.

Exit codes: 0 done; 1 something unforeseen; 2 usage; 6 the repository cannot be read; 7 wrong key; 12 you said
no; 20 the primary region is there, or still writes; 21 that cannot be known from here; 22 there is no standby
here; 23 the standby does not have all that the archive has; 24 not promoted; 25 a later step failed.
END
}

read -ra primaries <<<"${DR_PRIMARY_URLS:-}"
read -ra witnesses <<<"${DR_WITNESS_URLS:-}"
control=${DR_CONTROL_URL:-} tries=12 pause=${DR_PAUSE_SECONDS:-5} planned='' limit=600 from=1
dry_run='' yes=''
given_primary='' given_witness=''
while [ $# -gt 0 ]; do
  option=$1
  case $option in
    -h | --help) usage; exit 0 ;;
    --dry-run) dry_run=1; shift; continue ;;
    --yes) yes=1; shift; continue ;;
    --primary | --witness | --control | --tries | --planned | --replay-limit | --from) ;;
    *) fail 2 "unknown option $option" "see --help" ;;
  esac
  [ -n "${2:-}" ] || fail 2 "$option wants a value" "see --help"
  case $option in
    --primary) if [ -z "$given_primary" ]; then primaries=(); given_primary=1; fi; primaries+=("$2") ;;
    --witness) if [ -z "$given_witness" ]; then witnesses=(); given_witness=1; fi; witnesses+=("$2") ;;
    --control) control=$2 ;;
    --tries) tries=$2 ;;
    --planned) planned=$2 ;;
    --replay-limit) limit=$2 ;;
    --from) from=$2 ;;
  esac
  shift 2
done
[[ $tries =~ ^[1-9][0-9]*$ ]] || fail 2 "--tries: \"$tries\" is no whole number above 0"
[[ $limit =~ ^[1-9][0-9]*$ ]] || fail 2 "--replay-limit: \"$limit\" is no whole number of seconds"
[[ $from =~ ^[1345]$ ]] || fail 2 "--from: \"$from\" is none of 3, 4 and 5"
if [ -n "$planned" ] && ! [[ $planned =~ ^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$ ]]; then
  fail 2 "--planned: \"$planned\" is no position" \
    "such as 0/3000148: SELECT pg_current_wal_lsn() in the primary region"
fi
if [ -z "$planned" ] && [ "$from" = 1 ] && [ "${#primaries[@]}" = 0 ]; then
  fail 2 "nothing says where the primary region would answer" \
    "--primary URL or DR_PRIMARY_URLS: without asking it nobody knows that it is away"
fi
: "${REST_ADDRESS:=127.0.0.1:8008}" "${REGION:=primary}"
export REST_ADDRESS REGION
find_postgresql
need pgbackrest jq curl psql

# ---- asking
confirm() {
  local answer
  if [ -n "$yes" ]; then return; fi
  read -r -p "$1 Type yes: " answer || answer=''
  [ "$answer" = yes ] || fail 12 "not done: you did not say yes"
}
# Any answer of HTTP is one: what says 503 lives.
answers() { [ "$(curl -ks -m 5 -o /dev/null -w '%{http_code}' "$1" || true)" != 000 ]; }
# witness_sees WITNESS URL: 0 it does; 1 it does not; 2 the witness itself does not answer.
witness_sees() {
  local said
  said=$(curl -ks -m 8 -G --data-urlencode "target=$2" -d "module=${DR_WITNESS_MODULE:-public}" "$1/probe") ||
    return 2
  grep -q '^probe_success ' <<<"$said" || return 2
  grep -Eq '^(probe_success 1|probe_http_status_code [1-9])' <<<"$said"
}
# Asks everybody once, all at the same time; a line "CODE|message|what to do" for what speaks against it.
look() {
  local url witness
  if [ -n "$control" ]; then
    { answers "$control" || echo "21|$control is silent, too|this place is cut off: ask elsewhere."; } &
  fi
  for url in "${primaries[@]}"; do
    { ! answers "$url" || echo "20|the primary region answers at $url|$lost_not"; } &
    for witness in "${witnesses[@]}"; do
      {
        code=0
        witness_sees "$witness" "$url" || code=$?
        case $code in
          0) echo "20|$witness sees the primary region at $url|it is there for others: mend the link." ;;
          2) echo "21|the witness $witness does not answer|nobody else can say: another --witness." ;;
        esac
      } &
    done
  done
  wait
}
lost_not='this is not a lost region: docs/disaster-recovery-runbook.md; to leave it on purpose: --planned.'
psql_value() { psql_here -c "$1"; }
newest_archived() { archived_segments | tail -1; }
# rest METHOD PATH [BODY]
rest() {
  local password=${REST_PASSWORD:-}
  if [ -n "${REST_PASSWORD_FILE:-}" ]; then password=$(cat "$REST_PASSWORD_FILE"); fi
  # By standard input: the password stands in no list of processes.
  curl -ksS -m 10 --fail-with-body -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} -K - \
    "http://$REST_ADDRESS$2" <<<"user = \"patroni:$password\""
}
standby_facts() {
  local row
  row=$(psql_value "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0),
    coalesce(to_char(pg_last_xact_replay_timestamp(), 'YYYY-MM-DD HH24:MI:SS.MSOF'), 'none yet')" \
    2>/dev/null) || return 1
  IFS='|' read -r in_recovery replayed last_transaction <<<"$row"
}

active() { [ "$(jq -r '"\(.state) \(.region)"' <<<"${1:-null}")" = "active $REGION" ]; }

# ---- what there is here
read_repository
standby_facts || fail 22 "the PostgreSQL beside this does not answer" \
  "is it running, and is PG_SOCKET_DIR where its socket is?"
now_recorded=$("$region_sh" show) || fail 6 "the repository cannot be read" "BACKUP_S3_*, BACKUP_REPO_PATH"
promoted=''
if [ "$in_recovery" = f ]; then
  # A run before this one came as far as here: on with it. Anybody else's primary is not ours to activate.
  [ "$(jq -r '.region // empty' <<<"${now_recorded:-null}")" = "$REGION" ] ||
    fail 22 "the PostgreSQL beside this is a primary, and region $REGION has not been activated" \
      "run this beside the standby region's PostgreSQL"
  promoted=1
elif [ "$from" != 1 ]; then
  fail 22 "step $from comes after the promotion, and the PostgreSQL beside this is a standby" \
    "leave --from out"
else
  configuration=$(rest GET /config 2>/dev/null) ||
    fail 22 "Patroni at $REST_ADDRESS does not answer, or knows no cluster yet" \
      "is it running, and is REST_ADDRESS right? Just started: in a minute again"
  jq -e '.standby_cluster | type == "object"' >/dev/null <<<"$configuration" ||
    fail 22 "Patroni at $REST_ADDRESS leads no standby cluster" \
      "is this the standby region, and REST_ADDRESS right?"
fi

# ---- 1
if [ "$from" = 1 ] && [ -z "$promoted" ]; then
  if [ -n "$planned" ]; then
    say "1/5 Leaving the primary region on purpose, at $planned"
  else
    say "1/5 Is the primary region truly away?"
    before=$(newest_archived)
    for ((try = 1; try <= tries; try++)); do
      said=$(look)
      for code in 20 21; do
        line=$(grep "^$code|" <<<"$said" | head -1) || continue
        IFS='|' read -r _ message hint <<<"$line"
        fail "$code" "$message" "$hint Nothing was changed"
      done
      if [ "$try" -lt "$tries" ]; then sleep "$pause"; fi
    done
    after=$(newest_archived)
    [ "$before" = "$after" ] ||
      fail 20 "the archive has just been given $after: a primary still writes" \
        "it lives, and only its addresses are away. Nothing was changed"
    echo "  no answer from ${primaries[*]}, $tries times${witnesses[*]:+; ${witnesses[*]} sees nothing there}"
    if [ "${#witnesses[@]}" = 0 ]; then
      echo "  Nobody else was asked: look from another network, such as a telephone's, yourself."
    fi
  fi
fi

# The standby has all that the archive has when it stands in the newest segment or behind it, and moves no
# more.
caught_up() {
  local newest number
  newest=$(newest_archived)
  number=$(segment_number "${newest:-000000000000000000000000}")
  standby_facts && [ "$replayed" -gt 0 ] && [ $(((replayed - 1) / 16777216)) -ge "$number" ] || return 1
  if [ -n "$planned" ]; then
    [ "$(psql_value "SELECT pg_last_wal_replay_lsn() >= '$planned'")" = t ] || return 1
  fi
}
lsn() { printf '%X/%X' $(($1 >> 32)) $(($1 & 4294967295)); }

if [ -z "$promoted" ]; then
  cat <<END
This will be done:
  region     $REGION takes writes from now on; the record in the repository says so, and no other region may
  database   $(lsn "$replayed") replayed, the last transaction in it of $last_transaction;
             the newest segment of the archive is $(newest_archived)
  then       DNS: ${DR_DNS_COMMAND:-by hand}
             application: ${DR_SCALE_COMMAND:-by hand}
             people: ${DR_NOTICE_FILE:+the notice $DR_NOTICE_FILE; }${DR_NOTIFY_COMMAND:-by hand}
There is no way back but to make the other region a standby of this one, and to activate that.
END
  if [ -n "$dry_run" ]; then echo "--dry-run: nothing was done."; exit 0; fi
  confirm "Promote region $REGION?"
elif [ -n "$dry_run" ]; then
  echo "Region $REGION is promoted already."
  echo "--dry-run: nothing was done."
  exit 0
fi

# ---- 2
lost_from=$(jq -r '.last_transaction // empty' <<<"${now_recorded:-null}")
if [ -z "$promoted" ]; then
  say "2/5 Promoting …"
  # First: from here on the members of the other region end themselves, should they be there.
  "$region_sh" claim >/dev/null ||
    fail 6 "the record could not be written into the repository" "nothing was changed"
  deadline=$(($(date +%s) + limit)) still=0 at=-1
  while [ "$still" -lt 3 ]; do
    [ "$(date +%s)" -lt "$deadline" ] ||
      fail 23 "after $limit s the standby has $(lsn "${replayed:-0}"), not the archive's $(
        newest_archived)${planned:+ or $planned}" \
        "its log says why; --replay-limit. Not promoted; region $REGION stands in the record already"
    if caught_up && [ "$replayed" = "$at" ]; then still=$((still + 1)); else still=0; fi
    at=${replayed:--1}
    sleep 1
  done
  lost_from=$last_transaction
  said=$(rest PATCH /config '{"standby_cluster": null}' 2>&1) ||
    fail 24 "Patroni did not take it: ${said:0:300}" \
      "patronictl edit-config --set standby_cluster=null --force; then run this again"
  for ((waited = 0; waited < 120; waited++)); do
    if [ "$(psql_value 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; then promoted=1; break; fi
    sleep 0.5
  done
  [ -n "$promoted" ] ||
    fail 24 "PostgreSQL is still a standby after 60 s" "Patroni's log says why; then run this again"
fi
if ! active "$now_recorded" && [ "$from" = 1 ]; then
  # The timeline's own history says where it left the other one: by that other data is known for older.
  IFS='|' read -r timeline left <<<"$(psql_value "
    SELECT ('x' || substr(name, 1, 8))::bit(32)::int,
      regexp_replace(rtrim(pg_read_file('pg_wal/' || substr(name, 1, 8) || '.history'), E'\n'),
        '^.*?(\d+)\s+([0-9A-F]+/[0-9A-F]+)[^\n]*\$', '\1 \2', 's')
    FROM pg_walfile_name(pg_current_wal_lsn()) AS name")"
  "$region_sh" activated "$timeline" "$left" "$lost_from" >/dev/null ||
    fail 25 "promoted, and the record in the repository could not be completed" \
      "run this again: it goes on from here"
  say "  timeline $timeline, which left $left; the last transaction in it: ${lost_from:-not known}"
fi

# ---- 3 to 5
# step NUMBER WHAT COMMAND BY_HAND
step() {
  if [ "$from" -gt "$1" ]; then return; fi
  say "$1/5 $2"
  if [ -n "$3" ]; then
    sh -c "$3" || fail 25 "step $1 failed: $3" "mend it, then: activate-dr.sh --from $1"
  else
    printf '  By hand:\n%s\n' "$4"
    if [ -z "$yes" ]; then
      read -r -p "Done? Type yes: " answer || answer=''
      [ "$answer" = yes ] || fail 25 "step $1 is not done" "do it, then: activate-dr.sh --from $(($1 + 1))"
    fi
  fi
}
step 3 'DNS' "${DR_DNS_COMMAND:-}" \
  "    serves_public_name = true in infrastructure/terraform/environments/dr.tfvars, then terraform apply;
    where the zone is elsewhere: lead the public name to this region's balancer"
step 4 'Scaling the application' "${DR_SCALE_COMMAND:-}" \
  "    without the third file, so that all services start: docs/second-region.md, \"All of it\"
    docker compose -f docker-compose.yml -f deploy/ha/docker-compose.ha.yml up -d"
if [ -n "$planned" ]; then
  text='Fleet2 has moved to another region. Nothing was lost.'
else
  text="Fleet2 runs in another region since $(date -u +'%F %H:%M') UTC. What was saved after \
${lost_from:-the loss} may be missing: please look, and enter it again."
fi
if [ -n "${DR_NOTICE_FILE:-}" ] && [ "$from" -le 5 ]; then
  notice=$(jq -n --arg text "$text" --arg since "$(date -u +%FT%TZ)" \
    '{title: "Fleet2 has moved to another region", $text, $since}')
  { printf '%s\n' "$notice" >"$DR_NOTICE_FILE.new" && mv "$DR_NOTICE_FILE.new" "$DR_NOTICE_FILE"; } ||
    fail 25 "the notice $DR_NOTICE_FILE cannot be written" "mend it, then: activate-dr.sh --from 5"
fi
say "5/5 Telling people"
if [ -n "${DR_NOTIFY_COMMAND:-}" ]; then
  sh -c "$DR_NOTIFY_COMMAND" <<<"$text" ||
    fail 25 "step 5 failed: $DR_NOTIFY_COMMAND" "mend it, then: activate-dr.sh --from 5"
else
  echo "  $text"
fi
cat <<END

Region $REGION takes writes.
  the last transaction from the other region   ${lost_from:-said at the promotion}
  next   a backup at once (backup-now.sh daily); the other region must not take writes: docs/second-region.md
END
