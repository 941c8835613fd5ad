#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A location hands its requests to a function of a guest, and answers with
# what that says: the example guests, and what an HTTP guest sees.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest hello {
    binary guests/hello.elf;
}

hyperlight_guest upper {
    binary guests/upper.elf;
}

hyperlight_guest counter {
    binary guests/counter.elf;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
}
EOT
location /hello {
    hyperlight_pass hello hello;
}

location /upper {
    default_type text/plain;
    hyperlight_pass upper upper;
}

location /counter {
    hyperlight_pass counter counter;
}

location /request {
    hyperlight_pass probe dump;
}

location /status {
    hyperlight_pass probe status;
}

location /nothing {
    hyperlight_pass probe nothing;
}

location /String {
    hyperlight_pass probe Echo;
}

location /get-header {
    hyperlight_pass probe GetHeader;
}

location /void {
    hyperlight_pass probe DoNothing;
}

location /unknown {
    hyperlight_pass probe NoSuchFunction;
}

location /int {
    hyperlight_pass probe EchoInt;
}

location /inner {
    error_page 500 = /hello;
    hyperlight_pass probe NoSuchFunction;
}
EOT


# ---- the example guests ---------------------------------------------------

{
    my $r = $nginx->get('/hello', 'X-Name: Ada');

    is($r->{status}, 200, 'hello: 200');
    like($r->{body}, qr/^Hello, Ada\b/, 'it uses a request header');
    is($r->{headers}{'content-length'}, length $r->{body},
       'its length is announced');
}

{
    my $r = $nginx->post('/upper', 'abc xyz');

    is($r->{body}, 'ABC XYZ', 'a typed function: body in, body out');
    is($r->{headers}{'content-type'}, 'text/plain',
       'its type is the default_type');
}

is($nginx->get('/counter')->{body} + 0, 1, "counter: request $_ counts 1")
    for 1 .. 3;


# ---- what a guest sees ----------------------------------------------------

{
    my $body = $nginx->request('POST', '/request/a%20b/../c?x=%20&y',
        body => 'abc',
        headers => ['X-One: 1', 'X-Two:  two words ', 'X-Empty:'])->{body};

    like($body, qr{^method=POST$}m, 'the method');
    like($body, qr{^uri=/request/c$}m, 'the URI, decoded and normalised');
    like($body, qr{^args=x=%20&y$}m, 'the arguments, as they came');
    like($body, qr{^protocol=HTTP/1\.1$}m, 'the protocol');
    like($body, qr{^remote_addr=127\.0\.0\.1$}m, "the client's address");
    like($body, qr{^header X-One=1$}m, 'a header');
    like($body, qr{^header X-Two=two words$}m, 'without outer spaces');
    like($body, qr{^header X-Empty=$}m, 'an empty one');
    like($body, qr{^body=3$}m, 'the length of the body');
}

for my $method (qw(GET POST PUT DELETE OPTIONS PATCH PURGE)) {
    like($nginx->request($method, '/request')->{body},
         qr{^method=$method$}m, "method $method");
}

{
    my @names = map { "X-Header-$_" } 1 .. 60;
    my $body = $nginx->get('/request', map { "$_: of $_" } @names)->{body};
    my @seen = $body =~ /^header (X-Header-\d+)=of \1$/mg;

    is_deeply(\@seen, \@names, 'many headers, in their order');
}

{
    my $r = $nginx->request('HEAD', '/hello', headers => ['X-Name: Ada']);

    is($r->{status}, 200, 'HEAD: 200');
    is($r->{headers}{'content-length'},
       length $nginx->get('/hello', 'X-Name: Ada')->{body},
       'HEAD: the length that GET has');
}

{
    my $client = $nginx->connect;
    my @bodies;

    for my $method (qw(HEAD GET)) {
        $client->request($method, '/hello');
        push @bodies, $client->response(head => $method eq 'HEAD')->{body};
    }

    is($bodies[0], '', 'HEAD: no body');
    like($bodies[1], qr/^Hello/, 'and the connection goes on');
}

{
    my $client = $nginx->connect;

    $client->request('GET', '/hello', protocol => 'HTTP/1.0');

    like($client->response->{body}, qr/^Hello/, 'HTTP/1.0');
    ok($client->is_closed, 'HTTP/1.0: then the connection is closed');
}


# ---- what a guest answers -------------------------------------------------

is($nginx->get("/status?$_")->{status}, $_, "status $_")
    for 200, 201, 302, 400, 404, 418, 500, 503, 599;

{
    my $r = $nginx->get('/nothing');

    is($r->{status}, 200, 'a handler that does nothing: 200');
    is($r->{body}, '', 'and no body');
    is($r->{headers}{'content-length'}, 0, 'of length 0');
}

is($nginx->post('/String', "gr\xc3\xbc\xc3\x9fe")->{body},
   "gr\xc3\xbc\xc3\x9fe", 'a String in and out');


is($nginx->get('/void')->{status}, 204, 'a function without a result: 204');


# ---- what a typed function asks nginx -------------------------------------

{
    my @headers = ('X-One: 1', 'X-Two: a', 'X-Two: b', 'X-Empty:');

    is($nginx->post('/get-header', $_->[0], @headers)->{body}, $_->[1],
       "GetHeader: $_->[2]")
        for ['X-One',   '1',    'a header'],
            ['x-oNE',   '1',    'in whatever case'],
            ['X-Two',   'a, b', 'one that comes twice'],
            ['X-Empty', '',     'an empty one'],
            ['X-None',  '',     'one that is not there'],
            ['Host',    'localhost', 'one that nginx uses itself'];
}


# ---- what cannot be called ------------------------------------------------

is($nginx->get('/unknown')->{status}, 500, 'an unknown function: 500');
like(join("\n", $nginx->log_lines(qr/NoSuchFunction/)),
     qr/\[error\] .*guest "probe".*"NoSuchFunction"/,
     'the log names guest and function');

is($nginx->get('/int')->{status}, 500,
   'a function of another signature: 500');
like(join("\n", $nginx->log_lines(qr/EchoInt/)), qr/\[error\] .*"EchoInt"/,
     'the log names it');

like($nginx->get('/inner')->{body}, qr/^Hello/,
     'error_page leads from one guest to another');


$nginx->finish;

done_testing;
