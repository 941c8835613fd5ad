#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Requests with a body, where two look at them: a guest that judges
# (auth_request), one that watches (mirror), one that answers for another
# (error_page).  The body comes whole to whom it is for, and the connection
# goes on where it can.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(lines sum);
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

$nginx->configure(http => <<'HTTP', server => <<"SERVER");
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
    input 1m;
    cpu_limit 10s;
    timeout 60s;
    queue 16 timeout=60s;
}

hyperlight_guest small {
    binary t-guests/act.elf;
    sandboxes 1;
    input 8k;
    headers 4k;
}

hyperlight_guest alone {
    binary t-guests/act.elf;
    sandboxes 1;
    timeout 60s;
    queue 0;
}

log_format outcome '$uri $status';
client_max_body_size 0;
client_body_buffer_size 8k;
HTTP
location /act { hyperlight_pass act act; }
location /single { hyperlight_pass single act; }
location /plain { return 200 "plain"; }

# ---- auth_request

location = /judge {
    internal;
    set \$args \$http_x_judge;
    hyperlight_pass single act;
}

location = /judge-briefly {
    internal;
    set \$args \$http_x_judge;
    hyperlight_cpu_limit 30ms;
    hyperlight_pass single act;
}

location /judged { auth_request /judge; hyperlight_pass act act; }
location /judged-brief { auth_request /judge-briefly;
                         hyperlight_pass act act; }
location /judged-in-pieces {
    auth_request /judge;
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}
location /judged-proxied {
    auth_request /judge;
    proxy_pass http://127.0.0.1:$port/act;
}

# ---- mirror

location = /shadow {
    internal;
    set \$args \$http_x_shadow;
    hyperlight_pass single act;
}

location = /shadow-briefly {
    internal;
    set \$args \$http_x_shadow;
    hyperlight_cpu_limit 30ms;
    hyperlight_pass single act;
}

location /mirrored { mirror /shadow; hyperlight_pass act act; }
location /mirrored-in-pieces {
    mirror /shadow;
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}
location /mirrored-without-body {
    mirror /shadow;
    mirror_request_body off;
    hyperlight_pass act act;
}
location /mirrored-in-pieces-without-body {
    mirror /shadow;
    mirror_request_body off;
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}
location /mirrored-briefly {
    mirror /shadow-briefly;
    hyperlight_pass act act;
}
location /mirrored-proxied {
    mirror /shadow;
    proxy_pass http://127.0.0.1:$port/act;
}

# ---- error_page

location /falls { error_page 504 = /act?get; hyperlight_cpu_limit 30ms;
                  hyperlight_pass single act; }
location /falls-in-pieces {
    error_page 504 = /act?get;
    hyperlight_request_buffering off;
    hyperlight_cpu_limit 30ms;
    hyperlight_pass single act;
}
location /falls-to-pieces {
    error_page 504 = /in-pieces?get;
    hyperlight_request_buffering off;
    hyperlight_cpu_limit 30ms;
    hyperlight_pass single act;
}
location /falls-in-between {
    error_page 500 = /act?get;
    client_body_buffer_size 64k;
    hyperlight_request_buffering off;
    hyperlight_pass small act;
}
location /falls-asleep {
    error_page 500 = /asleep?sleep=60000;
    hyperlight_request_buffering off;
    hyperlight_pass small act;
}
location /asleep { access_log access.log outcome; hyperlight_pass act act; }
location /falls-at-once {
    error_page 503 = /act?get;
    hyperlight_request_buffering off;
    hyperlight_pass alone act;
}
location /in-pieces {
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}
location /too-large {
    client_max_body_size 1k;
    error_page 413 = /act?sleep=50,get;
    hyperlight_pass single act;
}
location /forbidden {
    error_page 403 = /in-pieces?sleep=50,get;
    deny all;
    hyperlight_pass single act;
}
SERVER

$nginx->start;


# On one connection, that is made anew when nginx has closed it.

my $client;

sub request {
    my ($method, $uri, %o) = @_;

    $client ||= $nginx->connect;
    $client->request($method, $uri, %o);

    my $r = $client->response;

    if (($r->{headers}{connection} || '') eq 'close') {
        undef $client;
    }

    return $r;
}


sub goes_on {
    my ($name) = @_;

    ok($client, "$name: the connection goes on");
    is(request('GET', '/single?count')->{body}, '1',
       "$name: and the next one");
}


my %bodies = (none => undef, small => 'abc' x 100, large => lines(300000));


# ---- auth_request ---------------------------------------------------------

for my $size (sort keys %bodies) {
    my $body = $bodies{$size};

    for my $uri (qw(/judged /judged-in-pieces /judged-proxied)) {
        for my $chunk (undef, 10000) {
            next if $chunk && !defined $body;

            my @o = (body => $body, chunk => $chunk);
            my $name = "$uri, $size body" . ($chunk ? ', chunked' : '');
            my @judges = (

                # nginx closes the connection after these
                ['crashes',   'say=x,crash',            500],
                ['finds nothing', 'status=404',         500],

                ['at once',   'count',                  200],
                ['no content', 'status=204',            200],
                ['slices',    'work=3,status=204',      200],
                ['sleeps',    'sleep=10,status=204',    200],
                ['streams',   'say=x,flush,sleep=5,say=y', 200],
                ['ends badly', 'flush,crash',           200],
                ['reads nothing', 'get',                200],
                ['refuses',   'deny',                   401],
                ['sleeps and refuses', 'sleep=5,deny',  401],
                ['forbids',   'status=403',             403],
                ['streams 403', 'status=403,flush,say=x', 403],
            );

            for (@judges) {
                my ($what, $args, $status) = @$_;

                my $r = request($uri =~ /pieces/ || defined $body
                                ? 'POST' : 'GET',
                                "$uri?get,count",
                                headers => ["X-Judge: $args"], @o);

                my $right = $r->{status} == $status
                    && ($status != 200
                        || $r->{body} eq sum($body // '') . '1')
                    && ($status != 401
                        || $r->{headers}{'www-authenticate'}
                           eq 'Basic realm="act"');

                ok($right, "$name: the judge $what")
                    or diag("$r->{status} $r->{body}");
            }

            goes_on($name);
        }
    }
}

is(request('GET', '/judged-brief?get', headers => ['X-Judge: spin'])->{status},
   500, 'a judge that does not end');
is(request('GET', '/single?count')->{body}, '1', 'and the next one');


# ---- mirror ---------------------------------------------------------------

for my $size (sort keys %bodies) {
    my $body = $bodies{$size};

    for my $way ('', '-in-pieces', '-proxied', '-without-body',
                 '-in-pieces-without-body')
    {
        my $name = "mirrored$way, $size body";
        my @shadows = (
            ['at once',   'print',                 1],
            ['slices',    'work=3,print',          1],
            ['sleeps',    'sleep=10,print',        1],
            ['crashes',   'print,crash',           1],
            ['streams',   'print,say=x,flush,crash', 1],
            ['sends much', 'print,fill=50000',     1],
            ['no content', 'print,status=204',     1],
        );

        for (@shadows) {
            my ($what, $args, $seen) = @$_;

            $nginx->clear_log;

            my $r = request(defined $body ? 'POST' : 'GET',
                            "/mirrored$way?get,count",
                            headers => ["X-Shadow: $args"], body => $body);

            is("$r->{status} $r->{body}", '200 ' . sum($body // '') . '1',
               "$name: the shadow $what");

            my $sum = sum($way =~ /without/ ? '' : $body // '');

            ok($nginx->wait_log(qr/body: $sum/), "$name: and sees the body")
                or diag($nginx->log_text);
        }

        goes_on($name);
    }
}

is(request('POST', '/mirrored-briefly?get', body => 'abc',
           headers => ['X-Shadow: spin'])->{body}, sum('abc'),
   'a shadow that does not end');
goes_on('a shadow that does not end');


# ---- error_page -----------------------------------------------------------

for my $size (sort keys %bodies) {
    my $body = $bodies{$size} // '';

    for (['/falls?spin',                $body, 1],
         ['/falls?get,spin',            $body, 1],
         ['/falls?sleep=5,spin',        $body, 1],

         # A body that was passed on is gone.  nginx cannot tell the next
         # request from what was not read of this one's body.
         ['/falls-in-pieces?spin',      '',    $size ne 'large'],
         ['/falls-in-pieces?get,spin',  '',    1],
         ['/falls-to-pieces?spin',      '',    $size ne 'large'],
         ['/falls-to-pieces?get,spin',  '',    1],

         ['/forbidden?say=x',           $body, 1],
         ['/too-large?say=x',           '',    0])
    {
        my ($uri, $seen, $on) = @$_;

        next if $uri =~ /too-large/ && $size ne 'large';

        my $r = request('POST', $uri, body => $body);

        is("$r->{status} $r->{body}", '200 ' . sum($seen),
           "error_page: $uri, $size body");

        if ($on) {
            goes_on($uri);

        } else {
            is($client, undef, "$uri: the connection is closed");
        }
    }
}

is(request('POST', '/falls-in-between?crash', body => lines(300000))->{body},
   sum(''), 'a body of which a guest has had a part is gone');

{
    my $busy = $nginx->connect;

    $busy->request('GET', '/falls-at-once?say=x,flush,sleep=60000');
    $busy->read_until("\r\n\r\n");

    is(request('POST', '/falls-at-once', body => 'abc')->{body}, sum('abc'),
       'a body that no guest has had is another\'s');
}

{
    my $leaving = $nginx->connect;

    $leaving->send("POST /falls-asleep?crash HTTP/1.1\r\nHost: localhost\r\n"
                   . "Content-Length: 100000\r\n\r\n" . 'x' x 10000);
    ok($nginx->wait_log(qr/falls-asleep/), 'a guest fails');
    $leaving->close;

    ok($nginx->wait_access_log(qr{^/asleep 499$}),
       'a client that leaves when another answers for it is noticed');
}

undef $client;

$nginx->finish;

done_testing;
