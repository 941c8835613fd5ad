#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a request costs in system calls on KVM: one KVM_RUN and at most one
# other one, that of the dirty log.  Counted by strace.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

use constant N => 500;

my $nginx = HL::Nginx->new(check_restore => 0,
                           http => <<'EOT', server => <<'EOT');
hyperlight_guest counter {
    binary guests/counter.elf;
    slice 1s;
}

hyperlight_guest upper {
    binary guests/upper.elf;
    slice 1s;
}
EOT
location /counter {
    hyperlight_pass counter counter;
}

location /upper {
    hyperlight_pass upper upper;
}
EOT

my ($worker) = $nginx->workers;


for (
    ['an HTTP guest',    'GET',  '/counter', undef],
    ['a typed function', 'POST', '/upper',   'x' x 1000],
) {
    my ($name, $method, $uri, $body) = @$_;

    my $client = $nginx->connect;

    my $requests = sub {
        for (1 .. $_[0]) {
            $client->request($method, $uri, body => $body);
            $client->response->{status} == 200 or die 'not a 200';
        }
    };

    # A sandbox learns first which pages its requests write.
    $requests->(100);

    my %n = traced(sub { $requests->(N) });

    if (!%n) {
        plan skip_all => 'strace may not trace here';
    }

    # A slice of time may end in between: the guest is entered again.
    is($n{run}, N, "$name: one KVM_RUN");
    cmp_ok($n{interrupted}, '<=', N / 50, "$name: rarely interrupted");
    cmp_ok($n{other}, '<=', N, "$name: at most one other ioctl");

    diag("$n{names}") if $n{other} > N;
}


# Counts the worker's ioctls while the code runs.

sub traced {
    my ($code) = @_;

    my $output = $nginx->dir . '/strace';
    my $strace = $nginx->spawn('strace', '-o', $output, '-e', 'trace=ioctl',
                               '-p', $worker);

    HL::Nginx::wait_for(sub {
        $nginx->read_file('stderr') =~ /attached|not permitted/;
    });

    my $text = $nginx->read_file('stderr');
    unlink $nginx->dir . '/stderr';

    if ($text !~ /attached/) {
        waitpid $strace, 0;
        return;
    }

    $code->();

    kill 'INT', $strace;
    waitpid $strace, 0;

    my %n = (run => 0, interrupted => 0, other => 0);
    my %names;

    for (split /\n/, $nginx->read_file('strace')) {
        # Sockets have ioctls, too: nginx asks one how much there is to read.
        next if !/^ioctl\(\d+, (KVM_\w+)/;

        if ($1 ne 'KVM_RUN') {
            $n{other}++;
            $names{$1}++;

        } elsif (/= -1 EINTR/) {
            $n{interrupted}++;

        } else {
            $n{run}++;
        }
    }

    $n{names} = join ', ', map { "$names{$_} $_" } sort keys %names;

    return %n;
}


$nginx->finish;

done_testing;
