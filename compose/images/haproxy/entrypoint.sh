#!/bin/bash
# Writes keepalived.conf for this member, keeps keepalived running beside HAProxy, and lives as long as HAProxy does.
#
# The virtual address exists on each of the three networks as an instance of its own: a member that is cut off
# from one network loses the address there and keeps serving the others.
set -eu

# In memory: keepalived does not watch files on FUSE, where an engine may keep a container's own.
health=/dev/shm/haproxy-health

device_of() {
    ip -o -4 address show to "$1/32" | awk '{ print $2; exit }'
}

instance() { # name, virtual router id, network prefix
    device=$(device_of "$3.$OCTET")
    cat <<CONF
vrrp_instance $1 {
    state BACKUP
    nopreempt
    timer_expired_backup
    interface $device
    virtual_router_id $2
    priority $PRIORITY
    advert_int $ADVERT_S
    unicast_src_ip $3.$OCTET
    unicast_peer {
        $3.$PEER_OCTET
    }
    virtual_ipaddress {
        $3.100/24 dev $device
    }
    track_file {
        haproxy
    }
}
CONF
}

configure() {
    {
        cat <<CONF
global_defs {
    router_id $NAME
    vrrp_version 3
    # A paused holder that resumes, and neighbours that missed the first announcement.
    vrrp_garp_master_delay 1
    vrrp_garp_master_refresh 2
    dynamic_interfaces allow_if_changes
}
# 0 while HAProxy answers, see below.
track_file haproxy {
    file $health
    weight 0
}
CONF
        instance edge 51 "$EDGE"
        instance app 52 "$APP"
        instance data 53 "$DATA"
    } >/etc/keepalived/keepalived.conf
}

devices() {
    for prefix in "$EDGE" "$APP" "$DATA"; do
        device_of "$prefix.$OCTET"
    done
}

# A HAProxy that hangs while keepalived lives loses the address after three silent checks; a death or a pause of the container shows
# in the missing adverts. With 0.2 s between them the booting neighbours alone moved the address. All in Bash: where a process
# is started takes milliseconds, which adds up beside keepalived.
check() {
    if { exec {proxy}<>/dev/tcp/127.0.0.1/8404; } 2>/dev/null; then
        status=
        printf 'GET /whoami HTTP/1.0\r\n\r\n' >&"$proxy" && read -r -t 0.3 -u "$proxy" status || :
        exec {proxy}>&-
        if [[ $status == *' 200 '* ]]; then
            silent=0
            answered=$((answered + 1))
            [ "$answered" -ne 2 ] || echo 0 >"$health"
            return
        fi
    fi
    answered=0
    silent=$((silent + 1))
    [ "$silent" -ne 3 ] || echo 1 >"$health"
}

# A network that was disconnected comes back under another device name, which keepalived only learns by a reload.
# While one is missing there is nothing to write; keepalived gives that address up by itself.
hold_address() {
    silent=0
    answered=0
    # Nothing is ever written to it: to wait for a while, a shell without `sleep` reads what does not come.
    exec {nothing}<> <(:)
    # A HAProxy that closes while it is asked does not answer, and that is all.
    trap '' PIPE
    while :; do
        set -- /sys/class/net/*
        links=$*
        configured=$(devices)
        configure
        keepalived --vrrp --dont-fork --log-console &
        keepalived=$!
        while kill -0 "$keepalived" 2>/dev/null; do
            read -r -t 0.5 -u "$nothing" || :
            check
            # Asked of the shell: to ask with `ip` each time costs more than keepalived itself.
            set -- /sys/class/net/*
            [ "$*" != "$links" ] || continue
            present=$(devices)
            [ "$(echo "$present" | wc -l)" -eq 3 ] || continue
            links=$*
            if [ "$present" != "$configured" ]; then
                configured=$present
                configure
                kill -HUP "$keepalived"
            fi
        done
        wait "$keepalived" || true
    done
}

# The address leaves first, then HAProxy finishes what it has (`hard-stop-after` bounds that). The kernel sends no answer
# from an address that it does not have, so what is under way needs the address a moment longer: on `lo`, where nobody
# is told of it (`arp_ignore`).
stop() {
    trap '' TERM INT
    kill "$holder"
    for prefix in "$EDGE" "$APP" "$DATA"; do
        ip address add "$prefix.100/32" dev lo || :
    done
    kill "$(cat /run/keepalived.pid)"
    # Until the other one's announcement has surely come to everybody, also while the processors are busy.
    sleep 1
    kill -USR1 "$haproxy"
    wait "$haproxy"
    exit 0
}

echo 0 >"$health"
hold_address &
holder=$!
haproxy -db -f /etc/haproxy/haproxy.cfg &
haproxy=$!
trap stop TERM INT
# A HAProxy that died takes the container with it, and so the address.
wait "$haproxy"
