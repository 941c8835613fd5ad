#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a guest answers is checked before a client sees any of it: a response
# goes out whole and well formed, or as 502.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest answer {
    binary t-guests/answer.elf;
    output 64k;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
}
EOT
default_type application/x-default;

location / {
    hyperlight_pass answer answer;
}

location /raw {
    hyperlight_pass probe raw;
}

location /typed {
    hyperlight_pass probe ReturnParameter;
}

location /status {
    hyperlight_pass probe status;
}
EOT


# The guest answers as it is told; see t/guests/answer.c.

sub told {
    return map { "$_\0" } @_;
}


sub answer {
    return $nginx->post('/', join '', told(@_));
}


sub header {
    my ($name, $value) = @_;

    return answer('header', $name, $value, 'body', 'text');
}


sub refused {
    my ($name, $r, $reason) = @_;

    is($r->{status}, 502, "$name: 502");
    unlike($r->{raw_head}, qr/evil/i, "$name: nothing of it goes out");

    my ($line) = $nginx->log_lines(qr/\[error\]/);

    like($line // 'nothing in the log', qr/guest "(?:answer|probe)".*$reason/,
         "$name: the log names guest and reason");

    $nginx->clear_log;
}


# ---- headers --------------------------------------------------------------

is(header('X-Good', $_->[1])->{headers}{'x-good'}, $_->[1],
   "a value: $_->[0]")
    for ['text', 'of the guest'], ['with a tab', "a\tb"],
        ['that is not ASCII', "gr\xc3\xbcn"], ['nothing', ''];

is(header("!#\$%&'*+-.^_`|~", 'a')->{headers}{"!#\$%&'*+-.^_`|~"}, 'a',
   'a name of all characters that a token may have');

refused("a value with $_->[0]", header('X-Evil', "a$_->[1]b"), 'header')
    for ['CR', "\r"], ['LF', "\n"], ['CR LF', "\r\nX-Evil-Too: c"],
        ['an escape', "\e"], ['DEL', "\x7f"];

refused("a name with $_->[0]", header("X-Evil$_->[1]", 'b'), 'header')
    for ['a space', ' '], ['CR', "\r"], ['LF', "\n"], ['a colon', ':'],
        ['a quote', '"'], ['a slash', '/'],
        ['a byte that is not ASCII', "\xc3"];

refused('no name', header('', 'evil'), 'header');

refused("$_, which is the connection's", header($_, 'evil'), $_)
    for qw(Connection Keep-Alive Proxy-Connection Transfer-Encoding
           TE Trailer Upgrade Content-Length transfer-encoding CONNECTION);


# ---- headers that nginx knows ---------------------------------------------

is(header('X-Good', 1)->{headers}{'content-type'}, 'application/x-default',
   'Content-Type: the default_type');

is(header($_->[0], $_->[1])->{headers}{lc $_->[0]}, $_->[1],
   "$_->[0], once, as the guest has it")
    for ['Content-Type',     'text/x-guest; charset=utf-8'],
        ['Location',         '/elsewhere'],
        ['Content-Encoding', 'x-guest'],
        ['Cache-Control',    'no-store'],
        ['Last-Modified',    'Mon, 02 Jan 2006 15:04:05 GMT'],
        ['Server',           'guest'],
        ['Date',             'Mon, 02 Jan 2006 15:04:05 GMT'],
        ['ETag',             '"guest"'],
        ['WWW-Authenticate', 'Basic realm="guest"'];

is_deeply([map { $_->[1] } grep { $_->[0] eq 'Set-Cookie' }
           @{ answer('header', 'Set-Cookie', 'a=1',
                     'header', 'Set-Cookie', 'b=2')->{list} }],
          ['a=1', 'b=2'], 'Set-Cookie, twice');


# ---- bounds ---------------------------------------------------------------

is(answer(map { ('header', "X-$_", $_) } 1 .. 50)->{headers}{'x-50'}, 50,
   '50 headers');
refused('too many headers', answer(map { ('header', "X-$_", $_) } 1 .. 1000),
        'one too many');

is(length answer('fill', 60000)->{body}, 60000, 'a body of 60,000 bytes');
refused('a body over the output area', answer('fill', 70000), '');


# ---- statuses -------------------------------------------------------------

is(answer('status', $_, 'body', 'text')->{status}, $_, "status $_")
    for 200, 201, 206, 301, 302, 400, 401, 404, 418, 451, 500, 503, 599;

is(answer('status', $_, 'body', 'text')->{body}, 'text',
   "status $_: the body is the guest's, not nginx's page")
    for 301, 404, 500, 502;

is(answer('status', 404, 'status', 200)->{status}, 200,
   'the last status counts');

for my $status (204, 304) {
    my $client = $nginx->connect;

    $client->request('POST', '/', body => join '', told('status', $status,
                                                        'body', 'text'));
    is($client->response->{status}, $status, "status $status");

    $client->request('POST', '/', body => join '', told('body', 'text'));
    is($client->response->{body}, 'text',
       "status $status has no body, whatever the guest writes");
}

refused("status $_", $nginx->get("/status?$_"), 'status')
    for 0, 1, 99, 100, 101, 199, 600, 1000, 4294967295;


# ---- errors ---------------------------------------------------------------

refused('a handler that ends in an error',
        answer('header', 'X-Evil', 1, 'error', 'not my day'), 'not my day');
refused('a typed function that does', $nginx->post('/typed', 'evil'), '');

# Each case of guest/testguests/probe/output.c that an HTTP call can have;
# what the core finds wrong with it: t/core/.
refused("malformed output, case $_", $nginx->get("/raw?$_"), '')
    for 0 .. 2, 4 .. 23;

is(answer('body', 'text')->{body}, 'text', 'after all that');


$nginx->finish;

done_testing;
