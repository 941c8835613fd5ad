#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Guests and functions that are named by variables: many tenants in one
# location, and none that is not configured.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'HTTP', server => <<'SERVER');
hyperlight_guest hello {
    binary guests/hello.elf;
}

hyperlight_guest act {
    binary t-guests/act.elf;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest turns {
    binary t-guests/work.elf;
    cpu_limit 10s;
    timeout 60s;
}

map $http_x_tenant $tenant {
    default "";
    good    act;
    bad     /etc/passwd;
}

log_format calls '$uri|$status|$hyperlight_guest|$hyperlight_function|'
                 '$hyperlight_outcome';
HTTP
access_log access.log calls;

location /both { hyperlight_pass $http_x_guest $http_x_function; }
location /guest { hyperlight_pass $http_x_guest act; }
location /function { hyperlight_pass act $http_x_function; }
location /map { hyperlight_pass $tenant act; }
location /parts { hyperlight_pass a$arg_g w${arg_f}k; }
location ~ ^/tenants/(?<t>[^/]+)/(?<f>[^/]+) { hyperlight_pass $t $f; }

location /redirected {
    error_page 404 = /both?$args;
    hyperlight_pass $http_x_none $http_x_none;
}

location /page {
    ssi on;
    ssi_types text/plain;
    return 200 '<!--#include virtual="/tenants/act/act?say=a" -->
<!--#include virtual="/tenants/turns/work?1" -->';
}

location /if {
    hyperlight_pass $http_x_guest act;

    if ($arg_x) {
        set $x 1;
    }
}

location /unbuffered {
    hyperlight_request_buffering off;
    hyperlight_pass act $http_x_function;
}
SERVER


sub named {
    my ($uri, $guest, $function) = @_;

    my $r = $nginx->get($uri, "X-Guest: $guest", "X-Function: $function");

    return "$r->{status} $r->{body}";
}

# The lines of error_log that say what is unknown, since the last time.

sub unknown {
    my @lines = map { /(hyperlight: .*? is unknown)/ ? $1 : () }
                $nginx->log_lines(qr/hyperlight/);

    $nginx->clear_log;

    return \@lines;
}


# ---- names that are known -------------------------------------------------

is(named('/both?say=A', 'act', 'act'), '200 A', 'guest and function');
is(named('/both?2', 'turns', 'work'), '200 2', 'others, in the same location');
is(named('/guest?say=A', 'act', '-'), '200 A', 'the guest alone');
is(named('/function?say=A', '-', 'act'), '200 A', 'the function alone');
is($nginx->get('/map?say=A', 'X-Tenant: good')->{body}, 'A', 'a map');
is($nginx->get('/tenants/act/act?say=A')->{body}, 'A', 'captures');
is($nginx->get('/page')->{body}, "a\n1", 'of subrequests');
is(named('/if?x=1,say=A', 'act', '-'), '200 A',
   'in "if", which has the names of its location');
is($nginx->post('/unbuffered?get', 'abc', 'X-Function: act')->{body},
   '3 b885c8b', 'a body that is not buffered');
is_deeply(unknown(), [], 'there is nothing to be said about these');


# ---- names that are not ---------------------------------------------------

is(named('/both', 'nobody', 'act') =~ s/ .*//sr, 404, 'an unknown guest: 404');
is_deeply(unknown(), ['hyperlight: guest "nobody" is unknown'],
          'and a line in the log');

is(named('/both', 'act', 'nobody') =~ s/ .*//sr, 404,
   'an unknown function: 404');
is_deeply(unknown(), ['hyperlight: guest "act" function "nobody" is unknown'],
          'and a line in the log');

is(named('/guest', 'turns', '-') =~ s/ .*//sr, 404,
   'a guest that has not got the function: 404');
is(named('/function', '-', 'work') =~ s/ .*//sr, 404,
   'a function that the guest has not got: 404');
unknown();

is($nginx->get('/both')->{status}, 404, 'no names: 404');
is_deeply(unknown(), ['hyperlight: guest "" is unknown'],
          'and a line in the log');

is($nginx->get('/function')->{status}, 404, 'no function: 404');
is_deeply(unknown(), ['hyperlight: guest "act" function "" is unknown'],
          'and a line in the log');

is($nginx->get('/map', 'X-Tenant: bad')->{status}, 404,
   'a file is not a guest');
is($nginx->get('/parts?f=or')->{status}, 404, 'a name that is a part of one');
is($nginx->get('/guest', 'X-Guest: ACT')->{status}, 404,
   'names are as they are written, in case, too');
unknown();

is($nginx->get("/tenants/act%0A%22/x")->{status}, 404, 'odd characters: 404');
is($nginx->get("/tenants/act/act%0A%22")->{status}, 404,
   'in a function, too');
is_deeply(unknown(), ['hyperlight: guest "act\x0A"" is unknown',
                      'hyperlight: guest "act" function "act\x0A"" is '
                      . 'unknown'],
          'they are escaped in the log');

my $long = 'f' x 4000;

is($nginx->get('/function', "X-Function: $long")->{status}, 404,
   'a very long function: 404');
is($nginx->get('/guest', "X-Guest: $long")->{status}, 404,
   'a very long guest: 404');
is_deeply([map { length() < 400 } @{ unknown() }], [1, 1],
          'they are cut in the log');

is($nginx->post('/both', 'x' x 10000, 'X-Guest: nobody')->{status}, 404,
   'an unknown guest, with a body: 404');
unknown();

is(named('/redirected?say=A', 'act', 'act'), '200 A',
   'error_page for who is unknown');


# ---- a connection goes on -------------------------------------------------

{
    my $client = $nginx->connect;

    $client->request('POST', '/both', body => 'x' x 50000,
                     headers => ['X-Guest: nobody']);
    my $first = $client->response;
    $client->request('GET', '/both?say=A',
                     headers => ['X-Guest: act', 'X-Function: act']);

    is($first->{status}, 404, 'a body for nobody: 404');
    is($client->response->{body}, 'A', 'and the connection goes on');

    $client->close;
}


# ---- variables and log ----------------------------------------------------

$nginx->get('/tenants/act/act?say=A');
$nginx->get('/tenants/act/none');
$nginx->get('/tenants/none/act');

$nginx->wait_access_log(qr{/none/act});

is_deeply([(split /\n/, $nginx->read_file('access.log'))[-3 .. -1]],
          ['/tenants/act/act|200|act|act|ok',
           '/tenants/act/none|404|act|none|error',
           '/tenants/none/act|404|-|-|-'],
          'variables have the names that were called');


$nginx->finish;

done_testing;
