#!/bin/sh
# Fills Alertmanager's configuration in, and becomes Alertmanager. alertmanager-start.sh --prepare only fills in.
# What is missing is said all at once, and nothing starts: an Alertmanager that can tell nobody looks alive.
#
#   PAGERDUTY_ROUTING_KEY_FILE  the integration key of a service in PagerDuty (Events API v2)
#   SLACK_WEBHOOK_URL_FILE      an incoming webhook of Slack
#   ALERT_SMTP_PASSWORD_FILE    the password at the mail server
#   DEAD_MANS_SWITCH_URL_FILE   an address outside that raises the alarm when it is not asked for 5 minutes
#   ALERT_SMTP_HOST (host:port), ALERT_SMTP_USER, ALERT_EMAIL_FROM, ALERT_EMAIL_TO
#   ALERTMANAGER                the program (default: alertmanager); RUN_DIR, DATA_DIR: where it may write
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${FILL:=$here/../ha/fill.sh}"
: "${RUN_DIR:=/run/alertmanager}"
: "${DATA_DIR:=/alertmanager}"
: "${ALERTMANAGER:=alertmanager}"
TEMPLATES=$RUN_DIR/templates
export TEMPLATES

missing=''
complain() { missing="$missing
  $1"; }
secret() {
  eval "file=\${$1_FILE:-}"
  if [ -z "$file" ]; then complain "$1_FILE is not set: it should name a file that holds $2"
  elif [ ! -r "$file" ]; then complain "$1_FILE: $file is not there or cannot be read: it should hold $2"
  elif [ -z "$(tr -d ' \n' <"$file")" ]; then complain "$1_FILE: $file is empty: it should hold $2"
  fi
}
setting() {
  eval "value=\${$1:-}"
  [ -n "$value" ] || complain "$1 is not set: it should be $2"
}
secret PAGERDUTY_ROUTING_KEY "the integration key of a PagerDuty service (Events API v2)"
secret SLACK_WEBHOOK_URL "the address of an incoming webhook of Slack"
secret ALERT_SMTP_PASSWORD "the password for the mail server"
secret DEAD_MANS_SWITCH_URL "the address of a service outside that raises the alarm when it is not asked"
setting ALERT_SMTP_HOST "the mail server, such as smtp.example.com:587"
setting ALERT_EMAIL_FROM "the sender of alerts by e-mail"
setting ALERT_EMAIL_TO "who gets alerts by e-mail"
if [ -n "$missing" ]; then
  echo "alertmanager-start: Alertmanager could tell nobody, so it does not start:$missing" >&2
  exit 78
fi

mkdir -p "$TEMPLATES"
"$FILL" "$here/alertmanager.yml" "$RUN_DIR/alertmanager.yml"
"$FILL" "$here/templates/fleet2.tmpl" "$TEMPLATES/fleet2.tmpl"
[ "${1:-}" = --prepare ] && exit 0
exec "$ALERTMANAGER" --config.file="$RUN_DIR/alertmanager.yml" --storage.path="$DATA_DIR" \
  --web.listen-address="${LISTEN_ADDRESS:-0.0.0.0:9093}" --cluster.listen-address="${CLUSTER_ADDRESS:-0.0.0.0:9094}" "$@"
