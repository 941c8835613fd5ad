#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_memory: all guests of a worker together; and the warning about
# open files.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Status;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);


sub guests {
    my ($memory, $sandboxes) = @_;

    return "hyperlight_memory $memory;\n" . <<"EOT";
hyperlight_guest work {
    binary t-guests/work.elf;
    heap 16m;
    sandboxes $sandboxes;
    cpu_limit 60s;
    timeout 60s;
    queue 64 timeout=60s;
}
hyperlight_guest hello {
    binary guests/hello.elf;
    sandboxes 2;
}
EOT
}


# ---- configuration --------------------------------------------------------

my $server = <<'EOT';
location /work { hyperlight_pass work work; }
location /hello { hyperlight_pass hello hello; }
location /status { hyperlight_status; }
location /page {
    ssi on;
    default_type text/html;
    return 200 "PARTS";
}
EOT

my $parts = join '', ("<!--#include virtual='/work?300' -->") x 6;

$server =~ s/PARTS/$parts/;

$nginx->configure(http => guests('20m', '1 8'), server => $server);
is_deeply([$nginx->check_configuration]->[0], 0, 'room for the least number');

$nginx->configure(http => guests('10m', '1 8'), server => $server);
my ($code, @lines) = $nginx->check_configuration;

is($code, 1, 'no room for them: refused');
like($lines[0], qr/^\[emerg\]\ "hyperlight_memory"\ is\ 10485760\ bytes,\ and
                   \ the\ least\ number\ of\ sandboxes\ of\ each\ guest
                   \ takes\ \d+\ in\ http\.conf:1$/x, 'the message');

my ($need) = "@lines" =~ /takes (\d+)/;

$nginx->configure(http => guests($need, '1 8'), server => $server);
is_deeply([$nginx->check_configuration]->[0], 0, 'exactly so much is enough');

$nginx->configure(http => guests($need - 1, '1 8'), server => $server);
is_deeply([$nginx->check_configuration]->[0], 1, 'a byte less is not');

$nginx->configure(http => guests('20m', '2 8'), server => $server);
is_deeply([$nginx->check_configuration]->[0], 1, 'one more is too much');


# ---- pools that grow ------------------------------------------------------

$nginx->configure(http => guests('56m', '1 8'), server => $server);
$nginx->start;

sub sandboxes { return HL::Status::json($nginx)->{$_[0]}{sandboxes}{count} }

is(sandboxes('work'), 1, 'at first there is the least number');

my @clients = map {
    my $client = $nginx->connect;
    $client->request('GET', '/work?300');
    $client;
} 1 .. 8;

ok(HL::Nginx::wait_for(sub { sandboxes('work') == 3 }),
   'it grows as far as there is memory');
is(sandboxes('hello'), 2, 'the others have theirs');

is_deeply([map { $_->response->{status} } @clients], [(200) x 8],
          'those that waited are served');
$_->close for @clients;
cmp_ok(sandboxes('work'), '<=', 3, 'it never had more');
is(scalar(() = $nginx->log_lines(qr/\[warn\].*guest "work" has 3 sandboxes /)),
   1, 'this is in the log, once');
is($nginx->get('/hello')->{status}, 200, 'other guests are served');

# A request that has a sandbox does not wait for the next.
my @work = $nginx->get('/page')->{body} =~ /300/g;

cmp_ok(scalar @work, '>', 0, 'a request with parts has some of them');
cmp_ok(sandboxes('work'), '<=', 3, 'for which it had no more than there is');

ok(HL::Nginx::wait_for(sub { sandboxes('work') == 1 }),
   'what is not needed is given back');

$nginx->finish;


# ---- open files -----------------------------------------------------------

# With nginx's own default of log_level it is told as well.
my $files = HL::Nginx->new(start => 0, connections => 64,
                           log_level => 'error');
my $guest = "hyperlight_guest g { binary guests/hello.elf; sandboxes 100; }";

# 64 connections, 100 sandboxes of 2, and what a worker and a guest have.
my $enough = 64 + 200 + 2 + 32;

$files->configure(main => "worker_rlimit_nofile $enough;", http => $guest);
($code, @lines) = $files->check_configuration;
is_deeply([$code, grep { /open files/ } @lines], [0], 'enough open files');

$files->configure(main => 'worker_rlimit_nofile ' . ($enough - 1) . ';',
                  http => $guest);
($code, @lines) = $files->check_configuration;
is_deeply([$code, grep { /open files/ } @lines],
          [0, "[warn] hyperlight: a worker with all sandboxes and "
              . "connections has $enough open files, it may have "
              . ($enough - 1) . ': raise "worker_rlimit_nofile" in '
              . 'http.conf:1'], 'one less: a warning');

# What the warning counts with is so.
my $few = HL::Nginx->new(http => <<'EOT');
hyperlight_guest g { binary guests/hello.elf; sandboxes 1; }
EOT
my ($worker) = $few->workers;
my $one = $few->descriptors($worker);

$few->configure(http => <<'EOT');
hyperlight_guest g { binary guests/hello.elf; sandboxes 11; }
EOT
$few->reload;
($worker) = $few->workers;
is($few->descriptors($worker) - $one, 20, 'a sandbox has two open files');
cmp_ok($one - 2, '<=', 32 + 2, 'and a worker few of its own');

$few->finish;

done_testing;
