#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The responses to a guest's sub-requests as streams: they come when they are
# sent, and no faster than they are read; and what is left behind when guest,
# client or upstream leaves: nothing.  The upstream is this test itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Http2;
use HL::Nginx;
use IO::Select;
use IO::Socket::INET;
use Test::More;

my $upstream_port = HL::Nginx::free_port();
my $http2_port = HL::Nginx::free_port();

my $upstream = IO::Socket::INET->new(
    Listen    => 16,
    LocalAddr => '127.0.0.1',
    LocalPort => $upstream_port,
    ReuseAddr => 1,
) or die "listen: $@";

my $nginx = HL::Nginx->new(main => 'thread_pool default threads=2;',
                           http => <<"EOT", server => <<"EOT");
limit_req_zone x zone=tight:32k rate=5r/s;
limit_req_zone x zone=shut:32k rate=1r/m;

hyperlight_guest ask {
    binary t-guests/ask.elf; allow all;
    sandboxes 2;
    queue 8 timeout=20s;
    cpu_limit 20s;
    timeout 30s;
}

hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 1;
    cpu_limit 20s;
    timeout 30s;
}

log_format outcome '\$uri \$status';

server {
    listen 127.0.0.1:$http2_port http2;
    include server.conf;
}
EOT
root html;
default_type text/plain;
access_log access.log outcome;

location /whole { hyperlight_pass ask whole; }
location /through { hyperlight_pass ask through; }
location /part { hyperlight_pass ask part; }
location /hasty { hyperlight_timeout 300ms; hyperlight_pass ask whole; }
location /rated { limit_rate 256k; hyperlight_pass ask through; }
location /idle { send_timeout 100ms; hyperlight_pass ask nap; }

location /plain { return 200 "plain"; }
location /html { alias html; sendfile on; }
location /threads { alias html; aio threads; directio 1; }
location /turns { limit_req zone=tight burst=9; try_files /small =404; }
location /shut { limit_req zone=shut burst=999; try_files /small =404; }
location /fill { send_timeout 100ms; hyperlight_pass stream fill; }
location /drip { hyperlight_pass stream drip; }

location /on { proxy_pass http://127.0.0.1:$upstream_port; }
location /off { proxy_buffering off;
                proxy_pass http://127.0.0.1:$upstream_port; }
EOT

my ($worker) = $nginx->workers;
my $file = join '', map { "line $_\n" } 1 .. 100000;

mkdir $nginx->dir . '/html' or die "mkdir: $!";
$nginx->write_file('html/large', $file);
$nginx->write_file('html/small', 'a file');


sub started {
    my ($to, $uri, @headers) = @_;

    my $client = $nginx->connect;
    $client->request('GET', $to, headers => ["X-Ask: $uri", @headers]);

    return $client;
}


# The upstream's side of a connection, when the request has come.

sub accepted {
    my $peer = HL::Client->accepted($upstream);
    $peer->read_until("\r\n\r\n");

    return $peer;
}


# The body of a chunked response, as far as it is there.

sub chunk {
    my ($client) = @_;

    my ($size) = $client->read_until("\r\n") =~ /^([0-9a-f]+)\r\n$/;
    my $chunk = $client->read_exactly(hex $size);
    $client->read_exactly(2);

    return $chunk;
}


# The guest can be called again, on this connection; nginx closes it after a
# 500.

sub free_again {
    my ($name, $client, $status) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $client = $nginx->connect if !$client || ($status || 200) == 500;
    $client->request('GET', '/through', headers => ['X-Ask: /plain']);
    is($client->response->{body}, 'plain', $name);
    $client->close;
}


# Writes until nobody takes more: how much that was.

sub pour {
    my ($peer, $max) = @_;

    my $piece = 'x' x 65536;
    my $sent = 0;

    $peer->{socket}->blocking(0);

    while ($sent < $max
           && IO::Select->new($peer->{socket})->can_write(1))
    {
        my $n = syswrite $peer->{socket}, $piece,
            $max - $sent < 65536 ? $max - $sent : 65536;
        last if !defined $n && !$!{EAGAIN};
        $sent += $n // 0;
    }

    $peer->{socket}->blocking(1);

    return $sent;
}


# ---- flow -----------------------------------------------------------------

for my $uri (qw(/on /off)) {
    my $client = started('/through', $uri);
    my $peer = accepted();

    $peer->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                . "5\r\nfirst\r\n");
    $client->read_until("\r\n\r\n");
    is(chunk($client), 'first', "$uri: a piece is there when it is sent");

    $peer->send("6\r\nsecond\r\n");
    is(chunk($client), 'second', "$uri: and the next");

    $peer->send("0\r\n\r\n");
    is(chunk($client), '', "$uri: and the end");
    $peer->close;

    free_again("$uri: then the connection is used again", $client);
}

for my $uri (qw(/on /off)) {
    my $max = 64 * 1024 * 1024;
    my $client = started('/through', $uri);
    my $peer = accepted();

    $peer->send("HTTP/1.1 200 OK\r\n\r\n" . 'x' x 65536);
    $client->read_until("\r\n\r\n");
    chunk($client);

    my $before = $nginx->resident($worker);
    my $sent = pour($peer, $max);
    my $growth = $nginx->resident($worker) - $before;

    cmp_ok($sent, '<', $max, "$uri: a client that does not read stops "
                             . 'the upstream');
    cmp_ok($growth, '<', 2048, "$uri: without much in the worker");

    my $got = 0;

    if (my $pid = fork) {
        $peer->{socket}->close;

        while ((my $n = length chunk($client)) > 0) {
            $got += $n;
        }

        waitpid $pid, 0;

    } else {
        $peer->send('x' x 65536) for 1 .. 256;
        close $peer->{socket};
        POSIX::_exit(0);
    }

    my $total = $sent + 65536 + 256 * 65536;

    ok($got > $sent + 256 * 65536 && $got < $total,
       "$uri: which gets all of it then");
    cmp_ok($nginx->resident($worker) - $before, '<', 3072,
           "$uri: and the worker is as small as before");

    free_again("$uri: and the connection is used again", $client);
}

for my $uri (qw(/html/large /threads/large)) {
    ok(started('/through', $uri)->response->{body} eq $file,
       "$uri: a file, piece by piece");
    ok(started('/rated', $uri)->response->{body} eq $file,
       "$uri: to a client whose rate is limited");
}

{
    my $client = started('/rated', '/on');
    my $peer = accepted();

    $peer->send("HTTP/1.0 200 OK\r\n\r\n" . 'x' x 65536);
    $client->read_until("\r\n\r\n");
    chunk($client);

    # each of them is an event, while the client's timer runs
    for (1 .. 50) {
        $peer->send('y' x 2000);
        $nginx->get('/plain');
    }

    $peer->close;

    my $got = '';

    while ((my $chunk = chunk($client)) ne '') {
        $got .= $chunk;
    }

    is($got =~ tr/y//, 100000,
       'an upstream that sends while the client must wait');
}

{
    my @clients = map { started('/whole', '/turns') } 1 .. 3;

    is_deeply([map { $_->response->{body} =~ /\n\n(.*)\z/ } @clients],
              [('a file') x 3], 'limit_req: one waits for its turn');
}

is(length started('/through', '/fill?3000000')->response->{body}, 3000000,
   'a guest that streams to another');
is(started('/through', '/drip?5+20')->response->{body},
   join('', map { "line $_\n" } 0 .. 4), 'and one that takes its time');

is(started('/idle', '/html/large')->response->{body},
   length $file, 'a guest that reads late, later than a client may');


for my $uri (qw(/on /off)) {
    my $client = started('/through', "/through?$uri");
    my $peer = accepted();

    $peer->send("HTTP/1.0 200 OK\r\n\r\nfirst");
    $client->read_until("\r\n\r\n");
    is(chunk($client), 'first', "$uri: a piece, through two guests");

    my $sent = pour($peer, 64 * 1024 * 1024);

    cmp_ok($sent, '<', 64 * 1024 * 1024, "$uri: which both stop");
    $client->close;
    ok(!$peer->fill || !$peer->fill, "$uri: and end, if the client leaves");

    $client = started('/part?close', "/through?$uri");
    $peer = accepted();
    $peer->send("HTTP/1.0 200 OK\r\n\r\n" . 'x' x 1000);
    is($client->response->{body}, 16, "$uri: a guest closes another one");
    ok(!$peer->fill || !$peer->fill, "$uri: which closes its upstream");
    free_again("$uri: and the client is served again", $client);
}


# ---- upstreams that fail --------------------------------------------------

for my $uri (qw(/on /off)) {
    my $client = started('/through', $uri);
    my $peer = accepted();

    $peer->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    $client->read_until("\r\n\r\n");
    is(chunk($client), 'half', "$uri: half of a response");
    $peer->close;
    is(chunk($client), '', "$uri: is the guest's to judge");

    free_again("$uri: and the connection's no matter", $client);
}

{
    my $client = started('/hasty', '/on');
    my $peer = accepted();

    is($client->response->{status}, 504, 'an upstream that never answers');
    ok($peer->is_closed, 'is left alone then');
    free_again('and the client is served', $client);

    started('/whole', '/shut')->response;
    $client = started('/hasty', '/shut');
    is($client->response->{status}, 504, 'limit_req: a minute is too long');
    free_again('and the client is served', $client);
}


# ---- guests that leave ----------------------------------------------------

for my $uri (qw(/on /off)) {
    for my $case (['close', 200, 16], ['crash', 500], ['nothing', 200, 16],
                  ['close', 200, 9], ['crash', 500, 9], ['nothing', 200, 9])
    {
        my ($what, $status, $body) = @$case;

        my $client = started("/part?$what", $uri);
        my $peer = accepted();

        # Some that it leaves, or all that there is.
        $peer->send("HTTP/1.0 200 OK\r\n\r\n"
                    . 'x' x (($body || 0) == 9 ? 9 : 100000));

        my $r = $client->response;

        is($r->{status}, $status, "$uri: a guest leaves by $what");
        is($r->{body}, $body, "$uri: with what it had") if $status == 200;

        # It may have been closed with bytes unread, and be reset then.
        ok(!$peer->fill || !$peer->fill, "$uri: the upstream sees it");

        free_again("$uri: and the client is served again", $client,
                   $status);
    }
}

# With all of it read, nginx was just told to go on with it.
for my $size (1000, 16) {
    my $client = started('/part?again', '/on');
    my $first = accepted();

    $first->send("HTTP/1.0 200 OK\r\n\r\n" . 'x' x $size);

    my $second = accepted();

    ok($first->is_closed, 'a newer sub-request ends the one before');
    $second->send("HTTP/1.0 200 OK\r\n\r\n" . 'x' x 10);
    $second->close;
    is($client->response->{body}, '16 10 -1 EBADF', 'which is told');
    free_again('and the client is served again', $client);
}

for my $uri ('/html/large', '/threads/large', '/fill?3000000',
             '/drip?1000+100', '/turns', '/html/none')
{
    for my $what (qw(close crash nothing again)) {
        my $client = started("/part?$what", $uri);

        my $status = $client->response->{status};

        is($status, $what eq 'crash' ? 500 : 200,
           "$uri: a guest leaves by $what");
        free_again("$uri: and the client is served again", $client, $status);
    }
}


# ---- clients that leave ---------------------------------------------------

for my $uri (qw(/on /off)) {
    my $client = started('/through', $uri);
    my $peer = accepted();

    $client->close;
    ok($peer->is_closed, "$uri: a client leaves before the response");

    $client = started('/through', $uri);
    $peer = accepted();
    $peer->send("HTTP/1.0 200 OK\r\n\r\nfirst");
    $client->read_until("\r\n\r\n");
    chunk($client);
    $client->close;
    ok($peer->is_closed, "$uri: after its first piece");

    $client = started('/part?sleep', $uri);
    $peer = accepted();
    $peer->send("HTTP/1.0 200 OK\r\n\r\n" . 'x' x 1000);
    $nginx->get('/plain') for 1 .. 5;
    $client->close;
    ok($peer->is_closed, "$uri: while its guest sleeps");
}

ok($nginx->wait_access_log(qr{^/part 499$}), 'as the access log says');

for my $uri ('/html/large', '/threads/large', '/fill?3000000',
             '/drip?1000+100', '/turns')
{
    for my $turns (0, 1, 3) {
        my $client = started('/part?sleep', $uri);

        $nginx->get('/plain') for 1 .. $turns;
        $client->close;

        $client = started('/through', $uri);
        $nginx->get('/plain') for 1 .. $turns;
        $client->close;
    }

    free_again("$uri: clients have left");
}


for my $piece ('', 'x' x 100000) {
    my $h2 = HL::Http2->new($http2_port, update => 0);
    my $id = $h2->request('GET', '/through', headers => [['x-ask', '/on']]);
    my $peer = accepted();

    if ($piece) {
        $peer->send("HTTP/1.0 200 OK\r\n\r\n$piece");
        $h2->step until length $h2->stream($id)->{body};
    }

    $h2->close;
    ok(!$peer->fill || !$peer->fill, 'HTTP/2: a client leaves');
}

free_again('HTTP/2: clients have left');


# ---- reload ---------------------------------------------------------------

{
    my $client = started('/through', '/on');
    my $peer = accepted();

    $peer->send("HTTP/1.0 200 OK\r\n\r\nold ");
    $client->read_until("\r\n\r\n");
    chunk($client);

    $nginx->signal('HUP');
    HL::Nginx::wait_for(sub { grep { $_ != $worker } $nginx->workers });

    $peer->send('worker');
    is(chunk($client), 'worker', 'a reload lets sub-requests finish');
    $peer->close;
    is(chunk($client), '', 'to their end');
    $client->close;

    $nginx->reload;
}

$nginx->finish;

done_testing();
