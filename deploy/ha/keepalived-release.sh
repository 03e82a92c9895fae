#!/bin/sh
# Ends the connections that people have to the address which this host no longer holds: the kernel sends each a reset, and browsers come to whoever holds it now.
# For that the address must still be this host's own, so it stands on the loopback interface too (keepalived-start.sh), where nobody on the network is told of it.
exec ss -H -K state connected src "${KEEPALIVED_ADDRESS%/*}" >/dev/null
