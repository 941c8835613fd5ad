#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a guest may do: "allow", "hide_header", "variables".  What it may not,
# it is told, and the status counts; its call goes on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::May qw(ask refused);
use HL::Nginx;
use Test::More;

my $binary = 'binary t-guests/may.elf;';

my $nginx = HL::Nginx->new(http => <<"EOT", server => <<'EOT');
map \$arg_x \$mapped {
    default mapped;
    no      '';
}

map \$hyperlight_pages \$pages {
    default "<\$hyperlight_pages>";
}

hyperlight_guest value { binary t-guests/value.elf; }

hyperlight_set \$computed value same computed;

map \$computed \$through {
    default "<\$computed>";
}

hyperlight_guest default { $binary }
hyperlight_guest none { $binary allow none; }
hyperlight_guest all { $binary allow all; }
hyperlight_guest log { $binary allow log; }
hyperlight_guest two { $binary allow sleep headers; }

hyperlight_guest hides {
    $binary
    allow headers subrequest;
    hide_header Cookie X-Secret;
}

hyperlight_guest reads {
    $binary
    allow variables headers;
    variables \$host \$arg_x \$Mapped \$http_cookie \$pages
              \$through;
}
EOT
location /default { hyperlight_pass default may; }
location /none { hyperlight_pass none may; }
location /all { hyperlight_pass all may; }
location /log { hyperlight_pass log may; }
location /two { hyperlight_pass two may; }
location /hides { hyperlight_pass hides may; }
location /reads { hyperlight_pass reads may; }
location /after { error_page 500 =200 /reads; hyperlight_pass default nobody; }
location /plain { return 200 "plain $http_cookie"; }
location /status { hyperlight_status; }
EOT


# ---- allow ----------------------------------------------------------------

my %no = map { $_ => qq(the guest may not use "$_") }
    qw(headers log response_headers sleep stream subrequest variables metrics);

# What is done, what it needs, and the answers to it.
my @calls = (
    ['GetHeader', 'headers', ['get', 'Host'],
     qr/^"localhost"\n$/, "error: $no{headers}\n"],
    ['HostPrint', 'log', ['hostprint'], qr/^done\n$/, "error: $no{log}\n"],
    ['a log line', 'log', ['log'], qr/^$/, ''],
    ['printing', 'log', ['print'], qr/^$/, ''],
    ['a response header', 'response_headers', ['set', 'X-May'],
     qr/^done\n$/, "EPERM: $no{response_headers}\n"],
    ['one for another', 'response_headers', ['replace', 'X-May'],
     qr/^done\n$/, "EPERM: $no{response_headers}\n"],
    ['one that goes', 'response_headers', ['remove', 'X-May'],
     qr/^done\n$/, "EPERM: $no{response_headers}\n"],
    ['sleep', 'sleep', ['sleep'], qr/^done\n$/, "ENOSYS: $no{sleep}\n"],
    ['flush', 'stream', ['flush'], qr/^done\n$/, "ENOSYS: $no{stream}\n"],
    ['a sub-request', 'subrequest', ['ask', '/plain'],
     qr/^200 plain \n$/, "EIO: $no{subrequest}\n"],
    ['a variable', 'variables', ['variable', 'host'],
     qr/^EPERM: the guest may not read the variable "host"\n$/,
     "EPERM: $no{variables}\n"],
    ['GetVariable', 'variables', ['getvariable', 'host'],
     qr/^error: the guest may not read the variable "host"\n$/,
     "error: $no{variables}\n"],
    ['a counter', 'metrics', ['add', 'x', 1], qr/^done\n$/,
     "EPERM: $no{metrics}\n"],
    ['a histogram', 'metrics', ['observe', 'y', 1], qr/^done\n$/,
     "EPERM: $no{metrics}\n"],
);

my %granted = (
    default => [qw(headers log response_headers sleep stream)],
    none    => [],
    all     => [qw(headers log response_headers sleep stream subrequest
                   variables metrics)],
    log     => ['log'],
    two     => [qw(headers sleep)],
);

for my $guest (sort keys %granted) {

    my %may = map { $_ => 1 } @{ $granted{$guest} };
    my %expected = %{ refused($nginx, $guest) };

    for (@calls) {
        my ($name, $grant, $words, $good, $bad) = @$_;

        my $answer = ask($nginx, "/$guest", $words);

        if ($may{$grant}) {
            like($answer, $good, "$guest: $name");

        } else {
            is($answer, $bad, "$guest: $name: refused");
            $expected{$grant}++;
        }
    }

    is_deeply(refused($nginx, $guest), \%expected,
              "$guest: what was refused is counted");
}

is(refused($nginx, 'log')->{metrics}, 3,
   'what is declared in the initialisation is counted, too');

my $r = $nginx->post('/none', HL::May::words('set', 'X-May'));

is($r->{status}, 200, 'without response_headers: the response goes on');
is($r->{headers}{'x-may'}, undef, 'without the header');

is($nginx->post('/all', HL::May::words('set', 'X-May'))->{headers}{'x-may'},
   'value', 'with response_headers: it has it');


# ---- the log --------------------------------------------------------------

$nginx->clear_log;
ask($nginx, '/none', ['log', 'print', 'hostprint', 'many', 5, 'sleep']);

is_deeply([map { /(was refused "\w+")/ } $nginx->log_lines(qr/"none"/)],
          ['was refused "log"', 'was refused "sleep"'],
          'what is refused is said once in a call');

$nginx->clear_log;
ask($nginx, '/none', ['log', 'print', 'hostprint']);

is(scalar(grep { /some words|printed/ } $nginx->log_lines(qr/"none"/)), 0,
   'without log: not a word');


# ---- headers --------------------------------------------------------------

is(ask($nginx, '/none', ['header', 'X-A', 'next'], 'X-A: 1'),
   "nothing\n\n", 'without headers: the request has none');

my @secrets = ('Cookie: c=1', 'X-secret: s', 'X-Open: o', 'COOKIE: d=2');

is(ask($nginx, '/hides',
       ['header', 'Cookie', 'header', 'x-secret', 'header', 'X-Open'],
       @secrets),
   qq(nothing\nnothing\n"o" 1\n), 'hide_header: views');
unlike(ask($nginx, '/hides', ['next'], @secrets), qr/cookie|secret/i,
       'hide_header: the list');
is(ask($nginx, '/hides', ['get', 'COOKIE', 'get', 'X-Secret', 'get', 'x-open'],
       @secrets),
   qq(""\n""\n"o"\n), 'hide_header: GetHeader');
is(ask($nginx, '/hides', ['ask', '/plain'], 'Cookie: c=1'),
   "200 plain c=1\n", 'hide_header: a sub-request carries it');


# ---- variables ------------------------------------------------------------

for my $how ('variable', 'getvariable') {
    my $by_name = $how eq 'getvariable';
    my $is = sub {
        return $by_name ? qq("$_[0]"\n)
                        : sprintf qq("%s" %d\n), $_[0], length $_[0];
    };

    is(ask($nginx, '/reads?x=1', [$how, 'arg_x']), $is->('1'),
       "$how: its value");
    is(ask($nginx, '/reads?x=', [$how, 'arg_x']), $is->(''),
       "$how: an empty one");
    is(ask($nginx, '/reads', [$how, 'arg_x']),
       $by_name ? qq(error: the variable "arg_x" is not set\n) : "nothing\n",
       "$how: one that is not set");
    is(ask($nginx, '/reads?x=no', [$how, 'mapped']), $is->(''),
       "$how: a map");
    is(ask($nginx, '/reads', [$how, 'MAPPED']), $is->('mapped'),
       "$how: in any case");
    is(ask($nginx, '/reads', [$how, 'http_cookie'], 'Cookie: a=1'),
       $is->('a=1'), "$how: of a request header");
    like(ask($nginx, '/reads', [$how, $_]),
         qr/: the guest may not read the variable "/,
         "$how: not \"$_\", which is not in the list")
        for 'remote_addr', '', 'arg_', 'arg_xx', '$host', "a\nb",
            'x' x 5000;
    is(ask($nginx, '/reads?x=' . 'y' x 3000, ["$how", 'arg_x']),
       $is->('y' x 3000), "$how: a long one");
}

# The first guest's sandbox has not been restored when the second one asks.

like(ask($nginx, '/after', ['variable', 'pages']), qr/^"<-, -?>" /,
     'no sandbox is restored for the sake of a variable');

like(ask($nginx, '/reads', ['variable', 'through']), qr/^"<>" /,
     'nor what another guest computes, while one runs');
ok($nginx->log_lines('a guest asks for a variable that a guest computes'),
   'as the log says');
is(ask($nginx, "/reads?x=\xff", ['getvariable', 'arg_x']),
   qq(error: the value of the variable "arg_x" is not UTF-8\n),
   'getvariable: a String has to be one');
is(ask($nginx, "/reads?x=\xff", ['variable', 'arg_x']),
   qq("\xff" 1\n), 'variable: it has the bytes');


$nginx->finish;

done_testing;
