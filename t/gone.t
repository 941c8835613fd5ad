#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Clients, and sub-requests, that end at moments which are hard to hit by
# chance: see t/leave.t for those that are not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Frames qw(preface headers window_update INITIAL_WINDOW);
use HL::Leavers;
use HL::Nginx;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(sleep);

my $origin = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1',
                                   Timeout => HL::Nginx::TIMEOUT())
    or die "listen: $@";
my $port = HL::Nginx::free_port();

my $nginx = HL::Nginx->new(start => 0);

$nginx->configure(http => <<"EOT", server => <<"EOS");
log_format after '\$hyperlight_outcome \$upstream_status';

hyperlight_guest fill {
    binary t-guests/stream.elf;
    sandboxes 1;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest drip {
    binary t-guests/stream.elf;
    sandboxes 1;
    queue 0;
    timeout 60s;
}

hyperlight_guest ask {
    binary t-guests/ask.elf; allow all;
    sandboxes 1;
    queue 0;
    timeout 60s;
}

hyperlight_guest alter {
    binary t-guests/alter.elf;
    sandboxes 1;
    timeout 60s;
}

hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 1;
    timeout 60s;
}

server {
    listen 127.0.0.1:$port http2 sndbuf=32k;
    location /fill { hyperlight_pass fill fill; }
    location /drip { hyperlight_pass drip drip; }
}
EOT
hyperlight_request_buffering off;

location /drip { hyperlight_pass drip drip; }
location /filled { hyperlight_pass fill drip; }
location /before { post_action /after; hyperlight_pass fill drip; }
location /cut { post_action /after; hyperlight_body_filter alter alter;
                return 200 "text"; }
location /aside { post_action /after; hyperlight_body_filter alter alter;
                  hyperlight_pass fill drip; }
location /left { post_action /later; hyperlight_body_filter alter alter;
                 proxy_pass http://127.0.0.1:@{[ $origin->sockport ]}; }
location /later { access_log later.log after;
                  rewrite ^ /later?sleep=300? break;
                  hyperlight_pass act act; }
location /after {
    access_log after.log after;
    proxy_pass http://127.0.0.1:@{[ $origin->sockport ]};
}
location /page { error_page 500 /plain; hyperlight_header_filter alter alter;
                 hyperlight_pass drip drip; }
location /whole { hyperlight_pass ask whole; }
location /part { hyperlight_pass ask part; }
location /plain { return 200 "plain"; }
location /origin { proxy_pass http://127.0.0.1:@{[ $origin->sockport ]}; }
EOS

$nginx->start;


# The only sandbox of a guest is there again, long before its call's timeout.

sub is_free {
    my ($name, $uri, @headers) = @_;

    ok(HL::Nginx::wait_for(sub {
           return $nginx->get($uri, @headers)->{status} == 200;
       }), $name);
}


# ---- a body that never comes ----------------------------------------------

for my $way ('half', 'close', 'reset') {
    for my $turns (0, 0.05) {
        HL::Leavers::run({ port => $nginx->port, steps => [
            [0, send => "POST /drip?2+50000 HTTP/1.1\r\nHost: localhost\r\n"
                        . "Content-Length: 100\r\n\r\nthe beginning"],
            [$turns, $way],
        ] });

        is_free("a guest that sleeps, and its client leaves ($way, $turns s) "
                . 'in the middle of its body', '/drip?1');
    }
}


# ---- HTTP/2 ---------------------------------------------------------------

# The socket is full when the second stream begins: its headers are queued,
# its guest sleeps, and wants to write nothing.

HL::Leavers::run({ port => $port, rcvbuf => 4096, steps => [
    [0, send => preface(INITIAL_WINDOW, 1 << 30) . window_update(0, 1 << 30)
                . headers(1, 'GET', '/fill?1000000')],
    [0.2, send => headers(3, 'GET', '/drip?2+50000')],
    [0.4, 'reset'],
] });

is_free('a guest that sleeps, and whose headers are queued', '/drip?1');


# ---- sub-requests ---------------------------------------------------------

# Of ten bytes, five.

sub half_answered {
    my $upstream = $origin->accept or die "no connection: $!";
    sysread $upstream, my $request, 10000;
    syswrite $upstream,
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";

    return $upstream;
}


# All that has come of the first is read when the second replaces it.
my $client = $nginx->connect;
$client->request('GET', '/part?again', headers => ['X-Ask: /origin']);

my @upstreams = (half_answered(), half_answered());

is($client->response->{body}, '5 5 -1 EBADF',
   'a sub-request that its guest leaves before its end');

# The guest waits for the last bytes, and takes them as they come.
$client->request('GET', '/whole', headers => ['X-Ask: /origin']);

my $upstream = half_answered();
sleep 0.1;
syswrite $upstream, 'world';

like($client->response->{body}, qr/\n\nhelloworld$/,
     'a sub-request that ends as its last bytes are read');
is_free('and is over then', '/whole', 'X-Ask: /plain');

$_->close for $client, $upstream, @upstreams;

# nginx goes on to the post_action then, with the same request.
$client = $nginx->connect;
$client->request('GET', '/before?2,300');
$client->read_until('line 0');
$client->close;

$upstream = half_answered();
syswrite $upstream, 'world';

ok(HL::Nginx::wait_for(sub { $nginx->read_file('after.log') ne '' }),
   'a client that leaves before a post_action');
like($nginx->read_file('after.log'), qr/^\w+ 200$/,
     'which comes when the guest is done with its own');

$upstream->close;

# The filter's response has begun, and breaks off: with the post_action, the
# request is over.
$client = $nginx->connect;
$client->request('GET', '/cut', headers => ['X-Do: say=early,flush,crash']);
$client->read_until('early');

$upstream = half_answered();
syswrite $upstream, 'world';

ok(eval { $client->read_to_end; 1 },
   'a filter that fails before a post_action');

$_->close for $client, $upstream;

# The original's guest would sleep on for as long as the post_action lasts.
$client = $nginx->connect;
$client->request('GET', '/aside?2,50000',
                 headers => ['X-Do: read,flush,crash']);
$client->read_until('line 0');

$upstream = $origin->accept or die "no connection: $!";
is_free('whose original comes from a guest', '/filled?1');

$_->close for $client, $upstream;

# The socket's error is told for writing, too, in the same turn.
$client = $nginx->connect;
$client->request('GET', '/left', headers => ['X-Do: say=early,flush,pass']);
$upstream = half_answered();
$client->read_until('early');

setsockopt $client->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
    or die "setsockopt: $!";
$client->close;

ok(HL::Nginx::wait_for(sub { $nginx->read_file('later.log') ne '' }),
   'a client that resets its connection before a post_action');
like($nginx->read_file('later.log'), qr/, ok /,
     'whose guest is left alone');

$upstream->close;

# An error page replaces the response that the guest begins, and its context.
is($nginx->get('/page?2,50000', 'X-Do: crash')->{body}, 'plain',
   'a header filter that fails where its guest begins to stream');
is_free('whose call ends then', '/drip?1');

$nginx->finish;

done_testing();
