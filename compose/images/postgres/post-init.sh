#!/bin/sh
# Patroni runs this once, on the member that created the cluster, before anybody else can connect.
set -eu
export PGHOST=/var/run/postgresql PGUSER=postgres

psql -X -q -v ON_ERROR_STOP=1 -v password="$GAMEDAY_PASSWORD" -d postgres <<'SQL'
CREATE ROLE gameday LOGIN PASSWORD :'password';
GRANT pg_monitor TO gameday;
CREATE DATABASE gameday OWNER gameday;
SQL
psql -X -q -v ON_ERROR_STOP=1 -d gameday -c 'SET ROLE gameday' -f /etc/patroni/schema.sql
