#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Bodies that are larger than anything that holds them, and guests that wait
# by the hundreds: the worker's memory does not grow with either.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib qw(crc32);
use HL::Nginx;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    MIB   => 1024 * 1024,
    GIB   => 1024 * 1024 * 1024,
    NAPS  => 500,
};

my $nginx = HL::Nginx->new(
    connections => 1024,
    main => 'worker_rlimit_nofile 8192;',
    http => <<'EOT', server => <<'EOT');
hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 1;
    input 1m;
    cpu_limit 60s;
    timeout 10m;
}

hyperlight_guest sleep {
    binary t-guests/sleep.elf;
    sandboxes 500;
    heap 128k;
    input 64k;
    output 64k;
    init_timeout 5s;
    timeout 60s;
}

client_max_body_size 0;
EOT
location /sum { hyperlight_request_buffering off;
                hyperlight_pass stream sum; }
location /fill { hyperlight_pass stream fill; }
location /sleep { hyperlight_pass sleep nap; }
EOT

my ($worker) = $nginx->workers;


# ---- 1 GiB in -------------------------------------------------------------

my $client = $nginx->connect;
my $mib = join '', map { pack 'N', $_ * 2654435761 % 2 ** 32 }
                   1 .. MIB / 4;

is(length $mib, MIB, 'a body is made of pieces of 1 MiB');

$client->request('POST', '/sum', body => $mib);
$client->response;

my $before = $nginx->resident($worker);
my $most = $before;
my $crc = crc32('');

$client->send("POST /sum HTTP/1.1\r\nHost: localhost\r\n"
              . 'Content-Length: ' . GIB . "\r\n\r\n");

for (1 .. GIB / MIB) {
    $client->send($mib);
    $crc = crc32($mib, $crc);

    my $now = $nginx->resident($worker);
    $most = $now if $now > $most;
}

like($client->response->{body},
     qr/^0 ${\ GIB} ${\ sprintf '%08x', $crc } /,
     'a guest reads 1 GiB, each byte of it');
cmp_ok($most - $before, '<', 4096,
       'while its worker grows by less than 4 MiB');
diag(sprintf 'upload: the worker grew by %d KiB', $most - $before);


# ---- 1 GiB out ------------------------------------------------------------

# The same, warm: what a full socket makes of it.
$client->request('GET', '/fill?' . 4 * MIB);
$client->response;

$before = $nginx->resident($worker);
$most = $before;
$client->request('GET', '/fill?' . GIB);
like($client->read_until("\r\n\r\n"), qr/^HTTP\/1\.1 200 /, '1 GiB begins');

my ($read, $start) = (0, time);

for my $second (1 .. 10) {
    $read += length $client->read_some(MIB - $read % MIB)
        while $read < $second * MIB;

    my $rest = $start + $second - time;
    sleep $rest if $rest > 0;

    my $now = $nginx->resident($worker);
    $most = $now if $now > $most;
}

cmp_ok($most - $before, '<', 1024,
       'a client that reads 1 MiB a second holds less than 1 MiB');
diag(sprintf 'download: the worker grew by %d KiB', $most - $before);

while (my $bytes = $client->read_some(MIB)) {
    $read += length $bytes;
    last if $client->{buffer} eq '' && substr($bytes, -5) eq "0\r\n\r\n";
}

cmp_ok($read, '>', GIB, 'and has all of it in the end');
$client->close;


# ---- 500 sleepers ---------------------------------------------------------

sub naps {
    my ($n, $ms) = @_;

    my @clients = map { $nginx->connect } 1 .. $n;
    my $begin = time;

    $_->request('GET', "/sleep?$ms") for @clients;

    my @wrong = grep { $_->response->{body} ne '0 0' } @clients;
    my $end = time;

    $_->close for @clients;

    is(scalar @wrong, 0, "$n guests sleep $ms ms each");

    return $end - $begin;
}


naps(NAPS, 0);                          # which makes the sandboxes

# One after the other they take 500 s.  What the machine has to do besides may
# come between two of these figures, but hardly three times.
my $together;

for (1 .. 3) {
    my $work = naps(NAPS, 0);
    my $one = naps(1, 1000);
    my $all = naps(NAPS, 1000);

    diag(sprintf '%d sleepers: %.2f s, one: %.2f s, without sleep: %.2f s',
         NAPS, $all, $one, $work);

    $together = $all < 1.5 * $one + $work;
    last if $together;
}

ok($together, 'all at the same time');

$nginx->finish;

done_testing();
