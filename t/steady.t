#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Many requests leave a worker as few did: memory and descriptors stay flat,
# on the plain path and on the one that a fault takes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

# KiB; what the allocator may keep.  20,000 requests that lose 16 bytes each
# lose more.
use constant SLACK => 256;

my $nginx = HL::Nginx->new(log_level => 'crit', check_restore => 0,
                           http => <<'EOT',
keepalive_requests 100000;

hyperlight_guest counter {
    binary guests/counter.elf;
}

hyperlight_guest upper {
    binary guests/upper.elf;
}

hyperlight_guest crash {
    binary guests/crash.elf;
}
EOT
server => <<'EOT');
location /counter {
    hyperlight_pass counter counter;
}

location /upper {
    hyperlight_pass upper upper;
}

location /crash {
    hyperlight_pass crash crash;
}
EOT

my ($worker) = $nginx->workers;


sub flat {
    my ($name, $warm_up, $n, $uri, $body, $expected) = @_;

    my $client;
    my $wrong = 0;

    my $requests = sub {
        for (1 .. $_[0]) {
            $client ||= $nginx->connect;
            $client->request(defined $body ? 'POST' : 'GET', $uri,
                             body => $body);

            my $r = $client->response;

            $wrong++ if "$r->{status} $r->{body}" !~ $expected;

            undef $client if $r->{headers}{connection} eq 'close';
        }
    };

    $requests->($warm_up);

    my $resident = $nginx->resident($worker);

    $requests->($n);

    is($wrong, 0, "$name: each answer is right");

    SKIP: {
        skip 'sanitizers keep memory', 1 if $ENV{TEST_NGINX_SANITIZED};

        cmp_ok($nginx->resident($worker) - $resident, '<=', SLACK,
               "$name: memory is flat");
    }

    undef $client;
    $nginx->check_descriptors("$name: descriptors are flat");
}


flat('20,000 requests', 1000, 20000, '/counter', undef, qr/^200 1$/);
flat('5,000 bodies of 8 KiB', 500, 5000, '/upper', 'x' x 8192,
     qr/^200 X{8192}$/);
flat('2,000 faults', 200, 2000, '/crash', undef, qr/^500 /);

$nginx->finish;

done_testing;
