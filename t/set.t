#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_set: a variable that a guest computes, when somebody looks at it;
# wherever nginx takes variables.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Status;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

# Each function by its name, as $f_NAME.

my @functions = qw(count int uint long ulong float double void lines fail
                   crash nobody);
my $sets = join "\n", map { "hyperlight_set \$f_$_ value $_;" } @functions;

my $http = <<'HTTP';
log_format calls '$uri|$status|$hyperlight_guest|$hyperlight_outcome';
log_format late '$uri|$late';

# A slice is real time, and the machine of a test may be busy.

hyperlight_guest value {
    binary t-guests/value.elf;
    slice 500ms;
    cpu_limit 1s;
}

hyperlight_guest brief {
    binary t-guests/value.elf;
    slice 5ms;
    cpu_limit 1s;
}

hyperlight_guest limited {
    binary t-guests/value.elf;
    slice 500ms;
    cpu_limit 5ms;
}

hyperlight_guest giant {
    binary t-guests/value.elf;
    heap 520m;
    output 257m;
    slice 60s;
    cpu_limit 60s;
    timeout 60s;
}

hyperlight_guest gate {
    binary t-guests/gate.elf; allow all;
    slice 500ms;
    timeout 60s;
}

hyperlight_guest single {
    binary t-guests/gate.elf; allow all;
    slice 500ms;
    sandboxes 1;
    timeout 60s;
}

hyperlight_guest act {
    binary t-guests/act.elf;
    slice 500ms;
    cpu_limit 10s;
    timeout 60s;
}

hyperlight_set $late value join late $uri;

map $mapped_from $map {
    default none;
    a-b     both;
}

hyperlight_set $mapped_from value join $arg_a $arg_b;
HTTP

my $server = <<"SERVER";
$sets
access_log late.log late if=\$http_x_mark;
access_log access.log calls;

hyperlight_set \$where value same server;

SERVER

$server .= "location /f/$_ { return 200 \"[\$f_$_]\"; }\n" for @functions;

$server .= <<"SERVER";
hyperlight_set \$join value join \$arg_a \$arg_b;
hyperlight_set \$same value same \$http_x_text;
hyperlight_set \$bytes value bytes \$http_x_text;
hyperlight_set \$bool value bool \$arg_a;
hyperlight_set \$fill value fill \$arg_n;
hyperlight_set \$three value join a b c;
hyperlight_set \$negative value negative 1;
hyperlight_set \$constant value join a b;
hyperlight_set \$gate gate gate;
hyperlight_set \$gate_args gate gate x;
hyperlight_set \$giant giant fill \$arg_n;
hyperlight_set \$spin brief spin;
hyperlight_set \$spin_cpu limited spin;
hyperlight_set \$single single gate;
hyperlight_set \$named \$http_x_guest \$http_x_function;
hyperlight_set \$itself value same \$itself;
hyperlight_set \$one value same \$two;
hyperlight_set \$two value same \$one;
hyperlight_set \$nested value join \$join \$constant;
hyperlight_set volatile \$volatile value same \$changing;

location /status { hyperlight_status; }
location /v/join { return 200 "[\$join]"; }
location /v/same { return 200 "[\$same]"; }
location /v/bytes { return 200 "[\$bytes]"; }
location /v/bool { return 200 "[\$bool]"; }
location /v/fill { return 200 "[\$fill]"; }
location /v/three { return 200 "[\$three]"; }
location /v/negative { return 200 "[\$negative]"; }
location /v/constant { return 200 "[\$constant]"; }
location /v/gate { return 200 "[\$gate]"; }
location /v/gate-args { return 200 "[\$gate_args]"; }
location /v/giant { return 200 "[\$giant]"; }
location /v/spin { return 200 "[\$spin]"; }
location /v/spin-cpu { return 200 "[\$spin_cpu]"; }
location /v/named { return 200 "[\$named]"; }
location /v/itself { return 200 "[\$itself]"; }
location /v/circle { return 200 "[\$one]"; }
location /v/nested { return 200 "[\$nested]"; }
location /v/twice { return 200 "[\$join\$join]"; }
location /v/none { return 200 "[]"; }

location /volatile {
    set \$changing a;
    set \$first \$volatile;
    set \$changing b;
    set \$second \$volatile;
    return 200 "[\$first\$second]";
}

location /cached {
    set \$changing a;
    hyperlight_set \$cached value same \$changing;
    set \$first \$cached;
    set \$changing b;
    set \$second \$cached;
    return 200 "[\$first\$second]";
}

location /if {
    if (\$bool) { return 200 "empty"; }
    return 200 "not empty";
}
location /map { return 200 "[\$map]"; }
location /proxy {
    proxy_set_header X-Value \$join;
    proxy_pass http://127.0.0.1:$port/backend;
}
location /backend { return 200 "[\$http_x_value]"; }
location /header {
    add_header X-Value \$join always;
    hyperlight_pass act act;
}
location /redirect { return 302 /x?\$join; }
location /rewrite { rewrite ^ /v/\$same last; }

location /where { return 200 "[\$where]"; }
location /inner {
    hyperlight_set \$where value same location;
    return 200 "[\$where\$constant]";
}
location /in-if {
    hyperlight_set \$where value same location;
    if (\$arg_x) { return 200 "[\$where]"; }
}

location /single {
    add_header X-Value "[\$single]" always;
    hyperlight_pass single gate;
}
location /busy {
    add_header X-Value "[\$single]" always;
    return 200 busy;
}
location /lingers {
    add_header X-Value "[\$gate\$join]" always;
    hyperlight_pass gate gate;
}
location /streams {
    hyperlight_pass act act;
}

location /elsewhere { return 200 "[\$elsewhere]"; }
location /defined { hyperlight_set \$elsewhere value same x; }

location /page {
    ssi on;
    ssi_types text/plain;
    return 200 '<!--#echo var="join" -->';
}

location /access {
    hyperlight_access \$same gate;
    proxy_pass http://127.0.0.1:$port/v/none;
}
SERVER

$nginx->configure(http => $http, server => $server);
$nginx->start;


sub value {
    my ($uri, @headers) = @_;
    return $nginx->get($uri, @headers)->{body};
}

# The variable is not there, and one line says why.

sub no_value {
    my ($uri, $why, $name, @headers) = @_;

    $nginx->clear_log;

    my $r = $nginx->get($uri, @headers);

    is("$r->{status} $r->{body}", '200 []', "$name: not found");

    my @lines = $nginx->log_lines(qr/hyperlight:/);

    is(scalar @lines, 1, "$name: one line of the log")
        or diag(explain(@lines));
    like($lines[0] // '', $why, "$name: it says why");
}

sub logged { return $nginx->logged(@_) }


# ---- results --------------------------------------------------------------

for (['count', '1'], ['int', '-2147483648'], ['uint', '4294967295'],
     ['long', '-9223372036854775808'], ['ulong', '18446744073709551615'],
     ['float', '0.333333343'], ['double', '0.5'])
{
    my ($function, $value) = @$_;

    is(value("/f/$function"), "[$value]", "a result: $function");
}

is(value('/f/count'), '[1]', 'each call is the first');
is(value('/v/bool?a='), '[1]', 'a Bool, true');
is(value('/v/bool?a=x'), '[0]', 'a Bool, false');
is(value('/v/same'), '[]', 'an empty String');
is(value('/v/bytes', "X-Text: \xe1\xe2"), '[ab]', 'VecBytes');
is(value('/v/fill?n=20000'), '[' . 'x' x 20000 . ']', 'a long one');


# ---- arguments ------------------------------------------------------------

is(value('/v/join?a=x&b=y'), '[x-y]', 'arguments are values with variables');
is(value('/v/constant'), '[a-b]', 'or without');
is(value('/v/join'), '[-]', 'or empty');
is(value('/v/nested?a=x&b=y'), '[x-y-a-b]', 'of other guests\' variables');
is(value('/v/same', "X-Text: \xc3\xa9"), "[\xc3\xa9]", 'UTF-8');


# ---- an HTTP function -----------------------------------------------------

is(value('/v/gate', 'X-Gate: say=a b'), '[a b]', 'its body is the value');
is(value('/v/gate'), '[]', 'or nothing');
is(value('/v/gate', 'X-Gate: status=404;say=x'), '[]',
   'a status from 300 on: not found');
is(value('/v/gate', 'X-Gate: say=x;add=X-A:b'), '[x]',
   'its headers are nobody\'s');


# ---- what a variable cannot have ------------------------------------------

no_value('/f/nobody', qr/"nobody" is unknown/, 'an unknown function');
no_value('/f/void', qr/"void" has 0 arguments and the result Void/,
         'no result');
no_value('/v/three', qr/"join" has 2 arguments .* needs one with 3/,
         'too many arguments');
no_value('/v/negative', qr/"negative" has 1 arguments .* all of them String/,
         'an argument that is no String');
no_value('/v/gate-args', qr/is an HTTP function, and has no arguments/,
         'an HTTP function with arguments');
no_value('/f/fail', qr/no value today/, 'an error of the guest');
no_value('/f/crash', qr/"crash": /, 'a crash');
no_value('/f/lines', qr/control character, 0x0d/, 'control characters');
no_value('/v/same', qr/UTF-8/, 'an argument that is not UTF-8',
         "X-Text: \xff");
no_value('/v/fill?n=200000', qr/output/, 'one over the output');
{
    # Of 256 MiB on a machine that is busy besides.
    local $HL::Client::patience = 60;

    no_value('/v/giant?n=268435456',
             qr/has 268435456 bytes, nginx takes 268435455/,
             'one over what nginx takes');
}

no_value('/v/spin', qr/exceeded its slice of 5 ms/, 'longer than a slice');
no_value('/v/spin-cpu', qr/exceeded its cpu_limit of 5 ms/,
         'longer than the CPU limit');
no_value('/v/itself', qr/depends on itself/, 'a variable of itself');
no_value('/v/circle', qr/depends on itself/, 'two of each other');

for (['sleep', qr/cannot wait/], ['flush', qr/not streamed/],
     ['body', qr/not been read yet/], ['ask', qr/cannot wait/])
{
    my ($what, $answer) = @$_;

    like(value('/v/gate', "X-Gate: try-$what"), qr/^\[-1 .*$answer/,
         "$what: refused in words");
}

is(value('/elsewhere'), '[]', 'a variable of another location');


# ---- names ----------------------------------------------------------------

is(value('/v/named', 'X-Guest: value', 'X-Function: count'), '[1]',
   'names in variables');
no_value('/v/named', qr/guest "none" is unknown/, 'an unknown guest',
         'X-Guest: none', 'X-Function: count');
no_value('/v/named', qr/function "none" is unknown/, 'an unknown function',
         'X-Guest: value', 'X-Function: none');


# ---- when it is computed --------------------------------------------------

is(logged('access.log', sub { $nginx->get('/v/none') }), '/v/none|200|-|-',
   'not if nobody looks');
is(logged('access.log', sub { $nginx->get('/v/twice?a=x&b=y') }),
   '/v/twice|200|value|ok', 'once for a request');
is(logged('access.log', sub { $nginx->get('/v/nested') }),
   '/v/nested|200|value, value, value|ok, ok, ok', 'three variables');
is(value('/cached'), '[aa]', 'its first value stays');
is(value('/volatile'), '[ab]', 'but not that of one that is volatile');
is(logged('access.log', sub { $nginx->get('/v/spin') }),
   '/v/spin|200|brief|limit', 'over its slice: outcome limit');
is(logged('access.log', sub { $nginx->get('/f/lines') }),
   '/f/lines|200|value|invalid', 'control characters: outcome invalid');


# ---- where it is looked at ------------------------------------------------

is(value('/if?a='), 'empty', 'if');
is(value('/if?a=x'), 'not empty', 'if not');
is(value('/map?a=a&b=b'), '[both]', 'map');
is(value('/map?a=b&b=b'), '[none]', 'map, another value');
is(value('/proxy?a=x&b=y'), '[x-y]', 'proxy_set_header');
is($nginx->get('/header?say=A')->{headers}{'x-value'}, '-', 'add_header');
is($nginx->get('/redirect?a=x&b=y')->{headers}{location} =~ s/.*\?//r, 'x-y',
   'return');
is(value('/rewrite', 'X-Text: none'), '[]', 'rewrite');
is(value('/page?a=x&b=y'), 'x-y', 'SSI');
is($nginx->get('/access', 'X-Text: gate', 'X-Gate: status=403')->{status},
   403, 'the name of a guest');

is(value('/where'), '[server]', 'a variable of the server');
is(value('/inner'), '[locationa-b]', 'of the location, and the others');
is(value('/in-if?x=1'), '[location]', 'in "if", those of the location');


# ---- in the log -----------------------------------------------------------

is(logged('late.log', sub { $nginx->get('/v/none', 'X-Mark: 1') }),
   '/v/none|late-/v/none', 'in the log phase');

is(logged('late.log', sub {
       my $client = $nginx->connect;

       $client->request('GET', '/streams?say=a,flush,sleep=5000',
                        headers => ['X-Mark: 1']);
       $client->read_until("\r\n\r\n");
       $client->close;
   }), '/streams|late-/streams', 'in the log phase, the client has left');


# ---- beside other calls ---------------------------------------------------

{
    my $r = $nginx->get('/lingers?a=x&b=y', 'X-Gate: sleep=20;say=A');

    # The same header tells the variable's call: it cannot sleep.

    is("$r->{status} $r->{body}", '200 A', 'a call that waits is served');
    is($r->{headers}{'x-value'}, '[Ax-y]',
       'beside one of the same guest for a variable');
}

{
    my $client = $nginx->connect;

    $client->request('GET', '/single', headers => ['X-Gate: sleep=200;say=A']);

    $nginx->clear_log;

    my $r = $nginx->get('/v/none');
    is($r->{status}, 200, 'who does not look, is not concerned');

    $r = $client->response;
    is("$r->{body} $r->{headers}{'x-value'}", 'A [A]',
       'the sandbox of the call is free again when its headers are sent');
    $client->close;
}

{
    my $client = $nginx->connect;

    $client->request('GET', '/single',
                     headers => ['X-Gate: sleep=5000;say=A']);
    HL::Status::wait_in_use($nginx, 'single', 1);

    my $r = $nginx->get('/busy');

    is("$r->{body}$r->{headers}{'x-value'}", 'busy[]',
       'no sandbox is free: not found');
    is($r->{headers}{'retry-after'}, undef, 'and no Retry-After');
    is(scalar($nginx->log_lines(qr/"single".*no sandbox is free/)), 1,
       'and one line of the log');
    $client->close;
}


$nginx->finish;

done_testing;
