#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Limits on time and on what a request may bring: each ends its own request,
# with its own status, and no other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Bench;
use HL::Nginx;
use List::Util qw(min);
use Test::More;
use Time::HiRes qw(time);

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
large_client_header_buffers 4 64k;

hyperlight_guest spin {
    binary guests/spin.elf;
    cpu_limit 400ms;
    timeout 2s;
}

hyperlight_guest hasty {
    binary guests/spin.elf;
    cpu_limit 10s;
    timeout 100ms;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
    headers 4k;
}

hyperlight_guest counter {
    binary guests/counter.elf;
}
EOT
location /spin {
    hyperlight_pass spin spin;
}

location /timeout {
    hyperlight_pass hasty spin;
}

location /lower {
    hyperlight_cpu_limit 100ms;
    hyperlight_pass spin spin;

    location /lower/timeout {
        hyperlight_cpu_limit 400ms;
        hyperlight_timeout 50ms;
        hyperlight_pass spin spin;
    }
}

location /counter {
    hyperlight_pass counter counter;
}

location /http {
    hyperlight_pass probe echo;
}

location /String {
    hyperlight_pass probe Echo;
}
EOT


# ---- time -----------------------------------------------------------------

# The best of three: a busy machine adds time, and never takes some away.  How
# soon a limit on CPU time is noticed, is measured in that, which nobody else
# has a part in.

my ($worker) = $nginx->workers;

for (
    ['cpu_limit',                            '/spin',          0.4,  \&used],
    ['timeout',                              '/timeout',       0.1,  \&time],
    ['hyperlight_cpu_limit in a location',   '/lower',         0.1,  \&used],
    ['hyperlight_timeout in a location',     '/lower/timeout', 0.05, \&time],
) {
    my ($name, $uri, $limit, $clock) = @$_;
    my (@times, @clocks);

    for (1 .. 3) {
        my ($start, $then) = (time, $clock->());

        is($nginx->get($uri)->{status}, 504, "$name: 504");
        push @clocks, $clock->() - $then;
        push @times, time - $start;
    }

    cmp_ok(min(@times) / $limit, '>=', 0.95, "$name: not before it is over");
    cmp_ok(min(@clocks) / $limit, '<=', 1.5, "$name: and soon after");

    is($nginx->get('/counter')->{body} + 0, 1,
       "$name: the next request is served");
}


# CPU time of the worker, in seconds.

sub used {
    return HL::Bench::cpu($worker) / 1e6;
}

my @lines = $nginx->log_lines(qr/\[error\]/);

is(scalar @lines, 12, 'each is in the log');
is(scalar(grep { /guest "(?:spin|hasty)".*"spin"/ } @lines), 12,
   'with guest and function');


# ---- size -----------------------------------------------------------------

is($nginx->get('/http/' . 'x' x 3000)->{status}, 200, 'a long URI');
is($nginx->get('/http/' . 'x' x 5000)->{status}, 414,
   'a URI over the room for metadata: 414');
is($nginx->get('/http?' . 'x' x 5000)->{status}, 414, 'arguments, too');

is($nginx->get('/http', 'X: ' . 'x' x 3000)->{status}, 200, 'a long header');
is($nginx->get('/http', 'X: ' . 'x' x 5000)->{status}, 431,
   'a header over the room for metadata: 431');
is($nginx->get('/http', map { "X-$_: " . 'x' x 100 } 1 .. 50)->{status}, 431,
   'many headers, too');

is($nginx->post('/http', 'x' x (200 * 1024))->{status}, 413,
   'a body over the room for it: 413');


# ---- the argument of a typed function -------------------------------------

for (
    ['ASCII',                  "abc",                              200],
    ['two bytes a character',  "gr\xc3\xbcn",                      200],
    ['three and four',         "\xe2\x82\xac\xf0\x9f\x98\x80",     200],
    ['nothing',                '',                                 200],
    ['a NUL',                  "a\0b",                             400],
    ['a NUL at the end',       "ab\0",                             400],
    ['a lone continuation',    "a\x80",                            400],
    ['a sequence cut short',   "a\xe2\x82",                        400],
    ['an overlong form',       "\xc0\xaf",                         400],
    ['a surrogate',            "\xed\xa0\x80",                     400],
    ['a value over U+10FFFF',  "\xf4\x90\x80\x80",                 400],
) {
    my ($name, $body, $status) = @$_;

    is($nginx->post('/String', $body)->{status}, $status,
       "String, $name: $status");
}


$nginx->finish;

done_testing;
