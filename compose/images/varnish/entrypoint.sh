#!/bin/sh
# Fills the addresses into the VCL, offers statistics over HTTP on :9131, and becomes Varnish.
# In the topology without redundancy the lines that name the second HAProxy are left out.
set -eu

filter='p'
if [ "$TOPOLOGY" != ha ]; then
    filter='/# ha$/!p'
fi
sed -n -e "s/@EDGE@/$EDGE/" -e "s/@NAME@/$NAME/" -e "$filter" /etc/varnish/gameday.vcl >/tmp/gameday.vcl

while :; do
    socat TCP-LISTEN:9131,fork,reuseaddr,max-children=4 EXEC:'/bin/sh /usr/local/bin/statistics.sh' || true
    sleep 0.5
done &

# Without the jail the server needs no privilege at all. Few threads: two cores, and a pool costs memory.
exec varnishd -F -j none -a :80 -f /tmp/gameday.vcl -s malloc,96m -n /run/varnish-work \
    -p default_ttl=0 -p default_grace=10 -p thread_pools=1 -p thread_pool_min=30 -p thread_pool_max=1000 \
    -p vsl_space=16m -p max_restarts=2
