package HL::Processes;

# Copyright (C) the Hyperlight for nginx authors

# The processes of an nginx, and what they have, by /proc: methods of
# HL::Nginx.

use strict;
use warnings;

use Carp qw(croak);
use Test::More;


# The pids of the workers that are past their initialisation and not shutting
# down: a worker sets its title when its init_process hooks have returned.

sub workers {
    my ($self) = @_;

    return grep { is_worker($_) } $self->children;
}


sub is_worker {
    my ($pid) = @_;

    return title($pid) eq 'nginx: worker process';
}


sub children {
    my ($self) = @_;

    my @children;

    return if !$self->{pid};

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $file, '<', $stat or next;
        my $line = <$file> // next;

        push @children, $1
            if $line =~ /^(\d+) \(.*\) \S (\d+)/ && $2 == $self->{pid};
    }

    @children = sort { $a <=> $b } @children;

    return @children;
}


# Of one that was started through a dynamic linker, it is behind the arguments
# of that.

sub title {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/cmdline" or return '';
    my $title = <$file> // '';
    $title =~ s/[\0 ]+$//;
    $title =~ s/^.*\0(?=nginx: )//s;

    return $title;
}


# Number of open descriptors; in KiB, resident memory and address space.

sub descriptors {
    my ($self, $pid) = @_;

    opendir my $dir, "/proc/$pid/fd" or return -1;

    return scalar grep { /^\d+$/ } readdir $dir;
}


sub resident { return size(@_, 'VmRSS') }
sub mapped   { return size(@_, 'VmSize') }

sub size {
    my ($self, $pid, $what) = @_;

    open my $file, '<', "/proc/$pid/status" or return -1;

    my ($size) = map { /^$what:\s+(\d+) kB/ } <$file>;

    return $size;
}


# The soft limit of a worker, as prlimit(1) names it: it can be raised again.
# By the worker's user: root may lack CAP_SYS_RESOURCE.

sub limit {
    my ($self, $pid, $name, $value) = @_;

    my @as = $> == 0 ? ('setpriv', '--reuid=' . HL::Nginx::USER(),
                        '--regid=' . HL::Nginx::USER(), '--clear-groups') : ();

    system(@as, 'prlimit', "--pid=$pid", "--$name=$value:") == 0
        or croak 'prlimit fails';
}


# Workers of a master that died go on; they are known by where they work.

sub orphans {
    my ($self) = @_;

    my $cwd = $self->dir . '/cwd';

    return map { m{/(\d+)/} }
           grep { (readlink $_ // '') eq $cwd } glob '/proc/[0-9]*/cwd';
}


# ---- the baseline ---------------------------------------------------------

# What finish() compares with, of workers that have had no request.

sub set_baseline {
    my ($self) = @_;

    $self->{baseline} =
        { map { $_ => $self->descriptors($_) } $self->workers };
}


# The same, to be called when the workers are new on purpose: behind requests
# whose connections they may not have closed yet.  A socket has an inode for as
# long as a process has it.

sub take_baseline {
    my ($self) = @_;

    my $port = sprintf ':%04X', $self->{port};

    HL::Nginx::wait_for(sub {
        open my $file, '<', '/proc/net/tcp' or croak "/proc/net/tcp: $!";

        return !grep {
            my (undef, $local, undef, $state, @rest) = split;
            $local =~ /$port$/ && $state ne '0A' && $rest[5] != 0;
        } grep { /^\s*\d/ } <$file>;
    }) or croak 'connections are left open';

    $self->set_baseline;
}


# Workers have as many descriptors as when they started.

sub check_descriptors {
    my ($self, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $baseline = $self->{baseline};
    my %now;

    # Connections that the test has left are closed when nginx sees it.
    HL::Nginx::wait_for(sub {
        %now = map { $_ => $self->descriptors($_) } keys %$baseline;
        return !grep { $now{$_} != $baseline->{$_} } keys %now;
    }, 5);

    is_deeply(\%now, $baseline, $name)
        or diag(map { "$_ -> " . (readlink // '?') . "\n" }
                map { glob "/proc/$_/fd/*" } keys %now);
}


1;
