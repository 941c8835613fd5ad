#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The end of "make bench": from what its parts have left, bench.json (all
# results in one list), bench.md (tables), bench.svg (plots), in the build
# folder.  Fails if a target is missed, but for QUICK=1.
#
#     make bench PASTE=docs/performance.md
#
# puts the tables into that file as well, between the lines that mark where
# they belong, and the plots beside it.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use JSON::PP ();

use lib dirname(__FILE__) . '/../lib';
use lib dirname(__FILE__);

use HL::Bench;
use HL::Nginx;
use Plot;

my $build = HL::Nginx::build();
my @results = map { HL::Bench::results($_) } qw(core compare scale loop);
my %median = map { $_->{name} => $_->{median} } @results;
my @targets = grep { defined $_->{target} } @results;
my @missed = grep { $_->{median} > $_->{target} } @targets;


# ---- bench.json -----------------------------------------------------------

HL::Bench::write_file("$build/bench.json",
    JSON::PP->new->canonical->pretty->encode([map {
        my $r = $_;
        +{ map { $_ => $r->{$_} } qw(name median p99 unit ratio target) };
    } @results]));


# ---- tables ---------------------------------------------------------------

sub number {
    my ($x) = @_;

    return !defined $x ? ''
           : $x >= 1000 ? sprintf('%.0f', $x)
           : $x >= 100 ? sprintf('%.1f', $x) : sprintf('%.2f', $x);
}


sub row { return '| ' . join(' | ', @_) . " |\n" }
sub rule { return row('---', ('---:') x ($_[0] - 1)) }


sub first_line {
    my ($pattern, $file) = @_;

    open my $in, '<', $file or return '';

    return (map { /$pattern/ ? $1 : () } <$in>)[0] // '';
}


sub machine {
    my $cpu = first_line(qr/^model name\s*: (.*)/, '/proc/cpuinfo');
    my $n = () = glob '/sys/devices/system/cpu/cpu[0-9]*';
    my $load = first_line(qr/^(\S+ \S+ \S+)/, '/proc/loadavg');
    my $kernel = (split ' ', first_line(qr/(.*)/, '/proc/version'))[2];
    my ($nginx) = qx(nginx -v 2>&1) =~ m{nginx/(\S+)};

    return "$n x $cpu, Linux $kernel, nginx $nginx; load average at the end "
           . "$load.\n";
}


sub targets {
    return join '', "### Targets\n\n",
        row('what', 'measured', 'at most', 'unit', ''), rule(5),
        map {
            row("`$_->{name}`", number($_->{median}), number($_->{target}),
                $_->{unit}, $_->{median} <= $_->{target} ? '' : '**missed**')
        } @targets;
}


# A table for each heading of core and compare.

sub tables {
    my (@titles, %rows, %by, $text);

    for my $r (map { HL::Bench::results($_) } qw(core compare)) {
        my $title = "$r->{table}{title}, $r->{table}{unit}";
        push @titles, $title if !$rows{$title};
        push @{ $rows{$title} }, $r;
        $by{$title} = $r->{table}{by};
    }

    for my $title (@titles) {
        $text .= "\n### \u$title\n\n"
            . row('', 'median', 'min', 'p99', $by{$title} && "x $by{$title}")
            . rule(5)
            . join '', map {
                my $r = $_;
                row("`$r->{name}`",
                    map { number($r->{$_}) } qw(median min p99 ratio))
            } @{ $rows{$title} };
    }

    return $text // '';
}


# Of scale, one row for each number of what grows.

sub scale {
    my (@rows, %cells, @columns, $text);

    for my $r (HL::Bench::results('scale')) {
        my ($row, $column) = $r->{name} =~ /^scale\.(\w+)\.(\w+)$/ or next;
        push @rows, $row if !$cells{$row};
        $cells{$row}{$column} = $r;
        $cells{$row}{p99} = { median => $r->{p99}, unit => 'us' }
            if defined $r->{p99};
    }

    for (['memory and start of a worker',
          qw(start start_cpu private shared vms request)],
         ['connections and workers', qw(latency p99 cpu rate)])
    {
        my ($title, @columns) = @$_;
        my @mine = grep { $cells{$_}{ $columns[0] } } @rows;

        next if !@mine;

        $text .= "\n### Scale: $title\n\n"
            . row('', map { my $unit = $cells{ $mine[0] }{$_}{unit};
                            $unit ? "$_, $unit" : $_ } @columns)
            . rule(1 + @columns)
            . join '', map {
                my $row = $_;
                row($row, map { number($cells{$row}{$_}{median}) } @columns)
            } @mine;
    }

    return $text // '';
}


sub loop {
    my @loop = HL::Bench::results('loop');

    return '' if !@loop;

    return join '', "\n### Loop: p99 beside guests that compute, ms\n\n",
        row('', 'idle', 'busy', 'slices more'), rule(4),
        map { row("`$_->{name}`",
                  map { number($_) } @{$_}{qw(idle busy median)}) } @loop;
}


my $text = machine() . "\n" . targets() . tables() . scale() . loop();

HL::Bench::write_file("$build/bench.md", $text);


# ---- plots ----------------------------------------------------------------

sub pages {
    my ($name) = @_;

    return [sort { $a->[0] <=> $b->[0] }
            map { /^core\.${name}_(\d+)$/ ? [$1, $median{$_}] : () }
            keys %median];
}

sub bodies {
    my ($who) = @_;

    return [sort { $a->[0] <=> $b->[0] }
            map { /^nginx\.echo(\d+)([km])\.$who$/
                  ? [$1 * ($2 eq 'm' ? 1024 : 1), $median{$_}] : () }
            keys %median];
}

HL::Bench::write_file("$build/bench.svg", Plot::svg(
    { title => 'Call and restore', x => 'pages written', y => 'us of CPU',
      lines => [['call and restore', pages('call_restore')],
                ['copying alone', pages('copy')]] },
    { title => 'nginx: echo', x => 'KiB of body', y => 'us of CPU',
      lines => [map { [$_, bodies($_)] } qw(hyperlight njs lua)] },
));


# ---- the document ---------------------------------------------------------

if (my $path = $ENV{PASTE}) {
    open my $file, '<', $path or die "$path: $!\n";
    my $document = do { local $/; <$file> };
    close $file;

    my ($before, $after) = $document
        =~ /^(.*<!-- figures:[^\n]*-->\n).*(<!-- end of figures -->.*)/s
        or die "$path: no lines that mark where figures belong\n";

    HL::Bench::write_file($path, "$before\n$text\n$after");
    copy("$build/bench.svg", $path =~ s/\.md$/.svg/r) or die "copy: $!\n";
}

print "\n", @missed ? join("\n", map { "missed: $_->{name}" } @missed)
                    : 'all targets reached', "\n";

exit(@missed && !HL::Bench::quick() ? 1 : 0);
