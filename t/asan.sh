#!/bin/sh
#
# Copyright (C) the Hyperlight for nginx authors
#
# nginx with the runtime of the sanitizers, for a module that was built with
# them: see t/asan.mk.  That is the nginx of the system, or HL_ASAN_NGINX.

# What a test preloads comes behind it.
LD_PRELOAD=$(gcc -print-file-name=libasan.so)${LD_PRELOAD:+:$LD_PRELOAD}
ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:leak_check_at_exit=0
UBSAN_OPTIONS=print_stacktrace=1
export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS

if [ -n "${HL_ASAN_NGINX:-}" ]; then
    # A module has some of nginx's own names.
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_odr_violation=0
    exec "$HL_ASAN_NGINX" "$@"
fi

exec "$(command -v nginx || echo /usr/sbin/nginx)" "$@"
