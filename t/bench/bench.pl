#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a request costs, beside what nothing can go below: the floor (one bare
# KVM round trip) for core, and "return 200" for nginx.  Rounds of all cases
# are interleaved, since machines drift; for nginx the figure is the worker's
# CPU time per request, in which the client has no part.
#
#     make bench [QUICK=1]
#
# Prints tables, writes bench.json into the build folder, and fails if a
# target is missed.  QUICK measures less and judges nothing: it shows that the
# bench works, on a machine that is busy.

use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP ();
use List::Util qw(min);

use lib dirname(__FILE__) . '/../lib';

use HL::Nginx;

my $quick = $ENV{QUICK};
my $rounds = $quick ? 3 : 9;
my $requests = $quick ? 500 : 3000;
my $build = HL::Nginx::build();
my $tool = "$build/bench";
my @results;
my $missed = 0;


sub run_json {
    my @lines = map { JSON::PP::decode_json($_) } qx(@_);

    die "bench: @_ failed\n" if $? != 0 || !@lines;

    return @lines;
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[@sorted / 2];
}


sub report {
    my (%r) = @_;

    push @results, \%r;

    my $verdict = '';

    if (defined $r{target}) {
        $verdict = sprintf '  at most %6.2f  %s', $r{target},
            $r{median} <= $r{target} ? 'reached' : 'MISSED';
        $missed++ if $r{median} > $r{target};
    }

    printf "%-26s %8.2f %8.2f %8s%s\n", $r{name}, $r{median}, $r{min},
        defined $r{ratio} ? sprintf('%.2f', $r{ratio}) : '', $verdict;
}


sub heading {
    printf "\n%s\n%-26s %8s %8s %8s\n", $_[0], '', 'median', 'min', 'x floor';
}


# ---- core -----------------------------------------------------------------

my %core = map { $_->{name} => $_ }
           run_json("$tool/core-bench", "$tool/bench.elf");
my $floor = $core{'core.floor'};

heading('core: one call and its restore, us of CPU time');

for my $name (sort { $core{$a}{cpu} <=> $core{$b}{cpu} } keys %core) {
    report(
        name   => $name,
        median => $core{$name}{cpu},
        min    => $core{$name}{cpu_min},
        p99    => $core{$name}{p99},
        unit   => 'us',
        ratio  => $core{$name}{cpu} / $floor->{cpu},
        $name eq 'core.call_restore_32' ? (target => $floor->{cpu} + 8) : (),
    );
}


# ---- nginx ----------------------------------------------------------------

my %paths = (
    'nginx.return_200'    => '/return',
    'nginx.hello'         => '/hello',
    'nginx.dirty_32'      => '/dirty?32',
);

my $nginx = HL::Nginx->new(
    log_level => 'warn',
    http => <<'EOT',
keepalive_requests 1000000;
hyperlight_guest hello { binary guests/hello.elf; }
hyperlight_guest bench { binary bench.elf; }
EOT
    server => <<'EOT',
location = /return { return 200 "Hello, bench! This is /return.\n"; }
location = /hello { hyperlight_pass hello hello; }
location = /dirty { hyperlight_pass bench dirty_http; }
EOT
    start => 0,
    check_restore => 0,
);

symlink "$tool/bench.elf", $nginx->dir . '/bench.elf' or die "symlink: $!\n";
$nginx->start;

my ($worker) = $nginx->workers;

sub worker_cpu {
    open my $file, '<', "/proc/$worker/schedstat"
        or die "/proc/$worker/schedstat: $!\n";

    return (split ' ', <$file>)[0] / 1000;
}

my (%cpu, %latency, @floor_cpu);

for my $round (0 .. $rounds) {
    push @floor_cpu, (run_json("$tool/core-bench", 'floor'))[0]{cpu};

    for my $name (sort keys %paths) {
        my $before = worker_cpu();
        my ($load) = run_json("$tool/http-load", $nginx->port,
                              "'$paths{$name}'", $requests);

        next if $round == 0;    # for learning

        push @{ $cpu{$name} }, (worker_cpu() - $before) / $requests;
        push @{ $latency{$name} }, $load->{p99};
    }
}

$nginx->stop;

my $floor_cpu = median(@floor_cpu);
my $return = median(@{ $cpu{'nginx.return_200'} });

heading('nginx: one request, us of the worker\'s CPU time');

report(name => 'nginx.floor', median => $floor_cpu, min => min(@floor_cpu),
       unit => 'us', ratio => 1);

for my $name (sort { median(@{ $cpu{$a} }) <=> median(@{ $cpu{$b} }) }
              keys %cpu)
{
    my $median = median(@{ $cpu{$name} });

    report(
        name   => $name,
        median => $median,
        min    => min(@{ $cpu{$name} }),
        p99    => median(@{ $latency{$name} }),
        unit   => 'us',
        ratio  => $median / $floor_cpu,
        $name eq 'nginx.dirty_32' ? (target => $return + $floor_cpu + 14)
                                  : (),
    );
}

open my $file, '>', "$build/bench.json" or die "bench.json: $!\n";
print $file JSON::PP->new->canonical->pretty->encode(\@results);
close $file or die "bench.json: $!\n";

print "\n", $missed ? "$missed target(s) missed\n" : "all targets reached\n";

exit($missed && !$quick ? 1 : 0);
