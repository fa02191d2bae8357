#!/bin/sh
# One HTTP request on stdin, one answer on stdout: `/metrics` for Prometheus, anything else is varnishstat's JSON.
read -r _method path _version
# Closing before the headers are read would reset the connection.
while read -r header && [ "${#header}" -gt 1 ]; do :; done
varnish=/run/varnish-work

case $path in
/metrics)
    type='text/plain; version=0.0.4'
    # "MAIN.cache_hit 12 ..." -> varnish_main_cache_hit 12; "VBE.boot.haproxy_1.happy" carries a name: a label.
    body=$(varnishstat -n "$varnish" -1 -f 'MAIN.*' -f 'VBE.*.happy' -f 'VBE.*.req' | awk '
        /^VBE\./ { split($1, part, "."); printf "varnish_backend_%s{backend=\"%s\"} %s\n", part[4], part[3], $2; next }
        /^MAIN\./ { name = tolower($1); gsub(/[^a-z0-9_]/, "_", name); printf "varnish_%s %s\n", name, $2 }')
    ;;
*)
    type='application/json'
    body=$(varnishstat -n "$varnish" -j)
    ;;
esac
printf 'HTTP/1.0 200 OK\r\nContent-Type: %s\r\nConnection: close\r\n\r\n%s\n' "$type" "$body"
