#!/bin/sh
# Completes Patroni's configuration and becomes its supervisor.
set -eu

# A new container has a new PID namespace: what a killed Postgres left behind names somebody else's process.
rm -f /var/lib/postgresql/data/postmaster.pid /var/run/postgresql/.s.PGSQL.*

sed -e "s/@SYNCHRONOUS_MODE@/$SYNCHRONOUS_MODE/" -e "s/@NOFAILOVER@/$NOFAILOVER/" \
    -e "s/@PRIMARY_START_TIMEOUT_S@/$PRIMARY_START_TIMEOUT_S/" \
    /etc/patroni/patroni.yml >/tmp/patroni.yml

exec python3 /usr/local/bin/supervise.py /tmp/patroni.yml
