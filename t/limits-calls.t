#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Limits on what a guest does in one request, other than time: below, at and
# over each, as the guest has it and as a location lowers it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::May qw(ask limited words);
use HL::Nginx;
use HL::Status;
use Test::More;

my $binary = 'binary t-guests/may.elf; allow all;';

my $nginx = HL::Nginx->new(http => <<"EOT", server => <<'EOT');
hyperlight_guest usual {
    $binary
    cpu_limit 1s;
}

hyperlight_guest small {
    $binary
    header_limit 5;
    header_size_limit 100;
    log_limit 6;
    host_call_limit 7;
    subrequest_limit 2;
}

hyperlight_guest nothing {
    $binary
    header_limit 0;
    header_size_limit 0;
    log_limit 0;
    host_call_limit 0;
    subrequest_limit 0;
}
EOT
location /plain { return 200 "plain"; }
location /status { hyperlight_status; }
location /usual { hyperlight_pass usual may; }
location /nothing { hyperlight_pass nothing may; }

location /small {
    hyperlight_pass small may;

    # none of these raises anything
    hyperlight_header_limit 1000;
    hyperlight_header_size_limit 1m;
    hyperlight_log_limit 65536;
    hyperlight_host_call_limit 1000000;
    hyperlight_subrequest_limit 10000;
}

location /lower {
    hyperlight_header_limit 3;
    hyperlight_log_limit 4;
    hyperlight_host_call_limit 3;
    hyperlight_subrequest_limit 1;
    hyperlight_pass small may;

    location /lower/inherits {
        hyperlight_header_limit 2;
        hyperlight_header_size_limit 20;
        hyperlight_pass small may;
    }
}
EOT


# What the status counts over the code.

sub over {
    my ($guest, $code) = @_;

    my $before = limited($nginx, $guest);
    $code->();
    my $after = limited($nginx, $guest);

    return { map { $_ => $after->{$_} - ($before->{$_} || 0) }
             grep { $after->{$_} != ($before->{$_} || 0) } keys %$after };
}


# ---- response headers -----------------------------------------------------

for (
    ['usual', '/usual', 100],
    ['small', '/small', 5],
    ['small', '/lower', 3],
    ['small', '/lower/inherits', 2],
    ['nothing', '/nothing', 0],
) {
    my ($guest, $uri, $limit) = @$_;

    for my $n ($limit - 1, $limit) {
        next if $n < 1;

        is($nginx->post($uri, words(map { ('set', "X-$_") } 1 .. $n))
               ->{status}, 200, "$uri: $n headers");
    }

    my $status;
    my $n = $limit + 1;

    is_deeply(over($guest, sub {
        $status = $nginx->post($uri, words(map { ('set', "X-$_") } 1 .. $n))
                      ->{status};
    }), { header_limit => 1 }, "$uri: $n are counted");
    is($status, 502, "$uri: $n headers: 502");
}


# A name and "value", as often as there is room: 5 bytes and the name's.

for (
    ['usual', '/usual', 32768, 4],
    ['small', '/small', 100, 2],
    ['small', '/lower/inherits', 20, 1],
) {
    my ($guest, $uri, $limit, $headers) = @$_;

    my $set = sub {
        my ($size) = @_;

        my $rest = $size - $headers * 5;
        my $each = int($rest / $headers);
        my @names = (('x' x $each) x ($headers - 1),
                     'y' x ($rest - $each * ($headers - 1)));

        return $nginx->post($uri, words(map { ('set', $_) } @names))
                   ->{status};
    };

    is($set->($limit - 1), 200, "$uri: a byte below the limit");
    is($set->($limit), 200, "$uri: headers of $limit bytes");

    my $status;
    is_deeply(over($guest, sub { $status = $set->($limit + 1) }),
              { header_size_limit => 1 }, "$uri: a byte over it is counted");
    is($status, 502, "$uri: and 502");
}


# ---- log lines ------------------------------------------------------------

for (
    ['usual', '/usual', 256],
    ['small', '/small', 6],
    ['small', '/lower', 4],
    ['small', '/lower/inherits', 4],
    ['nothing', '/nothing', 0],
) {
    my ($guest, $uri, $limit) = @$_;

    for my $n ($limit - 1, $limit, $limit + 1, $limit + 20) {
        next if $n < 1;

        $nginx->clear_log;

        my $over = over($guest, sub {
            is(ask($nginx, $uri, ['many', $n, 'log']), '',
               "$uri: $n lines: the call is served");
        });

        is(scalar(() = $nginx->log_lines(qr/some words/)),
           $n < $limit ? $n : $limit, "$uri: $n lines: what is logged");
        is(scalar(() = $nginx->log_lines(qr/logged $limit lines, the rest/)),
           $n > $limit ? 1 : 0, "$uri: $n lines: the rest is dropped");
        is_deeply($over, $n > $limit ? { log_limit => 1 } : {},
                  "$uri: $n lines: the counter");
    }
}


# ---- host calls -----------------------------------------------------------

for (
    ['usual', '/usual', 1000],
    ['small', '/small', 7],
    ['small', '/lower', 3],
    ['nothing', '/nothing', 0],
) {
    my ($guest, $uri, $limit) = @$_;

    for my $what (['get', 'Host'], ['nobody'], ['variable', 'host'],
                  ['hostprint'])
    {
        for my $n ($limit - 1, $limit) {
            next if $n < 1;

            my @lines = split /\n/, ask($nginx, $uri, ['many', $n, @$what]);

            is(scalar @lines, $n, "$uri: $n times $what->[0]");
        }
    }

    my $n = $limit + 1;
    my $over = over($guest, sub {
        is_deeply(HL::Status::counted($nginx, sub {
            is(ask($nginx, $uri, ['many', $n, 'nobody']), 500,
               "$uri: $n host calls: 500");
        }), { "$guest limit" => 1 }, "$uri: $n host calls: outcome limit");
    });

    is_deeply($over, { host_call_limit => 1 },
              "$uri: $n host calls: the counter");
    is(ask($nginx, $uri, []), '', "$uri: the next request is served");
}

is(scalar(() = ask($nginx, '/small', ['many', 20, 'flush']) =~ /done/g), 20,
   'what moves a body on is not counted');


# ---- sub-requests ---------------------------------------------------------

for (
    ['usual', '/usual', 100],
    ['small', '/small', 2],
    ['small', '/lower', 1],
    ['nothing', '/nothing', 0],
) {
    my ($guest, $uri, $limit) = @$_;

    next if $guest eq 'nothing';    # it has no host calls either

    for my $n ($limit, $limit + 1) {
        my $answer;
        my $over = over($guest, sub {
            $answer = ask($nginx, $uri, ['many', $n, 'ask', '/plain']);
        });

        is($answer, "200 plain\n" x $limit
                    . ($n > $limit ? "EIO: a call makes $limit sub-requests "
                                     . "at most\n" : ''),
           "$uri: $n sub-requests");
        is_deeply($over, $n > $limit ? { subrequest_limit => 1 } : {},
                  "$uri: $n sub-requests: the counter");
    }
}


# ---- time -----------------------------------------------------------------

is_deeply(over('small', sub {
    is(ask($nginx, '/small', ['spin']), 504, 'over the CPU limit: 504');
}), { cpu_limit => 1 }, 'over the CPU limit: the counter');


$nginx->finish;

done_testing;
