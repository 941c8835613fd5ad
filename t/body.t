#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A request's body reaches the guest byte by byte, however it comes in and
# wherever nginx keeps it; one that does not fit is refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

# What a guest's "input" leaves to the body of a call of an HTTP handler.
use constant ROOM => 64 * 1024 - 8 * 1024;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest probe {
    binary testguests/probe.elf;
    heap 1m;
    input 64k;
    headers 8k;
    output 128k;
}
EOT
client_body_buffer_size 8k;

location /http {
    hyperlight_pass probe echo;
}

location /typed {
    hyperlight_pass probe EchoBytes;
}

location /file {
    client_body_in_file_only clean;
    hyperlight_pass probe echo;
}

location /memory {
    client_body_buffer_size 128k;
    hyperlight_pass probe echo;
}

location /nginx-limit {
    client_max_body_size 10;
    hyperlight_pass probe echo;
}
EOT


# Bytes of every value, in which no two places look alike.

sub pattern {
    my ($n) = @_;

    my @places = map { pack 'NC', $_ * 2654435761 % 2 ** 32, $_ % 256 }
                 0 .. $n / 5;

    return substr join('', @places), 0, $n;
}


sub echoes {
    my ($name, $uri, $body, %o) = @_;

    my $r = $nginx->request('POST', $uri, body => $body, %o);

    # Not is(): a diff of binaries helps nobody.
    ok($r->{status} == 200 && $r->{body} eq $body, $name)
        or diag("status $r->{status}, ", length $r->{body}, ' bytes of ',
                length $body);
}


for my $uri ('/http', '/typed') {
    echoes("$uri: $_ bytes", $uri, pattern($_))
        for 0, 1, 2, 7, 8, 9, 255, 4096, 8192;

    echoes("$uri: all values of a byte", $uri, join '', map { chr } 0 .. 255);

    $nginx->clear_log;
    echoes("$uri: a body over client_body_buffer_size", $uri, pattern(20000));
    like($nginx->log_text, qr/is buffered to a temporary file/,
         "$uri: it was in a file");

    echoes("$uri: chunks of $_ bytes", $uri, pattern(3000), chunk => $_)
        for 1, 7, 1024;

    echoes("$uri: chunks, to a file", $uri, pattern(20000), chunk => 4096);

    is($nginx->get($uri)->{body}, '', "$uri: a request without a body");
}

echoes('a body that is always in a file', '/file', pattern($_)) for 1, 10000;
echoes('a large body in memory', '/memory', pattern(ROOM));


# ---- how it comes in ------------------------------------------------------

{
    my $client = $nginx->connect;
    my $body = pattern(64);

    $client->send("POST /http HTTP/1.1\r\nHost: localhost\r\n"
                  . "Content-Length: 64\r\n\r\n");
    $client->send($_) for split //, $body;

    ok($client->response->{body} eq $body, 'a body that comes byte by byte');
}

{
    my $client = $nginx->connect;
    my $body = pattern(20000);

    $client->request('POST', '/http', headers => [
        'Content-Length: 20000', 'Expect: 100-continue']);

    is($client->response->{status}, 100, 'Expect: nginx wants the body');

    $client->send($body);

    ok($client->response->{body} eq $body, 'and gets it');
}

{
    my $client = $nginx->connect;
    my @bodies = map { pattern($_) } 10, 9000, 0, 100, 20000;

    $client->request('POST', '/http', body => $_) for @bodies;

    my @echoed = map { $client->response->{body} } @bodies;

    ok("@echoed" eq "@bodies", 'pipelined requests, in their order');
}

{
    my $client = $nginx->connect;
    my $ok = 0;

    for my $n (1 .. 50) {
        my $body = pattern($n * 7);

        $client->request('POST', $n % 2 ? '/http' : '/typed', body => $body);
        $ok++ if $client->response->{body} eq $body;
    }

    is($ok, 50, 'many requests on one connection');
}

{
    my $client = $nginx->connect;

    $client->send("POST /http HTTP/1.1\r\nHost: localhost\r\n"
                  . "Content-Length: 1000\r\n\r\nabc");
    $client->close;

    echoes('another client left in the middle of its body', '/http', 'abc');
}


# ---- what does not fit ----------------------------------------------------

echoes('a body as large as its room', '/http', pattern(ROOM));
echoes('the same in chunks', '/http', pattern(ROOM), chunk => 5000);

for (['with its length', 0], ['in chunks', 5000]) {
    my ($how, $chunk) = @$_;

    is($nginx->request('POST', '/http', body => pattern(ROOM + 1),
                       chunk => $chunk)->{status},
       413, "one byte more, $how: 413");
}

is($nginx->post('/typed', pattern(64 * 1024))->{status}, 413,
   'a typed function has a limit, too');

{
    my $client = $nginx->connect;

    $client->request('POST', '/http', headers => [
        'Content-Length: ' . (ROOM + 1), 'Expect: 100-continue']);

    is($client->response->{status}, 413,
       'a length that is too large is refused before the body is sent');
}

is($nginx->post('/nginx-limit', 'x' x 11)->{status}, 413,
   'client_max_body_size counts as ever');

echoes('after all that', '/http', pattern(1000));


$nginx->finish;

done_testing;
