#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# How a response's body flows through hyperlight_body_filter: as fast as the
# client, the guest and who produces it are, whoever is the slowest.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Http2;
use HL::Nginx;
use HL::Status;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use constant MIB => 1 << 20;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

# The upstream whose pieces this test sends.
my $upstream = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1',
                                     Proto => 'tcp', ReuseAddr => 1)
    or die "listen: $!";
my $origin = '127.0.0.1:' . $upstream->sockport;

$nginx->configure(http => <<'HTTP', server => <<"SERVER");
hyperlight_guest alter {
    binary t-guests/alter.elf;
    sandboxes 1 4;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 1 4;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest hasty { binary t-guests/alter.elf; sandboxes 1;
                         timeout 200ms; }
hyperlight_guest strict { binary t-guests/alter.elf; sandboxes 1;
                          cpu_limit 30ms; timeout 60s; }
hyperlight_guest single { binary t-guests/alter.elf; sandboxes 1;
                          queue 1 timeout=200ms; timeout 60s; }
log_format outcome '$uri $status $hyperlight_outcome';
HTTP
root html;
access_log access.log outcome;
hyperlight_body_filter alter alter;

location /status { hyperlight_body_filter off; hyperlight_status; }
location /file/ { alias html/; }
location /sendfile/ { alias html/; sendfile on; output_buffers 1 8k; }
location /directio/ { alias html/; directio 512; }
location /slow/ { alias html/; limit_rate 1m; }
location /impatient/ { alias html/; send_timeout 200ms; }
location /origin { proxy_pass http://$origin; proxy_buffering off; }
location /buffered { proxy_pass http://$origin; proxy_buffer_size 4k;
                     proxy_buffers 4 4k; proxy_busy_buffers_size 8k;
                     proxy_max_temp_file_size 0; }
location /temp { proxy_pass http://127.0.0.1:$port/plain/big.txt; }
location /untemped { proxy_pass http://127.0.0.1:$port/plain/big.txt;
                     proxy_max_temp_file_size 0; }
location /unbuffered { proxy_pass http://127.0.0.1:$port/plain/big.txt;
                       proxy_buffering off; }
location /fill { hyperlight_pass stream fill; }
location /drip { hyperlight_pass stream drip; }
location /spoil { hyperlight_pass stream spoil; }
location /hasty/ { alias html/; hyperlight_body_filter hasty alter; }
location /strict/ { alias html/; hyperlight_body_filter strict alter; }
location /single/ { alias html/; hyperlight_body_filter single alter; }
location /single-headers/ { alias html/; hyperlight_body_filter off;
                            hyperlight_header_filter single mark; }
location /plain/ { alias html/; hyperlight_body_filter off; }
location /ok { hyperlight_body_filter off; return 200 "ok"; }

location /page/ { alias html/; ssi on; ssi_types *;
                  hyperlight_body_filter off; }
location /pass/ { alias html/; hyperlight_body_filter alter pass; }
location /pass-fill { hyperlight_pass stream fill;
                      hyperlight_body_filter alter pass; }
SERVER

mkdir $nginx->dir . '/html' or die "mkdir: $!";

sub file {
    my ($name, $text) = @_;

    $nginx->write_file("html/$name", $text);
}

my $big = join '', map { sprintf "%015d\n", $_ } 1 .. 3 * MIB / 16;
file('a.txt', "a text\n");
file('big.txt', $big);
file('huge.txt', $big x 17);
file('page.txt', '<!--#include virtual="/pass/big.txt" -->|'
                 . '<!--#include virtual="/pass-fill?100000" -->|'
                 . '<!--#include virtual="/pass/a.txt" -->');

$nginx->start;

my ($worker) = $nginx->workers;


sub begun {
    my ($uri, $do, %o) = @_;

    my $client = $nginx->connect;
    $client->request('GET', $uri, %o, headers => ["X-Do: $do",
                                                  @{ $o{headers} || [] }]);

    return $client;
}


sub do_get {
    my ($uri, $do) = @_;

    return $nginx->get($uri, "X-Do: $do");
}


# A connection of the upstream, with its request read.

sub accepted {
    my $peer = HL::Client->accepted($upstream);
    $peer->read_until("\r\n\r\n");

    return $peer;
}


# ---- all of it, through ---------------------------------------------------

for my $uri (qw(/file/big.txt /sendfile/big.txt /directio/big.txt /temp
                /untemped /unbuffered))
{
    ok(do_get($uri, 'pass')->{body} eq $big, "$uri: 3 MiB");
    is(do_get($uri, 'sum')->{body} =~ s/ .*//r, length $big, 'read whole');
    like($big, qr/^\Q${\ do_get($uri, 'read')->{body} }\E/, 'read in part');
    is(do_get($uri, 'say=none')->{body}, 'none', 'not read');
    ok(do_get($uri, 'read,flush,sleep=5,pass')->{body} eq $big, 'slowly');
}

is(length do_get('/fill?3000000', 'pass')->{body}, 3_000_000,
   'what another guest streams');
is(length do_get('/slow/big.txt', 'pass')->{body}, length $big, 'limit_rate');
my $page = $nginx->get('/page/page.txt')->{body};
ok(substr($page, 0, length $big) eq $big, 'a part of a page');
is(length $page, length($big) + 100_000 + 2 + 7, 'and those behind it');

my $client = begun('/file/big.txt', 'pass', protocol => 'HTTP/1.0');
ok($client->response->{body} eq $big, 'HTTP/1.0');


# ---- as it comes ----------------------------------------------------------

for my $uri (qw(/origin /buffered)) {
    $client = begun($uri, 'pass');
    my $peer = accepted();

    $peer->send("HTTP/1.1 200 OK\r\nConnection: close\r\n"
                . "Content-Length: 12\r\n\r\nfour");

    # with buffering, nginx itself waits for full buffers

    if ($uri eq '/origin') {
        like($client->read_until("four\r\n"),
             qr/200 OK.*chunked.*\r\n4\r\nfour\r\n/s,
             'the first bytes are there before the last');
        is($nginx->get('/ok')->{body}, 'ok', 'the worker goes on meanwhile');
        $peer->send('five');
        is($client->read_until("five\r\n"), "4\r\nfive\r\n",
           'and so are the next');
    } else {
        $peer->send('five');
    }

    $peer->send('last');
    $peer->close;
    like($client->read_until("0\r\n\r\n"), qr/last\r\n0\r\n\r\n$/,
         "$uri: to the end");
    $client->request('GET', '/ok');
    is($client->response->{body}, 'ok', 'and the connection is kept');
    $client->close;
}

$client = begun('/drip?3,100', 'pass');
is($client->read_until("line 0\n\r\n") =~ s/.*\r\n\r\n//sr,
   "7\r\nline 0\n\r\n", 'what a guest flushes goes through another');
$client->read_until("0\r\n\r\n");
$client->close;


# ---- memory ---------------------------------------------------------------

do_get('/file/big.txt', 'pass');
do_get('/fill?3000000', 'pass');
do_get('/untemped', 'pass');

my $before = $nginx->resident($worker);

is(length do_get('/file/huge.txt', 'pass')->{body}, 17 * length $big,
   '51 MiB of a file');
cmp_ok($nginx->resident($worker) - $before, '<', 2048, 'in little memory');
is(length do_get('/fill?50000000', 'pass')->{body}, 50_000_000,
   '50 MB of another guest');
cmp_ok($nginx->resident($worker) - $before, '<', 2048, 'as well');

for my $uri ('/file/huge.txt', '/fill?50000000', '/untemped', '/unbuffered') {
    $client = begun($uri, 'pass');
    $client->read_until("\r\n\r\n");
    sleep 0.2;
    is($nginx->get('/ok')->{body}, 'ok',
       "$uri: a client that does not read holds nobody");
    cmp_ok($nginx->resident($worker) - $before, '<', 2048, 'nor memory');
    $client->read_exactly(200_000);
    $client->close;
}

$client = begun('/fill?50000000', 'read,flush,sleep=300,read');
$client->read_until("\r\n\r\n");
sleep 0.1;
cmp_ok($nginx->resident($worker) - $before, '<', 2048,
       'a guest that does not read stops the other');
is(length $client->read_until("0\r\n\r\n") > 0, 1, 'until it ends');
$client->close;


# ---- who is slow ----------------------------------------------------------

is(do_get('/impatient/a.txt', 'sleep=500,all')->{body}, "a text\n",
   'send_timeout is not for a guest that sleeps');
is(do_get('/impatient/a.txt', 'read,flush,sleep=500,say=b')->{body},
   "a text\nb", 'nor for one that has begun');
$client = begun('/impatient/huge.txt', 'pass');
ok($nginx->wait_log(qr/client timed out/), 'but for a client');
$client->close;

is(do_get('/hasty/a.txt', 'sleep=500')->{status}, 504, 'timeout: 504');
is(do_get('/strict/a.txt', 'spin')->{status}, 504, 'cpu_limit: 504');

for my $case (['/hasty/a.txt', 'sleep=500'], ['/strict/a.txt', 'spin'],
              ['/file/a.txt', 'crash'], ['/file/big.txt', 'crash'],
              ['/unbuffered', 'crash'], ['/temp', 'error'],
              ['/fill?1000000', 'crash'], ['/file/a.txt', 'set=X-Late:1'])
{
    my ($uri, $do) = @$case;

    $client = begun($uri, "say=begun,flush,$do");
    $client->read_until("\r\n\r\n");
    is($client->read_to_end, "5\r\nbegun\r\n", "$uri $do: cut off");
    is(do_get('/file/a.txt', 'all')->{body}, "a text\n", 'the next is whole');
}


# ---- an original that breaks off ------------------------------------------

for my $do ('all', 'pass', 'say=fallback,sum') {
    for my $uri (qw(/origin /buffered)) {
        $client = begun($uri, $do);
        my $peer = accepted();
        $peer->send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nfour");
        sleep 0.05;
        $peer->close;

        my $all = $client->read_to_end;
        like($all, $do eq 'pass' && $all !~ /502/ ? qr/four\r\n\z/
                                                  : qr/^HTTP\S+ 502 /,
             "$uri: what broke off is not made whole: $do");
    }
}

$client = begun('/spoil?crash', 'all');
like($client->read_to_end, qr/^HTTP\S+ 502 /, 'nor what a guest has broken');
like($nginx->log_text, qr/the response that it filters broke off/,
     'the log says so');
$client = begun('/spoil?crash', 'say=early');
is($client->response->{body}, 'early', 'but who does not read is not told');


# ---- clients that leave, sandboxes that lack ------------------------------

for my $uri (qw(/file/huge.txt /fill?50000000 /unbuffered /temp)) {
    for my $do ('pass', 'sleep=60000', 'read,flush,sleep=60000') {
        $client = begun($uri, $do);
        sleep 0.02;
        $client->close;
    }
}

$client = begun('/origin', 'pass');
my $peer = accepted();
$client->close;
ok($nginx->wait_access_log(qr{^/origin 499 }),
   'a client that leaves before the response');
$peer->close;

is_deeply([map { $_->response->{body} }
           map { begun('/file/a.txt', 'sleep=20,all') } 1 .. 4],
          [("a text\n") x 4], 'no sandbox is left taken');

$client = begun('/single/a.txt', 'sleep=60000');
HL::Status::wait_in_use($nginx, 'single', 1);
is($nginx->get('/single-headers/a.txt')->{status}, 503,
   'headers do not wait for a sandbox');
is(do_get('/single/a.txt', 'all')->{status}, 503,
   'a body does, as long as the queue says');
ok($nginx->wait_access_log(qr{^/single/a.txt 503 busy$}), 'busy');
$client->close;
ok(HL::Nginx::wait_for(sub {
       do_get('/single/a.txt', 'all')->{body} eq "a text\n"
   }), 'and is served when there is one');

$nginx->finish;

done_testing();
