#!/bin/sh
# Options or a configuration file alone are for redis-server. Files are made for their owner alone.
set -e
case $1 in -* | *.conf) set -- redis-server "$@" ;; esac
umask 0077
exec "$@"
