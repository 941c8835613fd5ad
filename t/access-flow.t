#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# While a guest is asked by hyperlight_access: bodies arrive, connections go
# on, clients leave, over HTTP/1.1 and HTTP/2.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(sum);
use HL::Http2;
use HL::Nginx;
use Test::More;

my $h2 = HL::Nginx::free_port();
my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

$nginx->configure(http => <<'HTTP' . <<"HTTP2", server => <<"SERVER");
log_format calls '$uri|$status|$hyperlight_guest|$hyperlight_outcome';

hyperlight_guest gate {
    binary t-guests/gate.elf; allow all;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest act {
    binary t-guests/act.elf;
    input 2m;
    cpu_limit 10s;
    timeout 60s;
}
HTTP
server {
    listen 127.0.0.1:$h2 http2;
    include server.conf;
}
HTTP2
access_log access.log calls;
client_max_body_size 10m;
client_body_buffer_size 16k;
root html;

hyperlight_access gate gate;

location /file { }
location /proxy/ { proxy_pass http://127.0.0.1:$port/backend/; }
location /backend/ { hyperlight_access off; return 200 "\$http_x_user"; }
location /guest { hyperlight_pass act act; }
location /unbuffered {
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}

location /asked { hyperlight_access off; return 200 "here you are"; }
location /asked-guest { hyperlight_access off; hyperlight_pass act act; }
SERVER

mkdir $nginx->dir . '/html';
$nginx->write_file('html/file', 'a file');
$nginx->start;

my $http2 = HL::Http2->new($h2);


# A status and a body, on a stream of HTTP/2.

sub streamed {
    my ($what, $method, $uri, %o) = @_;

    my $r = $http2->response($http2->request(
        $method, $uri, %o,
        headers => [['x-gate', $what], @{ $o{headers} || [] }]));

    return "$r->{status} $r->{body}";
}


# ---- bodies ---------------------------------------------------------------

my $body = join '', map { sprintf "%07d\n", $_ } 1 .. 100000;

for my $what ('', 'sleep=20', 'ask=/asked', 'work=2') {
    for my $uri ('/guest', '/unbuffered') {
        is($nginx->post("$uri?get", $body, "X-Gate: $what")->{body},
           sum($body), "\"$what\": the body arrives at $uri");
        is($nginx->request('POST', "$uri?get", body => $body, chunk => 5000,
                           headers => ["X-Gate: $what"])->{body},
           sum($body), "\"$what\": and does in chunks");
    }
}


# ---- connections ----------------------------------------------------------

{
    my $client = $nginx->connect;

    for my $what ('', 'sleep=10', 'status=403', 'status=403;say=no',
                  'sleep=10;status=403;say=no', '')
    {
        my $denied = $what =~ /403/ ? 403 : 200;

        $client->request('POST', '/guest?get', body => 'x' x 30000,
                         headers => ["X-Gate: $what"]);
        is($client->response->{status}, $denied,
           "\"$what\": on a connection that is kept");
    }

    $client->close;
}

{
    my $client = $nginx->connect;

    $client->send(join '', map {
        "GET /guest?say=$_ HTTP/1.1\r\nHost: localhost\r\n"
        . "X-Gate: sleep=10\r\n\r\n" } 1 .. 3);
    is(join(' ', map { $client->response->{body} } 1 .. 3), '1 2 3',
       'pipelined');
    $client->close;
}

{
    my $client = $nginx->connect;

    $client->request('POST', '/guest?get', body => undef,
                     headers => ['X-Gate: sleep=30', 'Content-Length: 6']);
    $client->send('abc');
    select undef, undef, undef, 0.06;
    $client->send('def');
    is($client->response->{body}, sum('abcdef'),
       'a body that comes while the guest sleeps');
    $client->close;
}


# ---- clients that leave ---------------------------------------------------

is($nginx->logged('access.log', sub {
       my $client = $nginx->connect;

       $client->request('GET', '/file', headers => ['X-Gate: sleep=5000']);
       select undef, undef, undef, 0.05;
       $client->close;
   }), '/file|499|gate|aborted', 'a client that leaves meanwhile: 499');

is($nginx->logged('access.log', sub {
       my $client = $nginx->connect;

       $client->request('GET', '/file',
                        headers => ['X-Gate: ask=/asked-guest?sleep=5000']);
       select undef, undef, undef, 0.05;
       $client->close;
   }), '/file|499|gate|aborted', 'and while its guest asks another');

# Clients that leave in the middle of anything: nothing is left behind.

{
    my @what = map { ("sleep=$_", "ask=/asked-guest?sleep=$_",
                      "sleep=$_;status=403;say=no", "work=$_") } 1 .. 8;
    my @clients;

    for my $what (@what) {
        my $client = $nginx->connect;

        $client->request('POST', '/guest?sleep=3,get', body => 'x' x 1000,
                         headers => ["X-Gate: $what"]);
        push @clients, $client;

        (shift @clients)->close if @clients > 6;
    }

    $_->close for @clients;

    is($nginx->get('/guest?say=A', 'X-Gate: sleep=1')->{status}, 200,
       'after clients that left');
}


# ---- HTTP/2 ---------------------------------------------------------------

is(streamed('sleep=20', 'GET', '/file'), '200 a file', 'HTTP/2');
is(streamed('sleep=20;status=403;say=no', 'GET', '/file'), '403 no',
   'HTTP/2: denied');
is(streamed('sleep=20', 'POST', '/guest?get', body => $body),
   '200 ' . sum($body), 'HTTP/2: a body');
is(streamed('add=X-User:ada', 'GET', '/proxy/',
            headers => [['x-user', 'eve']]), '200 ada', 'HTTP/2: a header');
$http2->close;


$nginx->finish;

done_testing;
