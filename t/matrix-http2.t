#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# HTTP/2: many streams of one connection, each with a guest of its own, that
# do not stop one another; streams that end early; windows that are full.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(lines sum);
use HL::Http2;
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = HL::Nginx::free_port();

$nginx->configure(http => <<"HTTP");
hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 8;
    input 1m;
    output 64k;
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

log_format outcome '\$request_uri \$status';
client_max_body_size 0;
client_body_buffer_size 16k;

server {
    listen 127.0.0.1:$port http2;

    location /act { hyperlight_pass act act; }
    location /brief { hyperlight_cpu_limit 30ms; hyperlight_pass single act; }
    location /single {
        access_log access.log outcome;
        hyperlight_pass single act;
    }
    location /pieces {
        access_log access.log outcome;
        hyperlight_request_buffering off;
        hyperlight_pass single act;
    }
    location /many-pieces {
        hyperlight_request_buffering off;
        hyperlight_pass act act;
    }
    location /falls {
        error_page 504 = /act?sleep=20,get;
        hyperlight_request_buffering off;
        hyperlight_cpu_limit 30ms;
        hyperlight_pass single act;
    }
    location /page {
        ssi on;
        ssi_types text/plain;
        return 200 '[<!--#include virtual="\$http_x_a" -->
<!--#include virtual="\$http_x_b" -->]';
    }
    location /judged {
        auth_request /judge;
        hyperlight_request_buffering off;
        hyperlight_pass act act;
    }
    location = /judge { set \$args \$http_x_judge; hyperlight_pass act act; }
    location /mirrored { mirror /shadow; hyperlight_pass act act; }
    location = /shadow {
        set \$args \$http_x_shadow;
        hyperlight_pass single act;
    }
}
HTTP

$nginx->start;

my $h2 = HL::Http2->new($port);


sub request {
    return $h2->response($h2->request(@_));
}


# nginx has written these to its access log, in whatever order.

sub logged {
    my ($name, @lines) = @_;

    my @logged;

    HL::Nginx::wait_for(sub {
        @logged = grep { !/count/ } split /\n/,
                  $nginx->read_file('access.log');
        return @logged >= @lines;
    });

    is_deeply([sort @logged], [sort @lines], $name);
    truncate $nginx->dir . '/access.log', 0;
}


sub next_one {
    my ($name) = @_;

    is(request('GET', '/single?count')->{body}, '1', "$name: the next one");
    truncate $nginx->dir . '/access.log', 0;
}


# ---- what a guest does ----------------------------------------------------

my $mib = lines(1 << 20);

for (['answers at once',    '/act?say=A,count',             200, 'A1'],
     ['takes slices',       '/act?work=4,say=A,count',      200, 'A1'],
     ['sleeps',             '/act?sleep=20,say=A,count',    200, 'A1'],
     ['streams',            '/act?say=a,flush,sleep=5,say=b', 200, 'ab'],
     ['sends 1 MiB',        '/act?flush,fill=1048576',      200, $mib],
     ['streams nothing',    '/act?flush,sleep=5,flush',     200, ''],
     ['streams no content', '/act?status=204,flush,say=x',  204, ''],
     ['is not modified',    '/act?status=304,flush,say=x',  304, ''],
     ['denies',             '/act?deny,say=x',              401, 'x'],
     ['crashes',            '/act?say=A,crash',             500, undef],
     ['does not end',       '/brief?spin',                  504, undef],
     ['breaks off',         '/act?say=A,flush,crash',       200, 'A', 1],
     ['stops in between',   '/brief?say=A,flush,spin',      200, 'A', 1])
{
    my ($what, $uri, $status, $body, $breaks) = @$_;

    my $r = request('GET', $uri);
    my $title = qr{<title>$status };

    ok($r->{status} == $status
       && (defined $body ? $r->{body} eq $body : $r->{body} =~ $title)
       && !defined $r->{reset} == !$breaks, "a guest that $what");

    $r = request('HEAD', $uri);
    is("$r->{status} $r->{body}", "$status ", "HEAD: a guest that $what");
}

next_one('after all of them');


# ---- several streams ------------------------------------------------------

{
    my $slow = $h2->request('GET', '/act?say=a,flush,sleep=60000,say=b');
    my @others = map { $h2->request('GET', "/act?say=$_,flush,sleep=5,say=x") }
                 1 .. 4;

    is_deeply([map { $h2->response($_)->{body} } @others],
              [map { "${_}x" } 1 .. 4], 'a stream that sleeps stops no other');
    is($h2->stream($slow)->{body}, 'a', 'it has begun');
    ok(!$h2->stream($slow)->{end}, 'and not ended');
    $h2->reset($slow);
}

{
    my ($long, $short) = map { $h2->request('GET', $_) }
        '/act?flush,fill=1048576', '/act?fill=1000,flush,fill=1000';

    is($h2->response($short)->{body}, lines(1000) x 2, 'a short stream');
    ok(!$h2->stream($long)->{end}, 'ends before a long one that began first');
    is($h2->response($long)->{body}, $mib, 'which comes whole');
}

{
    my @waiting = map { $h2->request('GET', "/single?sleep=5,say=$_,count") }
                  1 .. 5;

    is_deeply([map { $h2->response($_)->{body} } @waiting],
              [map { "${_}1" } 1 .. 5], 'five streams that share a sandbox');
}

next_one('several streams');


# ---- streams that the client resets ---------------------------------------

for (['sleeps',           '/single?sleep=60000',                0],
     ['computes',         '/single?work=100000',                0],
     ['sleeps in between', '/single?say=a,flush,sleep=60000',    1],
     ['computes in between', '/single?say=a,flush,work=100000',  1],
     ['streams',          '/single?say=a,flush,fill=100000000', 1])
{
    my ($what, $uri, $begins) = @$_;

    my $id = $h2->request('GET', $uri);
    my $waiting = $h2->request('GET', '/single?say=waits');

    if ($begins) {
        $h2->step until $h2->stream($id)->{body} ne '';
    } else {
        $h2->settle;
    }

    $h2->reset($waiting);
    $h2->reset($id);
    logged("reset while a guest $what: 499", "$uri " . ($begins ? 200 : 499),
           '/single?say=waits 499');
    next_one("reset while a guest $what");
}

for my $args ('get', 'say=a,flush,get', 'sleep=60000', 'echo') {
    my $id = $h2->request('POST', "/pieces?$args", open => 1);

    $h2->data($id, 'x' x 30000, 0);
    $h2->settle;
    $h2->reset($id);
    ok($nginx->wait_access_log(qr{^/pieces\?$args (?:499|200)$}),
       "reset in the middle of a body: $args");
    next_one("reset in the middle of a body: $args");
}


# ---- bodies ---------------------------------------------------------------

for my $uri (qw(/act /many-pieces /judged /mirrored)) {
    for my $size (0, 3, 70000, 300000) {
        my $body = lines($size);
        my $r = request('POST', "$uri?get", body => $body,
                        headers => [['x-judge', 'sleep=10'],
                                    ['x-shadow', 'print']]);

        is("$r->{status} $r->{body}", '200 ' . sum($body),
           "$uri, a body of $size");

        $r = request('POST', "$uri?get", body => $body,
                     headers => [['content-length', $size],
                                 ['x-judge', 'sleep=10'],
                                 ['x-shadow', 'crash']]);

        is("$r->{status} $r->{body}", '200 ' . sum($body),
           "$uri, a body of $size, with its length");
    }
}

{
    my @open = map { $h2->request('POST', '/many-pieces?echo', open => 1) }
               1 .. 3;

    for my $n (1 .. 3) {
        for my $id (reverse @open) {
            my $before = length $h2->stream($id)->{body};

            $h2->data($id, "$id $n\n", $n == 3);
            $h2->step until length $h2->stream($id)->{body} > $before;
        }
    }

    is_deeply([map { $h2->response($_)->{body} } @open],
              [map { my $id = $_; join '', map { "$id $_\n" } 1 .. 3 } @open],
              'three streams are echoed, line by line');
}

{
    my $body = lines(300000);
    my $id = $h2->request('POST', '/many-pieces?say=A', body => $body);

    is($h2->response($id)->{body}, 'A', 'an answer before the body ends');

    $id = $h2->request('POST', '/judged?get', body => $body,
                       headers => [['x-judge', 'sleep=5,deny']]);
    is($h2->response($id)->{status}, 401, 'a body that is refused');
}

for my $args ('spin', 'get,spin') {
    my $r = request('POST', "/falls?$args", body => lines(300000));

    is("$r->{status} $r->{body}", '200 ' . sum(''),
       "error_page: a body of which a guest has had a part is gone, $args");
}

next_one('bodies');


# ---- pages ----------------------------------------------------------------

for my $uri ('/act?say=A', '/act?say=A,flush,sleep=5', '/act?work=2,say=A',
             '/act?say=A,flush,crash')
{
    is(request('GET', '/page', headers => [
           ['x-a', '/act?say=x,flush,sleep=20,say=y'], ['x-b', $uri]])->{body},
       "[xy\nA]", "a page with a part that is late, and $uri");
    is(request('GET', '/page', headers => [
           ['x-a', $uri], ['x-b', '/act?say=x,flush,sleep=20,say=y']])->{body},
       "[A\nxy]", "a page with $uri, and a part that is late");
}


# A client leaves when the first part, or all of them, have begun.

for my $first ('/act?say=x,flush,sleep=60000', '/act?say=x,flush,work=100000',
               '/act?say=x,flush,fill=100000000',
               '/many-pieces?say=x,flush,sleep=60000')
{
    for my $second ('/single?sleep=60000', '/single?say=x,flush,sleep=60000',
                    '/single?work=100000', '/single?flush,fill=1000000000')
    {
        my $id = $h2->request('GET', '/page', headers => [['x-a', $first],
                                                          ['x-b', $second]]);
        my $waits = $h2->request('GET', '/page', headers => [
            ['x-a', $first], ['x-b', '/single?say=waits']]);

        for ($id, $waits) {
            $h2->step until $h2->stream($_)->{body} =~ /x/;
        }

        $h2->reset($waits);
        $h2->reset($id);
        next_one("a page is left: $first, $second");
    }
}

for (['/judged?get', [['x-judge', 'sleep=60000']]],
     ['/judged?get', [['x-judge', 'work=100000']]],
     ['/mirrored?sleep=60000', [['x-shadow', 'sleep=60000']]],
     ['/mirrored?say=x,flush,work=100000', [['x-shadow', 'work=100000']]])
{
    my ($uri, $headers) = @$_;

    for my $open (0, 1) {
        my $id = $h2->request($open ? 'POST' : 'GET', $uri, open => $open,
                              headers => $headers);

        $h2->data($id, 'x' x 30000, 0) if $open;
        $h2->settle;
        $h2->reset($id);
        next_one("left: $uri, @{ $headers->[0] }, a body: $open");
    }
}


# ---- windows --------------------------------------------------------------

{
    my $narrow = HL::Http2->new($port, window => 1000, update => 0);
    my ($fill, $other) = map { $narrow->request('GET', $_) }
        '/act?flush,fill=1048576', '/act?flush,fill=900';

    is($narrow->response($other)->{body}, lines(900),
       'a stream whose window is full does not stop another');
    $narrow->settle;
    is(length $narrow->stream($fill)->{body}, 1000, 'it keeps to its window');

    $narrow->update($fill, 2000);
    $narrow->step until length $narrow->stream($fill)->{body} >= 3000;
    $narrow->settle;
    is(length $narrow->stream($fill)->{body}, 3000, 'and to what is added');

    $narrow->update($fill, 1 << 21);
    $narrow->step until length $narrow->stream($fill)->{body} >= 65535 - 900;
    $narrow->settle;
    is(length $narrow->stream($fill)->{body}, 65535 - 900,
       "and to the connection's 64 KiB");

    is($h2->response($h2->request('GET', '/act?say=A'))->{body}, 'A',
       'another connection is served meanwhile');

    $narrow->update(0, 1 << 21);
    is($narrow->response($fill)->{body}, $mib, 'and comes whole in the end');

    $fill = $narrow->request('GET', '/single?flush,fill=1048576');
    $narrow->step until length $narrow->stream($fill)->{body} >= 1000;
    $narrow->reset($fill);
    logged('reset with a full window', '/single?flush,fill=1048576 200');

    $fill = $narrow->request('GET', '/single?flush,fill=1048576');
    $narrow->step until length $narrow->stream($fill)->{body} >= 1000;
    $narrow->close;
    logged('closed with a full window', '/single?flush,fill=1048576 200');
}

next_one('full windows');

is($h2->{goaway}, undef, 'the first connection has lived on');
$h2->close;


$nginx->finish;

done_testing;
