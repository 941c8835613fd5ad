#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What guests that compute do to everybody else in their worker: the p99 of
# another location and of a short guest, idle and beside four guests that
# spin for two seconds each, for slices of 10 ms and of 1 ms.
#
# Part of "make bench".  The targets: with slices of 10 ms another location
# waits at most 3 of them longer, a short guest at most 4.  With 1 ms the
# machine's noise is in the way of such a promise.

use strict;
use warnings;

use File::Basename qw(dirname);
use Time::HiRes qw(time);

use lib dirname(__FILE__) . '/../lib';

use HL::Bench;
use HL::Nginx;

use constant {
    SPINNERS => 4,
    SECONDS  => 2,
};

my $quick = HL::Bench::quick();
my $bench = HL::Bench->new('loop');
my $requests = $quick ? 100 : 400;

my %slice = (ten => 10, one => 1);

my $nginx = HL::Nginx->new(
    log_level     => 'warn',
    check_restore => 0,
    http => join('', map { <<"EOT" } sort keys %slice), server => <<'EOT');
hyperlight_guest spin_$_ {
    binary t-guests/work.elf;
    sandboxes ${\ SPINNERS};
    slice $slice{$_}ms;
    cpu_limit 60s;
    timeout 10m;
}

hyperlight_guest hello_$_ {
    binary guests/hello.elf;
    slice $slice{$_}ms;
}
EOT
keepalive_requests 1000000;
location = /spin_ten { hyperlight_pass spin_ten work; }
location = /spin_one { hyperlight_pass spin_one work; }
location = /hello_ten { hyperlight_pass hello_ten hello; }
location = /hello_one { hyperlight_pass hello_one hello; }
location = /plain { return 200 "plain"; }
EOT


# In ms.

sub p99 {
    my ($path) = @_;

    return HL::Bench::load($nginx->port, $path, $requests)->{p99} / 1000;
}


# Turns of the guest's loop that take so long, alone.

sub turns {
    my ($seconds) = @_;

    my $start = time;
    $nginx->get('/spin_ten?500');

    return int(500 * $seconds / (time - $start));
}


sub report {
    my (%r) = @_;

    $bench->add(\%r);

    printf "%-22s %9.2f %9.2f %9.2f%s\n",
        @r{qw(name idle busy median)}, HL::Bench::verdict(\%r);
}


my $turns = turns($quick ? SECONDS / 4 : SECONDS);

printf "\nloop: p99 in ms, idle and beside %d guests that spin %d s each\n",
    SPINNERS, SECONDS;
printf "%-22s %9s %9s %9s\n", '', 'idle', 'busy', 'slices';

for my $kind (qw(ten one)) {
    for my $path ('/plain', "/hello_$kind") {
        my $idle = p99($path);

        my @spinners = map { $nginx->connect } 1 .. SPINNERS;
        $_->request('GET', "/spin_$kind?$turns") for @spinners;

        my $busy = p99($path);

        for (@spinners) {
            my $answer = $_->response->{body};
            die "bench: a spinner answers $answer\n" if $answer ne $turns;
            $_->close;
        }

        report(
            name   => 'loop.' . ($path =~ /plain/ ? 'plain' : 'hello')
                      . "_$slice{$kind}ms",
            unit   => 'slices',
            idle   => $idle,
            busy   => $busy,
            median => ($busy - $idle) / $slice{$kind},
            $kind eq 'ten' ? (target => $path eq '/plain' ? 3 : 4) : (),
        );
    }
}

$nginx->stop;

$bench->save;
