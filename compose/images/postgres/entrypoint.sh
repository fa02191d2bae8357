#!/bin/sh
# Keeps Patroni running as a child of PID 1. When Patroni alone dies, its Postgres lives on and the next Patroni
# adopts it: that has to be quicker than HAProxy's three failed checks. When Postgres dies, the container and
# its address stay, so that other members' questions are refused at once instead of running into a timeout.
set -u

# A new container has a new PID namespace: what a killed Postgres left behind names somebody else's process.
rm -f /var/lib/postgresql/data/postmaster.pid /var/run/postgresql/.s.PGSQL.*

sed -e "s/@SYNCHRONOUS_MODE@/$SYNCHRONOUS_MODE/" -e "s/@NOFAILOVER@/$NOFAILOVER/" \
    /etc/patroni/patroni.yml >/tmp/patroni.yml

stop() {
    trap '' TERM INT
    kill -TERM "$patroni" 2>/dev/null
    wait "$patroni"
    exit 0
}
trap stop TERM INT

while :; do
    patroni /tmp/patroni.yml &
    patroni=$!
    wait "$patroni"
    echo "entrypoint: patroni ended with $?, starting it again" >&2
    sleep 0.2
done
