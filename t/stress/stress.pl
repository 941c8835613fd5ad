#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Random requests for a while, to locations where phases of the module meet
# what nginx does besides (t/stress/), by clients of HTTP/1 and HTTP/2 that
# leave, stall, reset, or wait; guests that crash, hang, sleep; pools that are
# too small.  In the first part nginx is reloaded all the time, in the second
# one its worker stays.
#
# No answer is compared with one that is due: t/soak.t does that.  What must
# hold is that none hangs, that the worker lives, that nothing alarming is
# logged, by a sanitizer either, and that everything comes back: sandboxes,
# places in queues, descriptors.
#
# Environment: STRESS_TIME (seconds), STRESS_SEED (each client's sequence
# follows from it), STRESS_CLIENTS, STRESS_CHECK (1: hyperlight_check_restore).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use HL::Nginx;
use HL::Status;
use HL::Stress::Crowd;
use Test::More;
use Time::HiRes qw(sleep time);

# A part of the time.
use constant RELOADS => 0.4;

# Seconds: old workers end with their last request, and pools shrink by a
# sandbox in a second.
use constant {
    RELOAD_TIMEOUT => 60,
    SHRINK_TIMEOUT => 30,
};

my $time = $ENV{STRESS_TIME} || 60;
my $seed = $ENV{STRESS_SEED} || 1;
my $clients = $ENV{STRESS_CLIENTS} || 24;

my $nginx = HL::Nginx->new(start => 0, connections => 1024,
                           check_restore => $ENV{STRESS_CHECK} // 0);
my $port = $nginx->port;
my $port2 = HL::Nginx::free_port();


sub section {
    my ($name) = @_;

    open my $file, '<', "$FindBin::Bin/$name.conf" or die "$name.conf: $!";
    local $/;

    return <$file> =~ s/\bPORT2\b/$port2/gr =~ s/\bPORT\b/$port/gr;
}


sub write_files {
    mkdir $nginx->dir . '/html' or die "mkdir: $!";

    my %files = (
        'small.txt' => "small <b>text</b>\n",
        'large.txt' => join('', map { sprintf "%015d\n", $_ } 1 .. 30_000),
        'page.html' => <<'EOT',
A<!--#include virtual="/act/1?sleep=20,say=x" -->
B<!--#include virtual="/body/large.txt" -->
C<!--#include virtual="/stream?flush,say=a,sleep=30,flush,say=b" -->
D<!--#include virtual="/crash" -->
E<!--#include virtual="/proxy-body/small.txt" wait="yes" -->
EOT
    );

    $nginx->write_file("html/$_", $files{$_}) for sort keys %files;
}


# What is still taken, by guest: nothing, once all clients have left.

sub taken {
    my $status = HL::Status::json($nginx);

    return { map {
        my $guest = $status->{$_};
        my $n = $guest->{sandboxes}{in_use} + $guest->{queue}{length};
        $n ? ($_ => $n) : ();
    } keys %$status };
}


sub are_descriptors_back {
    my $baseline = $nginx->{baseline};

    return !grep { $nginx->descriptors($_) != $baseline->{$_} }
                 keys %$baseline;
}


# The cache loader of a new configuration ends by itself, but after a minute,
# and with it a descriptor of the worker.

sub end_loader {
    my ($loader) = grep {
        HL::Processes::title($_) eq 'nginx: cache loader process'
    } $nginx->children;
    my ($worker) = $nginx->workers;
    my $before = $nginx->descriptors($worker);

    kill 'TERM', $loader or die "no cache loader: $!";
    HL::Nginx::wait_for(sub { $nginx->descriptors($worker) < $before })
        or die 'the worker keeps the channel of the cache loader';
    $nginx->take_baseline;
}


sub show {
    my ($what, $counts) = @_;

    note "$what: ", join ', ', map { "$_ $counts->{$_}" } sort keys %$counts;
}


my $server = section('server');
my %crowd = (clients => $clients, seed => $seed, port => $port,
             port2 => $port2, locations => [$server =~ m{^location (/\S*)}mg]);

note "seed $seed, $time s, $clients clients, ",
     scalar @{ $crowd{locations} }, ' locations',
     $nginx->{check_restore} ? ', hyperlight_check_restore' : '';

write_files();
$nginx->configure(http => section('http'), server => $server);
$nginx->start;


# ---- with reloads ---------------------------------------------------------

my $reloads = 0;
my $end = time + RELOADS * $time;

my $reloaded = HL::Stress::Crowd::under({ %crowd, part => 1 }, sub {
    while (time < $end) {
        $nginx->reload(RELOAD_TIMEOUT);
        $nginx->prune_log;
        $reloads++;
        sleep 0.5;
    }
});

# Nobody is there any more: the next worker's descriptors are the baseline.
$nginx->reload(RELOAD_TIMEOUT);
end_loader();


# ---- without --------------------------------------------------------------

my @workers = $nginx->workers;
$end = time + (1 - RELOADS) * $time;

my $steady = HL::Stress::Crowd::under({ %crowd, part => 2 }, sub {
    while (time < $end && !$nginx->has_exited) {
        sleep 0.5;
        $nginx->prune_log;
    }
});

HL::Nginx::wait_for(sub { !%{ taken() } && are_descriptors_back() },
                    SHRINK_TIMEOUT);


# ---- what became of them --------------------------------------------------

my (%calls, %all);

HL::Stress::Crowd::add(\%calls, $_->{calls})
    for values %{ HL::Status::json($nginx) };
HL::Stress::Crowd::add(\%all, $_) for $reloaded, $steady;

note "$reloads reloads";
show('calls since then', \%calls);
show($_, $all{$_}) for qw(http1 http2);

is_deeply($all{hangs}, [], 'no request hangs');
is_deeply($all{failed}, [], 'no client fails');
is($steady->{http2}{lost} // 0, 0, 'no stream is lost');
is_deeply([$nginx->workers], \@workers, 'the worker has lived');
is_deeply(taken(), {}, 'no sandbox is taken, nobody waits for one');

# Or nothing of this would mean anything.
ok($reloads, 'nginx was reloaded');
ok($calls{ok}, 'guests were called');
ok($all{http1}{closed}, 'HTTP/1 was answered');
ok($all{http2}{ended}, 'HTTP/2 was answered');

$nginx->finish;

diag "the seed was $seed" if !Test::More->builder->is_passing;

done_testing;
