#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Clients that leave at random moments, in whatever state their requests are,
# leave nothing behind: no sandbox taken, no descriptor, no memory.
#
# Environment: TEST_LEAVE_SEED (printed by each run), TEST_LEAVE_CLIENTS.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Frames qw(preface headers data reset_stream window_update goaway
                  INITIAL_WINDOW);
use HL::Leavers;
use HL::Nginx;
use IO::Select;
use IO::Socket::INET;
use Test::More;

use constant {
    WARM_UP => 300,
    AT_ONCE => 20,
    QUEUE   => 20,

    # Bytes that nobody reads: the socket has to hold them, as nginx does not
    # see what comes after them.
    UNREAD  => 30000,

    # KiB; 1,000 clients that lose a page each lose four times as much.
    SLACK   => 1024,
};

my $clients = $ENV{TEST_LEAVE_CLIENTS} || 1000;
my $seed = $ENV{TEST_LEAVE_SEED} || time ^ $$ << 8;

diag("TEST_LEAVE_SEED=$seed");
srand $seed;

# Connections are made to it, and nobody ever answers.
my $silent = IO::Socket::INET->new(Listen => 1024, LocalAddr => '127.0.0.1')
    or die "listen: $@";

my $http1 = HL::Nginx::free_port();
my $http2 = HL::Nginx::free_port();

my $nginx = HL::Nginx->new(start => 0);

$nginx->configure(log_level => 'info', main => <<'EOT', http => <<"EOT",
worker_shutdown_timeout 5s;
EOT
log_format outcome '\$uri \$status';
client_body_buffer_size 8k;
proxy_connect_timeout 30s;

hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 4;
    queue @{[ QUEUE ]} timeout=30s;
    cpu_limit 20s;
    timeout 30s;
}

hyperlight_guest work {
    binary t-guests/work.elf;
    sandboxes 1 3;
    queue @{[ QUEUE ]} timeout=30s;
    cpu_limit 20s;
    timeout 30s;
}

hyperlight_guest sleep {
    binary t-guests/sleep.elf;
    sandboxes 2;
    queue @{[ QUEUE ]} timeout=30s;
    timeout 30s;
}

hyperlight_guest single {
    binary t-guests/sleep.elf;
    sandboxes 1;
    queue @{[ QUEUE ]} timeout=30s;
    timeout 30s;
}

hyperlight_guest ask {
    binary t-guests/ask.elf; allow all;
    sandboxes 4;
    queue @{[ QUEUE ]} timeout=30s;
    cpu_limit 20s;
    timeout 30s;
}

server {
    listen 127.0.0.1:$http1 sndbuf=32k;
    listen 127.0.0.1:$http2 sndbuf=32k http2;
    access_log access.log outcome;

    location /plain { return 200 "plain"; }

    location /gather { hyperlight_pass stream sum; }
    location /fill { hyperlight_pass stream fill; }
    location /drip { hyperlight_pass stream drip; }
    location /work { hyperlight_pass work work; }
    location /nap { hyperlight_pass sleep nap; }
    location /single { hyperlight_pass single nap; }
    location /whole { hyperlight_pass ask whole; }
    location /through { hyperlight_pass ask through; }
    location /part { hyperlight_pass ask part; }

    location /silent { proxy_pass http://127.0.0.1:@{[ $silent->sockport ]}; }
    location /relay/ { proxy_pass http://127.0.0.1:$http1/; }

    location /bodies {
        hyperlight_request_buffering off;
        location /bodies/sum { hyperlight_pass stream sum; }
        location /bodies/echo { hyperlight_pass stream echo; }
        location /bodies/drip { hyperlight_pass stream drip; }
        location /bodies/work { hyperlight_pass work work; }
        location /bodies/through { hyperlight_pass ask through; }
    }
}
EOT
server => <<'EOT');
location /plain { return 200 "plain"; }
location /status { stub_status; }
EOT

$nginx->start;

my ($worker) = $nginx->workers;


# ---- what they want -------------------------------------------------------

sub any { return $_[rand @_] }

# Spread evenly over the orders of magnitude.
sub around { return $_[0] * ($_[1] / $_[0]) ** rand }

sub work { return int around(1, 60) }
sub much { return int around(1000, 2000000) }
sub drops { return int(around(1, 50)) . '+' . int rand 4 }


# A path, what a guest asks for, and how many bytes of a body follow.

sub wish {
    my $asked = any('/silent', '/nap?5000', '/single?3', '/fill?' . much(),
                    '/drip?' . drops(), '/relay/nap?3',
                    '/relay/fill?' . much(), '/relay/drip?' . drops());

    return @{ any(
        ['/plain'],
        ['/work?' . work()],
        ['/nap?5000'],
        ['/nap?' . int rand 30],
        ['/single?' . int rand 60],
        ['/single?5000'],
        ['/fill?' . much()],
        ['/drip?' . drops()],
        [any('/whole', '/through'), $asked],
        [any('/whole', '/through'), $asked],
        [any('/part?sleep', '/part?close', '/part?again'), $asked],
        ['/gather', undef, int around(10, 300000)],
        ['/bodies/sum', undef, int around(10, 300000)],
        ['/bodies/echo', undef, int around(10, 300000)],
        ['/bodies/drip?' . drops(), undef, int around(10, 300000)],
        ['/bodies/work?' . work(), undef, int around(10, 300000)],
        ['/bodies/through', $asked, int around(10, UNREAD)],
    ) };
}


# ---- how they go about it -------------------------------------------------

# In seconds; many see no more than the first turns of the loop.
sub moment { return around(0.0001, 0.06) }

sub cut {
    my ($bytes) = @_;

    return rand() < 0.5 ? $bytes : substr $bytes, 0, rand length $bytes;
}


sub request {
    my ($path, $asked, $length) = wish();

    my $head = ($length ? 'POST' : 'GET') . " $path HTTP/1.1\r\n"
               . "Host: localhost\r\n" . ($asked ? "X-Ask: $asked\r\n" : '');

    return "$head\r\n" if !$length;

    my $body = 'x' x $length;

    return rand() < 0.5
        ? "${head}Content-Length: $length\r\n\r\n$body"
        : "${head}Transfer-Encoding: chunked\r\n\r\n"
          . HL::Client::chunked($body, 1 + int rand 20000);
}


# One request, or several; whole, or with a gap, or not to the end.

sub speak_http1 {
    my $bytes = request();

    $bytes = "GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n$bytes"
        if rand() < 0.2;
    $bytes .= substr request(), 0, UNREAD if rand() < 0.2;
    $bytes = cut($bytes);

    my $gap = rand() < 0.3 ? int rand length $bytes : 0;

    return ([0, send => substr $bytes, 0, $gap],
            [$gap ? moment() : 0, send => substr $bytes, $gap]);
}


# Some streams of a connection, of which some are reset.

sub speak_http2 {
    my $bytes = preface(INITIAL_WINDOW, any(0, 100, 65535, 1 << 30))
                . window_update(0, 1 << 30);
    my @resets;

    for my $stream (map { 2 * $_ - 1 } 1 .. 1 + int rand 4) {
        my ($path, $asked, $length) = wish();

        $bytes .= headers($stream, $length ? 'POST' : 'GET', $path, $length,
                          $asked ? ['x-ask', $asked] : ());

        my $last = rand() < 0.5;
        $length = $length && ($last ? $length : rand $length);

        for (my $n; $length; $length -= $n) {
            $n = $length < 16000 ? $length : 16000;
            $bytes .= data($stream, 'x' x $n, $last && $n == $length);
        }

        push @resets, [moment(), send => reset_stream($stream)]
            if rand() < 0.5;
    }

    return ([0, send => rand() < 0.2 ? cut($bytes) : $bytes], @resets,
            rand() < 0.2 ? [moment(), send => goaway()] : ());
}


sub leaver {
    my $http = any($http1, $http1, $http2);
    my @steps = $http == $http1 ? speak_http1() : speak_http2();
    my $end = moment();
    my $way = any('reset', 'close', 'half');

    push @steps, [$end * rand(), read => int around(1, 100000)]
        if rand() < 0.5;
    push @steps, [$end, $way];
    push @steps, [$end + moment(), any('reset', 'close')] if $way eq 'half';

    return { port => $http, steps => \@steps, rcvbuf => any(0, 4096) };
}


sub leave {
    my ($n) = @_;

    for (; $n > 0; $n -= AT_ONCE) {
        HL::Leavers::run(map { leaver() } 1 .. AT_ONCE);
    }
}


# ---- what they leave behind -----------------------------------------------

# Nobody is there but who asks.

sub is_idle {
    my ($name) = @_;

    my $status;

    ok(HL::Nginx::wait_for(sub {
           $status = $nginx->get('/status')->{body};
           return $status =~ /Active connections: 1 .*Writing: 1 /s;
       }), $name) or diag($status);
}


# A guest that has MAX sandboxes lets MAX and QUEUE calls in, and no other:
# none is missing, none was made up.

# "begun": so many have begun to answer by then.

sub has_all {
    my ($max, $begun, $uri, @headers) = @_;

    my @in;

    for (1 .. $max + QUEUE) {
        my $client = HL::Client->new($http1);
        $client->request('GET', $uri, headers => \@headers);
        push @in, $client;

        # It has its place now, and a pool that can grow has grown.
        $nginx->get('/plain') for 1 .. 3;
    }

    my $refused = HL::Client->new($http1);
    $refused->request('GET', $uri, headers => \@headers);

    my $status = $refused->response->{status};
    my @out = IO::Select->new(map { $_->{socket} } @in)->can_read(0);

    is("$status, " . @out, "503, $begun",
       "$uri: all of $max sandboxes are there");

    $_->close for @in, $refused;
}


leave(WARM_UP);
is_idle('clients come and go');

my $resident = $nginx->resident($worker);

leave($clients);
is_idle("$clients clients more, and all of their requests have ended");

SKIP: {
    skip 'sanitizers keep memory', 1 if $ENV{TEST_NGINX_SANITIZED};

    my $growth = $nginx->resident($worker) - $resident;

    cmp_ok($growth, '<=', SLACK, 'memory is flat');
    note("$growth KiB");
}

has_all(4, 4, '/drip?2+20000');
has_all(3, 0, '/work?100000');
has_all(2, 0, '/nap?20000');
has_all(1, 0, '/single?20000');
has_all(4, 0, '/part?sleep', 'X-Ask: /plain');

is_idle('nor do those who found this out');

my @uris = qw(work nap single fill drip whole through part gather
              bodies/sum bodies/echo bodies/drip bodies/work);

sub never_left {
    my $log = $nginx->read_file('access.log');

    return grep { $log !~ m{^/$_ 499$}m } @uris;
}

# Which is chance: as many as that takes.
for (1 .. 10) {
    last if !never_left();
    leave(WARM_UP);
    is_idle('more clients');
}

is_deeply([never_left()], [], 'some have left in the middle of each');

$nginx->finish;

done_testing();
