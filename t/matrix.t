#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Whatever a guest does, wherever nginx asks for it: each row is what the
# guest does, each column the way to it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(fetch lines sum);
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

$nginx->configure(http => <<'HTTP', server => <<"SERVER");
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
    queue 16 timeout=60s;
}
HTTP
location /act { hyperlight_pass act act; }
location /single { hyperlight_pass single act; }
location /brief { hyperlight_cpu_limit 30ms; hyperlight_pass single act; }

# ---- redirects

location /rewrite/ { rewrite ^/rewrite(/.*) \$1 last; }
location ~ ^/try(/.*) { try_files /none \$1?\$args; }

location /accel/ { proxy_pass http://127.0.0.1:$port/backend/; }
location ~ ^/backend(/.*) {
    add_header X-Accel-Redirect \$1?\$args;
    return 200 "from the backend";
}

location ~ ^/error(/.*) { error_page 404 = \$1?\$args; return 404; }
location ~ ^/kept(/.*) { error_page 404 \$1?\$args; return 404; }
location ~ ^/replaced(/.*) { error_page 404 =203 \$1?\$args; return 404; }

location /named/ { error_page 404 = \@named; return 404; }
location \@named {
    rewrite ^/named(/.*) \$1 break;
    hyperlight_pass act act;
}

location ~ ^/limited(/.*) { limit_except GET { deny all; }
                            hyperlight_pass act act; }
location ~ ^/excepted(/.*) { limit_except POST { hyperlight_pass act act; }
                             return 418; }
location ~ ^/if(/.*) { if (\$args) { hyperlight_pass act act; } }

location /itself { error_page 500 504 = /single?count;
                   hyperlight_pass single act; }
location /unread/ { proxy_request_buffering off;
                    proxy_pass http://127.0.0.1:$port/backend/; }

location /afterwards { post_action /after; return 200 "before"; }
location = /after { set \$args \$http_x_after; hyperlight_pass single act; }

# ---- pages

ssi_types text/plain;

location /page {
    ssi on;
    return 200 '[<!--#include virtual="\$http_x_a" -->]';
}

location /page-wait {
    ssi on;
    return 200 '[<!--#include virtual="\$http_x_a" wait="yes" -->]';
}

location /page-three {
    ssi on;
    return 200 '[<!--#include virtual="\$http_x_a" -->
<!--#include virtual="\$http_x_b" -->
<!--#include virtual="\$http_x_c" -->]';
}

location /page-set {
    ssi on;
    return 200 '<!--#include virtual="\$http_x_a" set="a" -->
[<!--#echo var="a" encoding="none" -->]';
}
SERVER

$nginx->start;


# What the guest does: where, the arguments, and what comes of it: the status,
# the body, and if the response breaks off.

my $mib = lines(1 << 20);

my @rows = (
    ['answers at once',    '/act?say=A,count',               200, 'A1'],
    ['takes slices',       '/act?work=4,say=A,count',        200, 'A1'],
    ['sleeps',             '/act?sleep=20,say=A,count',      200, 'A1'],
    ['streams',            '/act?say=a,flush,sleep=5,say=b,flush,work=2,say=c',
                                                             200, 'abc'],
    ['sends 1 MiB',        '/act?flush,fill=1048576',        200, $mib],
    ['puts out nothing',   '/act?work=1',                    200, ''],
    ['streams nothing',    '/act?flush,sleep=5,flush',       200, ''],
    ['has no content',     '/act?status=204,say=x',          204, ''],
    ['streams no content', '/act?status=204,flush,say=x',    204, ''],
    ['has none after all', '/act?status=204,say=x,flush,fill=99999',
                                                             204, ''],
    ['is not modified',    '/act?status=304,flush,say=x',    304, ''],
    ['finds nothing',      '/act?status=404,say=none',       404, 'none'],
    ['streams an error',   '/act?status=404,flush,say=none', 404, 'none'],
    ['crashes',            '/act?say=A,crash',               500, undef],
    ['sleeps and crashes', '/act?sleep=5,crash',             500, undef],
    ['does not end',       '/brief?spin',                    504, undef],
    ['breaks off',         '/act?say=A,flush,say=B,crash',   200, 'A', 1],
    ['stops in between',   '/brief?say=A,flush,spin',        200, 'A', 1],
);

my %reason = (500 => '500 Internal Server Error',
              504 => '504 Gateway Time-out');


# The answer has this status, and the row's body.

sub answers {
    my ($r, $row, $status, $name) = @_;

    my ($what, undef, undef, $body, $breaks) = @$row;

    $body //= qr{<title>$reason{$status}</title>} if $reason{$status};

    my $right = ref $body ? $r->{body} =~ $body : $r->{body} eq $body;

    ok($r->{status} == $status && $right && $r->{whole} == !$breaks,
       "$name: a guest that $what")
        or diag("status $r->{status}, whole $r->{whole}, body ",
                substr $r->{body}, 0, 200);
}


sub next_one {
    my ($name) = @_;

    is($nginx->get('/single?count')->{body}, '1', "$name: and the next one");
}


# ---- the location itself, and what leads there ----------------------------

for my $way ('', '/rewrite', '/try', '/accel', '/error') {
    for my $row (@rows) {
        answers(fetch($nginx, $way . $row->[1]), $row, $row->[2],
                $way || 'directly');
    }

    next_one($way || 'directly');
}

for my $row (@rows) {
    my ($what, $uri, $status, $body) = @$row;

    # What fails is an error of its own.

    my $fails = $status >= 500;

    answers(fetch($nginx, "/kept$uri"), $row, $fails ? $status : 404,
            'error_page with its status');
    answers(fetch($nginx, "/replaced$uri"), $row, $fails ? $status : 203,
            'error_page with another status');

    next if $uri =~ /brief/;

    answers(fetch($nginx, "/named$uri"), $row, $status, 'a named location');
    answers(fetch($nginx, "/if$uri"), $row, $status, 'if');
    answers(fetch($nginx, "/limited$uri"), $row, $status, 'limit_except');
    answers(fetch($nginx, "/excepted$uri"), $row, $status,
            'in limit_except');
}

is(fetch($nginx, '/if/act')->{status}, 404, 'if: not');
is(fetch($nginx, '/limited/act?say=A', body => 'x')->{status}, 403,
   'limit_except: not');
is(fetch($nginx, '/excepted/act?say=A', body => 'x')->{status}, 418,
   'in limit_except: not');


is(fetch($nginx, "/itself?$_")->{body}, '1',
   "error_page to another function of the guest: $_")
    for 'crash', 'sleep=5,crash', 'count,crash';

for my $way ('', '/rewrite', '/try', '/error', '/accel') {
    for my $body ('', 'abc', lines(100000)) {
        is(fetch($nginx, "$way/act?sleep=5,get", body => $body)->{body},
           sum($body), length($body) . ' bytes of body, ' . ($way
                                                            || 'directly'));
    }
}

is(fetch($nginx, '/unread/act?sleep=5,get', body => lines(100000))->{body},
   sum(''), 'a body that a proxy has passed on is gone');

# The client does not wait for it.

for my $args ('print', 'sleep=200,print', 'work=4,print') {
    $nginx->clear_log;
    is($nginx->get('/afterwards', "X-After: $args")->{body}, 'before',
       'post_action');
    ok($nginx->wait_log(qr/body: /), "post_action: $args");
    next_one('post_action');
}


# ---- HEAD -----------------------------------------------------------------

for my $row (@rows) {
    my ($what, $uri, $status, $body, $breaks) = @$row;

    my $r = fetch($nginx, $uri, method => 'HEAD');

    is("$r->{status} $r->{body}", "$status ", "HEAD: a guest that $what");
}

next_one('HEAD');


# ---- pages ----------------------------------------------------------------

for my $row (@rows) {
    my ($what, $uri, $status, $body) = @$row;

    $body //= qr{<html>.*<title>$reason{$status}</title>.*</html>\r\n}s;
    $body = quotemeta $body if !ref $body;

    my $page = sub {
        my ($name, $uri, $text, @headers) = @_;

        my $r = fetch($nginx, $uri, headers => \@headers);

        ok($r->{status} == 200 && $r->{whole} && $r->{body} =~ /^$text$/,
           "$name: a guest that $what")
            or diag(substr $r->{body}, 0, 400);
    };

    $page->('SSI', '/page', qr/\[$body\]/, "X-A: $uri");
    $page->('SSI, wait', '/page-wait', qr/\[$body\]/, "X-A: $uri");
    $page->('SSI, three', '/page-three', qr/\[$body\nxy\n$body\]/,
            "X-A: $uri", "X-C: $uri",
            'X-B: /act?say=x,flush,sleep=10,say=y')
        if $uri !~ /brief/;
    $page->('SSI, the first is late', '/page-three', qr/\[xy\n$body\nz\]/,
            'X-A: /act?say=x,flush,sleep=50,say=y', "X-B: $uri",
            'X-C: /act?say=z');

    # nginx takes it if it is no error, and not over
    # subrequest_output_buffer_size.

    my $taken = $status < 300 ? $body : '';

    $page->('SSI, into a variable', '/page-set', qr/\n\[$taken\]/,
            "X-A: $uri")
        if $uri !~ /1048576/;
}

next_one('SSI');


$nginx->finish;

done_testing;
