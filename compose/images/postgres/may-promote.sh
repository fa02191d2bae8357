#!/bin/bash
# Patroni's pre_promote: asks the observer beside it. Failing means that the leader key is given up again; an observer
# that has just been started again gets three seconds.
for _ in {1..30}; do
    if { exec 3<>/dev/tcp/127.0.0.1/8009; } 2>/dev/null; then
        printf 'GET /may-promote HTTP/1.0\r\n\r\n' >&3
        read -r -t 6 status <&3
        [[ $status == *' 200 '* ]]
        exit
    fi
    sleep 0.1
done
exit 1
