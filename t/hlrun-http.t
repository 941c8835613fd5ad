#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hlrun --http: a request as a file, the response as it would be sent, and the
# line and the reason of what is no request.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Hlrun qw(run fails guest write_file);
use Test::More;

my $probe = HL::Hlrun::built('testguests/probe.elf');
my $hello = HL::Hlrun::built('guests/hello.elf');
my $dir = HL::Hlrun::dir();


# A handler of the test guest and what it is told in its arguments.

sub request {
    my ($target) = @_;
    my ($function, $args) = split /\?/, $target;

    return ($probe, $function, '--http',
            write_file('request', 'GET /?' . ($args // '')
                                  . " HTTP/1.1\n\n"));
}


sub response {
    return run(request(@_))->{out};
}


sub answers {
    my ($target, $status, $err) = @_;

    fails([request($target)], $err, $status);
}


sub body {
    my ($function, $request) = @_;
    my $r = run($probe, $function, '--http', write_file('request', $request));

    return $r->{out} =~ s/\A.*?\r\n\r\n//sr;
}


fails([$hello, 'hello'],
      'hello is an HTTP handler: give it a request by --http FILE');

{
    my $file = write_file('request', "POST /a%20b/c?x=%20&y HTTP/1.1\r\n"
        . "X-One: 1\r\nX-Two: \t two words \t\r\nX-Empty:\r\n\r\nabc\r\n");
    my $r = run($probe, 'dump', '--http', $file);

    is($r->{status}, 0, '--http: 0');
    like($r->{out}, qr/\AHTTP\/1\.1\ 200\ OK\r\n
                       Content-Type:\ text\/plain\r\n
                       Content-Length:\ \d+\r\n\r\nmethod=POST\n/x,
         'the response is raw');

    my ($length, $body) = $r->{out} =~ /Length: (\d+)\r\n\r\n(.*)\z/s;

    is($length, length $body, 'its length is right');
    like($body, qr/^\Q$_\E$/m, $_)
        for 'uri=/a b/c', 'args=x=%20&y', 'protocol=HTTP/1.1',
            'remote_addr=127.0.0.1', 'body=5', 'header X-One=1',
            'header X-Two=two words', 'header X-Empty=';

    like(run($probe, '--http', $file, 'echo')->{out},
         qr/\r\n\r\nabc\r\n\z/, 'options may stand anywhere');
}

{
    my $file = write_file('request',
                          "GET / HTTP/1.0\nX-Name: Ada\nx-name: Bob\n");

    like(run($hello, '--http', $file)->{out}, qr/\r\n\r\nHello, Ada! /,
         'lines of LF, no body; the only handler needs no name');

    open my $keep, '<&', \*STDIN or die "stdin: $!";
    open STDIN, '<', $file or die "$file: $!";
    my $r = run($hello, '--http', '-');
    open STDIN, '<&', $keep or die "stdin: $!";

    like($r->{out}, qr/\r\n\r\nHello, Ada! /, '--http -: from stdin');
}

is(body('echo', "POST / HTTP/1.1\nContent-Length: 3\n\nabc\n"), 'abc',
   'the body is as long as Content-Length says');
is(body('echo', "POST / HTTP/1.1\n\na\0b\n\nc"), "a\0b\n\nc",
   'or all of the rest, whatever it is');

{
    my $guest = guest('header', <<'EOT');
#include <hyperlight_http.h>

static void
header(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_Parameter     param;
    hl_FunctionCall  call = { "GetHeader", &param, 1, hl_ReturnType_String };

    param.tag = hl_ParameterType_String;
    param.value.String = (char *) (uintptr_t) hl_http_args(req).data;

    hl_call_host_function(&call);
    hl_http_printf(resp, "<%s>", hl_get_host_return_value_as_String());
}

void
hyperlight_main(void)
{
    hl_http_register("header", header);
}
EOT

    for (['x-one', 'a, b'], ['COOKIE', 'c=1; d=2'], ['None', '']) {
        my $file = write_file('request', "GET /?$_->[0] HTTP/1.1\nX-One: a\n"
            . "Cookie: c=1\nX-ONE: b\nCookie: d=2\n\n");

        like(run($guest, '--http', $file)->{out}, qr/\r\n\r\n<\Q$_->[1]\E>\z/,
             "GetHeader $_->[0]");
    }
}

for (
    ['', 1, 'the request is empty'],
    map({ [$_, 1, 'expected a request line, such as GET /path HTTP/1.1'] }
        "\n", "GET\n", "GET /\n", "GET / HTTP/2\n", "GET / HTTP/1.1 \n",
        "GET / HTTP/1.9\n", "GET  / HTTP/1.1\n", " / HTTP/1.1\n"),
    ["G(T / HTTP/1.1\n", 1, 'the method is not a token'],
    ["GET x HTTP/1.1\n", 1, 'the path must begin with a slash'],
    map({ ["GET /$_ HTTP/1.1\n", 1, 'in the path, % is followed by two '
           . 'hexadecimal digits, not 00'] } '%', '%4', '%zz', '%00',
        '%4?'),
    ["GET / HTTP/1.1\nA: b\nnothing\n\n", 3, 'expected a header, such as '
     . 'Name: value, or an empty line before the body'],
    ["GET / HTTP/1.1\nA b: c\n", 2, 'the name of the header is not a token'],
    ["GET / HTTP/1.1\n: c\n", 2, 'the name of the header is not a token'],
    ["GET / HTTP/1.1\n folded: c\n", 2,
     'the name of the header is not a token'],
    ["GET / HTTP/1.1\nA: b\0c\n", 2, 'a NUL or a CR inside of the line'],
    ["GET / HTTP/1.1\nA: b\rc\n", 2, 'a NUL or a CR inside of the line'],
) {
    my ($request, $line, $why) = @$_;
    my $file = write_file('bad', $request);

    fails([$hello, '--http', $file], "$file:$line: $why");
}

for ('4', '-1', 'x', '', '3x', '99999999999999999999') {
    my $file = write_file('bad',
                          "POST / HTTP/1.1\nContent-Length: $_\n\nabc");

    fails([$hello, '--http', $file],
          "$file: Content-Length is $_, the body has 3 bytes");
}

{
    my $file = write_file('bad',
                          "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n");

    fails([$hello, '--http', $file],
          "$file: Transfer-Encoding: give the body as it is");
}

{
    my $file = write_file('request', "GET / HTTP/1.1\n\n");

    fails([$hello, '--http', "$dir/nope"],
          "cannot open $dir/nope: No such file or directory");
    fails([$probe, '--http', $file],
          'the guest has several HTTP handlers: name one');
    fails([$hello, 'nope', '--http', $file],
          'the guest has no HTTP handler nope');
    fails([$probe, 'Echo', '--http', $file],
          'the guest has no HTTP handler Echo');
    fails([HL::Hlrun::built('guests/upper.elf'), '--http', $file],
          'the guest has no HTTP handler');
    fails([$hello, 'hello', '"a"', '--http', $file],
          '--http: an HTTP handler takes no arguments');
    fails([$hello, 'hello', '--result', 'Int', '--http', $file],
          '--http: an HTTP handler has no --result');
}

like(response('set_status?404'), qr/\AHTTP\/1\.1 404 Not Found\r\n/,
     'a status');
like(response('set_status?599'), qr/\AHTTP\/1\.1 599 \r\n/,
     'a status without a name');
is(response('nothing'), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
   'a handler that does nothing');

answers('status?199', 3, 'the guest put out the status 199');
answers('status?600', 3, 'the guest put out the status 600');
answers("bad_header?$_", 3, qr/header .*belongs to the connection$/)
    for qw(connection transfer-encoding content-length upgrade keep-alive);
answers("bad_header?$_", 3, qr/header X-Bad with NUL, CR or LF/)
    for qw(cr lf crlf);
answers("bad_header?$_", 3, qr/header without a valid name/)
    for qw(name-lf name-colon name-space name-empty);
answers('nul_header', 3, qr/with NUL, CR or LF/);
answers('big_body?200000', 3,
        'the response body is over the "output" of 131072 bytes');
answers('error?no', 2, qr/Guest error occurred .*: no$/);
answers('fault?divide', 3, qr/vector 0/);

{
    my $file = write_file('request', "GET / HTTP/1.1\nA: " . 'x' x 40000
                                     . "\n\n");

    fails([$hello, '--http', $file], qr/over the room/);
    is(run($hello, '--http', $file, '--headers=64k')->{status}, 0,
       '--headers makes room');
}


done_testing;
