#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What grows with sandboxes, guests, connections and workers: memory, start-up
# and CPU time of a worker, requests per second.  Part of "make bench".

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use Time::HiRes qw(time);

use lib dirname(__FILE__) . '/../lib';

use HL::Bench;
use HL::Nginx;

my $quick = HL::Bench::quick();
my $bench = HL::Bench->new('scale');
my $requests = $quick ? 500 : 5000;


# An nginx with so many guests of so many sandboxes; further settings.

sub nginx {
    my ($guests, $sandboxes, $settings, %o) = @_;

    my $nginx = HL::Nginx->new(
        log_level     => 'warn',
        check_restore => 0,
        start         => 0,
        connections   => 2048,
        %o,
        http => join('', "keepalive_requests 1000000;\n", map {
            "hyperlight_guest g$_ { binary small.elf; $settings "
            . "sandboxes $sandboxes 512; queue 1024; timeout 60s; "
            . "cpu_limit 10s; }\n"
        } 1 .. $guests),
        server => join('', map {
            "location = /g$_ { hyperlight_pass g$_ hello_http; }\n"
        } 1 .. $guests),
    );

    symlink HL::Bench::tool('small.elf'), $nginx->dir . '/small.elf'
        or die "small.elf: $!\n";

    my $start = time;
    $nginx->start;

    return ($nginx, (time - $start) * 1000);
}


sub vms {
    my ($pid) = @_;

    return scalar grep { (readlink $_ // '') =~ /kvm-vm/ }
                  glob "/proc/$pid/fd/*";
}


# CPU time of a request, the median of rounds.

sub request_cpu {
    my ($nginx, $path) = @_;

    my ($worker) = $nginx->workers;

    HL::Bench::load($nginx->port, $path, 100);

    return HL::Bench::median(map {
        my $before = HL::Bench::cpu($worker);
        HL::Bench::load($nginx->port, $path, $requests / 5);
        (HL::Bench::cpu($worker) - $before) / ($requests / 5);
    } 1 .. 5);
}


# Rows of one worker: memory, start, a request.

sub started {
    my ($name, $guests, $sandboxes, $settings) = @_;

    my ($nginx, $ms) = nginx($guests, $sandboxes, $settings);
    my ($worker) = $nginx->workers;
    my $cpu = HL::Bench::cpu($worker) / 1000;
    my %memory = HL::Bench::memory($worker);

    $bench->report(name => "$name.start", median => $ms, unit => 'ms');
    $bench->report(name => "$name.start_cpu", median => $cpu, unit => 'ms');
    $bench->report(name => "$name.private", median => $memory{Private} / 1024,
                   unit => 'MiB');
    $bench->report(name => "$name.shared", median => $memory{Shared} / 1024,
                   unit => 'MiB');
    $bench->report(name => "$name.vms", median => vms($worker), unit => '');
    $bench->report(name => "$name.request",
                   median => request_cpu($nginx, '/g1'), unit => 'us');

    $nginx->stop;
}


# ---- sandboxes, guests, size of a guest -----------------------------------

for my $n ($quick ? (1, 16) : (1, 8, 64, 256, 512)) {
    $bench->heading("scale: one guest, sandboxes $n",
                    'ms, MiB, VMs, us of CPU time a request');
    started("scale.sandboxes_$n", 1, $n, '');
}

for my $n ($quick ? (1, 10) : (1, 10, 100)) {
    $bench->heading("scale: guests $n, one sandbox each",
                    'ms, MiB, VMs, us of CPU time a request');
    started("scale.guests_$n", $n, 1, '');
}

for my $heap ($quick ? qw(16m) : qw(1m 16m 256m)) {
    $bench->heading("scale: one guest, 8 sandboxes, heap $heap",
                    'ms, MiB, VMs, us of CPU time a request');
    started("scale.heap_$heap", 1, 8, "heap $heap;");
}

# A heap is what may be written to.  This is there, and read by the worker.

for my $mib ($quick ? 1 : (1, 16, 256)) {
    my $file = File::Temp->new;
    print $file chr($_ & 0xff) x (1 << 20) for 1 .. $mib;
    close $file or die "init_data: $!\n";

    $bench->heading("scale: one guest, 8 sandboxes, init_data ${mib}m",
                    'ms, MiB, VMs, us of CPU time a request');
    started("scale.init_data_${mib}m", 1, 8, "init_data $file;");
}


# ---- connections, workers -------------------------------------------------

for my $workers (1, 2) {
    my ($nginx) = nginx(1, 16, '', workers => $workers);

    for my $n ($quick ? (1, 10) : (1, 10, 100, 1000)) {
        my $name = "scale.workers_${workers}_connections_$n";
        my @workers = $nginx->workers;

        HL::Bench::load('-c', $n, $nginx->port, '/g1', $n);

        my $before = HL::Bench::cpu(@workers);
        my $r = HL::Bench::load('-c', $n, $nginx->port, '/g1', 4 * $requests);

        $bench->heading("scale: workers $workers, connections $n",
                        'us, requests a second');
        $bench->report(name => "$name.latency", median => $r->{median},
                       p99 => $r->{p99}, unit => 'us');
        $bench->report(name => "$name.cpu", unit => 'us',
                       median => (HL::Bench::cpu(@workers) - $before)
                                 / (4 * $requests));
        $bench->report(name => "$name.rate", median => $r->{rate},
                       unit => '1/s');
    }

    $nginx->stop;
}

$bench->save;
