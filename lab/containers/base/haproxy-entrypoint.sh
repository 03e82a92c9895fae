#!/bin/sh
# HAProxy with a master process (SIGUSR2 reloads), in the foreground.
set -e
case $1 in -*) set -- haproxy "$@" ;; esac
if [ "$1" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
