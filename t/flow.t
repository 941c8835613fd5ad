#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A response that is sent piece by piece: from the guest's first flush on,
# and as fast as the client reads.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use IO::Select;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 1 4;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest small {
    binary t-guests/stream.elf;
    sandboxes 1;
    output 8k;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest strict {
    binary t-guests/stream.elf;
    sandboxes 1;
    cpu_limit 20ms;
    timeout 60s;
}

hyperlight_guest thrifty {
    binary t-guests/stream.elf;
    sandboxes 1;
    cpu_limit 3ms;
    timeout 60s;
}

hyperlight_guest hasty {
    binary t-guests/stream.elf;
    sandboxes 1;
    timeout 200ms;
}

log_format cpu '$hyperlight_cpu_time';
log_format outcome '$uri $status $body_bytes_sent';
EOT
location /fill { hyperlight_pass stream fill; }
location /small { hyperlight_pass small fill; }
location /drip { hyperlight_pass stream drip; }
location /drip-typed { default_type text/x-drip; hyperlight_pass stream drip; }
location /spoil { hyperlight_pass stream spoil; }
location /strict { hyperlight_pass strict spoil; }
location /thrifty { access_log thrifty.log cpu; hyperlight_pass thrifty drip; }
location /bare { hyperlight_pass stream bare; }
location /hasty { hyperlight_pass hasty fill; }
location /impatient { send_timeout 100ms; hyperlight_pass stream fill; }
location /slowly { limit_rate 400k; hyperlight_pass stream fill; }
location /gzip { gzip on; gzip_types *; hyperlight_pass stream drip; }
location /plain { return 200 "plain"; }
EOT


# What fill() writes.

sub filled {
    my ($size) = @_;

    my $text = '';

    for (my $i = 0; length $text < $size; $i++) {
        $text .= join('', map { sprintf '%x', ($i >> ($_ % 16)) & 15 }
                          0 .. 62) . "\n";
    }

    return substr $text, 0, $size;
}


sub begun {
    my ($uri, %o) = @_;

    my $client = $nginx->connect;
    $client->request('GET', $uri, %o);

    return $client;
}


# ---- piece by piece -------------------------------------------------------

my $client = begun('/drip?3,200');

like($client->read_until("\r\n\r\n"),
     qr/^HTTP\/1\.1 200 OK\r\n(?!.*Content-Length)/s,
     'a response that is flushed has no length');
is($client->read_until("line 0\n\r\n"), "7\r\nline 0\n\r\n",
   'and begins before its guest has ended');
is($nginx->get('/plain')->{body}, 'plain', 'the worker goes on meanwhile');
is($client->read_until("line 1\n\r\n"), "7\r\nline 1\n\r\n",
   'each piece leaves when it is flushed');
is($client->read_until("0\r\n\r\n"), "7\r\nline 2\n\r\n0\r\n\r\n",
   'up to the last');

$client->request('GET', '/plain');
is($client->response->{body}, 'plain', 'and the connection is kept');

my $response = $nginx->get('/fill?1000');

is($response->{headers}{'x-guest'}, 'fill', 'headers go with the first flush');
is($response->{headers}{'transfer-encoding'}, 'chunked', 'in chunks');
is($nginx->get('/drip-typed?1')->{headers}{'content-type'}, 'text/x-drip',
   'the type is that of the location');

for my $size (0, 1, 1000, 32768, 65536, 1_000_000, 3_333_333) {
    is($nginx->get("/fill?$size")->{body}, filled($size), "$size bytes");
}

is($nginx->get('/small?300000')->{body}, filled(300_000),
   'as many as you like through a small output area');

$client = $nginx->connect;
$client->request('GET', '/drip?3', protocol => 'HTTP/1.0');
is($client->response->{body}, "line 0\nline 1\nline 2\n",
   'HTTP/1.0 has it to the end of the connection');

is($nginx->get('/spoil?flushes')->{body}, "the beginning\nthe end\n",
   'a flush without anything to send changes nothing');


# ---- responses without a body ---------------------------------------------

$client = $nginx->connect;
$client->request('HEAD', '/fill?1000000');
is($client->response(head => 1)->{headers}{'x-guest'}, 'fill',
   'HEAD has the headers only');

for my $status (204, 304) {
    $client->request('GET', "/bare?$status");
    is($client->response->{status}, $status, "$status has no body");
}

$client->request('GET', '/bare?404');
$response = $client->response;
is("$response->{status} $response->{body}", '404 a body',
   'the status is that of the guest');


# ---- as fast as the client reads ------------------------------------------

my ($worker) = $nginx->workers;

$nginx->get('/fill?1000000');

my $before = $nginx->resident($worker);

$client = begun('/fill?50000000');
$client->read_until("\r\n\r\n");

is($nginx->get('/plain')->{body}, 'plain',
   'a client that does not read holds nobody');
is($nginx->get('/fill?100000')->{body}, filled(100_000),
   'and no other response');
cmp_ok($nginx->resident($worker) - $before, '<', 1024,
       'its worker holds little of it');

my $more = 0;
$more += length $client->read_exactly(1_000_000) for 1 .. 20;
cmp_ok($nginx->resident($worker) - $before, '<', 1024, 'nor later');
$client->close;

is(length($nginx->get('/slowly?200000')->{body}), 200_000, 'limit_rate works');

$client = begun('/impatient?50000000');
ok(HL::Nginx::wait_for(sub { $nginx->log_lines('client timed out') }),
   'send_timeout, too');
$client->close;

$client = begun('/hasty?50000000');
ok(HL::Nginx::wait_for(sub {
       $nginx->log_lines('exceeded its timeout of 200 ms')
   }), 'and the limit on wall time');
$client->close;
is($nginx->get('/hasty?10')->{body}, filled(10), 'the guest is served again');


# ---- what goes wrong after the beginning ----------------------------------

for my $how (qw(crash status header error)) {
    $client = begun("/spoil?$how");
    $client->read_until("\r\n\r\n");

    is($client->read_to_end, "e\r\nthe beginning\n\r\n",
       "$how: the client sees that something is missing");
    is($nginx->get('/spoil')->{body}, "the beginning\nthe end\n",
       'and the next one all of it');
}

is(scalar $nginx->log_lines('after the response had begun'), 2,
   'the reason is logged');

$client = begun('/strict?spin');
$client->read_until("\r\n\r\n");
is($client->read_to_end, "e\r\nthe beginning\n\r\n", 'cpu_limit: as well');

# Where in its slice the limit falls is chance: so there are many of them.

for (1 .. 40) {
    $client = begun('/thrifty?1000,0', protocol => 'HTTP/1.0');
    $client->read_to_end;
}

my @times;

HL::Nginx::wait_for(sub {
    @times = split /\n/, $nginx->read_file('thrifty.log');
    return @times == 40;
});

is(scalar @times, 40, 'all of them are logged');
is(scalar grep({ $_ > 0.006 } @times), 0,
   'it holds for a guest that never computes for a whole slice');

$client = begun('/spoil?crash', protocol => 'HTTP/1.0');
$client->read_until("\r\n\r\n");
is($client->read_to_end, "the beginning\n", 'HTTP/1.0 cannot tell');


# ---- filters --------------------------------------------------------------

$client = begun('/gzip?2,10000', headers => ['Accept-Encoding: gzip']);
like($client->read_until("\r\n\r\n"), qr/Content-Encoding: gzip/,
     'nginx compresses it');
ok(length $client->read_until("\r\n"), 'and flushes what it has compressed');
$client->close;

$nginx->finish;

done_testing();
