#!/bin/sh
# Prepares Nginx's folder and starts Nginx with its checker. start.sh --prepare only prepares: the lab and the
# tests start the two themselves.
#
#   NGINX_PREFIX   the folder that Nginx runs from; this one is copied there where it is another (default: the
#                  folder that this script stands in)
#   FILL           fill.sh (default: ../ha/fill.sh)
#   NODE           the Node.js that runs the checker (default: node)
#   NGINX_BINARY   default: nginx
#   NGINX_STATUS_FROM
#                  addresses and networks, by commas or spaces, that may read /nginx-status beside this machine
#   NGINX_TRUSTED_FROM
#                  addresses and networks of proxies in front (an Ingress, a cloud's balancer), whose
#                  X-Forwarded-For says who asks. Default: none, and nobody's is believed
#   NGINX_TRACE_PERCENT
#                  the requests of which the instances record a trace, 0 to 100 with up to two decimals
#                  (default: 0)
#   TRACKER_PORTS  the ports of trackers, here and at the instances: teltonika=5027,gt06=5023,h02=5013
#                  (default: none, and nobody listens for trackers)
#   TRACKER_UPSTREAMS
#                  who speaks to trackers, as UPSTREAMS has it (default: those of UPSTREAMS)
# and the variables of site.conf and of the checker.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${NGINX_PREFIX:=$here}"
: "${FILL:=$here/../ha/fill.sh}"
: "${NODE:=node}"
: "${NGINX_BINARY:=nginx}"
# A name that Docker does not know (`app`, while nothing is scaled; an instance that is stopped) is asked for
# at the host's own name servers. These may not answer: neither the start nor a check waits 10 s for each.
: "${RES_OPTIONS:=timeout:1 attempts:1}"
export NGINX_PREFIX NGINX_BINARY RES_OPTIONS

# A container's image is read-only: Nginx runs from a copy.
[ "$NGINX_PREFIX" = "$here" ] || cp -R "$here/." "$NGINX_PREFIX"
mkdir -p "$NGINX_PREFIX/generated/tmp"
"$FILL" "$here/site.conf" "$NGINX_PREFIX/generated/site.conf"
"$FILL" "$here/site-trackers.conf" "$NGINX_PREFIX/generated/site-trackers.conf"
: >"$NGINX_PREFIX/generated/modules.conf"
if [ -n "${TRACKER_PORTS:-}" ] && "$NGINX_BINARY" -V 2>&1 | grep -q -- '--with-stream=dynamic'; then
  modules=$("$NGINX_BINARY" -V 2>&1 | sed -n 's|.*--modules-path=\([^ ]*\).*|\1|p')
  if [ ! -e "$modules/ngx_stream_module.so" ]; then
    echo "TRACKER_PORTS is set, and this Nginx has no TCP and UDP: install libnginx-mod-stream" >&2
    exit 78
  fi
  echo "load_module $modules/ngx_stream_module.so;" >"$NGINX_PREFIX/generated/modules.conf"
fi
# addresses NAME VALUE DIRECTIVE FILE: a line for each address or network. One by one, so that what is wrong can
# be named; Nginx would name the file alone.
addresses() {
  : >"$NGINX_PREFIX/generated/$4"
  for source in $(printf %s "$2" | tr ',' ' '); do
    case $source in
      *[!0-9a-fA-F.:/]*)
        echo "$1: $source must be an address or a network, such as 10.1.2.3 or 10.1.2.0/24" >&2
        exit 78
        ;;
    esac
    echo "$3 $source;" >>"$NGINX_PREFIX/generated/$4"
  done
}
# Whom monitoring asks from.
addresses NGINX_STATUS_FROM "${NGINX_STATUS_FROM:-}" allow monitoring.conf
# Proxies in front: from the last address in X-Forwarded-For that is none of theirs the request comes.
addresses NGINX_TRUSTED_FROM "${NGINX_TRUSTED_FROM:-}" set_real_ip_from proxies.conf
[ ! -s "$NGINX_PREFIX/generated/proxies.conf" ] ||
  printf 'real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n' >>"$NGINX_PREFIX/generated/proxies.conf"
# Which requests are recorded. Nginx takes no 0 % for a share.
percent=${NGINX_TRACE_PERCENT:-0}
if ! printf %s "$percent" | grep -Eqx '(100(\.00?)?|[0-9]{1,2}(\.[0-9]{1,2})?)'; then
  echo "NGINX_TRACE_PERCENT: $percent must be a number from 0 to 100 with up to two decimals," \
    "such as 1 or 0.5" >&2
  exit 78
fi
case $percent in
  *[1-9]*) echo "split_clients \$request_id \$trace_flags { $percent% 01; * 00; }" ;;
  *) echo "map \$request_id \$trace_flags { default 00; }" ;;
esac >"$NGINX_PREFIX/generated/trace.conf"
# 1.25.1 and later write HTTP/2 in another way.
version=$("$NGINX_BINARY" -v 2>&1 | sed -n 's|.*nginx/\([0-9]*\)\.\([0-9]*\).*|\1 \2|p')
# shellcheck disable=SC2086 # Two words on purpose.
set -- $version "$@"
if [ "$1" -eq 1 ] && [ "$2" -lt 26 ]; then listen='listen-1.22.conf'; else listen='listen-current.conf'; fi
shift 2
cp "$here/versions/$listen" "$NGINX_PREFIX/generated/listen.conf"
# Everybody is in until the checker has looked.
"$NODE" "$here/checker/checker.ts" --write
"$NGINX_BINARY" -t -q -e stderr -p "$NGINX_PREFIX" -c "$NGINX_PREFIX/nginx.conf" >/dev/null
[ "${1:-}" = --prepare ] && exit 0

# The checker is not worth Nginx's life: it is started again by itself.
(while :; do "$NODE" "$here/checker/checker.ts" || true; sleep 1; done) &
exec "$NGINX_BINARY" -e stderr -p "$NGINX_PREFIX" -c "$NGINX_PREFIX/nginx.conf" -g 'daemon off;'
