#!/bin/sh
# Writes what depends on the topology (members, cookie) and becomes the broker.
set -eu

# All members need the same cookie; deriving it from the shared password leaves one secret to pass around.
cookie=$HOME/.erlang.cookie
rm -f "$cookie"
(umask 277 && printf '%s' "erlang:$GAMEDAY_PASSWORD" | sha256sum | cut -c1-40 >"$cookie")

number=0
for member in $RABBITMQ_MEMBERS; do
    number=$((number + 1))
    echo "cluster_formation.classic_config.nodes.$number = rabbit@$member"
done >/etc/rabbitmq/conf.d/20-members.conf

stop() {
    trap '' TERM INT
    kill "$broker"
    wait "$broker"
    exit $?
}
trap stop TERM INT

# A broker that starts while others leave and come back may give up its start (`node_not_running`): the next try finds them.
while :; do
    /usr/lib/rabbitmq/bin/rabbitmq-server &
    broker=$!
    if wait "$broker"; then
        exit 0
    fi
    echo "entrypoint: the broker ended, starting it again" >&2
    sleep 1
done
