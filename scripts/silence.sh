#!/bin/sh
# silence.sh: no messages about one part while somebody works on it.
#
#   scripts/silence.sh patroni2 2h "new disk"          everything about one node
#   scripts/silence.sh component=redis 30m "upgrade"   everything about a kind of part (or any label=value)
#   scripts/silence.sh --list                          what is silenced, by whom and until when
#   scripts/silence.sh --end ID                        before its time
#
# Alerts go on being made, and are seen in Prometheus and Alertmanager; people are not told. ALERTMANAGER_URL is
# where it is set (default http://127.0.0.1:9093; each Alertmanager tells the other); the author is $USER.
set -eu
url=${ALERTMANAGER_URL:-http://127.0.0.1:9093}

say_usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }
case ${1:-} in
  --list) exec amtool --alertmanager.url="$url" silence query ;;
  --end) exec amtool --alertmanager.url="$url" silence expire "${2:?--end needs the ID that --list shows}" ;;
  '' | -*) say_usage ;;
esac
[ $# -eq 3 ] || say_usage
case $1 in
  *=*) matcher=$1 ;;
  *) matcher="instance=$1" ;;
esac
case $2 in
  *[!0-9smhdw]* | '') echo "silence: \"$2\" is no duration: write 30m, 2h or 1d" >&2; exit 64 ;;
esac
[ -n "$3" ] || { echo "silence: say why, for whoever wonders at night" >&2; exit 64; }
exec amtool --alertmanager.url="$url" silence add "$matcher" --duration="$2" --author="${USER:-unknown}" --comment="$3"
