#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What core costs, beside what nothing can go below: the floor, one bare KVM
# round trip.  Part of "make bench"; core-bench.c measures.

use strict;
use warnings;

use File::Basename qw(dirname);

use lib dirname(__FILE__) . '/../lib';

use HL::Bench;

my $bench = HL::Bench->new('core');
my ($large, $small) = map { HL::Bench::tool("$_.elf") } qw(large small);


# ---- calls ----------------------------------------------------------------

my %core = HL::Bench::core('calls', $large, $small);
my %rounds = map { $_ => $core{$_}{rounds} } keys %core;
my $floor = $core{'core.floor'}{cpu};

my @pages = (1, 8, 32, 64, 128, 512, 2048, 4096);

$bench->heading('core: calls', 'us of CPU time', 'floor');

sub call {
    my ($name, %more) = @_;

    $bench->report(
        name   => $name,
        median => $core{$name}{cpu},
        min    => $core{$name}{cpu_min},
        p99    => $core{$name}{p99},
        unit   => 'us',
        ratio  => HL::Bench::median(
                      HL::Bench::ratios($rounds{$name},
                                        $rounds{'core.floor'})),
        %more,
    );
}

call($_) for qw(core.floor core.copy_32 core.call);

# One that makes 17 host calls less one that makes 1, by 16.
my @host_call = map {
    ($rounds{'core.host_calls_17'}[$_] - $rounds{'core.host_calls_1'}[$_])
    / 16
} 0 .. $#{ $rounds{'core.floor'} };

$bench->report(
    name   => 'core.host_call',
    rounds => \@host_call,
    unit   => 'us',
    ratio  => HL::Bench::median(HL::Bench::ratios(\@host_call,
                                                  $rounds{'core.floor'})),
    target => 1.1 * $floor,
);

call('core.transfer');

$bench->heading('core: call and restore, pages written', 'us of CPU time',
                'floor');

for my $n (@pages) {
    call("core.call_restore_$n", $n == 32
         ? (target => 1.15 * ($floor + $core{'core.copy_32'}{cpu})) : ());
}

call('core.copy_4096');

$bench->heading('core: call and restore, 32 pages written, by heap',
                'us of CPU time', 'floor');
call("core.heap_$_") for qw(128k 8m 64m 256m);

$bench->heading('core: the same work elsewhere', 'a ratio');
$bench->report(
    name   => 'core.restore_by_heap',
    rounds => [HL::Bench::ratios($rounds{'core.heap_256m'},
                                 $rounds{'core.heap_8m'})],
    unit   => 'x',
    target => 1.1,
);

# The worse one of the two.
my @compute = sort { HL::Bench::median(@$a) <=> HL::Bench::median(@$b) }
              map { [HL::Bench::ratios($rounds{"core.$_"},
                                       $rounds{"core.${_}_native"})] }
              qw(sha256 mandelbrot);

$bench->report(name => 'core.compute', rounds => $compute[1], unit => 'x',
               target => 1.05);

$bench->heading('core: what is computed', 'ms of CPU time');

for my $name (map { ("core.$_", "core.${_}_native") } qw(sha256 mandelbrot)) {
    $bench->report(name => $name, unit => 'ms',
                   rounds => [map { $_ / 1000 } @{ $rounds{$name} }]);
}


# ---- life, interrupt ------------------------------------------------------

my %life = HL::Bench::core('life', $small);

$bench->heading('core: life of a sandbox, heap 16 MiB', 'us of real time',
                'floor');

my @steps = qw(create evolve snapshot from_snapshot first_call destroy);

sub life {
    my ($name, %more) = @_;

    $bench->report(
        name   => $name,
        median => $life{$name}{median},
        p99    => $life{$name}{p99},
        unit   => 'us',
        ratio  => $life{$name}{median} / $floor,
        %more,
    );
}

life("core.$_", $_ eq 'from_snapshot' ? (target => 1500) : ()) for @steps;

my $interrupt = { HL::Bench::core('interrupt', $small) }->{'core.interrupt'};

$bench->report(name => 'core.interrupt', unit => 'us',
               median => $interrupt->{median}, p99 => $interrupt->{p99},
               ratio => $interrupt->{median} / $floor);
$bench->report(name => 'core.restore_cancelled', unit => 'us',
               median => $interrupt->{cpu}, min => $interrupt->{cpu_min},
               ratio => $interrupt->{cpu} / $floor);

$bench->heading('core: life of a sandbox, by heap', 'us of real time',
                'floor');

for my $step (@steps) {
    life("core.${step}_$_") for qw(128k 8m 64m 256m);
}


# ---- memory ---------------------------------------------------------------

my $group = HL::Bench::cgroup('memory');
my %memory;

if ($group) {
    my $pid = open my $pipe, '-|';
    defined $pid or die "fork: $!\n";

    if ($pid == 0) {
        HL::Bench::cgroup_add($group, $$) or die "cgroup: $!\n";
        exec HL::Bench::tool('core-bench'), 'memory', $small, $group->{file};
    }

    local $/;
    %memory = %{ JSON::PP::decode_json(scalar <$pipe>) };
    close $pipe or die "bench: core-bench memory failed\n";
    HL::Bench::cgroup_remove($group);

} else {
    %memory = %{ { HL::Bench::core('memory', $small, '-') }
                 ->{'core.sandbox_memory'} };
}

$bench->heading('core: each further sandbox, heap 16 MiB, 32 pages written',
                'KiB');
$bench->report(name => 'core.sandbox_memory', median => $memory{private},
               unit => 'KiB', target => 400);
$bench->report(name => 'core.sandbox_shared', median => $memory{shared},
               unit => 'KiB');
$bench->report(name => 'core.sandbox_kernel', median => $memory{kernel},
               unit => 'KiB') if $group;

$bench->save;
