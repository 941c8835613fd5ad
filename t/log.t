#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a guest logs and prints is in the error log, at its level, with the
# request it belongs to, and can forge nothing there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(log_level => 'debug', http => <<'EOT',
hyperlight_guest talker {
    binary t-guests/answer.elf;
    log_level debug;
}

hyperlight_guest terse {
    binary t-guests/answer.elf;
}

hyperlight_guest mute {
    binary t-guests/answer.elf;
    log_level none;
}

hyperlight_guest sleepy {
    binary t-guests/answer.elf;
    timeout 60s;
}

hyperlight_guest init {
    binary t-guests/init_print.elf;
}
EOT
server => <<'EOT');
location /talker {
    hyperlight_pass talker answer;
}

location /terse {
    hyperlight_pass terse answer;
}

location /sleepy {
    hyperlight_pass sleepy answer;
}

location /mute {
    hyperlight_pass mute answer;
}
EOT


# Lines in the log that have come from a guest, while it did as it was told.

sub told {
    my ($guest, @words) = @_;

    $nginx->clear_log;
    $nginx->post("/$guest", join '', map { "$_\0" } @words);

    return $nginx->log_lines(qr/guest "$guest"/);
}


like(join("\n", $nginx->log_lines(qr/guest "init"/)),
     qr/\[info\] .*printed at first\n\[warn\] .*logged at first/,
     'what a guest prints and logs while it is initialised');


# ---- levels ---------------------------------------------------------------

# hl_Level: Error 1, Warn 2, Info 3, Debug 4, Trace 5.
my @levels = ([1, 'error'], [2, 'warn'], [3, 'info'], [4, 'debug']);

for (@levels) {
    my ($level, $name) = @$_;
    my @lines = told('talker', 'log', $level, 'some words');

    is(scalar @lines, 1, "level $level: one line");
    like($lines[0], qr/^\[$name\] .*some words/, "level $level: at [$name]");
    like($lines[0], qr/answer\.c:\d+/, "level $level: with its source");

    # nginx adds nothing to what it logs at [debug].
    like($lines[0],
         qr/client: 127\.0\.0\.1, .*request: "POST \/talker HTTP\/1\.1"/,
         "level $level: with its request")
        if $name ne 'debug';
}

is(scalar told('talker', 'log', $_, 'some words'), 0,
   "level $_: not at log_level debug, or at all")
    for 5, 0, 6, 1000;

is(scalar(() = told('terse', map { ('log', $_, "level $_") } 1 .. 5)), 2,
   'log_level warn, the default: Error and Warn');

is(scalar(() = told('mute', map { ('log', $_, "level $_") } 1 .. 5)), 0,
   'log_level none: nothing');


# ---- printing -------------------------------------------------------------

{
    my @lines = told('terse', 'print', "first\nsecond\n\nla", 'print', 'st');

    is(scalar @lines, 4, 'printed text: a line for each newline');
    like($lines[0], qr/^\[info\] .*: first\b/, 'at [info]');
    like($lines[1], qr/: second\b/, 'the second one');
    like($lines[3], qr/: last\b/, 'and what comes after the last newline');
}

{
    my $client = $nginx->connect;
    my $body = join '', map { "$_\0" } 'print now', "begun\nto pr",
                                       'print now', 'int', 'sleep', 60000;

    $nginx->clear_log;
    $client->request('POST', '/sleepy', body => $body);
    ok($nginx->wait_log(qr/: begun\b/), 'what is printed before a sleep');
    $client->close;
    ok($nginx->wait_log(qr/\[info\] .*: to print\b/),
       'and what comes after the last newline, of a client that leaves');
}


# ---- what a guest cannot do there -----------------------------------------

for (
    ['log',   sub { ('log', 2, $_[0]) }],
    ['print', sub { ('print', $_[0]) }],
) {
    my ($how, $words) = @$_;

    my @lines = told('talker',
                     $words->("a\rb\tc\e[31md\x7fe\xc3\xbcf\x01g"));

    is(scalar @lines, 1, "$how: control characters make no second line");
    like($lines[0], qr/a\\x0[Dd]b\\x09c\\x1[Bb]\[31md\\x7[Ff]e/,
         "$how: they are escaped");
    unlike($lines[0], qr/[^\x20-\x7e]/, "$how: all of them");

    @lines = told('talker', $words->('x' x 10000));
    ok(length $lines[0] < 2048, "$how: a line has an end");
    like($lines[0], qr/request: "POST/, "$how: and still says whose it is");
}

{
    my $forged = '2026/01/01 00:00:00 [alert] 1#1: *1 forged';
    my @lines = told('talker', 'log', 2, "a\n$forged");

    is(scalar(grep { /^\[alert\]/ } $nginx->log_lines(qr/forged/)), 0,
       'log: a newline begins no line of its own');
}

{
    my @lines = told('talker', map { ('print', "line $_\n") } 1 .. 1000);

    cmp_ok(scalar @lines, '<=', 300, 'a request has so many lines to log');
    is($nginx->post('/talker', "body\0text\0")->{body}, 'text',
       'and no more; the next one is served');
}


$nginx->finish;

done_testing;
