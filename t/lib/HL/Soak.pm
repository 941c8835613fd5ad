package HL::Soak;

# Copyright (C) the Hyperlight for nginx authors

# For t/soak.t: runs of the client (t/soak/load.c), what they add up to, and
# what the processes of nginx hold.
#
#     my $total = {};
#     HL::Soak::add($total, HL::Soak::run('-t', 10, $port, $port2));
#     my %held = HL::Soak::held($pid);

use strict;
use warnings;

use Carp qw(croak);
use JSON::PP ();
use List::Util qw(max);

use HL::Nginx;

my $program = HL::Nginx::build() . '/soak/soak-load';

# What is counted of a process; the first is in KiB.  (What it shares with
# others is no memory of its own, and neither are clean pages of files.)
our @held = qw(private descriptors memfds vms vcpus mappings);


sub write_files {
    my ($folder) = @_;

    mkdir $folder or croak "mkdir $folder: $!";
    system($program, '-w', $folder) == 0 or croak "$program -w failed";
}


# Starts the client; finish() waits for it, and returns what it prints.

sub start {
    my (@arguments) = @_;

    my $pid = open my $pipe, '-|', $program, @arguments;
    defined $pid or croak "fork: $!";

    return { pid => $pid, pipe => $pipe };
}


sub is_running {
    my ($run) = @_;

    open my $file, '<', "/proc/$run->{pid}/stat" or return 0;

    return <$file> !~ /^\d+ \(.*\) Z/;
}


sub finish {
    my ($run) = @_;

    my $pipe = $run->{pipe};
    my $text = do { local $/; <$pipe> };

    # 1: it says what was wrong.
    close $pipe or $? >> 8 == 1 or croak "$program failed: $?";

    return JSON::PP::decode_json($text)->{kinds};
}


sub run {
    return finish(start(@_));
}


# Counts of counts.

sub add {
    my ($total, $more) = @_;

    for my $name (keys %$more) {
        if (ref $more->{$name}) {
            add($total->{$name} ||= {}, $more->{$name});
        } else {
            $total->{$name} += $more->{$name};
        }
    }
}


# Of all kinds.

sub sum {
    my ($total, $name) = @_;

    my $sum = 0;
    $sum += $_->{$name} for values %$total;

    return $sum;
}


# ---- processes ------------------------------------------------------------

# Nothing, if this user may not look.

sub held {
    my ($pid) = @_;

    my %held = map { $_ => 0 } @held;

    open my $rollup, '<', "/proc/$pid/smaps_rollup" or return;
    while (<$rollup>) {
        $held{private} += $1 if /^Private_Dirty:\s+(\d+)/;
    }

    open my $maps, '<', "/proc/$pid/maps" or return;
    $held{mappings}++ while <$maps>;

    for my $fd (glob "/proc/$pid/fd/*") {
        my $what = readlink $fd // next;

        $held{descriptors}++;
        $held{memfds}++ if $what =~ /memfd:/;
        $held{vms}++ if $what eq 'anon_inode:kvm-vm';
        $held{vcpus}++ if $what =~ /^anon_inode:kvm-vcpu/;
    }

    return %held;
}


sub held_by_all {
    my (@pids) = @_;

    my %sum;

    for my $pid (@pids) {
        my %held = held($pid) or return;
        $sum{$_} += $held{$_} for keys %held;
    }

    return %sum;
}


# Whether values that may go up and down do not go up for good: the highest
# of the second half is at most that of the first half, and a little more.

sub levels_off {
    my ($slack, @values) = @_;

    my @first = splice @values, 0, @values / 2;

    return @first && max(@values) <= max(@first) + $slack;
}


1;
