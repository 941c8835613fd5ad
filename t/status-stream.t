#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Outcomes of calls whose request or response goes piece by piece, and of
# sub-requests: each call is counted once, when it ends.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Status;
use Test::More;
use Time::HiRes qw(sleep);

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 1 4;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest strict {
    binary t-guests/stream.elf;
    cpu_limit 20ms;
}

hyperlight_guest ask {
    binary t-guests/ask.elf;
    allow headers response_headers sleep stream subrequest;
    timeout 60s;
}
EOT
hyperlight_request_buffering off;

location /status { hyperlight_status; }
location /fill { hyperlight_pass stream fill; }
location /drip { hyperlight_pass stream drip; }
location /spoil { hyperlight_pass stream spoil; }
location /strict { hyperlight_pass strict spoil; }
location /impatient { send_timeout 100ms; hyperlight_pass stream fill; }
location /sum { hyperlight_pass stream sum; }
location /slow { client_body_timeout 100ms; hyperlight_pass stream sum; }
location /bound { client_max_body_size 100k; hyperlight_pass stream sum; }
location /whole { hyperlight_pass ask whole; }
location /part { hyperlight_pass ask part; }
EOT


# The calls that the code adds must be these, soon.

sub counts {
    my ($name, $want, $code) = @_;

    my $added = HL::Status::counted($nginx, sub {
        my $expected = calls();
        $expected += $_ for values %$want;

        $code->();
        HL::Nginx::wait_for(sub { calls() >= $expected }, 5);
    });

    is_deeply($added, $want, $name);
}

sub calls {
    my $n = 0;

    for my $guest (values %{ HL::Status::json($nginx) }) {
        $n += $_ for values %{ $guest->{calls} };
    }

    return $n;
}

sub begun {
    my ($uri, $lines) = @_;

    my $client = $nginx->connect;
    $client->send("POST $uri HTTP/1.1\r\nHost: localhost\r\n$lines");

    return $client;
}


# ---- responses ------------------------------------------------------------

counts('a response in pieces: ok', { 'stream ok' => 1 },
       sub { $nginx->get('/drip?3,20') });

counts('a fault after it has begun: fault', { 'stream fault' => 1 },
       sub { eval { $nginx->get('/spoil?crash') } });

counts('a status after it has begun: invalid', { 'stream invalid' => 1 },
       sub { eval { $nginx->get('/spoil?status') } });

counts('the CPU limit after it has begun: timeout', { 'strict timeout' => 1 },
       sub { eval { $nginx->get('/strict?spin') } });

counts('a client that leaves meanwhile: aborted', { 'stream aborted' => 1 },
       sub {
           my $client = $nginx->connect;

           $client->request('GET', '/fill?50000000');
           $client->read_until("\r\n\r\n");
           $client->close;
       });

counts('a client that does not read: aborted', { 'stream aborted' => 1 },
       sub {
           my $client = $nginx->connect;

           $client->request('GET', '/impatient?50000000');
           sleep 0.5;
           $client->close;
       });


# ---- requests -------------------------------------------------------------

counts('a body in pieces: ok', { 'stream ok' => 1 },
       sub { $nginx->request('POST', '/sum', body => 'x' x 300_000,
                             chunk => 1000) });

counts('a body over client_max_body_size: limit', { 'stream limit' => 1 },
       sub { $nginx->request('POST', '/bound', body => 'x' x 200_000,
                             chunk => 1000) });

counts('a malformed body: limit', { 'stream limit' => 1 },
       sub {
           my $client = begun('/sum', "Transfer-Encoding: chunked\r\n\r\n");

           sleep 0.1;
           $client->send("no chunk\r\n");
           $client->response;
           $client->close;
       });

counts('a client that sends no more: aborted', { 'stream aborted' => 1 },
       sub {
           my $client = begun('/slow', "Content-Length: 100\r\n\r\nabc");

           eval { $client->response };
           $client->close;
       });

counts('a client that leaves while it sends: aborted',
       { 'stream aborted' => 1 },
       sub {
           my $client = begun('/sum', "Content-Length: 100\r\n\r\nabc");

           sleep 0.1;
           $client->close;
       });


# ---- sub-requests ---------------------------------------------------------

counts('a sub-request to a guest: both', { 'ask ok' => 1, 'stream ok' => 1 },
       sub { $nginx->get('/whole', 'X-Ask: /drip?2') });

counts('a sub-request that fails: each has its own',
       { 'ask ok' => 1, 'stream fault' => 1 },
       sub { $nginx->get('/whole', 'X-Ask: /spoil?crash') });

counts('a sub-request that nobody reads to its end: aborted',
       { 'ask ok' => 1, 'stream aborted' => 1 },
       sub { $nginx->get('/part?close', 'X-Ask: /fill?50000000') });


$nginx->finish;

done_testing;
