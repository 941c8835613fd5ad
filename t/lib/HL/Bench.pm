package HL::Bench;

# Copyright (C) the Hyperlight for nginx authors

# What the parts of "make bench" have in common: programs that measure, CPU
# time of processes, tables, and results.  Each part leaves its results in
# the build folder, bench/PART.json; t/bench/summary.pl makes one of them.
#
#     my $bench = HL::Bench->new('core');
#     $bench->heading('calls', 'us of CPU time', 'floor');
#     $bench->report(name => 'core.call', median => 28.1, unit => 'us');
#     $bench->save;

use strict;
use warnings;

use JSON::PP ();
use List::Util qw(min);

use HL::Nginx;

my $build = HL::Nginx::build();
my $json = JSON::PP->new->canonical->pretty;


# Whoever else runs on this machine is to be in the way as little as possible.

sub new {
    my ($class, $part) = @_;

    setpriority 0, 0, -15 if $> == 0;
    $| = 1;

    # Should this part fail, it has no results, not those of another run.
    unlink "$build/bench/$part.json";

    # What tests want of malloc() costs time: see HL::Nginx::spawn().
    $ENV{MALLOC_PERTURB_} = 0;

    return bless { part => $part, results => [] }, $class;
}


# This process and what it starts stay on one CPU: a worker that has to wake
# a client on another CPU that sleeps pays for the interrupt, sometimes, and
# in a virtual machine that costs more than many a request.  PIN=0 in the
# environment shows it.

sub pin {
    return if defined $ENV{PIN} && $ENV{PIN} eq '0';

    my @cpus = split /[,-]/, qx(taskset -cp $$) =~ s/.*: //r;
    my $cpu = $cpus[-1] + 0;

    system("taskset -cp $cpu $$ > /dev/null") == 0
        or die "bench: taskset failed\n";
}


# Less is measured, and nothing judged.

sub quick { return $ENV{QUICK} ? 1 : 0 }
sub tool  { return "$build/bench/$_[0]" }


sub run_json {
    my @lines = map { JSON::PP::decode_json($_) } qx(@_);

    die "bench: @_ failed\n" if $? != 0 || !@lines;

    return @lines;
}


# core-bench with these arguments: what it found by name.

sub core {
    my $program = tool('core-bench');

    return map { $_->{name} => $_ } run_json($program, @_);
}


# http-load: options, port, path, count.

sub load {
    my $program = tool('http-load');

    return (run_json($program, map { "'$_'" } @_))[0];
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[@sorted / 2];
}


# Round by round, the first number through the others' sum.

sub ratios {
    my ($one, @others) = @_;

    return map {
        my $i = $_;
        my $sum = 0;

        $sum += $_->[$i] for @others;
        $one->[$i] / $sum;
    } 0 .. $#$one;
}


# In us.

sub cpu {
    my $sum = 0;

    for my $pid (@_) {
        open my $file, '<', "/proc/$pid/schedstat"
            or die "/proc/$pid/schedstat: $!\n";
        $sum += (split ' ', <$file>)[0] / 1000;
    }

    return $sum;
}


# In KiB, by the names of /proc/PID/smaps_rollup.

sub memory {
    my ($pid) = @_;

    my %sum = (Private => 0, Shared => 0);

    open my $file, '<', "/proc/$pid/smaps_rollup"
        or die "/proc/$pid/smaps_rollup: $!\n";

    while (<$file>) {
        $sum{$1} += $2 if /^(Private|Shared)_\w+:\s+(\d+)/;
    }

    return %sum;
}


# ---- cgroups --------------------------------------------------------------

# A group of the controller, "cpu" or "memory", for processes whose children
# nobody waits for, and for what the kernel keeps for them; undef if this
# system has none to offer.

my @groups;

sub cgroup {
    my ($controller) = @_;

    my $name = "hyperlight-bench-$$";

    for my $top ($controller eq 'cpu' ? '/sys/fs/cgroup/cpuacct'
                                      : '/sys/fs/cgroup/memory',
                 '/sys/fs/cgroup')
    {
        next if !-e "$top/cgroup.procs" || !-w "$top/cgroup.procs";
        mkdir "$top/$name" or next;

        for my $file ($controller eq 'cpu'
                      ? ('cpuacct.usage', 'cpu.stat')
                      : ('memory.kmem.usage_in_bytes', 'memory.stat'))
        {
            next if !-e "$top/$name/$file";

            push @groups, "$top/$name";
            return { dir => "$top/$name", file => "$top/$name/$file" };
        }

        rmdir "$top/$name";
    }

    return;
}


sub cgroup_add {
    my ($group, $pid) = @_;

    open my $file, '>', "$group->{dir}/cgroup.procs" or return 0;
    print $file $pid;

    return close $file;
}


# In us.

sub cgroup_cpu {
    my ($group) = @_;

    open my $file, '<', $group->{file} or die "$group->{file}: $!\n";
    local $/;
    my $text = <$file>;

    return $text =~ /usage_usec (\d+)/ ? $1 : $text / 1000;
}


sub cgroup_remove {
    my ($group) = @_;

    HL::Nginx::wait_for(sub { rmdir $group->{dir} }, 5) if $group;
}


# After a part that has failed, too.

END { rmdir $_ for @groups }


# ---- tables ---------------------------------------------------------------

# "by": what the column of ratios is a multiple of.

sub heading {
    my ($self, $title, $unit, $by) = @_;

    $self->{table} = { title => $title, unit => $unit, by => $by // '' };

    printf "\n%s, %s\n%-30s %10s %10s %10s %8s\n", $title, $unit, '',
        'median', 'min', 'p99', $by ? "x $by" : '';
}


# name, median, unit; maybe min, p99, ratio, target (at most), rounds to take
# median and min of.

sub report {
    my ($self, %r) = @_;

    if (my $rounds = delete $r{rounds}) {
        $r{median} = median(@$rounds);
        $r{min} = min(@$rounds);
    }

    $r{table} = $self->{table};
    $self->add(\%r);

    my $show = sub { defined $_[0] ? sprintf('%.2f', $_[0]) : '' };

    printf "%-30s %10s %10s %10s %8s%s\n", $r{name},
        map({ $show->($r{$_}) } qw(median min p99 ratio)), verdict(\%r);
}


# A result that its part shows in a table of its own.

sub add {
    my ($self, $r) = @_;

    push @{ $self->{results} }, $r;
}


sub verdict {
    my ($r) = @_;

    return '' if !defined $r->{target};

    return sprintf '  at most %.2f %s', $r->{target},
        $r->{median} <= $r->{target} ? 'reached' : 'MISSED';
}


sub save {
    my ($self) = @_;

    write_file("$build/bench/$self->{part}.json",
               $json->encode($self->{results}));
}


sub results {
    my ($part) = @_;

    open my $file, '<', "$build/bench/$part.json" or return;
    local $/;

    return @{ JSON::PP::decode_json(<$file>) };
}


sub write_file {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "$path: $!\n";
    print $file $text;
    close $file or die "$path: $!\n";
}


1;
