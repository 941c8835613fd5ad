#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A guest that faults, aborts or leaves as no guest may: its request is
# answered 500, the error log says whose fault it was and which, and the next
# request is served by the same worker.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

# How to fail (guest/testguests/probe/fault.c), and what the log says of it.
my @faults = (
    ['null',            qr/page fault writing 0x0\b/],
    ['read-null',       qr/page fault reading 0x0\b/],
    ['call-null',       qr/page fault executing 0x0\b/],
    ['exec-data',       qr/page fault executing/],
    ['exec-stack',      qr/page fault executing/],
    ['exec-heap',       qr/page fault executing/],
    ['write-text',      qr/page fault writing/],
    ['write-constant',  qr/page fault writing/],
    ['write-input',     qr/page fault writing/],
    ['write-params',    qr/page fault writing/],
    ['write-hypercall', qr/page fault writing/],
    ['stack-guard',     qr/stack overflow/],
    ['above-stack',     qr/page fault writing/],
    ['above-heap',      qr/page fault writing/],
    ['recursion',       qr/stack overflow/],
    ['frame',           qr/stack overflow/],
    ['divide',          qr/division error/],
    ['undefined',       qr/invalid opcode/],
    ['hlt',             qr/general protection/],
    ['cr3',             qr/general protection/],
    ['not-canonical',   qr/general protection|stack segment fault/],
    ['heap',            qr/Guest aborted: 13\b/],
    ['smash',           qr/Guest aborted: 10\b/],
    ['assert',          qr/Guest aborted/],
    ['abort',           qr/Guest aborted: 0\b/],
    ['exit',            qr/Guest aborted/],
);

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest probe {
    binary testguests/probe.elf;
    cpu_limit 5s;
    timeout 5s;
}

hyperlight_guest counter {
    binary guests/counter.elf;
}
EOT
location /fault {
    hyperlight_pass probe fault;
}

location /echo {
    hyperlight_pass probe echo;
}

location /counter {
    hyperlight_pass counter counter;
}
EOT


for (@faults) {
    my ($how, $reason) = @$_;

    $nginx->clear_log;

    is($nginx->get("/fault?$how")->{status}, 500, "$how: 500");

    my @lines = $nginx->log_lines(qr/\[error\]/);

    is(scalar @lines, 1, "$how: one line in the log");
    like($lines[0], qr/guest "probe" function "fault": $reason/,
         "$how: with guest, function and reason");
    like($lines[0], qr/client: .*request: "GET/, "$how: and the request");

    is($nginx->post('/echo', $how)->{body}, $how,
       "$how: the same guest serves the next request");
    is($nginx->get('/counter')->{body} + 0, 1, "$how: and so do others");
}


# nginx closes a connection after 500, here as elsewhere.
{
    my $client = $nginx->connect;

    $client->request('GET', '/fault?null');

    is($client->response->{status}, 500, 'on one connection: 500');
    ok($client->is_closed, 'and the connection is closed');
}


$nginx->finish;

done_testing;
