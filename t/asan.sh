#!/bin/sh
#
# Copyright (C) the Hyperlight for nginx authors
#
# The nginx of the system with the runtime of the sanitizers, for a module
# that was built with them: see t/asan.mk.

# What a test preloads comes behind it.
LD_PRELOAD=$(gcc -print-file-name=libasan.so)${LD_PRELOAD:+:$LD_PRELOAD}
ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:leak_check_at_exit=0
UBSAN_OPTIONS=print_stacktrace=1
export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS

exec "$(command -v nginx || echo /usr/sbin/nginx)" "$@"
