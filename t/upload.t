#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_request_buffering off: a guest reads the request's body as it
# arrives, piece by piece, whatever its size.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib qw(crc32);
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

$nginx->configure(http => <<'EOT', server => <<"EOT");
hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 1 4;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest small {
    binary t-guests/stream.elf;
    sandboxes 1;
    input 8k;
    headers 4k;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest hasty {
    binary t-guests/stream.elf;
    sandboxes 1;
    timeout 100ms;
}

hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 1;
}

hyperlight_guest typed {
    binary guests/upper.elf;
    sandboxes 1;
}

log_format outcome '$uri $status';
client_max_body_size 0;
EOT
hyperlight_request_buffering off;

location /sum { access_log access.log outcome; hyperlight_pass stream sum; }
location /buffered { hyperlight_request_buffering on;
                     hyperlight_pass stream sum; }
location /small { hyperlight_pass small sum; }
location /tiny { client_body_buffer_size 1k; hyperlight_pass small sum; }
location /glance { hyperlight_pass stream glance; }
location /echo { hyperlight_pass stream echo; }
location /hasty { hyperlight_pass hasty sum; }
location /slow { client_body_timeout 100ms; hyperlight_pass stream sum; }
location /typed { hyperlight_pass typed upper; }
location /bound { client_max_body_size 100k; hyperlight_pass stream sum; }
location /plain { return 200 "plain"; }
location = /range { error_page 416 = /sum; root html; }

location /next { error_page 504 = /proxy; hyperlight_pass hasty sum; }
location /crash { error_page 500 = /proxy; hyperlight_pass act act; }
location /proxy { proxy_pass http://127.0.0.1:$port/length; }
location /length {
    return 200 "length \$content_length \$http_transfer_encoding";
}
EOT

mkdir $nginx->dir . '/html' or die "mkdir: $!";
$nginx->write_file('html/range', 'a file');
$nginx->start;


sub crc {
    my ($bytes) = @_;

    return sprintf '%08x', crc32($bytes);
}


sub body {
    my ($size) = @_;

    return substr join('', map { pack 'N', $_ * 2654435761 % 2 ** 32 }
                           0 .. $size / 4), 0, $size;
}


# What a guest that has read all of it says: without the number of pieces,
# and of what was there at once.

sub read_whole {
    my ($response) = @_;

    return join ' ', (split / /, $response->{body})[0 .. 2];
}


sub posted {
    my ($uri, $body, %o) = @_;

    my $client = $nginx->connect;
    $client->request('POST', $uri, body => $body, %o);
    my $response = $client->response;
    $client->close;

    return $response;
}


# ---- all of it, whatever its size -----------------------------------------

for my $size (0, 1, 1000, 16384, 100_000, 1_000_000) {
    my $body = body($size);
    my $want = "0 $size " . crc($body);

    is(read_whole(posted('/sum', $body)), $want, "$size bytes");
    is(read_whole(posted('/sum', $body, chunk => 7777)), $want,
       "$size bytes in chunks");
    is(read_whole(posted('/tiny', $body)), $want,
       "$size bytes through a small buffer, into a small guest");
}

my $body = body(500_000);
my $want = '0 500000 ' . crc($body);

is(read_whole(posted('/small?100000', $body)), $want,
   'a guest may ask for more than its host can give at once');
is(read_whole(posted('/sum?1', body(3000))), '0 3000 ' . crc(body(3000)),
   'or for one byte at a time');
is(posted('/echo', $body)->{body}, $body, 'or echo while it reads');

my $buffered = posted('/buffered', body(50_000));

like($buffered->{body}, qr/^0 50000 [0-9a-f]+ 4 50000$/,
     'a body that is buffered is read in the same way');
is(posted('/buffered', $body)->{status}, 413,
   'but has to fit into the guest');
is($nginx->get('/sum')->{body}, '0 0 00000000 0 0',
   'a request without a body has none to read');
is(posted('/bound', body(200_000))->{status}, 413,
   'nginx bounds it as it does without a guest');
is(posted('/bound', body(200_000), chunk => 1000)->{status}, 413,
   'and when the client does not say how much it is');
is(posted('/typed', 'whole')->{body}, 'WHOLE',
   'a typed function has its argument whole all the same');


# ---- as it arrives --------------------------------------------------------

my $client = $nginx->connect;

$client->send("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
              . "Content-Length: 12\r\n\r\nfour");

$client->read_until("\r\n\r\n");

is($client->read_until("four\r\n"), "4\r\nfour\r\n",
   'the first bytes are answered before the last are sent');
is($nginx->get('/plain')->{body}, 'plain', 'the worker goes on meanwhile');
is(posted('/echo', 'other')->{body}, 'other', 'and so do other guests');

$client->send('five');
is($client->read_until("five\r\n"), "4\r\nfive\r\n", 'so are the next');

$client->send('last');
is($client->read_until("0\r\n\r\n"), "4\r\nlast\r\n0\r\n\r\n", 'to the end');

$client->request('GET', '/plain');
is($client->response->{body}, 'plain', 'and the connection is kept');

$client->request('POST', '/sum', body => 'one',
                 headers => ['Expect: 100-continue']);
like($client->read_until("\r\n\r\n"), qr/^HTTP\/1\.1 100 /,
     'a client that expects 100 gets it');
is(read_whole($client->response), '0 3 ' . crc('one'), 'and its answer');

$client->send("POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
              . "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
is(read_whole($client->response), '0 3 ' . crc('one'),
   'what is pipelined behind a body');
is($client->response->{body}, 'plain', 'is not part of it');
$client->close;


# ---- a guest that does not read it ----------------------------------------

for my $args ('', '?1') {
    is(posted("/glance$args", body(3_000_000))->{body}, 'enough',
       "a guest may answer without the rest$args");
}


# ---- clients that are slow, or leave --------------------------------------

sub begun {
    my ($uri, @headers) = @_;

    my $client = $nginx->connect;

    $client->send("GET $uri HTTP/1.1\r\nHost: localhost\r\n"
                  . join('', map { "$_\r\n" } @headers)
                  . "Content-Length: 100000\r\n\r\n" . 'x' x 1000);

    return $client;
}


$client = begun('/hasty');
is($client->response->{status}, 504, 'the limit on wall time holds');
$client->close;

$client = begun('/slow');
ok($client->is_closed, 'client_body_timeout, too');
is(posted('/sum', 'x')->{status}, 200, 'and the guest is served again');

# An upstream that asks for a body would take another request for it.
$client = begun('/next');
is($client->response->{body}, 'length 0 ',
   'an upstream that answers instead is told of no body');
ok($client->is_closed, 'the connection is closed, whose body is not read');

is(posted('/crash?get,crash', 'x' x 1000)->{body}, 'length 0 ',
   'nor of one that was read');
is(posted('/crash?get,crash', 'x' x 1000, chunk => 100)->{body}, 'length 0 ',
   'in chunks');

# What makes nginx discard a body, and still come to a guest.
$client = begun('/range', 'Range: bytes=100-');
like($client->response->{body}, qr/^0 0 /,
     'a body that is discarded already, is none');
$client->close;

for (1 .. 3) {
    $client = begun('/sum');
    $nginx->get('/plain');
    $client->close;
}

ok($nginx->wait_access_log(qr{^/sum 499$}, 3),
   'a client that leaves in the middle is logged as such');

is_deeply([map { $_->response->{body} =~ /^0 5 / ? 'ok' : 'no' }
           map { my $c = $nginx->connect;
                 $c->request('POST', '/sum', body => '12345'); $c } 1 .. 4],
          ['ok', 'ok', 'ok', 'ok'], 'and leaves no sandbox taken');

$nginx->finish;

done_testing();
