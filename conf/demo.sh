#!/bin/sh
#
# Copyright (C) the Hyperlight for nginx authors
#
# demo.sh run|demo BUILD PORT: the server of demo.conf.
#
#     run     in the foreground, its messages on the terminal
#     demo    requests, each with its answer, which is checked; then the
#             server is stopped.  0 if every answer was the expected one.

set -eu

mode=$1
build=$2
port=$3

here=$(cd "$(dirname "$0")" && pwd)
prefix=$build/$mode
base=
pid=
failed=0


fail() {
    printf '%s\n' "$*" >&2
    exit 1
}


# curl's exit status 7: nobody took the connection.

port_is_free() {
    code=0
    curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$1/" || code=$?
    [ "$code" -eq 7 ]
}


prepare() {
    mkdir -p "$prefix/modules" "$prefix/temp"
    ln -sfn "$build/guests" "$prefix/guests"
    ln -sf "$build/ngx_http_hyperlight_module.so" "$prefix/modules/"
    sed "s/127\.0\.0\.1:8080/127.0.0.1:$port/" "$here/demo.conf" \
        > "$prefix/demo.conf"
}


run() {
    port_is_free "$port" \
        || fail "port $port is taken: make run PORT=$((port + 1))"

    prepare
    echo "http://127.0.0.1:$port/hello, /upper, /counter, /crash, /spin," \
         "/page, /status; Ctrl-C stops it"
    exec nginx -p "$prefix/" -c demo.conf \
        -g 'daemon off; error_log stderr info;'
}


start() {
    for port in $(seq "$port" $((port + 99))); do
        port_is_free "$port" && break
    done

    prepare
    rm -f "$prefix/error.log" "$prefix/nginx.pid"

    nginx -p "$prefix/" -c demo.conf -g 'daemon off;' &
    pid=$!

    # nginx writes it when it listens.
    until [ -s "$prefix/nginx.pid" ]; do
        kill -0 "$pid" 2> /dev/null \
            || fail "nginx does not start; see $prefix/error.log"
        sleep 0.05
    done

    base=http://127.0.0.1:$port
}


stop() {
    [ -z "$pid" ] || kill -QUIT "$pid" 2> /dev/null || :
    [ -z "$pid" ] || wait "$pid" || :
    pid=
}


# The arguments as one would type them.

typed() {
    for word; do
        case $word in
        *[!A-Za-z0-9_./:=-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
}


# ask STATUS BODY ARGUMENT...: one request with curl.  The body must be BODY,
# a case pattern; without one (-) any body will do.

ask() {
    status=$1
    body=$2
    shift 2

    printf '$ curl%s\n' "$(typed "$@")"

    answer=$(curl -s --max-time 10 -w '\n%{http_code} %{time_total}' "$@") \
        || answer="
000 curl failed"

    last=${answer##*
}
    text=${answer%"
$last"}
    text=${text%"
"}
    seconds=${last#* }

    if [ "$body" = - ]; then
        printf '%s, after %s s\n' "${last% *}" "$seconds"
    else
        printf '%s %s\n' "${last% *}" "$text"
    fi

    # shellcheck disable=SC2254  # a pattern is wanted
    case $text in
    $body) ;;
    *) [ "$body" = - ] || wrong "the answer should be: $body" ;;
    esac

    [ "${last%% *}" = "$status" ] || wrong "the status should be $status"
}


wrong() {
    printf 'NOT AS EXPECTED: %s\n' "$*"
    failed=$((failed + 1))
}


at_most() {
    awk -v s="$seconds" -v max="$1" 'BEGIN { exit !(s <= max) }' \
        || wrong "it should take at most $1 s"
}


title() {
    printf '\n# %s\n' "$*"
}


demo() {
    trap stop EXIT
    trap 'exit 1' HUP INT PIPE TERM

    start

    title 'A greeting, in which the guest uses a request header.'
    ask 200 'Hello, Ada*' -H 'X-Name: Ada' "$base/hello"

    title 'A body, transformed by a guest.'
    ask 200 'EACH REQUEST GETS A MICRO-VM' \
        -d 'each request gets a micro-VM' "$base/upper"

    title 'A guest that counts in a global: each request is its first.'
    ask 200 1 "$base/counter"
    ask 200 1 "$base/counter"
    ask 200 1 "$base/counter"

    title 'A guest that crashes; the next request is served.'
    ask 500 - "$base/crash"
    ask 200 1 "$base/counter"

    title 'An endless loop, stopped after 50 ms; the next request is served.'
    ask 504 - "$base/spin"
    at_most 0.5
    ask 200 1 "$base/counter"

    title 'A page of another location, which passes through a guest.'
    ask 200 '*<body><p>This page came through a guest.</p><h1>*' "$base/page"

    title 'What nginx logged.'
    grep -F '[error]' "$prefix/error.log" \
        || wrong 'crash and endless loop should be there'

    stop
    echo

    [ "$failed" -eq 0 ] || fail "$failed answers were not the expected ones"
    echo 'All answers were the expected ones.'
}


case $mode in
run | demo) "$mode" ;;
*) fail 'usage: demo.sh run|demo BUILD PORT' ;;
esac
