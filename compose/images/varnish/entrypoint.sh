#!/bin/bash
# Fills the addresses into the VCL, offers statistics over HTTP on :9131, keeps keepalived running, and lives as long as
# Varnish does. In the topology without redundancy the lines that name the second HAProxy are left out.
#
# Clients know the CDN by one floating address for each node: its own last octet and 80. A node holds its own and, while
# the other is gone, the other's: a client that kept a dead node's address would wait for nothing on each connection.
set -eu

# In memory: keepalived does not watch files on FUSE, where an engine may keep a container's own.
health=/dev/shm/varnish-health

filter='p'
if [ "$TOPOLOGY" != ha ]; then
    filter='/# ha$/!p'
fi
sed -n -e "s/@EDGE@/$EDGE/" -e "s/@NAME@/$NAME/" -e "$filter" /etc/varnish/gameday.vcl >/tmp/gameday.vcl

device() {
    ip -o -4 address show to "$EDGE.$OCTET/32" | awk '{ print $2; exit }'
}

instance() { # last octet of the node whose address it is, priority here
    cat <<CONF
vrrp_instance cdn_$1 {
    state BACKUP
    interface $(device)
    virtual_router_id $1
    priority $2
    advert_int 0.2
    unicast_src_ip $EDGE.$OCTET
    unicast_peer {
        $EDGE.$PEER_OCTET
    }
    virtual_ipaddress {
        $EDGE.$(($1 + 80))/24 dev $(device)
    }
    track_file {
        varnish
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
# 0 while Varnish answers, see below.
track_file varnish {
    file $health
    weight 0
}
CONF
        instance "$OCTET" 101
        instance "$PEER_OCTET" 100
    } >/etc/keepalived/keepalived.conf
}

# A node that starts takes its address when it answers, and not before; one that is silent twice gives it up. All in Bash: where a
# process is started takes milliseconds, which adds up beside keepalived.
check() {
    if { exec {node}<>/dev/tcp/127.0.0.1/80; } 2>/dev/null; then
        status=
        printf 'GET /varnish-health HTTP/1.0\r\n\r\n' >&"$node" && read -r -t 0.5 -u "$node" status || :
        exec {node}>&-
        if [[ $status == *' 200 '* ]]; then
            [ "$silent" -lt 2 ] || echo 0 >"$health"
            silent=0
            return
        fi
    fi
    silent=$((silent + 1))
    [ "$silent" -ne 2 ] || echo 1 >"$health"
}

# A network that was disconnected comes back under another device name, which keepalived only learns by a reload.
hold_addresses() {
    silent=2
    # Nothing is ever written to it: to wait for a while, a shell without `sleep` reads what does not come.
    exec {nothing}<> <(:)
    # A Varnish that closes while it is asked does not answer, and that is all.
    trap '' PIPE
    while :; do
        set -- /sys/class/net/*
        links=$*
        configured=$(device)
        configure
        keepalived --vrrp --dont-fork --log-console &
        keepalived=$!
        while kill -0 "$keepalived" 2>/dev/null; do
            read -r -t 1 -u "$nothing" || :
            check
            # Asked of the shell: to ask with `ip` each second costs more than keepalived itself.
            set -- /sys/class/net/*
            [ "$*" != "$links" ] || continue
            present=$(device)
            [ -n "$present" ] || continue
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

# The kernel sends no answer from an address that it does not have, so what is under way when one moves needs it a moment
# longer, also on a node that gives the other's back: on `lo`, where nobody is told of it (`arp_ignore`).
for octet in "$OCTET" "$PEER_OCTET"; do
    ip address add "$EDGE.$((octet + 80))/32" dev lo
done

# The addresses leave first, then Varnish: when the other node's announcement has surely come to the last client, which takes
# 0.1 s, and longer while the processors are busy.
stop() {
    trap '' TERM INT
    kill "$holder"
    kill "$(cat /run/keepalived.pid)"
    sleep 1
    kill "$varnish"
    wait "$varnish"
    exit 0
}

# Only its own user may read Varnish's statistics: root is denied them here, for want of the capability to override it.
as_varnish='setpriv --reuid=varnish --regid=varnish --clear-groups --bounding-set=-all --inh-caps=-all'
while :; do
    $as_varnish socat TCP-LISTEN:9131,fork,reuseaddr,max-children=4 EXEC:'/bin/sh /usr/local/bin/statistics.sh' || true
    sleep 0.5
done &
echo 1 >"$health"
hold_addresses &
holder=$!

# Not optimised: that would take another half second of a processor at each start.
compiler=$(echo /usr/bin/*-linux-gnu-gcc)

# Without the jail the server needs no privilege at all, so it gives up what keepalived needs. Few threads: two cores, and
# a pool costs memory. Connections are kept for longer than a clinician looks at a page: on a new one the request that a dying
# node was answering is lost, on a kept one a client sends it again.
$as_varnish \
    varnishd -F -j none -a :80 -f /tmp/gameday.vcl -s malloc,96m -n /run/varnish-work \
    -p "cc_command=exec $compiler -O0 -fpic -shared -o %o %s" \
    -p default_ttl=0 -p default_grace=10 -p thread_pools=1 -p thread_pool_min=30 -p thread_pool_max=1000 \
    -p vsl_space=16m -p max_restarts=2 -p timeout_idle=60 &
varnish=$!
trap stop TERM INT
# A Varnish that died takes the container with it, and so the addresses.
wait "$varnish"
