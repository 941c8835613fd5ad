#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Descriptors that run out: when a worker starts, when a pool grows, while
# requests are served; and a disk that is full when a body is to be written to
# a file.

use strict;
use warnings;

use Errno qw(ENOSPC);
use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(sum);
use HL::Nginx;
use HL::Outage qw(WRITE);
use HL::Status;
use Test::More;

my %sections = (
    connections => 64, http => <<'EOT', server => <<'EOT');
client_body_buffer_size 16k;
client_max_body_size 4m;
hyperlight_request_buffering off;

hyperlight_guest act {
    binary t-guests/act.elf;
    input 512k;
    sandboxes 2 4;
    timeout 30s;
}
EOT
location / { hyperlight_pass act act; }
location /whole { hyperlight_request_buffering on; hyperlight_pass act act; }
location /plain { return 200 "plain"; }
location /status { hyperlight_status; }
EOT

my $body = join '', map { chr(32 + $_ % 90) } 1 .. 200_000;


sub sandboxes { return HL::Status::json($_[0])->{act}{sandboxes}{count} }


# ---- workers that start ---------------------------------------------------

my $nginx = HL::Nginx->new(%sections);
my ($worker) = $nginx->workers;
my $whole = $nginx->descriptors($worker);

$nginx->stop;

for my $lacks (1 .. 3) {
    my $soft = $whole - $lacks;
    my $few = HL::Nginx->new(%sections, wrap => ['prlimit',
                                                 "--nofile=$soft:"]);
    my ($pid) = $few->workers;

    # nginx tries by a pair of sockets what its epoll can do.
    $few->allow(qr/\[alert\] .*socketpair\(\) failed \(24:/);

    ok($few->wait_log(qr/\[crit\] .*"act": .*Too many open files/),
       "a worker starts with $lacks descriptors less: the log says so");

    $few->limit($pid, nofile => 1024);

    my $r = $few->get('/?count');
    ok($r->{status} == 200 || $r->{headers}{'retry-after'},
       'requests are served or are told to come again');

    ok(HL::Nginx::wait_for(sub { sandboxes($few) == 2 }),
       'with more of them it has its sandboxes');
    is($few->get('/?count')->{body}, 1, 'and serves');

    $few->take_baseline;
    is($few->descriptors($pid), $whole, 'with no descriptor more than ever');
    $few->finish;
}


# ---- pools that grow ------------------------------------------------------

$nginx->start;
($worker) = $nginx->workers;

# Three calls, which wait for their bodies, have to be served by two sandboxes
# or let the pool grow.

my @clients = map { $nginx->connect } 1 .. 3;
my $plain = $nginx->connect;


sub plain {
    $plain->request('GET', '/plain');

    return $plain->response->{body};
}


# It may have none at or above the first that is free, once it has seen who
# has left.

sub no_more {
    plain();

    my %taken = map { m{/(\d+)$} => 1 } glob "/proc/$worker/fd/*";
    my $free = 0;

    $free++ while $taken{$free};
    $nginx->limit($worker, nofile => $free);
}


sub crowd {
    for (@clients) {
        $_->send("POST /?get HTTP/1.1\r\nHost: localhost\r\n"
                 . "Content-Length: 2\r\n\r\na");
    }

    plain() for 1 .. 3;
    $_->send('b') for @clients;

    is_deeply([map { $_->response->{body} } @clients], [(sum('ab')) x 3],
              'all calls are served');
}


# Each connection has been accepted.
$_->request('GET', '/plain') for @clients;
$_->response for @clients;
plain();

no_more();
$nginx->clear_log;
crowd();
is($nginx->log_lines(qr/\[crit\] .*"act": .*Too many open files/) > 0, 1,
   'no descriptors: the pool does not grow, the log says so');


# ---- requests -------------------------------------------------------------

# What has a descriptor is served, as ever.

$clients[0]->request('GET', '/?count');
is($clients[0]->response->{body}, 1, 'a connection that is open is served');

$clients[0]->request('POST', '/?get', body => $body);
is($clients[0]->response->{body}, sum($body), 'and its body, as it comes');

# nginx closes a connection behind a 500: there is a descriptor again.

$nginx->clear_log;
$clients[1]->request('POST', '/whole?get', body => $body);
is($clients[1]->response->{status}, 500, 'a body that needs a file: 500');
like($nginx->log_text, qr/\[crit\] .*open\(\).*Too many open files/,
     'the log says why');
no_more();

$clients[2]->request('GET', '/?crash');
is($clients[2]->response->{status}, 500, 'a guest that crashes: 500');
no_more();

plain();
$clients[0]->request('GET', '/?count');
is($clients[0]->response->{body}, 1, 'the next one is served');

my @late = map { $nginx->connect } 1 .. 3;
$_->request('GET', '/?count') for @late;
ok($nginx->wait_log(qr/accept4?\(\) failed \(24: Too many open files/),
   'nginx accepts no more connections');

$nginx->limit($worker, nofile => 1024);
is_deeply([map { $_->response->{body} } @late], [1, 1, 1],
          'and does when it has descriptors');

@clients = @late;
$clients[1]->request('POST', '/whole?get', body => $body);
is($clients[1]->response->{body}, sum($body), 'the body has its file');

crowd();
cmp_ok(sandboxes($nginx), '>', 2, 'and the pool grows');
ok(HL::Nginx::wait_for(sub { sandboxes($nginx) == 2 }),
   'for as long as needed');

$_->close for @clients, $plain;
is_deeply([$nginx->workers], [$worker], 'all by one worker');
$nginx->finish;


# ---- a disk that is full --------------------------------------------------

SKIP: {
    skip 'sanitizers have their own malloc()', 1
        if $ENV{TEST_NGINX_SANITIZED};

    my $outage = HL::Outage->new;
    my $full = HL::Nginx->new(%sections, wrap => [$outage->wrap]);

    for my $n (1 .. 4) {
        $full->clear_log;
        $outage->order(kinds => WRITE, errno => ENOSPC, n => $n, all => 1);
        is($full->post('/whole?get', $body)->{status}, 500,
           "a disk that is full at write $n: 500");
        cmp_ok($outage->failed, '>', 0, 'a write has failed');
        like($full->log_text,
             qr/\[crit\] .*pwritev?\(\).*\(28: No space left on device\)/,
             'the log says why');
        is_deeply([glob $full->dir . '/temp_*/*'], [], 'no file is left');

        is($full->post('/?get', $body)->{body}, sum($body),
           'who needs no file is served');

        $outage->over;
        is($full->post('/whole?get', $body)->{body}, sum($body),
           'and all are when there is room');
    }

    $full->finish;
}

done_testing;
