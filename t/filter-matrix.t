#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# t/matrix.t, with filters around all responses that leave them what they are:
# whatever a guest does, wherever nginx asks for it.

use strict;
use warnings;

use FindBin;

$ENV{TEST_NGINX_GLOBALS_HTTP} = <<'EOT';
    hyperlight_guest outer {
        binary t-guests/alter.elf;
        sandboxes 8;
        queue 64 timeout=60s;
        cpu_limit 10s;
        timeout 60s;
        output 2m;
    }

    hyperlight_guest outer-headers { binary t-guests/alter.elf; }

    hyperlight_header_filter outer-headers mark;
    hyperlight_body_filter outer pass;
EOT

do "$FindBin::Bin/matrix.t" // die $@ || $!;
