vcl 4.1;

import directors;
import std;

# The gateway itself answers /healthz, so a probe covers HAProxy and a gateway. Sick after about a second.
probe gateway {
    .url = "/healthz";
    .interval = 0.5s;
    .timeout = 0.3s;
    .window = 3;
    .threshold = 2;
    .initial = 2;
}

# Both HAProxies by their own addresses, not the virtual one: a move of that is then invisible behind the CDN.
# HAProxy asks a second gateway after 1.2 s, which has to come before this gives up: the other HAProxy might ask the same gateway first.
# What is left of the 2 s that a client waits is for a HAProxy that says nothing.
backend haproxy_1 {
    .host = "@EDGE@.11";
    .port = "80";
    .probe = gateway;
    .connect_timeout = 0.1s;
    .first_byte_timeout = 1.4s;
    .between_bytes_timeout = 0.5s;
}
backend haproxy_2 {                   # ha
    .host = "@EDGE@.12";              # ha
    .port = "80";                     # ha
    .probe = gateway;                 # ha
    .connect_timeout = 0.1s;          # ha
    .first_byte_timeout = 1.4s;       # ha
    .between_bytes_timeout = 0.5s;    # ha
}                                     # ha

sub vcl_init {
    # Either one first: a second try must not meet the one that has just failed.
    new one = directors.fallback();
    one.add_backend(haproxy_1);
    one.add_backend(haproxy_2);    # ha
    new two = directors.fallback();
    two.add_backend(haproxy_2);    # ha
    two.add_backend(haproxy_1);
}

sub vcl_recv {
    if (req.url == "/varnish-health") {
        return (synth(200, "health"));
    }
    # Healthy: serve stale for ten seconds while one fetch runs. Sick, or the first try failed: for as long as it is kept.
    if (req.restarts == 0) {
        unset req.http.x-second-try;
        set req.http.x-origin = "one";
        if (std.random(0, 2) < 1) {
            set req.http.x-origin = "two";
        }
    } else if (req.http.x-origin == "one") {
        set req.http.x-origin = "two";
    } else {
        set req.http.x-origin = "one";
    }
    if (req.http.x-origin == "one") {
        set req.backend_hint = one.backend();
    } else {
        set req.backend_hint = two.backend();
    }
    if (req.restarts > 0) {
        set req.http.x-second-try = "yes";
        set req.grace = 1h;
    } else if (std.healthy(req.backend_hint)) {
        set req.grace = 10s;
    } else {
        set req.grace = 1h;
    }

    if (req.http.Upgrade ~ "(?i)websocket") {
        return (pipe);
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
}

sub vcl_pipe {
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
}

# A failed fetch is abandoned rather than delivered, because even an error that must not be cached would hide the stale
# copy. The client's side then starts over (vcl_synth): the stale copy if there is one, else the other HAProxy.
sub vcl_backend_response {
    if (beresp.status >= 500 && (bereq.method == "GET" || bereq.method == "HEAD")) {
        if (bereq.is_bgfetch || !bereq.http.x-second-try) {
            return (abandon);
        }
    }
    # default_ttl is 0: only an answer whose Cache-Control allows it has a ttl here.
    if (beresp.status < 500 && beresp.ttl > 0s) {
        # An asset may be an hour old. A ward's page holds vital signs: beyond the staleness bound of 35 s an error is better
        # than a page that looks new.
        if (bereq.url ~ "^/static/") {
            set beresp.grace = 1h;
        } else {
            set beresp.grace = 30s;
        }
    }
}

sub vcl_backend_error {
    if (bereq.method == "GET" || bereq.method == "HEAD") {
        if (bereq.is_bgfetch || !bereq.http.x-second-try) {
            return (abandon);
        }
    }
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.x-cache = "hit";
    } else {
        set resp.http.x-cache = "miss";
    }
    set resp.http.x-cdn = "@NAME@";
}

sub vcl_synth {
    if (resp.status == 503 && req.restarts == 0 && (req.method == "GET" || req.method == "HEAD")) {
        return (restart);
    }
    if (resp.reason == "health") {
        set resp.http.Content-Type = "text/plain";
        set resp.http.x-healthy = "";
        if (std.healthy(haproxy_1)) {
            set resp.http.x-healthy = "haproxy-1";
        }
        if (std.healthy(haproxy_2)) {                                            # ha
            set resp.http.x-healthy = resp.http.x-healthy + " haproxy-2";        # ha
        }                                                                        # ha
        set resp.body = resp.http.x-healthy;
        unset resp.http.x-healthy;
        return (deliver);
    }
}
