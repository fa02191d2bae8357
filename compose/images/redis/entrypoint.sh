#!/bin/sh
# redis:    starts as a replica of whoever the Sentinels call master, so that a former master never comes back
#           believing that it still is one. On the very first start no Sentinel answers and FIRST_MASTER decides.
# sentinel: writes its configuration once; from then on Sentinel itself keeps it up to date on the volume.
set -eu

current_master() {
    for sentinel in $SENTINELS; do
        answer=$(timeout 0.5 redis-cli -h "$sentinel" -p 26379 sentinel get-master-addr-by-name gameday 2>/dev/null |
            head -n 1) || continue
        case $answer in
        *.*.*.*) echo "$answer" && return ;;
        esac
    done
    echo "$FIRST_MASTER"
}

case $1 in
redis)
    master=$(current_master)
    set -- --replica-announce-ip "$ADDRESS" --min-replicas-to-write "$MIN_REPLICAS_TO_WRITE"
    if [ "$master" != "$ADDRESS" ]; then
        set -- "$@" --replicaof "$master" 6379
    fi
    exec redis-server /etc/gameday/redis.conf "$@"
    ;;
sentinel)
    config=/var/lib/redis/sentinel.conf
    if [ ! -s "$config" ]; then
        sed -e "s/@ADDRESS@/$ADDRESS/" -e "s/@FIRST_MASTER@/$FIRST_MASTER/" -e "s/@QUORUM@/$QUORUM/" \
            -e "s/@DOWN_AFTER_MS@/$DOWN_AFTER_MS/" \
            /etc/gameday/sentinel.conf >"$config"
    fi
    exec redis-sentinel "$config"
    ;;
*)
    echo "entrypoint: unknown role '$1', want redis or sentinel" >&2
    exit 64
    ;;
esac
