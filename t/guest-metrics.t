#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Counters and histograms of a guest's own: counted over workers and reloads,
# bounded, shown in all forms of the status.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::May qw(ask limited words);
use HL::Nginx;
use HL::Status;
use Test::More;

my $binary = 'binary t-guests/may.elf; allow metrics;';

my $nginx = HL::Nginx->new(workers => 2, http => <<"EOT", server => <<'EOT');
hyperlight_guest a { $binary }
hyperlight_guest b { $binary }
hyperlight_guest many { $binary }
hyperlight_guest odd { $binary }
hyperlight_guest "q\\"" { $binary }
hyperlight_guest not { binary t-guests/may.elf; }
EOT
location /status { hyperlight_status; }
location /a { hyperlight_pass a may; }
location /b { hyperlight_pass b may; }
location /many { hyperlight_pass many may; }
location /odd { hyperlight_pass odd may; }
location /not { hyperlight_pass not may; }
EOT


sub metrics {
    my ($guest) = @_;

    return HL::Status::json($nginx)->{$guest}{metrics};
}


sub prometheus {
    return $nginx->get('/status?format=prometheus')->{body};
}


# ---- what is counted ------------------------------------------------------

is_deeply(metrics('a'), { counters => { declared => 0 }, histograms => {} },
          'what the initialisation declares is there, and 0');
is_deeply(metrics('not'), { counters => {}, histograms => {} },
          'without the grant there is nothing');

is(ask($nginx, '/a', ['add', 'rows', 3, 'add', 'rows', 4, 'add', 'none', 0]),
   "done\n" x 3, 'counters');
is(metrics('a')->{counters}{rows}, 7, 'the sum');
is(metrics('a')->{counters}{none}, 0, 'one to which 0 was added');

ask($nginx, '/a', ['add', 'rows', 1]) for 1 .. 20;
is(metrics('a')->{counters}{rows}, 27, 'of all workers');

my @values = (0, 1, 2, 4, 5, 1073741824, 1073741825);

is(ask($nginx, '/a', [map { ('observe', 'size', $_) } @values]),
   "done\n" x @values, 'a histogram');

my $h = metrics('a')->{histograms}{size};

is($h->{count}, 7, 'how many');
is($h->{sum}, 2147483661, 'their sum');

my %buckets = map { $_->{le} => $_->{count} } @{ $h->{buckets} };

is(scalar keys %buckets, 17, 'the buckets');
is_deeply([@buckets{1, 4, 16, 268435456, 1073741824, '+Inf'}],
          [2, 4, 5, 5, 6, 7], 'a value is in the bucket of its bound');

is(ask($nginx, '/b', ['add', 'rows', 100]), "done\n", 'another guest');
is(metrics('b')->{counters}{rows}, 100, 'has its own');
is(metrics('a')->{counters}{rows}, 27, 'of the same name');

$nginx->post('/a', words('add', 'rows', 1000, 'crash'));
is(metrics('a')->{counters}{rows}, 27, 'a call that fails counts nothing');

ask($nginx, '/not', ['add', 'rows', 1]);
is_deeply(metrics('not'), { counters => {}, histograms => {} },
          'without the grant: nothing is made');


# ---- what is not ----------------------------------------------------------

my @names = ('', 'A', 'a-b', 'a b', "a\n", 'a"', 'a}', "\xc3\xa4", 'x' x 65,
             'x' x 5000, 'x_total', 'x_sum', 'x_count', 'x_bucket', '_total');

for (@names) {
    like(ask($nginx, '/odd', ['add', $_, 1]),
         qr/^EINVAL: the name of a metric is 1 to 64 characters/,
         'no name: "' . substr($_, 0, 10) . '"');
}

is_deeply(metrics('odd')->{counters}, { declared => 0 },
          'the host has made none of them');
is(limited($nginx, 'odd')->{metrics}, scalar @names, 'and has counted them');

ask($nginx, '/odd', ['observe', 'declared', 1]);
is_deeply(metrics('odd'),
          { counters => { declared => 0 }, histograms => {} },
          'a counter is no histogram');
is(limited($nginx, 'odd')->{metrics}, @names + 1, 'that is counted, too');

is(ask($nginx, '/odd', ['add', $_, 1]), "done\n", "a name: \"$_\"")
    for '0', '_', 'a', 'x' x 64, 'total', 'x_total_', 'x_sums';

ask($nginx, '/many', ['add', "n$_", 1]) for 1 .. 30;
is(scalar keys %{ metrics('many')->{counters} }, 31, 'below the limit');
ask($nginx, '/many', ['observe', 'last', 1]);
is(metrics('many')->{histograms}{last}{count}, 1, 'the last one');
is(ask($nginx, '/many', ['add', 'more', 1, 'add', 'n1', 1]), "done\ndone\n",
   'one too many');
is(scalar keys %{ metrics('many')->{counters} }, 31, 'is dropped');
is(metrics('many')->{counters}{n1}, 2, 'what is there counts on');
is_deeply(limited($nginx, 'many'), { metrics => 1 }, 'it is counted');

ask($nginx, '/many', ['many', 1000, 'add', 'n2', 1]);
is(metrics('many')->{counters}{n2}, 1001, 'a call can add so often');
ask($nginx, '/many', ['many', 1001, 'add', 'n2', 1]);
is(metrics('many')->{counters}{n2}, 2001, 'and not more often');
is_deeply(limited($nginx, 'many'), { metrics => 2 }, 'this, too');


# ---- the forms ------------------------------------------------------------

my $text = prometheus();

like($text, qr/^# TYPE hyperlight_guest_rows_total counter
hyperlight_guest_rows_total\{guest="a"\} 27
hyperlight_guest_rows_total\{guest="b"\} 100
(?!hyperlight_guest_rows)/m, 'Prometheus: a counter, of all guests together');
like($text, qr/^hyperlight_guest_declared_total\{guest="q\\""\} 0$/m,
     'Prometheus: the name of a guest is escaped');
like($text, qr/^# TYPE hyperlight_guest_size histogram
hyperlight_guest_size_bucket\{guest="a",le="1"\} 2
hyperlight_guest_size_bucket\{guest="a",le="4"\} 4
/m, 'Prometheus: a histogram');
like($text, qr/^hyperlight_guest_size_bucket\{guest="a",le="\+Inf"\} 7
hyperlight_guest_size_sum\{guest="a"\} 2147483661
hyperlight_guest_size_count\{guest="a"\} 7$/m, 'Prometheus: its end');

my %types;
$types{$_}++ for $text =~ /^# TYPE (\S+)/mg;
is_deeply([grep { $types{$_} > 1 } sort keys %types], [],
          'Prometheus: each metric is one group');

SKIP: {
    my $promtool = (grep { -x } map { "$_/promtool" }
                    split /:/, $ENV{PATH})[0] or skip 'no promtool', 1;

    $nginx->write_file('metrics.txt', $text);
    my $file = $nginx->dir . '/metrics.txt';
    my $complaints = `$promtool check metrics <$file 2>&1`;

    is(join('', grep { !/no help text|_total" metrics should|non-histogram/ }
            split /^/, $complaints), '', 'promtool has no complaints');
}

like($nginx->get('/status?format=html')->{body},
     qr{<dt>rows</dt><dd>27</dd>.*<dt>size</dt><dd>2147483661 in 7, mean }s,
     'the page has them');


# ---- reload ---------------------------------------------------------------

$nginx->reload;

is(metrics('a')->{counters}{rows}, 27, 'a reload keeps them');
ask($nginx, '/a', ['add', 'rows', 1]);
is(metrics('a')->{counters}{rows}, 28, 'and they count on');


$nginx->finish;

done_testing;
