#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A worker in a storm of signals, one each 50 us: one that nginx ignores, and
# that which ends the slices of its guests.  Whatever a worker does then comes
# out right, and what is to end a guest does.  HL_STORM_SECONDS is how long it
# lasts, 3 s if unset.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(lines sum);
use HL::Nginx;
use HL::Status;
use POSIX qw(SIGRTMIN);
use Test::More;
use Time::HiRes qw(time);

use constant {
    INTERVAL => 50,                     # us
    SIGIO    => 29,
};

my $seconds = $ENV{HL_STORM_SECONDS} || 3;

# nginx would log each of the signals that it ignores.
my $nginx = HL::Nginx->new(log_level => 'warn', http => <<'EOT',
keepalive_requests 1000000;
client_body_buffer_size 16k;

hyperlight_guest act {
    binary t-guests/act.elf;
    input 512k;
    sandboxes 1 2;
    timeout 60s;
    cpu_limit 20s;
}
hyperlight_guest ask { binary t-guests/ask.elf; allow all; timeout 60s; }
hyperlight_guest counter { binary guests/counter.elf; }
hyperlight_guest spin { binary guests/spin.elf; cpu_limit 20ms; }
hyperlight_guest late {
    binary guests/spin.elf;
    cpu_limit 60s;
    timeout 20ms;
}
EOT
server => <<'EOT');
location /act { hyperlight_pass act act; }
location /stream {
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}
location /ask { hyperlight_pass ask whole; }
location /counter { hyperlight_pass counter counter; }
location /spin { hyperlight_pass spin spin; }
location /late { hyperlight_pass late spin; }
location /status { hyperlight_status; }
EOT

my ($worker) = $nginx->workers;
my $body = join '', map { chr(32 + $_ % 90) } 1 .. 60_000;


# That of core: the only real-time signal that the worker handles.

sub own_signal {
    open my $file, '<', "/proc/$worker/status" or die "status: $!";

    my ($caught) = map { /^SigCgt:\s*([0-9a-f]+)/ } <$file>;
    my @bits = reverse split //, unpack 'B*', pack 'H*', $caught;

    return (grep { $bits[$_ - 1] } SIGRTMIN .. 64)[0];
}


my $own = own_signal();
ok($own, 'the worker handles a real-time signal');

my $storm = open my $sent, '-|', HL::Nginx::build() . '/t/outage/storm',
                 INTERVAL, $worker, SIGIO, SIGIO, SIGIO, $own
    or die "storm: $!";


# ---- what must be right ---------------------------------------------------

my @requests = (
    ['GET',  '/counter',                    200, qr/^1$/],
    ['GET',  '/act?say=a,sleep=3,count',    200, qr/^a1$/],
    ['GET',  '/act?work=5,say=b',           200, qr/^b$/],
    ['GET',  '/act?fill=50000',             200, qr/^\Q${\ lines(50000)}\E$/],
    ['POST', '/act?get',                    200, qr/^\Q${\ sum($body)}\E$/],
    ['POST', '/stream?echo',                200, qr/^\Q$body\E$/],
    ['GET',  '/ask',                        200, qr/\n\nasked$/],
    ['GET',  '/act?crash',                  500, qr//],
    ['GET',  '/spin',                       504, qr//],
    ['GET',  '/late',                       504, qr//],
);

my (%served, %wrong, $client);
my $end = time + $seconds;

do {
    for (@requests) {
        my ($method, $uri, $status, $text) = @$_;

        $client ||= $nginx->connect;
        $client->request($method, $uri,
                         headers => ['X-Ask: /act?say=asked'],
                         body => $method eq 'POST' ? $body : undef);

        my $r = $client->response;

        $served{$uri}++;
        $wrong{"$uri $r->{status}"}++
            if $r->{status} != $status || $r->{body} !~ $text;

        undef $client if $r->{headers}{connection} eq 'close';
    }
} until time > $end;

is_deeply(\%wrong, {}, 'each answer is right');
is(scalar keys %served, scalar @requests, 'of each request');


# ---- pools that grow ------------------------------------------------------

sub sandboxes { return HL::Status::json($nginx)->{act}{sandboxes}{count} }

my @clients = map {
    my $client = $nginx->connect;
    $client->send("POST /stream?get HTTP/1.1\r\nHost: localhost\r\n"
                  . "Content-Length: 2\r\n\r\na");
    $client;
} 1 .. 2;

ok(HL::Nginx::wait_for(sub { sandboxes() == 2 }), 'a pool grows');
$_->send('b') for @clients;
is_deeply([map { $_->response->{body} } @clients], [(sum('ab')) x 2],
          'for calls that are served');
$_->close for @clients, $client || ();

kill 'TERM', $storm;
chomp(my $signals = <$sent>);
close $sent;

my $n = 0;
$n += $_ for values %served;
note "$n requests, $signals signals in $seconds s";
cmp_ok($signals, '>', $n, 'more signals than requests');

ok(HL::Nginx::wait_for(sub { sandboxes() == 1 }), 'and shrinks');
is_deeply([$nginx->workers], [$worker], 'all by one worker');
$nginx->finish;

done_testing;
