#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_access: a guest allows, denies and adds request headers, whoever
# serves the request then, however long it takes.  Bodies and connections
# meanwhile: t/access-flow.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;
use Time::HiRes qw(time);

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

my $http = <<'HTTP';
log_format calls '$uri|$status|$hyperlight_guest|$hyperlight_outcome';

hyperlight_guest gate {
    binary t-guests/gate.elf; allow all;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_guest single {
    binary t-guests/gate.elf; allow all;
    sandboxes 1;
    queue 0;
    timeout 60s;
}

hyperlight_guest patient {
    binary t-guests/gate.elf; allow all;
    sandboxes 1;
    queue 1 timeout=60s;
    timeout 60s;
}

hyperlight_guest act {
    binary t-guests/act.elf;
    input 2m;
    cpu_limit 10s;
    timeout 60s;
}

underscores_in_headers on;

map $http_x_user $mapped {
    default $http_x_user;
}
HTTP

my $server = <<"SERVER";
access_log access.log calls;
client_max_body_size 10m;
client_body_buffer_size 16k;
root html;

hyperlight_access gate gate;

location /file { }
location /proxy/ { proxy_pass http://127.0.0.1:$port/backend/; }
location /guest { hyperlight_pass act act; }

location /backend/ {
    hyperlight_access off;
    set \$one "\$http_x_user|\$http_x_role|\$http_authorization|\$http_cookie";
    set \$two "\$content_type|\$http_x_seen|\$http_x_asked|\$http_host";
    return 200 "\$one|\$two";
}

location /open { hyperlight_access off; }
location /open/inner { hyperlight_access gate gate; }
location /outer { location /outer/inner { } }

location /if {
    if (\$arg_x) { set \$x 1; }
    if (\$arg_pass) { hyperlight_pass act act; }
}

location /limited {
    hyperlight_access off;
    limit_except GET { hyperlight_access gate gate; }
}

location /limited-inherits {
    limit_except GET { allow all; }
}

location /named {
    hyperlight_access \$http_x_guest \$http_x_function;
}

location /nobody { hyperlight_access gate nobody; }
location /typed { hyperlight_access gate typed; }
location /brief { hyperlight_cpu_limit 30ms; hyperlight_timeout 200ms; }
location /single { hyperlight_access single gate; }
location /patient { hyperlight_access patient gate; }

location /page {
    hyperlight_access off;
    ssi on;
    ssi_types text/plain;
    proxy_pass http://127.0.0.1:$port/ssi;
}
location /ssi {
    hyperlight_access off;
    return 200 '[<!--#include virtual="/file" -->]';
}

location /redirected { hyperlight_access off; rewrite ^ /file last; }
location /try { hyperlight_access off; try_files /none /file; }

location /error {
    error_page 403 \@sorry;
    error_page 401 = /open;
}
location \@sorry { hyperlight_access off; return 200 "sorry"; }

location /all-deny { satisfy all; deny all; }
location /all-basic {
    satisfy all;
    auth_basic basic;
    auth_basic_user_file users;
}
location /all-request { auth_request /judge; }
location /any-request { satisfy any; auth_request /judge; }
location = /judge {
    internal;
    hyperlight_pass gate gate;
}
location /any-deny { satisfy any; deny all; }
location /any-allow { satisfy any; allow all; }
location /any-basic {
    satisfy any;
    auth_basic basic;
    auth_basic_user_file users;
}
location /delayed { auth_delay 200ms; }

location /cached {
    set \$before "\$http_x_user,\$mapped";
    proxy_set_header X-User \$http_x_user;
    proxy_set_header X-Role "\$remote_user,\$cookie_a";
    proxy_pass http://127.0.0.1:$port/backend/;
}

location /asked { hyperlight_access off; return 200 "here you are"; }
location /asked-guest { hyperlight_access off; hyperlight_pass act act; }
SERVER

$nginx->configure(http => $http, server => $server);

mkdir $nginx->dir . '/html';
$nginx->write_file("html/$_", 'a file') for qw(file open if limited brief error
    limited-inherits named nobody typed single patient all-deny all-basic
    all-request any-deny any-allow any-basic any-request delayed);
mkdir $nginx->dir . "/html/$_" for qw(outer);
$nginx->write_file('html/outer/inner', 'a file');
$nginx->write_file('users', "ada:{PLAIN}pw\n");
chmod 0644, $nginx->dir . '/users';
$nginx->start;

my $ada = 'Authorization: Basic YWRhOnB3';


# The response to a request whose guest does the given things.

sub gate {
    my ($uri, $what, @headers) = @_;

    return $nginx->get($uri, "X-Gate: $what", @headers);
}

sub answer {
    my $r = gate(@_);

    return "$r->{status} $r->{body}";
}

sub status { return gate(@_)->{status} }

# What the backend has seen, by name.

sub backend {
    my ($what, @headers) = @_;

    my %h;
    my $r = gate('/proxy/', $what, @headers);

    return { status => $r->{status} } if $r->{status} != 200;

    @h{qw(user role authorization cookie type seen asked host)} =
        split /\|/, $r->{body}, -1;

    return \%h;
}

# The line of the access log that the code adds: "uri|status|...".

sub logged { return $nginx->logged('access.log', @_) }

sub error_line {
    my ($pattern, $name) = @_;

    is(scalar($nginx->log_lines($pattern)), 1, $name);
    $nginx->clear_log;
}


# ---- allowed --------------------------------------------------------------

for (['nothing', ''], ['200', 'status=200'], ['204', 'status=204'],
     ['a body that nobody wants', 'say=hello'])
{
    my ($name, $what) = @$_;

    is(answer('/file', $what), '200 a file', "allows by $name: a file");
    is(answer('/guest?say=A', $what), '200 A', "allows by $name: a guest");
    is(status('/proxy/', $what), 200, "allows by $name: a proxy");
}

is(backend('seen')->{seen}, 'GET /proxy/  127.0.0.1 0',
   'it sees method, URI and address');
is(gate('/proxy/?a=b', 'seen')->{body} =~ /\|GET \/proxy\/ a=b 127/, 1,
   'and arguments');


# ---- denied ---------------------------------------------------------------

for my $status (400, 401, 403, 404, 408, 429, 451, 499, 500, 503) {
    is(status('/file', "status=$status"), $status, "denies with $status");
}

for my $uri ('/file', '/proxy/', '/guest?say=A') {
    is(answer($uri, 'status=403;say=no'), '403 no', "denies $uri with a body");
    like(answer($uri, 'status=403'), qr/^403 <html>/,
         "denies $uri without one: nginx's page");
}

{
    my $r = gate('/file', 'status=401;add=WWW-Authenticate:Bearer;'
                          . 'add=X-Reason:none;add=Content-Encoding:gzip');

    is($r->{headers}{'www-authenticate'}, 'Bearer', 'a challenge');
    is($r->{headers}{'x-reason'}, 'none', 'a header of its own');
    is($r->{headers}{'content-encoding'}, undef,
       'not one of a body that is not there');

    $r = gate('/file', 'status=403;add=Content-Type:text/x;say=no');

    is($r->{headers}{'content-type'}, 'text/x', 'with a body: its type');
    is($r->{headers}{'content-length'}, 2, 'and its length');

    $r = gate('/file', 'status=302;add=Location:/login');

    is("$r->{status} $r->{headers}{location}", '302 /login', 'a redirect');

    $r = $nginx->request('HEAD', '/file',
                         headers => ['X-Gate: status=403;say=no']);

    is("$r->{status} $r->{body}", '403 ', 'HEAD: no body');
}

is(answer('/error', 'status=403'), '403 sorry', 'error_page');
is(answer('/error', 'status=401'), '200 a file', 'error_page with a file');
is(answer('/error', 'status=403;say=no'), '403 no',
   'not for a denial that has a body');


# ---- request headers ------------------------------------------------------

is(backend('add=X-User:ada')->{user}, 'ada', 'a header is added');
is(backend('add=X-User:ada', 'X-User: eve')->{user}, 'ada',
   'it replaces the client\'s');
is(backend('add=X-User:ada', 'x-uSER: eve', 'X-User: mallory')->{user}, 'ada',
   'all of them, in whatever case');
is(backend('add=x-user:ada', 'X_User: eve')->{user}, 'ada',
   'and with an underscore');
is(backend('add=X-User:ada', map { "X-H$_: $_" } 1 .. 60)->{user}, 'ada',
   'among many');
is(backend('add=X-Other:ada', 'X-User: eve')->{user}, 'eve',
   'others of the client stay');
like(backend('add=X-User:a;add=X-User:b')->{user}, qr/^a(, b)?$/,
     'two of one name');
is(backend('add=X-User:', 'X-User: eve')->{user}, '', 'an empty one');
is(backend('status=403;add=X-User:ada')->{status}, 403,
   'a header of a denial is not the request\'s');

is(backend('add=Authorization:Bearer x', $ada)->{authorization}, 'Bearer x',
   'Authorization');
is(backend('add=Cookie:a=1', 'Cookie: a=2', 'Cookie: b=3')->{cookie}, 'a=1',
   'Cookie');
is(backend('add=Content-Type:text/x', 'Content-Type: text/y')->{type},
   'text/x', 'Content-Type');
is(gate('/file', 'add=Range:bytes=2-')->{body}, 'file',
   'Range, to a file');
is(gate('/file', 'add=User-Agent:x')->{body}, 'a file', 'User-Agent');
is(gate('/guest?say=A', 'add=X-Forwarded-For:1.2.3.4',
        'X-Forwarded-For: 5.6.7.8')->{body}, 'A', 'X-Forwarded-For');

is(gate('/cached', 'add=X-User:ada;add=Authorization:Basic YWRhOnB3;'
                   . 'add=Cookie:a=1', 'X-User: eve', 'Cookie: a=2',
        'Authorization: Basic ZXZlOnB3')->{body} =~ s/\|Basic.*//sr,
   'ada|ada,1', 'variables that were looked at before have the new values');

for (['Host', 'add=Host:evil', 'is not for a guest to set'],
     ['Expect', 'add=Expect:100-continue', 'is not for a guest to set'],
     ['Content-Length', 'add=Content-Length:1', 'is not for a guest to set'],
     ['Transfer-Encoding', 'add=Transfer-Encoding:chunked',
      'is not for a guest to set'],
     ['Connection', 'add=Connection:close', 'is not for a guest to set'],
     ['Authorization', 'add=Authorization:a;add=authorization:b',
      'can be set once'])
{
    my ($name, $what, $why) = @$_;

    $nginx->clear_log;
    is(status('/file', $what), 502, "$name: refused");
    error_line(qr/header "$name" \Q$why/i, "$name: a line in the log");
}

is(status('/file', 'status=403;add=Host:x'), 403,
   'a denial is a response, which may have them');

is(status('/file', "status=$_"), 502, "$_ neither allows nor denies")
    for 201, 206;


# ---- it takes its time ----------------------------------------------------

is(answer('/file', 'sleep=30'), '200 a file', 'it sleeps');
is(answer('/guest?say=A', 'work=4'), '200 A', 'it takes slices');
is(answer('/file', 'sleep=20;status=403;say=no'), '403 no',
   'it sleeps and denies');
like(answer('/file', 'sleep=20;status=403'), qr/^403 <html>/,
     'it sleeps and denies without a body');
is(backend('ask=/asked')->{asked}, '200 here you are', 'it asks a location');
is(backend('ask=/asked-guest?sleep=20,say=x')->{asked}, '200 x',
   'one with a guest');
is(answer('/guest?sleep=20,say=A', 'sleep=20'), '200 A',
   'both calls of a request wait');

{
    my $client = $nginx->connect;

    $client->request('GET', '/patient', headers => ['X-Gate: sleep=20']);
    is(status('/patient', ''), 200, 'it waits in the queue');
    is($client->response->{status}, 200, 'behind another one');
    $client->close;
}

for (['flush', 'status=403;try-flush', qr/^403 -1 .*not streamed/],
     ['body', 'status=403;try-body', qr/^403 -1 .*not been read yet/])
{
    my ($name, $what, $answer) = @$_;

    like(answer('/file', $what), $answer, "$name: refused in words");
}


# ---- it fails -------------------------------------------------------------

is(status('/file', 'crash'), 500, 'a crash denies: 500');
is(status('/file', 'sleep=5;crash'), 500, 'a late one, too');
is(status('/brief', 'spin'), 504, 'cpu_limit of the location: 504');
is(status('/brief', 'sleep=1000'), 504, 'timeout of the location: 504');
is(status('/nobody', ''), 500, 'an unknown function: 500');

$nginx->clear_log;
is(status('/typed', ''), 500, 'a typed function: 500');
error_line(qr/"typed" is a typed function/, 'and a line in the log');

{
    my $client = $nginx->connect;

    $client->request('GET', '/single', headers => ['X-Gate: sleep=300']);
    my $r = gate('/single', '');

    is($r->{status}, 503, 'all sandboxes are taken: 503');
    is($r->{headers}{'retry-after'}, 1, 'with Retry-After');
    is($client->response->{status}, 200, 'who has it, is served');
    $client->close;
}

is(status('/named', '', 'X-Guest: gate', 'X-Function: gate'), 200,
   'names in variables');
is(status('/named', '', 'X-Guest: none', 'X-Function: gate'), 404,
   'a guest that is unknown: 404');
is(status('/named', '', 'X-Guest: gate', 'X-Function: none'), 404,
   'a function that is unknown: 404');


# ---- where it is asked ----------------------------------------------------

is(status('/open', 'status=403'), 200, 'off');
is(status('/open/inner', 'status=403'), 403, 'on again, inside');
is(status('/outer/inner', 'status=403'), 403, 'inherited, two levels');
is(status('/if?x=1', 'status=403'), 403, 'in "if"');
is(status('/if?x=1', ''), 200, 'in "if", allowed');
is(status('/if?pass=1', 'status=403'), 403, 'in "if" with a guest');
is(status('/limited', 'status=403'), 200, 'limit_except: GET');
is($nginx->post('/limited', '', 'X-Gate: status=403')->{status}, 403,
   'limit_except: POST');
is($nginx->post('/limited-inherits', '', 'X-Gate: status=403')->{status}, 403,
   'limit_except inherits it');
is(status('/none', 'status=403'), 403, 'for what is not there, too');

is(answer('/page', 'status=403'), '200 [a file]', 'not for subrequests');
is(status('/redirected', 'status=403'), 403, 'after a rewrite');
is(status('/try', 'status=403'), 403, 'after an internal redirect');
is(answer('/try', ''), '200 a file', 'allowed after an internal redirect');


# ---- satisfy --------------------------------------------------------------

is(logged(sub { is(status('/all-deny', ''), 403, 'all: deny') }),
   '/all-deny|403|-|-', 'all: whom an address turns away, no guest sees');
is(logged(sub { is(status('/all-basic', ''), 401, 'all: no password') }),
   '/all-basic|401|-|-', 'all: nor whom a password');
is(status('/all-basic', '', $ada), 200, 'all: a password, and the guest');
is(status('/all-basic', 'status=403', $ada), 403,
   'all: a password, and not the guest');

is(logged(sub { gate('/all-request', 'sleep=5;status=401') }),
   '/all-request|401|-|-', 'all: nor whom auth_request turns away');
is(logged(sub { is(status('/all-request', 'sleep=5'), 200,
                   'all: auth_request, and the guest') }),
   '/all-request|200|gate|ok', 'all: one after the other');
is(logged(sub { is(status('/any-request', 'sleep=5'), 200,
                   'any: auth_request') }),
   '/any-request|200|-|-', 'any: and the guest is not asked then');
is(status('/any-request', 'sleep=5;status=401'), 401,
   'any: neither auth_request nor the guest');

is(status('/any-deny', ''), 200, 'any: the guest, not the address');
is(logged(sub { is(status('/any-allow', 'status=403'), 200,
                   'any: the address') }),
   '/any-allow|200|-|-', 'any: the guest is not asked then');
like(answer('/any-deny', 'status=403;say=no'), qr/^403 <html>/,
     'any: neither, and there is no body');

{
    my $r = gate('/any-deny', 'status=401;add=WWW-Authenticate:Bearer;'
                              . 'add=X-Reason:none');

    is($r->{status}, 401, 'any: 401 goes before 403');
    is($r->{headers}{'www-authenticate'}, 'Bearer', 'any: with a challenge');
    is($r->{headers}{'x-reason'}, undef, 'any: and nothing else');

    $r = gate('/any-basic', '');

    is($r->{status}, 200, 'any: the guest, not the password');
    is($r->{headers}{'www-authenticate'}, undef, 'any: no challenge then');

    is(status('/any-basic', 'status=403', $ada), 200, 'any: the password');
    is(status('/any-basic', 'status=403'), 401, 'any: neither');
}

is(status('/any-deny', 'status=404'), 404, 'any: another status is final');
is(status('/any-deny', 'crash'), 500, 'any: so is a failure');

{
    my $start = time;

    like(answer('/delayed', 'status=401;say=no'), qr/^401 <html>/,
         'auth_delay: nginx\'s page');
    cmp_ok(time - $start, '>=', 0.19, 'auth_delay: with its delay');
    is(answer('/delayed', 'status=403;say=no'), '403 no',
       'auth_delay: a body for others');
}


# ---- variables ------------------------------------------------------------

is(logged(sub { gate('/guest?say=A', 'sleep=5') }),
   '/guest|200|gate, act|ok, ok', 'variables have both calls');
is(logged(sub { gate('/guest?say=A', 'crash') }),
   '/guest|500|gate|fault', 'a call that failed is the last');
is(logged(sub { gate('/file', 'status=403;say=no') }), '/file|403|gate|ok',
   'to deny is no failure');
is(logged(sub { gate('/file', 'add=Host:x') }), '/file|502|gate|invalid',
   'a header that is refused is one');
is(logged(sub { gate('/try', '') }), '/file|200|gate|ok',
   'an internal redirect');


$nginx->finish;

done_testing;
