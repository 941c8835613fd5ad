#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# fail_limit: a guest that fails again and again is not called for a while;
# then one call decides.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::May qw(ask words);
use HL::Nginx;
use HL::Status;
use Test::More;
use Time::HiRes qw(sleep time);

my $binary = 'binary t-guests/may.elf;';

my $nginx = HL::Nginx->new(http => <<"EOT", server => <<'EOT');
hyperlight_guest never { $binary }

hyperlight_guest brake {
    $binary
    fail_limit 3/1s;
}

hyperlight_guest long {
    $binary
    fail_limit 2/60s;
    timeout 60s;
    queue 0;
    sandboxes 4;
    cpu_limit 20ms;
}

hyperlight_guest short {
    $binary
    fail_limit 2/50ms;
}

hyperlight_guest one {
    $binary
    fail_limit 1/100ms;
    sandboxes 2;
    timeout 60s;
}
EOT
location /status { hyperlight_status; }
location /never { hyperlight_pass never may; }
location /brake { hyperlight_pass brake may; }
location /long { hyperlight_pass long may; }
location /short { hyperlight_pass short may; }
location /one { hyperlight_pass one may; }
location /one/unknown { hyperlight_pass one unknown; }
EOT


sub crash { return ask($nginx, $_[0], ['crash']) }
sub good  { return ask($nginx, $_[0], ['header', 'X-A']) }

my $served = "nothing\n";


# ---- off ------------------------------------------------------------------

is(crash('/never'), 500, 'without a brake: a call that fails') for 1 .. 20;
is(good('/never'), $served, 'and one that does not');


# ---- on -------------------------------------------------------------------

is(crash('/brake'), 500, 'below the limit') for 1 .. 2;
is(good('/brake'), $served, 'the guest is called');

my $tripped = time;
is(crash('/brake'), 500, 'at the limit');

my $counted = HL::Status::counted($nginx, sub {
    my $r = $nginx->post('/brake', words('header', 'X-A'));

    is($r->{status}, 503, 'now it is not: 503');
    is($r->{headers}{'retry-after'}, 1, 'with the time that is left');
    is(good('/brake'), 503, 'and again');
});

is_deeply($counted, { 'brake unavailable' => 2 }, 'the outcome: unavailable');

is_deeply([map { /guest "brake" (has failed 3 times)/ }
           $nginx->log_lines(qr/\[error\].* it is not called for 1000 ms/)],
          ['has failed 3 times'], 'this is in the log, once');

is(good('/never'), $served, 'other guests are called');


# ---- the trial ------------------------------------------------------------

HL::Nginx::wait_for(sub { time - $tripped > 1.05 });

my $again = time;
is(crash('/brake'), 500, 'when the time is over: a call that fails');
is(good('/brake'), 503, 'the brake is on again');

is(scalar(() = $nginx->log_lines(qr/guest "brake" has failed/)), 1,
   'the log does not repeat it');

HL::Nginx::wait_for(sub { time - $again > 1.05 });

is(good('/brake'), $served, 'a call that does not fail');
is(good('/brake'), $served, 'the brake is off') for 1 .. 2;
is(scalar(() = $nginx->log_lines(qr/\[notice\].*"brake" is called again/)), 1,
   'that is in the log, too');

is(crash('/brake'), 500, 'and it counts from nothing') for 1 .. 2;
is(good('/brake'), $served, 'so that it needs as many as before');


# ---- one trial at a time --------------------------------------------------

is(crash('/one'), 500, 'one failure is enough, if so configured');
sleep 0.15;

my $trial = $nginx->connect;
$trial->request('POST', '/one', body => words('many', 200, 'sleep'));
HL::Status::wait_in_use($nginx, 'one', 1);

is(good('/one'), 503, 'while the trial goes on, no other call does');
is($trial->response->{status}, 200, 'the trial is over');
is(good('/one'), $served, 'the brake is off');


# ---- what teaches nothing -------------------------------------------------

is(crash('/one'), 500, 'on again');
sleep 0.15;
is($nginx->get('/one/unknown')->{status}, 500, 'an unknown function');
is(good('/one'), $served, 'is no trial');

is(crash('/one'), 500, 'on again');
sleep 0.15;

$trial = $nginx->connect;
$trial->request('POST', '/one', body => words('many', 50000, 'sleep'));
HL::Status::wait_in_use($nginx, 'one', 1);
$trial->close;
HL::Status::wait_in_use($nginx, 'one', 0);

is(good('/one'), $served, 'nor is one whose client leaves');


# ---- time -----------------------------------------------------------------

is(crash('/short'), 500, 'a failure');
sleep 0.2;
is(crash('/short'), 500, 'another, too late to count with it');
is(good('/short'), $served, 'the brake stays off');

is(ask($nginx, '/long', ['spin']), 504, 'a timeout is a failure');
is(crash('/long'), 500, 'and a fault is');
cmp_ok($nginx->get('/long')->{headers}{'retry-after'}, '>=', 55,
       'Retry-After: of a long one');


$nginx->finish;

done_testing;
