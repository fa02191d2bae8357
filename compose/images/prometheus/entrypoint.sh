#!/bin/sh
# Fills the addresses into the configuration; members that only the redundant topology has are marked "# ha".
set -eu

filter='p'
if [ "$TOPOLOGY" != ha ]; then
    filter='/# ha$/!p'
fi
sed -n -e "s/@EDGE@/$EDGE/" -e "s/@APP@/$APP/" -e "s/@DATA@/$DATA/" -e "$filter" \
    /etc/gameday/prometheus.yml >/tmp/prometheus.yml

exec prometheus --config.file=/tmp/prometheus.yml --storage.tsdb.path=/var/lib/prometheus/data \
    --storage.tsdb.retention.time=6h --web.listen-address=0.0.0.0:9090 --log.level=warn
