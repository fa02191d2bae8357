#!/bin/sh
# Writes what depends on the topology (members, cookie) and becomes the broker.
set -eu

# All members need the same cookie; deriving it from the shared password leaves one secret to pass around.
cookie=$HOME/.erlang.cookie
rm -f "$cookie"
(umask 277 && printf '%s' "erlang:$GAMEDAY_PASSWORD" | sha256sum | cut -c1-40 >"$cookie")

number=0
nodes=
for member in $RABBITMQ_MEMBERS; do
    number=$((number + 1))
    echo "cluster_formation.classic_config.nodes.$number = rabbit@$member"
    nodes="${nodes:+$nodes,}'rabbit@$member'"
done >/etc/rabbitmq/conf.d/20-members.conf

# Brokers that lost each other find each other again: with Khepri nothing in RabbitMQ sees to it (rabbitmq-server issue 12934),
# so each connects to each member once a second, which changes nothing where there is a connection. Only that may connect again
# (`once`): whatever else is sent to who is gone would do so before Erlang's `global` knows that he is, and then two of them
# exchange handshakes without end (otp issue 9117). Without a space, because RabbitMQ's start script splits the value at each.
connect="Connect=fun(Again,Node)->timer:sleep(1000),net_kernel:connect_node(Node),Again(Again,Node)end"
connect="$connect,[spawn(fun()->Connect(Connect,Node)end)||Node<-[$nodes]]."
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="${RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS-} -kernel dist_auto_connect once -eval $connect"

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
