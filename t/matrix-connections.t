#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# HTTP/1.x: connections that go on after a guest's response or end with it,
# requests that are sent before the response to the last one, bodies in
# chunks.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(lines sum);
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'HTTP', server => <<'SERVER');
hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 4;
    input 1m;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest single {
    binary t-guests/act.elf;
    sandboxes 1;
    cpu_limit 10s;
    timeout 60s;
    queue 16 timeout=60s;
}

hyperlight_guest alone {
    binary t-guests/act.elf;
    sandboxes 1;
    timeout 60s;
    queue 0;
}

log_format outcome '$request_uri $status';
client_max_body_size 0;
client_body_buffer_size 16k;
ssi_types text/plain;
HTTP
location /act { hyperlight_pass act act; }
location /single { hyperlight_pass single act; }
location /alone { access_log access.log outcome; hyperlight_pass alone act; }
location /brief { hyperlight_cpu_limit 30ms; hyperlight_pass single act; }
location /pieces { hyperlight_request_buffering off;
                   hyperlight_pass act act; }
location /plain { return 200 "plain"; }
location /page {
    ssi on;
    return 200 '[<!--#include virtual="$http_x_a" -->
<!--#include virtual="/act?say=z" -->]';
}
SERVER

my $mib = lines(1 << 20);
my $large = lines(300000);

# What the guest does: the request, the response's status and body, and what
# becomes of the connection: it goes on, it ends as nginx has said, it breaks
# off.

my @rows = (
    ['answers at once',    '/act?say=A,count',             200, 'A1', 'on'],
    ['takes slices',       '/act?work=4,say=A,count',      200, 'A1', 'on'],
    ['sleeps',             '/act?sleep=20,say=A,count',    200, 'A1', 'on'],
    ['streams',            '/act?say=a,flush,sleep=5,say=b', 200, 'ab', 'on'],
    ['sends 1 MiB',        '/act?flush,fill=1048576',      200, $mib, 'on'],
    ['puts out nothing',   '/act?work=1',                  200, '', 'on'],
    ['streams nothing',    '/act?flush,sleep=5,flush',     200, '', 'on'],
    ['has no content',     '/act?status=204,say=x',        204, '', 'on'],
    ['streams no content', '/act?status=204,flush,say=x',  204, '', 'on'],
    ['is not modified',    '/act?status=304,flush,say=x',  304, '', 'on'],
    ['denies',             '/act?deny,say=x',              401, 'x', 'on'],
    ['does not end',       '/brief?spin',                  504, undef, 'on'],
    ['crashes',            '/act?say=A,crash',             500, undef, 'ends'],
    ['breaks off',         '/act?say=A,flush,crash',       200, 'A', 'breaks'],
    ['stops in between',   '/brief?say=A,flush,spin',      200, 'A', 'breaks'],
);

my $client;

sub connected {
    return $client ||= $nginx->connect;
}


# The next response on the connection, as "status body".

sub answer {
    my $r = $client->response(@_);

    return "$r->{status} $r->{body}";
}


# ---- keepalive ------------------------------------------------------------

for my $turn (1, 2) {
    for (@rows) {
        my ($what, $uri, $status, $body, $end) = @$_;
        my $name = "a guest that $what";

        connected()->request('GET', $uri);

        if ($end eq 'breaks') {
            like($client->read_until("\r\n\r\n"), qr{^HTTP/1.1 200 },
                 "$name: has begun");
            is($client->read_to_end, "1\r\nA\r\n", "$name: has no end");
            undef $client;
            next;
        }

        my $r = $client->response;

        ok($r->{status} == $status
           && (defined $body ? $r->{body} eq $body
                             : $r->{body} =~ m{<title>$status })
           && $r->{headers}{connection}
              eq ($end eq 'on' ? 'keep-alive' : 'close'), $name)
            or diag($r->{raw_head});

        if ($end eq 'ends') {
            ok($client->is_closed, "$name: the connection is closed");
            undef $client;
            next;
        }

        $client->request('HEAD', $uri);
        is(answer(head => 1), "$status ", "$name: HEAD");

        $client->request('GET', '/single?count');
        is(answer(), '200 1', "$name: and the next one");
    }
}


# ---- HTTP/1.0 -------------------------------------------------------------

undef $client;

for (@rows) {
    my ($what, $uri, $status, $body, $end) = @$_;

    for my $header ('X-None: 1', 'Connection: keep-alive') {
        my $name = "HTTP/1.0, $header: a guest that $what";

        connected()->request('GET', $uri, protocol => 'HTTP/1.0',
                             headers => [$header]);

        my $r = $client->response;

        ok($r->{status} == $status
           && (defined $body ? $r->{body} eq $body
                             : $r->{body} =~ m{<title>$status })
           && !defined $r->{headers}{'transfer-encoding'}, $name)
            or diag($r->{raw_head}, $r->{body});

        # A response of which nobody knows the end, ends with the connection.

        if ($header =~ /alive/ && $end eq 'on'
            && (defined $r->{headers}{'content-length'}
                || $status =~ /[23]04/))
        {
            $client->request('GET', '/single?count');
            is(answer(), '200 1', "$name: and the next one");

        } else {
            ok($client->is_closed, "$name: the connection is closed");
            undef $client;
        }
    }
}


# ---- pipelining -----------------------------------------------------------

undef $client;

my @requests = (
    # method, URI, body, size of chunks
    ['GET',  '/act?say=A',                    undef,  undef, 'A'],
    ['POST', '/act?get',                      'abc',  undef, sum('abc')],
    ['GET',  '/act?say=a,flush,sleep=20,say=b', undef, undef, 'ab'],
    ['HEAD', '/act?say=a,flush,sleep=20,say=b', undef, undef, ''],
    ['POST', '/act?get,count',                $large, undef, sum($large) . 1],
    ['GET',  '/brief?spin',                   undef,  undef, undef],
    ['POST', '/pieces?get',                   $large, undef, sum($large)],
    ['POST', '/pieces?echo',                  $large, 5000,  $large],
    ['GET',  '/act?work=4,say=B',             undef,  undef, 'B'],
    ['GET',  '/act?status=204,flush,say=B',   undef,  undef, ''],
    ['POST', '/pieces?echo',                  'abc',  1,     'abc'],
    ['POST', '/act?get',                      $large, 70000, sum($large)],
    ['GET',  '/page',                         undef,  undef, "[sleepy\nz]"],
    ['GET',  '/plain',                        undef,  undef, 'plain'],
    ['GET',  '/act?flush,fill=1048576',       undef,  undef, $mib],
    ['POST', '/pieces?sleep=20,say=C,flush,get', $large, undef,
     'C' . sum($large)],
    ['GET',  '/single?count',                 undef,  undef, '1'],
);


sub bytes {
    my ($method, $uri, $body, $chunk) = @_;

    return "$method $uri HTTP/1.1\r\nHost: localhost\r\n"
           . "X-A: /act?sleep=20,say=sl,flush,say=eepy\r\n"
           . ($chunk ? "Transfer-Encoding: chunked\r\n\r\n"
                       . HL::Client::chunked($body, $chunk)
              : defined $body ? 'Content-Length: ' . length($body)
                                . "\r\n\r\n$body"
              : "\r\n");
}


# Bytes are sent while responses are read: neither side has room for all.

sub pipeline {
    my ($name, $size, @requests) = @_;

    my $bytes = join '', map { bytes(@$_) } @requests;
    my $client = $nginx->connect;
    my $writer = fork // die "fork: $!";

    if ($writer == 0) {
        while (length $bytes) {
            $client->send(substr $bytes, 0, $size, '') or last;
        }

        POSIX::_exit(0);
    }

    for (@requests) {
        my ($method, $uri, undef, undef, $body) = @$_;

        my $r = $client->response(head => $method eq 'HEAD');

        ok(defined $body ? $r->{body} eq $body : $r->{status} == 504,
           "$name: $method $uri")
            or diag($r->{raw_head}, substr $r->{body}, 0, 200);
    }

    waitpid $writer, 0;
}


pipeline('all at once', 1 << 30, @requests);
pipeline('backwards', 1 << 30, reverse @requests);
pipeline('in pieces of 1000 bytes', 1000, @requests, @requests);
pipeline('the same one', 1 << 30, ($_) x 5) for @requests[0 .. 12];

{
    connected()->send(join '', map { bytes(@$_) }
                      ['GET', '/act?say=A'], ['GET', '/act?say=A,crash'],
                      ['GET', '/act?say=B']);

    is(answer(), '200 A', 'before a guest that crashes');
    like(answer(), qr/^500 /, 'it crashes');
    ok($client->is_closed, 'and what is behind it is not answered');
    undef $client;
}


# ---- what is left of a body -----------------------------------------------

for my $body ('abc', $large) {
    for my $chunk (undef, 1000) {
        my $name = length($body) . ' bytes' . ($chunk ? ' in chunks' : '')
                   . ' that nobody reads';

        connected()->send(bytes('POST', '/pieces?say=A', $body, $chunk)
                          . bytes('GET', '/act?say=B'));

        my $r = $client->response;

        is("$r->{status} $r->{body}", '200 A', $name);

        if ($r->{headers}{connection} eq 'close') {
            ok($client->is_closed, 'end the connection');
            is($body, $large, 'if they are many');
            undef $client;

        } else {
            is(answer(), '200 B', 'and the next one');
        }
    }
}


# ---- the queue ------------------------------------------------------------

{
    my @clients = map { $nginx->connect } 1 .. 4;

    for my $n (0 .. 3) {
        $clients[$n]->send(bytes('POST', '/single?sleep=5,get', 'x' x $n)
                           . bytes('GET', "/single?say=$n,flush,say=$n,count")
                           . bytes('HEAD', '/single?count'));
    }

    is_deeply([map { $client = $_; answer() . ' ' . answer() . ' '
                     . answer(head => 1) } @clients],
              [map { '200 ' . sum('x' x $_) . " 200 ${_}${_}1 200 " } 0 .. 3],
              'four connections share one sandbox');

    my $busy = $nginx->connect;
    $busy->request('GET', '/alone?say=x,flush,sleep=60000');
    $busy->read_until("\r\n\r\n");

    $client = $nginx->connect;
    $client->send(bytes('GET', '/alone?count') x 2 . bytes('GET', '/plain'));
    like(answer(), qr/^503 /, 'no sandbox is free') for 1, 2;
    is(answer(), '200 plain', 'and the next one');

    $busy->close;
    $nginx->wait_access_log(qr/60000/);
    $client->request('GET', '/alone?count');
    is(answer(), '200 1', 'when the other one has left');
}

undef $client;


$nginx->finish;

done_testing;
