#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The configuration: what is wrong in it is found by "nginx -t", with file
# and line; what is right means what it says, in each context.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);


sub refused {
    my ($name, $message, %sections) = @_;

    $nginx->configure(main => '', http => '', server => '', %sections);

    my ($code, @lines) = $nginx->check_configuration;

    is($code, 1, "$name: refused");
    is_deeply([grep { /^\[emerg\]/ } @lines], ["[emerg] $message"],
              "$name: the message");
}


sub accepted {
    my ($name, %sections) = @_;

    $nginx->configure(main => '', http => '', server => '', %sections);

    my ($code, @lines) = $nginx->check_configuration;

    is($code, 0, "$name: accepted");
    is_deeply([grep { /^\[/ && !/VMSCAPE/ } @lines], [],
              "$name: without a message");
}


# ---- values ---------------------------------------------------------------

my $binary = 'binary guests/hello.elf;';
my $between = 'must be between 1ms and 1d';


# In the block of a guest; the block ends one line after the directive.

sub value_refused {
    my ($directives, $message, $at_end) = @_;

    refused("\"$directives\"", $message . ' in http.conf:' . ($at_end ? 4 : 3),
            http => "hyperlight_guest g {\n$binary\n$directives;\n}\n");
}


my @sizes = qw(heap stack input headers output);
my @times = qw(slice cpu_limit timeout init_timeout);

for (@sizes, @times) {
    value_refused($_, "invalid number of arguments in \"$_\" directive");
    value_refused("$_ 1 2",
                  "invalid number of arguments in \"$_\" directive");
    value_refused("$_ much", "\"$_\" directive invalid value");
    value_refused("$_ -1", "\"$_\" directive invalid value");
    value_refused("$_ 20; $_ 20", "\"$_\" directive is duplicate");
}

for (@times) {
    value_refused("$_ 0", "\"$_\" directive $between");
    value_refused("$_ 86400001ms", "\"$_\" directive $between");
}

for (
    ['heap 0',       '"heap" must be from 4k to 16384m'],
    ['stack 4k',     '"stack" must be from 8k to 64m'],
    ['stack 65m',    '"stack" must be from 8k to 64m'],
    ['input 4k',     '"input" must be from 8k to 1024m'],
    ['input 1025m',  '"input" must be from 8k to 1024m'],
    ['headers 0',    '"headers" must be from 4k to 16m'],
    ['headers 17m',  '"headers" must be from 4k to 16m'],
    ['output 4k',    '"output" must be from 8k to 1024m'],
    ['output 1025m', '"output" must be from 8k to 1024m'],
    ['input 32k',
     '"headers" is a part of "input" and must be smaller'],
    ['headers 128k',
     '"headers" is a part of "input" and must be smaller'],
) {
    my ($directive, $message) = @$_;

    value_refused($directive, "hyperlight_guest \"g\": $message", 1);
}

value_refused('log_level loud', 'invalid log level "loud", it must be '
              . '"trace", "debug", "info", "warn", "error", "critical" or '
              . '"none"');
value_refused('log_level warn; log_level warn',
              '"log_level" directive is duplicate');
my $bounds = '"sandboxes" directive needs MIN, or MIN and MAX, from 1 to '
             . '4096';

value_refused("sandboxes $_", $bounds)
    for '0', 'many', '2 1', '1 4097', '-1', '1 x';
value_refused('sandboxes 1 2 3',
              'invalid number of arguments in "sandboxes" directive');
value_refused('sandboxes 1; sandboxes 1',
              '"sandboxes" directive is duplicate');

value_refused("queue $_", '"queue" directive needs a length from 0 to 65536')
    for '-1', 'x', '65537';
value_refused('queue 1 2', 'invalid parameter "2"');
value_refused('queue 1 timeout=x', '"queue" directive has an invalid timeout');
value_refused("queue 1 timeout=$_", "\"queue\" directive $between")
    for '0', '25h';
value_refused('queue 1; queue 1', '"queue" directive is duplicate');

value_refused('clock maybe', 'invalid value "maybe" in "clock" directive, '
              . 'it must be "on" or "off"');
value_refused('clock on; clock off', '"clock" directive is duplicate');
value_refused('init_data none', 'open() "none" failed (2: No such file or '
              . 'directory)');
value_refused('init_data guests', '"guests" is not a file of 1 byte to 1g');
value_refused('init_data /dev/null', '"/dev/null" is not a file of 1 byte to '
              . '1g');
value_refused('init_data guests/upper.elf; init_data guests/upper.elf',
              '"init_data" directive is duplicate');
value_refused('binary guests/upper.elf', '"binary" directive is duplicate');
value_refused('memory 1m',
              'unknown directive "memory" in hyperlight_guest');
value_refused('root /', 'unknown directive "root" in hyperlight_guest');

# Grants, headers that are hidden, variables.

my $grants = 'it must be "headers", "log", "response_headers", "sleep", '
             . '"stream", "subrequest", "variables" or "metrics", or "none" '
             . 'or "all" alone';

for (qw(allow hide_header variables)) {
    value_refused($_, "invalid number of arguments in \"$_\" directive");
}

value_refused("allow $_->[0]", "invalid grant \"$_->[1]\", $grants")
    for ['everything', 'everything'], ['log none', 'none'],
        ['all log', 'all'], ['none all', 'none'], ["''", ''], ['Log', 'Log'];
value_refused('allow log; allow sleep', '"allow" directive is duplicate');
value_refused('allow none; allow none', '"allow" directive is duplicate');

value_refused("hide_header Cookie $_->[0]",
              "invalid header name \"$_->[1]\"")
    for ["''", ''], ['A:', 'A:'], ["'A B'", 'A B'];
value_refused('hide_header A; hide_header B',
              '"hide_header" directive is duplicate');

value_refused("allow variables; variables $_->[0]",
              "invalid variable name \"$_->[1]\"")
    for ['host', 'host'], ['$', '$'], ["''", ''];
value_refused("allow variables; variables \$host $_",
              "the variable \"$_\" is not for guests")
    for '$hyperlight_pages', '$Hyperlight_outcome';
value_refused('allow variables; variables $host; variables $uri',
              '"variables" directive is duplicate');
value_refused('variables $host', 'hyperlight_guest "g" has "variables" and '
              . 'no "allow variables"', 1);
value_refused('allow log; variables $host', 'hyperlight_guest "g" has '
              . '"variables" and no "allow variables"', 1);


# Limits of a call, in a guest and in a location.

my %limits = (header_limit => 1000, log_limit => 65536,
              host_call_limit => 1000000, subrequest_limit => 10000);

for my $limit (sort keys %limits) {
    my $max = $limits{$limit};
    my $over = $max + 1;

    value_refused($limit,
                  "invalid number of arguments in \"$limit\" directive");
    value_refused("$limit $_", "\"$limit\" directive invalid number")
        for 'x', '-1', '1k';
    value_refused("$limit $over", "value must be between 0 and $max");
    value_refused("$limit 1; $limit 1", "\"$limit\" directive is duplicate");

    accepted("$limit $_", http => "hyperlight_guest g {\n$binary\n"
                                  . "$limit $_;\n}\n")
        for 0, $max;

    my $name = "hyperlight_$limit";

    for (["$name $over", "value must be between 0 and $max"],
         ["$name x", "\"$name\" directive invalid number"],
         ["$name 1; $name 1", "\"$name\" directive is duplicate"])
    {
        my ($directive, $message) = @$_;

        refused($directive, "$message in server.conf:2",
                server => "location / {\n$directive;\n}\n");
    }

    accepted("hyperlight_$limit",
             http => "hyperlight_$limit $max;",
             server => "hyperlight_$limit 1;\n"
                       . "location / { hyperlight_$limit 0;"
                       . " if (\$arg_a) { hyperlight_$limit 2; } }\n");
    refused("hyperlight_$limit in main", "\"hyperlight_$limit\" directive is "
            . 'not allowed here in main.conf:1',
            main => "hyperlight_$limit 1;");
}

for my $value (["X 1025k", 'X directive must be 1m or less'],
               ['X much', 'X directive invalid value'],
               ['X 1; X 1', 'X directive is duplicate'])
{
    my ($directive, $message) = @$value;

    value_refused($directive =~ s/X/header_size_limit/gr,
                  $message =~ s/X/"header_size_limit"/r);

    $directive =~ s/X/hyperlight_header_size_limit/g;
    $message =~ s/X/"hyperlight_header_size_limit"/;

    refused($directive, "$message in server.conf:2",
            server => "location / {\n$directive;\n}\n");
}


# The brake.

value_refused("fail_limit $_", '"fail_limit" directive needs N/TIME, N from '
              . '1 to 100, as "10/10s"')
    for '10', '/10s', '0/10s', '101/10s', '10/', '10/x', '-1/1s', '10s/10',
        '1/2/3';
value_refused("fail_limit 1/$_", "\"fail_limit\" directive $between")
    for '0', '25h';
value_refused('fail_limit 1/1s; fail_limit 1/1s',
              '"fail_limit" directive is duplicate');


for (
    'allow none', 'allow all', 'allow log log', 'allow headers log '
    . 'response_headers sleep stream subrequest variables metrics',
    'hide_header Cookie', 'hide_header A B C',
    'allow variables; variables $host $arg_x $HOST',
    'variables $host; allow all', 'header_size_limit 0',
    'header_size_limit 1m', 'fail_limit 1/1ms', 'fail_limit 100/1d',
) {
    accepted($_, http => "hyperlight_guest g {\n$binary\n$_;\n}\n");
}

refused('a variable that there is not', 'unknown "nowhere" variable',
        http => "hyperlight_guest g {\n$binary\nallow variables;\n"
                . "variables \$nowhere;\n}\n");


# ---- memory ---------------------------------------------------------------

refused("hyperlight_memory $_", "invalid value \"$_\" in http.conf:2",
        http => "\nhyperlight_memory $_;\n")
    for '0', 'much', '-1';
refused('hyperlight_memory twice',
        '"hyperlight_memory" directive is duplicate in http.conf:2',
        http => "hyperlight_memory 1g;\nhyperlight_memory 1g;\n");
refused('hyperlight_memory in a server', '"hyperlight_memory" directive is '
        . 'not allowed here in server.conf:1',
        server => 'hyperlight_memory 1g;');
accepted('hyperlight_memory without a guest', http => 'hyperlight_memory 1;');
accepted('hyperlight_memory', http => "hyperlight_memory 4g;\n"
         . "hyperlight_guest g { $binary }\n");


# ---- more values ----------------------------------------------------------

for (
    'heap 4k', 'heap 16m', 'stack 8k', 'stack 64m', 'input 40k', 'input 1024m',
    'headers 4k', 'headers 124k', 'output 8k', 'output 1024m',
    'cpu_limit 1ms', 'cpu_limit 60s', 'timeout 1m', 'init_timeout 1',
    'log_level none', 'log_level trace', 'clock on', 'clock off',
    'sandboxes 1', 'sandboxes 4096', 'sandboxes 1 4096', 'queue 0',
    'queue 65536 timeout=60s', 'slice 1ms', 'slice 1d',
    'init_data guests/upper.elf', 'include guests.d/*.conf',
) {
    accepted($_, main => 'worker_rlimit_nofile 20000;',
             http => "hyperlight_guest g {\n$binary\n$_;\n}\n");
}


# ---- guests ---------------------------------------------------------------

refused('no binary', 'hyperlight_guest "g" has no "binary" in http.conf:2',
        http => "hyperlight_guest g {\n}\n");

refused('no name',
        'invalid number of arguments in "hyperlight_guest" directive'
        . ' in http.conf:1', http => "hyperlight_guest { $binary }");

refused('an empty name',
        '"hyperlight_guest" directive has an empty name in http.conf:1',
        http => "hyperlight_guest '' { $binary }");

refused('two guests of one name', 'duplicate hyperlight_guest "g"'
        . ' in http.conf:2',
        http => "hyperlight_guest g { $binary }\n"
                . "hyperlight_guest g { $binary }\n");

for (
    ['a missing file',     'none.elf',
     "GuestBinary not found: 'none.elf': No such file or directory"],
    ['a folder',           'guests/', '"guests/" is not a regular file'],
    ['an empty file',      'main.conf', '"main.conf" is empty'],
    ['a text',             'nginx.conf', '"nginx.conf" is not an ELF file'],
    ['a program of the host', '/bin/true',
     '"/bin/true" is dynamically linked: it names an interpreter'],
) {
    my ($name, $file, $message) = @$_;

    refused($name, "$message in http.conf:2",
            http => "hyperlight_guest g {\nbinary $file;\n}\n");
}


# ---- where they are used --------------------------------------------------

my $guest = "hyperlight_guest g { $binary }\n";

for (
    ['an unknown guest',  'hyperlight_pass x f;',
     'unknown hyperlight_guest "x"'],
    ['no function',       'hyperlight_pass g;',
     'invalid number of arguments in "hyperlight_pass" directive'],
    ['too much',          'hyperlight_pass g f f;',
     'invalid number of arguments in "hyperlight_pass" directive'],
    ['an empty function', "hyperlight_pass g '';",
     'invalid function name "": its length must be between 1 and 255'],
    ['a variable without a name', 'hyperlight_pass g $;',
     'invalid variable name'],
    ['an unknown guest, a variable function', 'hyperlight_pass x $arg_f;',
     'unknown hyperlight_guest "x"'],
    ['twice',             'hyperlight_pass g f; hyperlight_pass g f;',
     '"hyperlight_pass" directive is duplicate'],
    ['a limit of 0',      'hyperlight_cpu_limit 0;',
     "\"hyperlight_cpu_limit\" directive $between"],
    ['a limit too high',  'hyperlight_timeout 2d;',
     "\"hyperlight_timeout\" directive $between"],
    ['no limit',          'hyperlight_timeout never;',
     '"hyperlight_timeout" directive invalid value'],
    ['a limit twice',     'hyperlight_timeout 1s; hyperlight_timeout 1s;',
     '"hyperlight_timeout" directive is duplicate'],
    ['buffering, perhaps', 'hyperlight_request_buffering maybe;',
     'invalid value "maybe" in "hyperlight_request_buffering" directive, '
     . 'it must be "on" or "off"'],
    ['buffering twice',
     'hyperlight_request_buffering on; hyperlight_request_buffering off;',
     '"hyperlight_request_buffering" directive is duplicate'],
) {
    my ($name, $directives, $message) = @$_;

    refused($name, "$message in server.conf:2", http => $guest,
            server => "location / {\n$directives\n}\n");
}

for (
    ['no function',   'hyperlight_access g;',
     '"hyperlight_access" directive needs GUEST and FUNCTION, or "off"'],
    ['on',            'hyperlight_access on;',
     '"hyperlight_access" directive needs GUEST and FUNCTION, or "off"'],
    ['nothing',       'hyperlight_access;',
     'invalid number of arguments in "hyperlight_access" directive'],
    ['too much',      'hyperlight_access g f f;',
     'invalid number of arguments in "hyperlight_access" directive'],
    ['an unknown guest', 'hyperlight_access x f;',
     'unknown hyperlight_guest "x"'],
    ['an empty function', "hyperlight_access g '';",
     'invalid function name "": its length must be between 1 and 255'],
    ['twice',         'hyperlight_access g f; hyperlight_access g f;',
     '"hyperlight_access" directive is duplicate'],
    ['off and on',    'hyperlight_access off; hyperlight_access g f;',
     '"hyperlight_access" directive is duplicate'],
    ['in if',         'if ($arg_x) { hyperlight_access g f; }',
     '"hyperlight_access" directive is not allowed here'],
) {
    my ($name, $directives, $message) = @$_;

    refused("access: $name", "$message in server.conf:2", http => $guest,
            server => "location / {\n$directives\n}\n");
}

accepted("access: $_", http => "$guest $_", server => "$_ location / { $_ "
         . "limit_except GET { $_ } location /x { $_ } }")
    for 'hyperlight_access g f;', 'hyperlight_access off;',
        'hyperlight_access $arg_g $arg_f;';

for (
    ['nothing',       'hyperlight_set $a;',
     'invalid number of arguments in "hyperlight_set" directive'],
    ['no function',   'hyperlight_set $a g;',
     '"hyperlight_set" directive needs a variable, GUEST and FUNCTION'],
    ['volatile, and no function', 'hyperlight_set volatile $a g;',
     '"hyperlight_set" directive needs a variable, GUEST and FUNCTION'],
    ['no variable',   'hyperlight_set a g f;', 'invalid variable name "a"'],
    ['no name',       'hyperlight_set $ g f;', 'invalid variable name "$"'],
    ['a variable of nginx', 'hyperlight_set $uri g f;',
     'the duplicate "uri" variable'],
    ['one that can be set', 'hyperlight_set $args g f;',
     'the variable "$args" is another\'s already'],
    ['one that was set', 'set $a b; hyperlight_set $a g f;',
     'the variable "$a" is another\'s already'],
    ['an unknown guest', 'hyperlight_set $a x f;',
     'unknown hyperlight_guest "x"'],
    ['an empty function', "hyperlight_set \$a g '';",
     'invalid function name "": its length must be between 1 and 255'],
    ['too many arguments', 'hyperlight_set $a g f 1 2 3 4 5 6 7 8 9 0 1 2;',
     'a function has 11 arguments at most'],
    ['an odd argument', 'hyperlight_set $a g f $;', 'invalid variable name'],
    ['twice', 'hyperlight_set $a g f; hyperlight_set volatile $a g f;',
     'duplicate hyperlight_set "$a"'],
    ['in if', 'if ($arg_x) { hyperlight_set $a g f; }',
     '"hyperlight_set" directive is not allowed here'],
) {
    my ($name, $directives, $message) = @$_;

    refused("set: $name", "$message in server.conf:2", http => $guest,
            server => "location / {\n$directives\n}\n");
}

accepted("set: $_", http => "$guest $_",
         server => "$_ location / { $_ return 200 \$a; location /x { $_ } }")
    for 'hyperlight_set $a g f;', 'hyperlight_set volatile $a g f;',
        'hyperlight_set $a g f a "b c" $uri$args "";',
        'hyperlight_set $a g f 1 2 3 4 5 6 7 8 9 10 11;',
        'hyperlight_set $a $arg_g $arg_f;',
        'hyperlight_set $a g f; hyperlight_set $b g f;';

refused('a long function name',
        'invalid function name "' . 'f' x 256
        . '": its length must be between 1 and 255 in server.conf:1',
        http => $guest,
        server => 'location / { hyperlight_pass g ' . 'f' x 256 . '; }');

refused("$_->[0] at $_->[1]",
        "\"$_->[0]\" directive is not allowed here in $_->[1].conf:1",
        http => '', $_->[1] => $_->[2])
    for ['hyperlight_guest',     'main',   "hyperlight_guest g { $binary }"],
        ['hyperlight_guest',     'server', "hyperlight_guest g { $binary }"],
        ['hyperlight_required',  'server', 'hyperlight_required on;'],
        ['hyperlight_status',    'server', 'hyperlight_status;'],
        ['hyperlight_check_restore', 'server', 'hyperlight_check_restore on;'],
        ['hyperlight_pass',      'http',   'hyperlight_pass g f;'],
        ['hyperlight_pass',      'server', 'hyperlight_pass g f;'],
        ['hyperlight_access',    'main',   'hyperlight_access off;'],
        ['hyperlight_set',       'main',   'hyperlight_set $a g f;'],
        ['hyperlight_cpu_limit', 'main',   'hyperlight_cpu_limit 1s;'],
        ['hyperlight_request_buffering', 'main',
         'hyperlight_request_buffering on;'];

refused('hyperlight_required', 'invalid value "maybe" in '
        . '"hyperlight_required" directive, it must be "on" or "off"'
        . ' in http.conf:1', http => 'hyperlight_required maybe;');

refused('hyperlight_required twice',
        '"hyperlight_required" directive is duplicate in http.conf:1',
        http => 'hyperlight_required on; hyperlight_required on;');

accepted('hyperlight_required on', http => "hyperlight_required on; $guest");

refused('hyperlight_status with an argument',
        'invalid number of arguments in "hyperlight_status" directive'
        . ' in server.conf:1',
        server => 'location / { hyperlight_status x; }');

refused('hyperlight_status twice',
        '"hyperlight_status" directive is duplicate in server.conf:1',
        server => 'location / { hyperlight_status; hyperlight_status; }');

accepted('hyperlight_status', server => 'location / { hyperlight_status; }');

accepted('variables without a guest',
         http => 'log_format x "$hyperlight_outcome$hyperlight_pages";');

accepted("names in variables: $_",
         http => $guest, server => "location / { hyperlight_pass $_; }")
    for '$arg_g f', 'g $arg_f', '$arg_g $arg_f', 'g a${arg_f}b';

accepted('a guest in a variable, and none at all',
         server => 'location / { hyperlight_pass $arg_g $arg_f; }');

accepted('a guest that is used before its block', server => '',
         http => "server { listen 127.0.0.1:" . HL::Nginx::free_port()
                 . "; location / { hyperlight_pass g f; } }\n$guest");


# ---- what it means --------------------------------------------------------

$nginx->configure(main => '', http => <<'EOT', server => <<'EOT');
hyperlight_guest hello {
    include guest.conf;
}

hyperlight_guest counter {
    binary guests/counter.elf;
}

hyperlight_guest spin {
    binary guests/spin.elf;
    cpu_limit 5s;
    timeout 5s;
}

hyperlight_cpu_limit 100ms;
EOT
location /if {
    if ($arg_count) {
        hyperlight_pass counter counter;
    }

    hyperlight_pass hello hello;
}

location /if-inherits {
    hyperlight_pass counter counter;

    if ($arg_x) {
        set $x 1;
    }
}

location /limit-except {
    hyperlight_pass hello hello;

    limit_except GET {
        hyperlight_pass counter counter;
    }
}

location /limit-except-inherits {
    hyperlight_pass counter counter;

    limit_except GET {
        allow all;
    }
}

location /outer {
    hyperlight_pass counter counter;

    location /outer/inner {
        return 200 inner;
    }

    location /outer/none {
    }
}

location /slash/ {
    hyperlight_pass counter counter;
}

location /spin {
    hyperlight_pass spin spin;
}
EOT

$nginx->write_file('guest.conf', "$binary\n");
$nginx->start;

like($nginx->get('/if')->{body}, qr/^Hello/, 'if: not taken');
is($nginx->get('/if?count=1')->{body} + 0, 1, 'if: taken');
is($nginx->get('/if-inherits?x=1')->{body} + 0, 1,
   'if: taken, it has the guest of the location');

like($nginx->get('/limit-except')->{body}, qr/^Hello/, 'limit_except: GET');
is($nginx->post('/limit-except', '')->{body} + 0, 1, 'limit_except: POST');
is($nginx->post('/limit-except-inherits', '')->{body} + 0, 1,
   'limit_except: it has the guest of the location');

is($nginx->get('/outer')->{body} + 0, 1, 'a location');
is($nginx->get('/outer/inner')->{body}, 'inner', 'the location in it');
is($nginx->get('/outer/none')->{status}, 404,
   'a location in it does not inherit the guest');

like($nginx->get('/slash')->{headers}{location} // '', qr{/slash/$},
     'a location with a slash at its end redirects to it');

is($nginx->get('/spin')->{status}, 504, 'a limit of the http block counts');
like(join("\n", $nginx->log_lines(qr/"spin"/)), qr/cpu_limit of 100 ms/,
     'and is the one that was exceeded');

$nginx->finish;

done_testing;
