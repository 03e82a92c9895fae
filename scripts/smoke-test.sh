#!/usr/bin/env bash
# smoke-test.sh ENV: is Fleet2 there, and does it work? For after a deploy, a restore, a failover. Ends with 0 when every check passed, 1 when one failed, 2 when it was called wrongly.
#
#   ENV          the address is in            by default
#   production   FLEET2_PRODUCTION_URL        https://app.fleet2.com (the specification's)
#   staging      FLEET2_STAGING_URL           none
#   lab          FLEET2_LAB_URL               https://localhost:8443
#   local        FLEET2_LOCAL_URL             http://localhost:3000
#
# With SMOKE_EMAIL and SMOKE_PASSWORD it also signs in, makes a vehicle, reads it back at once and removes it. Use an account that is there for this.
# SMOKE_INSECURE=1 takes a certificate that nobody vouches for (default: in the lab). SMOKE_TIMEOUT: seconds for each request (default 25: a failover may be under way).
set -uo pipefail

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }

case "${1:-}" in
  production) url=${FLEET2_PRODUCTION_URL:-https://app.fleet2.com} ;;
  staging) url=${FLEET2_STAGING_URL:?set FLEET2_STAGING_URL to the address of staging} ;;
  lab) url=${FLEET2_LAB_URL:-https://localhost:8443}; : "${SMOKE_INSECURE:=1}" ;;
  local) url=${FLEET2_LOCAL_URL:-http://localhost:3000} ;;
  *) usage ;;
esac
url=${url%/}
for tool in curl jq; do
  command -v "$tool" >/dev/null || { echo "smoke-test: $tool is missing" >&2; exit 2; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options=(--silent --show-error --max-time "${SMOKE_TIMEOUT:-25}" --cookie-jar "$work/cookies" --cookie "$work/cookies" --dump-header "$work/headers" --output "$work/body")
[ "${SMOKE_INSECURE:-}" = 1 ] && options+=(--insecure)
failed=0 passed=0

# ask METHOD PATH [JSON]: sets $status; the body and the headers are in $work. A change carries a key: repeated, it is applied once.
ask() {
  local arguments=(--request "$1")
  [ "$1" != GET ] && arguments+=(--header "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)")
  [ $# -gt 2 ] && arguments+=(--header 'Content-Type: application/json' --data "$3")
  : >"$work/headers"; : >"$work/body"
  status=$(curl "${options[@]}" "${arguments[@]}" --write-out '%{http_code}' "$url$2" 2>"$work/error") || status="no answer ($(head -n 1 "$work/error"))"
}
header() { tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip" | tail -n 1; }

ok() { passed=$((passed + 1)); printf '  ok      %s\n' "$1"; }
bad() { failed=$((failed + 1)); printf '  FAILED  %s: %s\n' "$1" "$2"; }
# check WHAT CONDITION… : the condition is a command.
check() { local what=$1; shift; if "$@" >/dev/null 2>&1; then ok "$what"; else bad "$what" "${detail:-$status}"; fi; detail=; }
is() { [ "$1" = "$2" ]; }
has() { printf '%s' "$(header "$1")" | grep -qiE "$2"; }
body() { jq -e "$1" "$work/body"; }

printf 'Fleet2 at %s\n' "$url"
detail=

ask GET /api/health
check 'health answers 200' is "$status" 200
detail="status $(jq -r '.status // "?"' "$work/body" 2>/dev/null) ${status}"
check 'health is healthy or degraded' body '.status == "healthy" or .status == "degraded"'
[ "$(jq -r '.status // ""' "$work/body" 2>/dev/null)" = degraded ] && echo '          (degraded: it works, with something missing)'
check 'a request id is given' has X-Request-Id '^[A-Za-z0-9_.:-]{8,}$'

ask GET /sign-in
check 'the sign-in page is served' is "$status" 200
check 'it is a page' has Content-Type '^text/html'
check 'a content security policy' has Content-Security-Policy "default-src 'self'"
check 'no sniffing' has X-Content-Type-Options nosniff
check 'no framing' has X-Frame-Options 'DENY|SAMEORIGIN'
asset=$(grep -oE '/_nuxt/[A-Za-z0-9_.-]+\.js' "$work/body" | head -n 1)
ask GET "${asset:-/_nuxt/none}"
check 'its script is served' is "$status" 200
check 'for ever' has Cache-Control immutable

ask GET /api/v1/vehicles
check 'nobody reads vehicles without signing in' is "$status" 401

if [[ $url == https://* ]]; then
  ask GET /sign-in
  check 'HSTS' has Strict-Transport-Security 'max-age=[1-9]'
  for path in /metrics '/api/health?strict=1'; do
    ask GET "$path"
    check "$path is not for the outside" is "$status" 404
  done
  ask GET /api/health
  detail='the outside sees more than status, timestamp and version'
  check 'health tells the outside little' body 'keys - ["status", "timestamp", "version"] == []'
  # The same host without TLS, where it has a port of its own for that.
  plain=${FLEET2_HTTP_URL:-}
  [[ -z $plain && $url != *:*:* ]] && plain=http://${url#https://}
  [[ -z $plain && $url == *:8443 ]] && plain=http://${url#https://} && plain=${plain%:8443}:8280
  if [[ -n $plain ]]; then
    target=$(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code} %{redirect_url}' "$plain/sign-in" 2>/dev/null)
    detail="$plain answers $target"
    check 'plain HTTP leads to TLS' grep -qE '^30[18] https://' <<<"$target"
  fi
fi

if [[ -n ${SMOKE_EMAIL:-} && -n ${SMOKE_PASSWORD:-} ]]; then
  ask POST /api/v1/session "$(jq -nc --arg email "$SMOKE_EMAIL" --arg password "$SMOKE_PASSWORD" '{ $email, $password }')"
  check 'signing in' grep -qE '^20[01]$' <<<"$status"
  name="Smoke test $(date -u +%Y-%m-%dT%H:%M:%SZ) $$"
  ask POST /api/v1/vehicles "$(jq -nc --arg name "$name" '{ $name }')"
  check 'a vehicle is made' is "$status" 201
  id=$(jq -r '.id // empty' "$work/body" 2>/dev/null)
  ask GET "/api/v1/vehicles/$id"
  detail="$status, or another name"
  check 'and read back at once' body ".name == \"$name\""
  ask DELETE "/api/v1/vehicles/$id"
  check 'and removed' grep -qE '^20[04]$' <<<"$status"
  ask DELETE /api/v1/session
  check 'signing out' grep -qE '^20[04]$' <<<"$status"
else
  echo '  (no sign-in: SMOKE_EMAIL and SMOKE_PASSWORD are not set)'
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
