#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A restore that is not exact: with hyperlight_check_restore the worker says
# so in an [alert], and never uses that sandbox again.  What breaks it is a
# byte that this test writes into the guest's memory in the worker, where the
# dirty log does not see it.  (What is compared: t/core/test_check.c.)

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $http = <<'EOT';
hyperlight_guest counter {
    binary guests/counter.elf;
    sandboxes 1;
}
EOT

my $server = <<'EOT';
location /counter {
    hyperlight_pass counter counter;
}
EOT


# Writes to the end of a sandbox's heap, too far up for a call to come there.
# It is the memory that lies behind the last of what the worker maps, to be
# written, from a snapshot.

sub break_sandbox {
    my ($worker) = @_;

    my ($last, $end) = ('', '');

    open my $maps, '<', "/proc/$worker/maps" or return 0;

    while (<$maps>) {
        my ($from, $to, $what) = /^([0-9a-f]+)-([0-9a-f]+) rw-p (.*)/ or next;
        $end = $to if $from eq $last;
        $last = $to if $what =~ /hl-snapshot/;
    }

    open my $memory, '+<:raw', "/proc/$worker/mem" or return 0;

    no warnings 'portable';             # hex() of an address

    return sysseek($memory, hex($end) - 64, 0)
           && syswrite($memory, 'x') == 1;
}


for my $check (1, 0) {
    my $nginx = HL::Nginx->new(check_restore => $check, http => $http,
                               server => $server);
    is($nginx->get('/counter')->{body}, "1\n", 'a request before');

    ok(break_sandbox($nginx->workers), 'its sandbox is broken');

    is($nginx->get('/counter')->{body}, "1\n",
       'the request in the sandbox that is broken');
    is($nginx->get('/counter')->{body}, "1\n", 'a request behind it');

    my @alerts = $nginx->log_lines(qr/\[alert\] .* was not restored: /);

    if ($check) {
        is(@alerts, 1, 'one alert, since it was not used again');
        is($alerts[0] =~ s/0x[0-9a-f]+/ADDRESS/r,
           '[alert] hyperlight: guest "counter" was not restored: 1 bytes '
           . "of memory are not the snapshot's, the first at ADDRESS (heap)",
           'it says where');
        $nginx->allow(qr/was not restored/);

    } else {
        is(@alerts, 0, 'nobody looks without the directive');
    }

    $nginx->finish;
}

done_testing;
