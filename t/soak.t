#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Mixed traffic for a while: all outcomes, all sizes, HTTP/1.1 and HTTP/2,
# clients that leave at any moment, two workers; in the first part nginx is
# reloaded all the time, in the second one its workers stay, so that what they
# hold can be seen to level off.  Each answer is compared with the one that is
# due, which depends on all of its request: see t/soak/.
#
# Environment: SOAK_TIME (seconds of traffic), SOAK_COUNT (requests: it ends
# with the first of both), SOAK_SEED (which requests), SOAK_CHECK (0: without
# hyperlight_check_restore).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Soak;
use HL::Status;
use POSIX qw(ceil);
use Test::More;
use Time::HiRes qw(sleep time);

# Parts of the time: with reloads, and each run of those that follow.
use constant {
    RELOADS => 0.4,
    STEADY  => 0.1,
    RUNS    => 6,
};

# Seconds: old workers end with their last request.
use constant RELOAD_TIMEOUT => 60;

# KiB that the memory of a process may grow by, and a share of it: malloc()
# keeps what is in pieces.
use constant SLACK       => 4096;
use constant SLACK_SHARE => 0.1;

my $time = $ENV{SOAK_TIME} || 12;
my $count = $ENV{SOAK_COUNT} || 0;
my $seed = $ENV{SOAK_SEED} || 1;
my $check = $ENV{SOAK_CHECK} // 1;

my $nginx = HL::Nginx->new(start => 0, workers => 2, log_level => 'error',
                           connections => 1024, check_restore => $check);
my $port = $nginx->port;
my $port2 = HL::Nginx::free_port();
my ($next, $total, $began) = (0, {}, time);


sub section {
    my ($name) = @_;

    open my $file, '<', "$FindBin::Bin/soak/$name.conf"
        or die "soak/$name.conf: $!";
    local $/;

    return <$file> =~ s/\bPORT2\b/$port2/gr =~ s/\bPORT\b/$port/gr;
}


# A run of the client for a part of all, requests numbered on.

sub start {
    my ($part, @options) = @_;

    my @count = $count ? ('-n', ceil($count * $part)) : ();

    return HL::Soak::start(@options, @count, '-t', ceil($time * $part),
                           '-s', $seed, '-i', $next, $port, $port2);
}


sub finish {
    my ($run) = @_;

    my $counts = HL::Soak::finish($run);

    HL::Soak::add($total, $counts);
    $next += HL::Soak::sum($counts, 'requests');
}


sub show {
    my ($what, %held) = @_;

    note sprintf '%-26s %s', $what,
        join ', ', map { "$_ $held{$_}" } @HL::Soak::held;
}


sub slack {
    my (@kib) = @_;

    return SLACK + SLACK_SHARE * $kib[0];
}


note "seed $seed, ", $count ? "$count requests" : "$time s",
     $check ? ', with' : ', without', ' hyperlight_check_restore';

HL::Soak::write_files($nginx->dir . '/html');
$nginx->configure(http => section('http'), server => section('server'));
$nginx->start;

my %master_first = HL::Soak::held($nginx->{pid})
    or plan skip_all => 'what processes hold cannot be seen';

show('master, at the start', %master_first);
show('workers, at the start', HL::Soak::held_by_all($nginx->workers));


# ---- with reloads ---------------------------------------------------------

my @master;
my $reloads = start(RELOADS);

while (HL::Soak::is_running($reloads)) {
    $nginx->reload(RELOAD_TIMEOUT);
    push @master, { HL::Soak::held($nginx->{pid}) };
    note scalar @master, " reloads, $master[-1]{private} KiB"
        if @master % 20 == 0;
    sleep 0.2;
}

finish($reloads);
$nginx->reload(RELOAD_TIMEOUT);
$nginx->prune_log;
push @master, { HL::Soak::held($nginx->{pid}) };
note scalar @master, ' reloads';
show('master, after them', %{ $master[-1] });

cmp_ok(scalar @master, '>=', 2, 'nginx was reloaded');
is($master[-1]{$_}, $master_first{$_}, "the master: $_ as at the start")
    for qw(descriptors memfds vms vcpus);


# ---- without --------------------------------------------------------------

my @workers = $nginx->workers;
my %first = HL::Soak::held_by_all(@workers);
my @samples;

show('workers, after reloads', %first);

for (1 .. RUNS) {
    finish(start(STEADY, '-k'));

    # Pools shrink by a sandbox in a second.
    HL::Nginx::wait_for(sub {
        return {HL::Soak::held_by_all(@workers)}->{descriptors}
               == $first{descriptors};
    });

    push @samples, { HL::Soak::held_by_all(@workers) };
    show('workers, ' . HL::Soak::sum($total, 'requests') . ' requests',
         %{ $samples[-1] });
    $nginx->prune_log;
}

is_deeply([$nginx->workers], \@workers, 'the workers are the same');
is($samples[-1]{$_}, $first{$_}, "the workers: $_ as at the start")
    for qw(descriptors memfds vms vcpus);

SKIP: {
    skip 'sanitizers keep memory', 3 if $ENV{TEST_NGINX_SANITIZED};

    ok(HL::Soak::levels_off(32, map { $_->{mappings} } @samples),
       'the number of mappings levels off');

    my @private = map { $_->{private} } @samples;
    ok(HL::Soak::levels_off(slack(@private), @private),
       'the memory of the workers levels off');

    @private = map { $_->{private} } @master;
    ok(HL::Soak::levels_off(slack(@private), @private),
       'so does that of the master');
}


# ---- what became of them --------------------------------------------------

my (%calls, $taken);

for my $guest (values %{ HL::Status::json($nginx) }) {
    $calls{$_} += $guest->{calls}{$_} for keys %{ $guest->{calls} };
    $taken += $guest->{sandboxes}{in_use} + $guest->{queue}{length};
}

note sprintf '%d requests, %d of them on HTTP/2, %.0f MB of bodies, %d s: '
             . '%d right, %d left by their clients, %d asked again, '
             . '%d failed, %d wrong',
     map({ HL::Soak::sum($total, $_) } qw(requests http2)),
     HL::Soak::sum($total, 'bytes') / 1e6, time - $began,
     map({ HL::Soak::sum($total, $_) } qw(right left again failed wrong));
note 'calls by outcome: ', join ', ', map { "$_ $calls{$_}" }
                                      sort keys %calls;

for my $name (sort keys %$total) {
    my $kind = $total->{$name};

    note sprintf '  %-20s %8d: %s', $name, $kind->{requests},
        join ', ', map { ($_ || 'none') . ": $kind->{statuses}{$_}" }
                   sort keys %{ $kind->{statuses} };
}

is($taken, 0, 'no sandbox is taken any more, nobody waits for one');
is(HL::Soak::sum($total, 'wrong'), 0, 'no answer is wrong');
is(HL::Soak::sum($total, 'failed'), 0, 'none is missing, none breaks off');
is_deeply([grep { !$total->{$_}{right} } sort keys %$total], [],
          'there were requests of all kinds');
is_deeply([grep { !$calls{$_} } sort keys %calls], [],
          'and all outcomes of the module');
ok(HL::Soak::sum($total, $_), "and some: $_") for qw(http2 left);

$nginx->finish;

done_testing;
