#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Guests that ask other locations: what they can ask, what goes along, and
# what comes back.  What becomes of it when somebody leaves: t/ask-flow.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Http2;
use HL::Nginx;
use IO::Socket::INET;
use Test::More;

# An upstream that is this test itself, and one that nobody is.
my $upstream_port = HL::Nginx::free_port();
my $down_port = HL::Nginx::free_port();
my $http2_port = HL::Nginx::free_port();

my $upstream = IO::Socket::INET->new(
    Listen    => 16,
    LocalAddr => '127.0.0.1',
    LocalPort => $upstream_port,
    ReuseAddr => 1,
) or die "listen: $@";

my $nginx = HL::Nginx->new(http => <<"EOT", server => <<"EOT");
proxy_cache_path cache keys_zone=small:64k;

hyperlight_guest ask {
    binary t-guests/ask.elf; allow all;
    sandboxes 2 8;
    queue 8 timeout=10s;
    cpu_limit 10s;
    timeout 20s;
}

hyperlight_guest big {
    binary t-guests/ask.elf; allow all;
    input 512k;
}

hyperlight_guest small {
    binary t-guests/ask.elf; allow all;
    headers 4k;
}

hyperlight_guest lone {
    binary t-guests/ask.elf; allow all;
    sandboxes 1;
    queue 4 timeout=10s;
}

hyperlight_guest deep {
    binary t-guests/ask.elf; allow all;
    sandboxes 60;
    timeout 20s;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
    input 512k;
    output 512k;
}

hyperlight_guest stream {
    binary t-guests/stream.elf;
    cpu_limit 10s;
    timeout 20s;
}

server {
    listen 127.0.0.1:$http2_port http2;
    include server.conf;
}
EOT
root html;
default_type text/plain;

location /whole { hyperlight_pass ask whole; }
location /through { hyperlight_pass ask through; }
location /part { hyperlight_pass ask part; }
location /many { hyperlight_pass ask many; }
location /big { client_max_body_size 1m; client_body_buffer_size 512k;
                hyperlight_pass big whole; }
location /small { hyperlight_pass small whole; }
location /lone { hyperlight_pass lone whole; }
location /nest { hyperlight_pass deep nest; }

location /plain { return 200 "plain"; }
location /nothing { return 204; }
location /moved { return 301 /plain; }
location /teapot { return 418 "short and stout"; }
location /hang-up { return 444; }
location /html { alias html; sendfile on; }
location /args { return 200 "\$uri \$args"; }
location /secret { internal; return 200 "secret"; }

location /pages/ {
    error_page 404 /teapot;
    error_page 403 =200 \@named;
    location /pages/forbidden { return 403; }
}
location \@named { return 200 "named"; }
location /try/ { try_files \$uri /html/file; }

location /on { proxy_pass http://127.0.0.1:$upstream_port; }
location /off { proxy_buffering off;
                proxy_pass http://127.0.0.1:$upstream_port; }
location /keeps { proxy_store on;
                  proxy_pass http://127.0.0.1:$upstream_port; }
location /cached { proxy_cache small; proxy_cache_valid 200 1m;
                   proxy_pass http://127.0.0.1:$upstream_port; }
location /variables {
    return 200 "\$content_length \$content_type \$http_range (\$mine)";
}
location /wide { proxy_buffer_size 16k; proxy_buffers 8 16k;
                 proxy_pass http://127.0.0.1:$upstream_port; }
location /down { proxy_pass http://127.0.0.1:$down_port; }
location /accel { proxy_pass http://127.0.0.1:$upstream_port; }

location /echo { client_max_body_size 1m; hyperlight_pass probe echo; }
location /dump { hyperlight_pass probe dump; }
location /fault { hyperlight_pass probe fault; }
location /fill { hyperlight_pass stream fill; }
location /spoil { hyperlight_pass stream spoil; }

location = /page { ssi on; default_type text/html;
                   return 200 '[<!--# include virtual="/whole" -->]
[<!--# include virtual="/through" -->]'; }
location /guarded { auth_request /teapot; deny all; alias html/file; }
location /page2 { ssi on; default_type text/html;
                  return 200 '[<!--# include virtual="/plain" -->]'; }
location /private/ { return 403; }
location /judged { auth_request /through; try_files /file =404; }
location /handled { error_page 404 = /whole; root nowhere; }
location /mirrored { mirror /through; return 200 "mirrored"; }
location /after { post_action /through; return 200 "before"; }
location /sets {
    set \$mine "\$content_length \$content_type \$http_range";
    hyperlight_pass ask whole;
}
EOT

my $file = join '', map { "line $_\n" } 1 .. 300000;

mkdir $nginx->dir . '/html' or die "mkdir: $!";
chmod 0777, $nginx->dir . '/html';
$nginx->write_file('html/file', 'a file');
$nginx->write_file('html/empty', '');
$nginx->write_file('html/large', $file);


# What a guest got for a URI: { status, headers, list, body }.

sub asked {
    my ($uri, %o) = @_;

    my $client = started($uri, %o);

    return answer($client);
}


sub started {
    my ($uri, %o) = @_;

    my $client = $nginx->connect;

    $client->request('GET', $o{to} || '/whole', body => $o{body},
                     headers => ["X-Ask: $uri", @{ $o{headers} || [] }]);

    return $client;
}


sub answer {
    my ($client) = @_;

    my $r = $client->response;
    my ($status, $headers, $body) =
        $r->{body} =~ /\A(\d+)\n((?:[^\n]+\n)*)\n(.*)\z/s
        or return { error => $r->{body}, status => $r->{status} };

    my %answer = (status => $status, body => $body, headers => {});

    push @{ $answer{headers}{lc $1} }, $2
        while $headers =~ /^([^:]+): (.*)$/mg;

    return \%answer;
}


# The upstream's side of a connection, and the request that came.

sub accepted {
    my $peer = HL::Client->accepted($upstream);
    my $head = $peer->read_until("\r\n\r\n");

    my $body = $head =~ /^Content-Length: (\d+)/mi ? $peer->read_exactly($1)
                                                    : '';

    return ($peer, $head, $body);
}


# Asks for a URI that the upstream answers so.

sub answered {
    my ($uri, $answer, %o) = @_;

    my $client = started($uri, %o);
    my ($peer, $head, $body) = accepted();

    $peer->send($answer);
    $peer->close;

    return (answer($client), $head, $body);
}


# ---- what is there --------------------------------------------------------

is_deeply(asked('/plain'),
          { status => 200, body => 'plain',
            headers => { 'content-type' => ['text/plain'],
                         'content-length' => [5] } },
          'a response of nginx itself');

{
    my $r = asked('/html/file');
    my $same = $nginx->get('/html/file');

    is($r->{body}, 'a file', 'a file');
    is_deeply($r->{headers}{$_}, [$same->{headers}{$_}], "its $_")
        for qw(content-type content-length last-modified etag);
}

is(asked('/html/empty')->{body}, '', 'an empty file');
is(asked('/html/empty')->{status}, 200, 'which is there');

{
    my $client = started('/html/large', to => '/through');

    ok($client->response->{body} eq $file, 'a large file, piece by piece');
}

is(asked('/nothing')->{status}, 204, 'no content');
is_deeply(asked('/moved')->{headers}{location}, ['/plain'],
          'a redirect is not followed');
is(asked('/moved')->{status}, 301, 'but seen');
is(asked('/args/%41?x=%41&y')->{body}, '/args/A x=%41&y',
   'the path is decoded, the arguments are not');
is(asked('/secret')->{body}, 'secret', 'internal locations are reachable');


# ---- errors of locations --------------------------------------------------

is(asked('/html/none')->{status}, 404, 'nothing there: 404');
like(asked('/html/none')->{body}, qr/404 Not Found/, 'with its page');
is(asked('/down')->{status}, 502, 'an upstream that is down: 502');
is(asked('/pages/none')->{body}, 'short and stout',
   'error_page: a URI');
is(asked('/pages/none')->{status}, 404, 'with its status');
is(asked('/pages/forbidden')->{body}, 'named', 'error_page: a name');
is(asked('/try/this')->{body}, 'a file', 'try_files');

{
    my $r = asked('/hang-up');

    like($r->{error}, qr/^errno EIO: there is no response/,
         '444: there is none');
}

is(asked('/fault?null')->{status}, 500, 'a guest that crashes: 500');


# ---- methods and bodies ---------------------------------------------------

for my $method (qw(GET POST PUT DELETE PURGE)) {
    my ($r, $head) = answered('/on', "HTTP/1.0 200 OK\r\n\r\nok",
                              headers => ["X-Method: $method"]);

    like($head, qr/^$method /, $method);
}

{
    my $r = asked('/plain', headers => ['X-Method: HEAD']);

    is_deeply([@$r{qw(status body)}, $r->{headers}{'content-length'}],
              [200, '', [5]], 'HEAD: a length, no body');

    is_deeply([@{ asked('/html/large', headers => ['X-Method: HEAD']) }
               {qw(status body)}], [200, ''], 'HEAD of a file');
}

is(asked('/echo', body => 'some body',
         headers => ['X-Method: POST'])->{body}, 'some body',
   'a body for a guest');

{
    my $max = 'x' x (128 * 1024 - 200);
    my $r = asked('/echo', to => '/big', body => $max,
                  headers => ['X-Method: POST']);

    ok($r->{body} eq $max, 'a body as large as "output"');

    $r = asked('/echo', to => '/big', body => $max . 'x' x 200,
               headers => ['X-Method: POST']);
    like($r->{error}, qr/^errno EMSGSIZE/, 'and one that is over it');
}


# ---- what goes along ------------------------------------------------------

{
    my @own = ('Cookie: a=b', 'X-Own: 1', 'Authorization: Basic Og==');
    my @body = ('Content-Type: text/client', 'Range: bytes=0-1',
                'If-None-Match: *', 'If-Modified-Since: '
                . 'Thu, 01 Jan 2099 00:00:00 GMT', 'If-Range: x',
                'Accept-Encoding: gzip', 'TE: trailers',
                'Content-Encoding: x', 'Content-Language: de',
                'Content-Range: bytes 0-1/2');

    my ($r, $head, $body) = answered('/on/x?y', "HTTP/1.0 200 OK\r\n\r\nok",
                                     headers => [@own, @body]);

    like($head, qr{^GET /on/x\?y HTTP/1.0\r\n}, 'the request is the guest\'s');
    like($head, qr/^\Q$_\E\r$/m, "$_ goes along") for @own;
    unlike($head, qr/^\Q$_\E:/mi, "$_ does not")
        for 'Content-Length', map { /^(.*?):/ } @body;

    ($r, $head, $body) = answered('/on', "HTTP/1.0 200 OK\r\n\r\nok",
                                  body => 'of the guest',
                                  headers => ['X-Method: POST',
                                              'X-Type: text/guest', @body]);

    like($head, qr/^Content-Length: 12\r$/m, 'the length is the guest\'s');
    is_deeply([$head =~ /^Content-Type: (.*)\r$/mg], ['text/guest'],
              'and the type, which is one');
    is($body, 'of the guest', 'and the body');

    ($r, $head) = answered('/on', "HTTP/1.0 200 OK\r\n\r\nok",
                           headers => ['X-Method: POST']);
    like($head, qr/^Content-Length: 0\r$/m,
         'an empty body has a length, where one is expected');

    is(asked('/html/file', headers => \@body)->{body}, 'a file',
       'the whole file, whatever the client wants of its own response');
}


# ---- what variables say ---------------------------------------------------

{
    my $client = $nginx->connect;

    $client->request('POST', '/sets', body => '',
                     headers => ['X-Ask: /variables', 'X-Type: text/x',
                                 'Content-Type: text/client', 'Range: x']);
    is(answer($client)->{body}, ' text/x  (0 text/client x)',
       'variables are those of the sub-request, or set by the client\'s');
}


# ---- upstreams ------------------------------------------------------------

for my $uri (qw(/on /off /keeps /cached)) {
    my ($r) = answered("$uri/1", "HTTP/1.1 203 Fine\r\nX-Twice: 1\r\n"
                                 . "X-Twice: 2\r\n"
                                 . "Content-Type: a/b; charset=utf-8\r\n"
                                 . "Content-Length: 4\r\n\r\nbody");

    is_deeply([@$r{qw(status body)}], [203, 'body'], "$uri: a response");
    is_deeply($r->{headers}{'x-twice'}, [1, 2], "$uri: its headers");
    is_deeply($r->{headers}{'content-type'}, ['a/b; charset=utf-8'],
              "$uri: its type");
    is_deeply($r->{headers}{'content-length'}, [4], "$uri: its length");

    my $client = started("$uri/3", to => '/through');
    my ($peer) = accepted();

    $peer->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                . HL::Client::chunked('some bytes' x 2000, 1000));
    $peer->close;
    ok($client->response->{body} eq 'some bytes' x 2000, "$uri: chunks");

    ($r) = answered("$uri/4", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                              . 'half');
    is($r->{body}, 'halferrno 5: the response broke off',
       "$uri: an upstream that breaks off");
}

is(asked('/cached/3')->{body}, 'some bytes' x 2000, 'out of the cache');

{
    my ($r) = answered('/accel', "HTTP/1.1 200 OK\r\n"
                                 . "X-Accel-Redirect: /html/file\r\n\r\n");
    is($r->{body}, 'a file', 'X-Accel-Redirect');

    ($r) = answered('/on', "HTTP/1.0 200 OK\r\nX-Long: " . 'x' x 3000
                           . "\r\n\r\n", to => '/small');
    is(length $r->{headers}{'x-long'}[0], 3000, 'headers that fit');

    ($r) = answered('/wide', "HTTP/1.0 200 OK\r\n"
                           . join('', map { "X-$_: " . 'x' x 50 . "\r\n" }
                                      1 .. 200)
                           . "\r\n", to => '/small');
    like($r->{error}, qr/^errno EIO: the headers.* are over/,
         'headers that do not fit');
}


# ---- what cannot be asked -------------------------------------------------

for my $case (['nothing', ''], ['no slash', 'plain'],
              ['another server', 'http://localhost/plain'],
              ['dots', '/../plain'], ['encoded dots', '/%2e%2e/plain'],
              ['dots inside', '/a/../plain'],
              ['a dot', '/./private/x'], ['a dot at its end', '/private/.'],
              ['two slashes', '//private/x'],
              ['an encoded slash and a dot', '/%2e%2fprivate/x'],
              ['a space', '/pl~20ain'], ['a tab', '/pl~09ain'],
              ['CR LF', '/plain~0d~0aX:~20y'], ['DEL', '/plain~7f'],
              ['an encoded NUL', '/plain%00'], ['a fragment', '/plain#x'])
{
    my ($what, $uri) = @$case;

    like(asked($uri)->{error}, qr/^errno EIO: .*URI/, "a URI with $what");
}

for my $method ('get', 'GET ', 'G~0d~0aX', 'A' x 33, '') {
    like(asked('/plain', headers => ["X-Method: $method~20"])->{error},
         qr/^errno EIO: .*method/, "the method \"$method \"");
}

for my $type ('a~0d~0aX-Evil: 1', 'a~0aX', 'a~7f') {
    like(asked('/plain', headers => ["X-Type: $type"])->{error},
         qr/^errno EIO: .*type/, "the type \"$type\"");
}


# ---- limits ---------------------------------------------------------------

is($nginx->get('/many?100', 'X-Ask: /plain')->{body} =~ s/ .*//r, 100,
   'a hundred sub-requests in a call');
like($nginx->get('/many?101', 'X-Ask: /plain')->{body},
     qr/^100 .*100 sub-requests/, 'and no more');
is(asked('/lone', to => '/big', body => 'x' x 120000)->{status}, 413,
   'a body that is too large for the guest that gets it');
is($nginx->get('/nest?51')->{body}, 'bottom',
   'as many in each other as nginx allows');
like($nginx->get('/nest?52')->{body}, qr/nested deeper/, 'and no more');


# ---- other guests ---------------------------------------------------------

{
    my $client = started('/fill?3000000', to => '/through');
    my $r = $client->response;

    is(length $r->{body}, 3000000, 'a guest that streams to another');
    ok($r->{body} eq $nginx->get('/fill?3000000')->{body},
       'what it streams to clients');
}

is(asked('/spoil?crash')->{body},
   "the beginning\nerrno 5: the response broke off",
   'a guest that begins, and crashes');
is(asked('/fill?4')->{headers}{'x-guest'}[0], 'fill', 'headers of a guest');
is(asked('/lone', to => '/lone')->{status}, 503,
   'a guest whose sandbox the asking one has: 503');
is(asked('/plain', to => '/lone')->{body}, 'plain', 'and is free again');


# ---- what is for requests of clients --------------------------------------

is(asked('/guarded')->{body}, 'a file',
   'access is the client\'s, and was granted: as in all of nginx');
is(asked('/page2')->{body}, '[<!--# include virtual="/plain" -->]',
   'SSI is a filter of responses: the guest has it as it is');


# ---- where guests are asked themselves ------------------------------------

is($nginx->get('/page', 'X-Ask: /plain')->{body} =~ s/\n(?=\])//r,
   "[200\nContent-Type: text/plain\nContent-Length: 5\n\nplain]\n[plain]",
   'SSI: guests that ask');
is($nginx->get('/judged', 'X-Ask: /plain')->{body}, 'a file',
   'auth_request: a guest that asks');
is($nginx->get('/judged', 'X-Ask: /teapot')->{status}, 500,
   'auth_request: and gets something else');
like($nginx->get('/handled', 'X-Ask: /plain')->{body}, qr/\n\nplain$/,
     'error_page: a guest that asks');
is($nginx->get('/mirrored', 'X-Ask: /html/large')->{body}, 'mirrored',
   'mirror: a guest that asks');
is($nginx->get('/after', 'X-Ask: /html/large')->{body}, 'before',
   'post_action: a guest that asks');

my $h2 = HL::Http2->new($http2_port);

ok($h2->response($h2->request('GET', '/through',
                              headers => [['x-ask', '/html/large']]))->{body}
   eq $file, 'HTTP/2: a guest that asks');
like($h2->response($h2->request('POST', '/whole', body => 'body',
                                headers => [['x-ask', '/echo'],
                                            ['x-method', 'POST']]))->{body},
     qr/^200\n.*\n\nbody$/s, 'HTTP/2: with a body');
$h2->close;

is(asked('/plain')->{body}, 'plain', 'and after all that, one more');

$nginx->finish;

done_testing();
