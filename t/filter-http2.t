#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Filters of responses on HTTP/2, where many share a connection, and on what
# is hardly a request.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Http2;
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;
my $port2 = HL::Nginx::free_port();

my $locations = <<"EOT";
root html;
hyperlight_body_filter alter alter;

location /file/ { alias html/; }
location /proxy { proxy_pass http://127.0.0.1:$port/plain/big.txt;
                  proxy_max_temp_file_size 0; }
location /fill { hyperlight_pass stream fill; }
location /plain/ { alias html/; hyperlight_body_filter off; }
location /head/ { alias html/; hyperlight_body_filter off;
                  hyperlight_header_filter alter alter; }
EOT

$nginx->configure(http => <<"HTTP", server => $locations);
hyperlight_guest alter {
    binary t-guests/alter.elf;
    sandboxes 8;
    queue 64 timeout=10s;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 8;
    queue 64 timeout=10s;
    cpu_limit 20s;
    timeout 60s;
}

server {
    listen 127.0.0.1:$port2 http2;
    $locations
}
HTTP

mkdir $nginx->dir . '/html' or die "mkdir: $!";
my $big = join '', map { sprintf "%015d\n", $_ } 1 .. 65536;
$nginx->write_file('html/a.txt', "a text\n");
$nginx->write_file('html/big.txt', $big);
$nginx->start;


sub asked {
    my ($h2, $uri, $do) = @_;

    return $h2->request('GET', $uri, headers => [['x-do', $do]]);
}


# ---- streams --------------------------------------------------------------

my $h2 = HL::Http2->new($port2);
my @uris = qw(/file/big.txt /proxy /fill?1048576);

for my $do ('pass', 'read,flush,sleep=5,pass') {
    for my $uri (@uris) {
        is(length $h2->response(asked($h2, $uri, $do))->{body}, length $big,
           "$uri: $do");
    }
}

my @streams = map { asked($h2, $uris[$_ % 3], 'pass') } 0 .. 11;
is_deeply([map { length $h2->response($_)->{body} } @streams],
          [(length $big) x 12], 'many at a time');

my $whole = $h2->response(asked($h2, '/file/a.txt', 'all'));
is("$whole->{'content-length'} $whole->{body}", "7 a text\n",
   'a whole body has a length');
is($h2->response(asked($h2, '/head/a.txt', 'status=404'))->{status}, 404,
   'headers are filtered');

for my $uri (@uris) {
    my $response = $h2->response(asked($h2, $uri, 'crash'));
    is($response->{status}, 500, "$uri: a crash is 500");

    $response = $h2->response(asked($h2, $uri, 'say=begun,flush,crash'));
    is($response->{body}, 'begun', 'or breaks off');
    ok(defined $response->{reset}, 'and the client is told');
}

is($h2->response(asked($h2, '/head/a.txt', 'crash'))->{status}, 500,
   'without headers there is an error page');

for my $do ('pass', 'sleep=60000', 'read,flush,sleep=60000') {
    for my $uri (@uris) {
        my $id = asked($h2, $uri, $do);
        $h2->settle;
        $h2->reset($id);
    }
}

is(length $h2->response(asked($h2, '/proxy', 'pass'))->{body}, length $big,
   'streams that are reset leave nothing taken');
$h2->close;


# ---- windows --------------------------------------------------------------

$h2 = HL::Http2->new($port2, window => 1000, update => 0);

my @waiting = map { asked($h2, $_, 'pass') } @uris;

$h2->step while grep { length $h2->stream($_)->{body} < 1000 } @waiting;
is($nginx->get('/plain/a.txt')->{body}, "a text\n",
   'streams whose windows are full hold nobody');

$h2->update(0, 1 << 24);

for my $id (@waiting) {
    $h2->update($id, 1 << 21);
    is(length $h2->response($id)->{body}, length $big, 'and go on');
}

my $id = asked($h2, '/fill?50000000', 'pass');
$h2->step while length $h2->stream($id)->{body} < 1000;
$h2->close;
is($nginx->get('/file/a.txt', 'X-Do: all')->{body}, "a text\n",
   'or end with their connection');


# The page of an error that the window has no room for yet: it is the response,
# and nothing follows it.

for my $uri ('/head/big.txt', '/file/big.txt', '/fill?1048576') {
    $h2 = HL::Http2->new($port2, window => 10, update => 0);
    $id = asked($h2, $uri, 'crash');
    $h2->settle;
    $h2->update($id, 1 << 20);

    my $page = $h2->response($id);
    is($page->{status}, 500, "$uri: a filter fails, and the window is full");
    is($page->{body}, "<html>\r\n<h", 'nothing follows its page');
    ok(defined $page->{reset}, 'which is not whole');
    $h2->close;
}


# ---- what is hardly a request ---------------------------------------------

for my $bytes ("\r\nGARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
               "GET / HTTP/1.1\r\n\r\n",
               "GET /file/../../ HTTP/1.1\r\nHost: a\r\n\r\n",
               'GET /' . 'x' x 40_000 . " HTTP/1.1\r\nHost: a\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\nX: " . 'x' x 40_000
               . "\r\n\r\n")
{
    my $client = $nginx->connect;
    $client->send($bytes);
    my $answer = $client->read_to_end;
    like($answer, qr/^HTTP\/1.1 (4\d\d|505) .*X-Filter: idle/s,
         'the page of an error is filtered: ' . substr($answer, 9, 3));
    $client->close;
}

is($nginx->get('/file/a.txt', 'X-Do: all')->{body}, "a text\n", 'the next');

$nginx->finish;

done_testing();
