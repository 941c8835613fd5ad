#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a guest puts out piece by piece goes through nginx's filters, and
# through a cache, as any other response.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib;
use HL::Act qw(fetch lines);
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;
my $dir = $nginx->dir;

$nginx->configure(http => <<"HTTP", server => <<"SERVER");
hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 4;
    input 256k;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest single {
    binary t-guests/act.elf;
    sandboxes 1;
    cpu_limit 10s;
    timeout 60s;
}

log_format outcome '\$uri \$status';
default_type text/html;
proxy_cache_path $dir/cache keys_zone=cache:1m;
HTTP
location /act { hyperlight_pass act act; }
location /single { hyperlight_pass single act; }

location /added {
    add_before_body /before;
    add_after_body /after;
    hyperlight_pass act act;
}
location /before { set \$args \$http_x_before; hyperlight_pass act act; }
location /after { set \$args \$http_x_after; hyperlight_pass act act; }

location /replaced {
    sub_filter hello goodbye;
    sub_filter_once off;
    hyperlight_pass act act;
}

location /pages {
    ssi on;
    hyperlight_pass act act;
}
location /pages-in-pieces {
    ssi on;
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}

location /packed { gzip on; hyperlight_pass act act; }
location /unpacked { gunzip on; hyperlight_pass act act; }
location /all {
    gzip on;
    gunzip on;
    ssi on;
    sub_filter hello goodbye;
    add_before_body /before;
    add_after_body /after;
    hyperlight_pass act act;
}

location /slow { limit_rate 200k; hyperlight_pass act act; }
location /crawl {
    access_log access.log outcome;
    limit_rate 1k;
    hyperlight_pass single act;
}

location /proxied { proxy_pass http://127.0.0.1:$port/act; }
location /proxied-1.1 {
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_pass http://127.0.0.1:$port/act;
}
location /cached {
    proxy_cache cache;
    proxy_cache_valid 200 404 1h;
    proxy_http_version 1.1;
    proxy_force_ranges on;
    add_header X-Cache \$upstream_cache_status;
    proxy_pass http://127.0.0.1:$port/act;
}
SERVER

# Workers write there, whoever they are.
mkdir "$dir/cache" or die "mkdir: $!";
chmod 0777, "$dir/cache";

$nginx->start;

my $mib = lines(1 << 20);

my @rows = (
    ['answers at once', 'say=A',                              'A'],
    ['streams',         'say=a,flush,sleep=5,say=b,flush',    'ab'],
    ['streams nothing', 'flush,sleep=5,flush',                ''],
    ['takes slices',    'work=3,say=A',                       'A'],
    ['sends 1 MiB',     'flush,fill=1048576',                 $mib],
    ['breaks off',      'say=A,flush,say=B,crash',            'A', 1],
);


# Status and body, and if it was whole.

sub is_answer {
    my ($r, $status, $body, $whole, $name) = @_;

    ok($r->{status} == $status && $r->{body} eq $body
       && !$r->{whole} == !$whole, $name)
        or diag("$r->{status}, whole $r->{whole}, ",
                substr $r->{body}, 0, 200);
}


sub unpacked {
    my ($bytes) = @_;

    my ($inflate) = inflateInit(-WindowBits => WANT_GZIP);
    my ($text) = $inflate->inflate(\(my $copy = $bytes));

    return $text;
}


sub part {
    my ($uri) = @_;

    return "<!--#include virtual=\"$uri\" -->";
}


# ---- filters that rewrite -------------------------------------------------

for (@rows) {
    my ($what, $args, $body, $breaks) = @$_;

    for my $way ('say=%2$s%2$s', 'say=%2$s,flush,sleep=5,say=%2$s') {
        my $r = fetch($nginx, "/added?$args", headers => [
            map { sprintf "X-%s: $way", $_->[0], $_->[1] }
            ['Before', 'b'], ['After', 'e']]);

        is_answer($r, 200, $breaks ? 'bbA' : "bb${body}ee", !$breaks,
                  "addition: a guest that $what");
    }

    is_answer(fetch($nginx, "/replaced?$args"), 200, $body, !$breaks,
              "sub_filter: a guest that $what");
}

is_answer(fetch($nginx, '/replaced?say=xhello,flush,say=hel,flush,sleep=5,'
                        . 'say=lohell,flush,say=ox'),
          200, 'xgoodbyegoodbyegoodbyex', 1,
          'sub_filter: words that the guest has cut');

{
    my $client = $nginx->connect;

    $client->request('GET', '/replaced?say=hello,flush,sleep=60000');
    $client->read_until("\r\n\r\n");
    is($client->read_until("goodbye\r\n"), "7\r\ngoodbye\r\n",
       'sub_filter: a piece is there before the end');
}


# ---- pages that a guest writes --------------------------------------------

for my $uri ('/pages?echo', '/pages?say=,flush,echo', '/pages-in-pieces?echo')
{
    for (['say=A', 'A'], ['sleep=20,say=A', 'A'], ['work=3,say=A', 'A'],
         ['say=a,flush,sleep=20,say=b', 'ab'], ['flush,fill=100000',
                                                lines(100000)],
         ['say=A,flush,crash', 'A'])
    {
        my ($args, $body) = @$_;
        my $long = lines(20000);

        for my $text ('', 'text', $long) {
            my $page = '[' . part("/act?$args") . $text
                       . part('/act?sleep=5,say=B') . "$text]";

            is_answer(fetch($nginx, $uri, body => $page), 200,
                      "[$body${text}B$text]", 1,
                      "$uri: a part that says $args, and "
                      . length($text) . ' bytes');
        }
    }
}


# ---- filters that pack ----------------------------------------------------

for (@rows) {
    my ($what, $args, $body, $breaks) = @$_;

    # The same without and with.

    my $r = fetch($nginx, "/packed?$args");
    is_answer($r, 200, $body, !$breaks, "gzip off: a guest that $what");

    $r = fetch($nginx, "/packed?$args", headers => ['Accept-Encoding: gzip']);
    $r->{body} = unpacked($r->{body}) if $r->{headers}{'content-encoding'};
    is_answer($r, 200, $body, !$breaks, "gzip: a guest that $what");
}

{
    my $client = $nginx->connect;

    $client->request('GET', '/packed?say=first,flush,sleep=60000',
                     headers => ['Accept-Encoding: gzip']);
    $client->read_until("\r\n\r\n");

    my ($inflate) = inflateInit(-WindowBits => WANT_GZIP);
    my $text = '';

    while ($text !~ /first/) {
        my ($size) = $client->read_until("\r\n") =~ /(\w+)/;
        my ($piece) = $inflate->inflate(\(my $copy =
                                          $client->read_exactly(hex $size)));
        $text .= $piece;
        $client->read_until("\r\n");
    }

    is($text, 'first', 'gzip: a piece is there before the end');
}

for my $body ('', 'A', lines(100000)) {
    my $packed = Compress::Zlib::memGzip($body);
    my $name = length($body) . ' bytes';

    for my $args ('gzip,echo', 'gzip,flush,echo') {
        is_answer(fetch($nginx, "/unpacked?$args", body => $packed), 200,
                  $body, 1, "gunzip, $args: $name");

        my $r = fetch($nginx, "/unpacked?$args", body => $packed,
                      headers => ['Accept-Encoding: gzip']);
        is_answer($r, 200, $packed, 1, "gunzip, not for this client: $name");
    }
}

{
    my $page = '[hello ' . part('/act?say=a,flush,sleep=10,say=b') . 'x' x 5000
               . part('/act?flush,fill=50000') . ']';
    my $r = fetch($nginx, '/all?echo', body => $page, headers => [
        'Accept-Encoding: gzip', 'X-Before: say=b,flush,say=b',
        'X-After: sleep=10,say=ee']);

    is(unpacked($r->{body}),
       'bb[goodbye ab' . 'x' x 5000 . lines(50000) . ']ee',
       'all of them at once');
}


# ---- ranges and rates -----------------------------------------------------

for my $args ('say=0123456789', 'say=01234,flush,say=56789') {
    my $r = fetch($nginx, "/act?$args", headers => ['Range: bytes=2-5']);

    is_answer($r, 200, '0123456789', 1, "$args: a range is all of it");
    is($r->{headers}{'accept-ranges'}, undef, 'and not offered');
}

is_answer(fetch($nginx, '/slow?flush,fill=300000'), 200, lines(300000), 1,
          'limit_rate: all arrives');
is_answer(fetch($nginx, '/slow?fill=50000,flush,sleep=50,fill=50000'), 200,
          lines(50000) x 2, 1, 'limit_rate: with a pause');
is_answer(fetch($nginx, '/slow?fill=50000,flush,crash'), 200, lines(50000), 0,
          'limit_rate: a guest that breaks off');

{
    my $client = $nginx->connect;

    $client->request('GET', '/crawl?flush,fill=1048576');
    $client->read_until("\r\n\r\n");
    $client->close;

    is($nginx->get('/single?count')->{body}, '1',
       'limit_rate: a client that leaves frees the guest');
}


# ---- a proxy in front -----------------------------------------------------

for my $uri (qw(/proxied /proxied-1.1)) {
    for (@rows) {
        my ($what, $args, $body, $breaks) = @$_;

        # HTTP/1.0 has no way to tell that a response broke off.

        is_answer(fetch($nginx, "$uri?$args"), 200, $body,
                  !$breaks || $uri eq '/proxied',
                  "$uri: a guest that $what");
    }
}

for (@rows) {
    my ($what, $args, $body, $breaks) = @$_;

    for my $cache ('MISS', $breaks ? 'MISS' : 'HIT') {
        my $r = fetch($nginx, "/cached?$args");

        is_answer($r, 200, $body, !$breaks, "cache: a guest that $what");
        is($r->{headers}{'x-cache'}, $cache, "cache: $cache");
    }
}

is_answer(fetch($nginx, '/cached?say=0123456789',
                headers => ['Range: bytes=2-5']), $_, '2345', 1,
          'cache: a range') for 206, 206;


$nginx->finish;

done_testing;
