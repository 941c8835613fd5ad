#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a log can say about the calls of a request: $hyperlight_outcome and
# the others, whatever nginx has done with the request since.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
log_format calls '$uri|$status|$hyperlight_guest|$hyperlight_function|'
                 '$hyperlight_outcome|$hyperlight_queue_time|'
                 '$hyperlight_wall_time|$hyperlight_cpu_time|'
                 '$hyperlight_exits|$hyperlight_pages|$request_time';

hyperlight_guest hello {
    binary guests/hello.elf;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
}

hyperlight_guest spin {
    binary guests/spin.elf;
    cpu_limit 200ms;
    timeout 60s;
}

hyperlight_guest sleep {
    binary t-guests/sleep.elf;
}

hyperlight_guest single {
    binary t-guests/work.elf;
    sandboxes 1;
    queue 1 timeout=50ms;
    cpu_limit 20s;
    timeout 60s;
}
EOT
access_log access.log calls;
log_subrequest on;
root html;

location /plain { return 200 "plain"; }
location /hello { hyperlight_pass hello hello; }
location /echo { hyperlight_pass probe echo; }
location /unknown { hyperlight_pass probe nobody; }
location /spin { hyperlight_pass spin spin; }
location /sleep { hyperlight_pass sleep nap; }
location /single { hyperlight_pass single work; }

location /header {
    add_header X-Outcome $hyperlight_outcome always;
    add_header X-Pages $hyperlight_pages always;
    hyperlight_pass probe fault;
}

location /failed/to-page {
    error_page 500 /sorry.html;
    hyperlight_pass probe fault;
}

location /failed/to-named {
    error_page 500 = @named;
    hyperlight_pass probe fault;
}

location @named {
    return 200 "named";
}

location /failed/to-guest {
    error_page 500 /hello;
    hyperlight_pass probe fault;
}

location /page {
    ssi on;
    default_type text/html;
    return 200 '<!--#include virtual="/hello" -->
<!--#include virtual="/echo" -->';
}

location /judged {
    auth_request /judge;
    auth_request_set $judge $hyperlight_guest;
    add_header X-Judge $judge always;
    hyperlight_pass probe echo;
}

location = /judge {
    internal;
    hyperlight_pass hello hello;
}
EOT

mkdir $nginx->dir . '/html';
$nginx->write_file('html/sorry.html', 'sorry');

my @names = qw(uri status guest function outcome queue wall cpu exits pages
               time);


# The lines that the code has added to the log: hashes.

my $seen = 0;

sub logged {
    my ($code, $count) = @_;
    my @lines;

    $count ||= 1;
    $code->();

    HL::Nginx::wait_for(sub {
        @lines = split /\n/, substr $nginx->read_file('access.log'), $seen;
        return @lines >= $count;
    });

    $seen = length $nginx->read_file('access.log');

    return map { my %h; @h{@names} = split /\|/; \%h } @lines;
}

sub get {
    my (@arguments) = @_;
    return logged(sub { $nginx->get(@arguments) });
}


# ---- one call -------------------------------------------------------------

{
    my ($line) = get('/plain');

    is_deeply([@$line{@names[2 .. 9]}], [('-') x 8], 'no guest: "-"');
}

{
    my ($line) = get('/hello');

    is($line->{guest}, 'hello', 'guest');
    is($line->{function}, 'hello', 'function');
    is($line->{outcome}, 'ok', 'outcome');
    is($line->{exits}, 1, 'a plain request is one exit');
    cmp_ok($line->{pages}, '>', 0, 'pages are known in the log');
    like($line->{$_}, qr/^\d+\.\d{6}$/, "$_ time: seconds, with microseconds")
        for qw(queue wall cpu);
    cmp_ok($line->{wall}, '>', 0, 'wall time: more than nothing');
    cmp_ok($line->{wall}, '<', 0.1, 'and not much');
    cmp_ok($line->{cpu}, '<=', $line->{wall}, 'CPU time is a part of it');
}

{
    my ($line) = get('/spin');

    is($line->{outcome}, 'timeout', 'outcome timeout');
    is($line->{status}, 504, 'with its status');
    cmp_ok($line->{cpu}, '>=', 0.2, 'CPU time: up to the limit');
    cmp_ok($line->{wall}, '>=', $line->{cpu}, 'wall time: at least as much');
}

{
    my ($line) = get('/sleep?100');

    cmp_ok($line->{wall}, '>=', 0.09, 'a guest that sleeps: wall time');
    cmp_ok($line->{cpu}, '<', 0.05, 'is not CPU time');
    cmp_ok($line->{exits}, '>=', 2, 'and it has left to sleep');
}

{
    my ($line) = get('/unknown');

    is($line->{outcome}, 'error', 'outcome error');
    is($line->{function}, 'nobody', 'a function that is not there');
    is($line->{cpu}, '0.000000', 'has used no CPU');
}

{
    my ($one) = get('/echo');
    my ($all) = logged(sub { $nginx->post('/echo', 'x' x 60000) });

    cmp_ok($all->{pages}, '>', $one->{pages},
           'a call that writes more has more pages');
}

{
    my ($line) = logged(sub { $nginx->post('/echo', 'x' x 200000) });

    is($line->{outcome}, 'limit', 'a body that no guest has seen: limit');
    is($line->{guest}, 'probe', 'with the guest it was for');
    is_deeply([@$line{qw(wall cpu exits pages)}], [('-') x 4],
              'and "-" for what it has not had');
}

{
    my $r;
    my ($line) = logged(sub { $r = $nginx->get('/header?null') });

    is($r->{headers}{'x-outcome'}, 'fault', 'a header of the response');
    is($r->{headers}{'x-pages'}, $line->{pages}, 'pages, too');
    is($line->{outcome}, 'fault', 'outcome fault');
}


# ---- in the queue ---------------------------------------------------------

{
    my $client = $nginx->connect;
    my ($waited, $worked) = logged(sub {
        $client->request('GET', '/single?300');
        $nginx->get('/single?1');
        $client->response;
    }, 2);

    is($waited->{outcome}, 'busy', 'outcome busy');
    cmp_ok($waited->{queue}, '>=', 0.045, 'queue time of who gave up');
    is($waited->{wall}, '-', 'who had no wall time');
    is($worked->{outcome}, 'ok', 'the other one');
    cmp_ok($worked->{queue}, '<', 0.045, 'did not wait');

    $client->close;
}

{
    my $client = $nginx->connect;

    $client->request('GET', '/single?5000');
    get('/plain');                      # read after it
    my ($line) = logged(sub { $client->close });

    is($line->{outcome}, 'aborted', 'outcome aborted');
    is($line->{status}, 499, 'with nginx\'s status for it');
    cmp_ok($line->{cpu}, '>', 0, 'it has used some CPU');
    cmp_ok($line->{pages}, '>', 0, 'and some pages');
}


# ---- what nginx does with a request ---------------------------------------

for (
    ['a file',           '/failed/to-page?null',  500, 'probe', 'fault'],
    ['a named location', '/failed/to-named?null', 200, 'probe', 'fault'],
    ['another guest',    '/failed/to-guest?null', 500, 'probe, hello',
                                                       'fault, ok'],
) {
    my ($where, $uri, $status, $guest, $outcome) = @$_;

    my ($line) = get($uri);

    is($line->{status}, $status, "error_page to $where: the status");
    is($line->{guest}, $guest, "error_page to $where: guest");
    is($line->{outcome}, $outcome, "error_page to $where: outcome");

    my $n = () = $guest =~ /\w+/g;

    is(scalar(() = $line->{$_} =~ /(?:^|, )[\d.]+/g), $n,
       "error_page to $where: as many values of $_")
        for qw(queue wall cpu exits pages);
}

{
    my %line = map { $_->{uri} => $_ }
               logged(sub { $nginx->get('/page') }, 3);

    is($line{'/hello'}{guest}, 'hello', 'SSI: a subrequest has its own');
    is($line{'/echo'}{guest}, 'probe', 'SSI: the next one, too');
    is($line{'/page'}{guest}, '-', 'SSI: the page itself has none');
}

{
    my $r;
    my %line = map { $_->{uri} => $_ }
               logged(sub { $r = $nginx->get('/judged') }, 2);

    is($r->{headers}{'x-judge'}, 'hello', 'auth_request_set gets its own');
    is($line{'/judged'}{guest}, 'probe', 'the request has its own');
}


$nginx->finish;

done_testing;
