#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The sandboxes of a guest, from MIN to MAX, and the calls that wait for one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest grows {
    binary t-guests/work.elf;
    sandboxes 1 4;
    queue 64 timeout=60s;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest single {
    binary t-guests/work.elf;
    sandboxes 1;
    queue 2 timeout=60s;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest alone {
    binary t-guests/work.elf;
    sandboxes 1;
    queue 0;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest hog {
    binary t-guests/work.elf;
    sandboxes 2;
    slice 20ms;
    cpu_limit 60s;
    timeout 60s;
}

hyperlight_guest hurried {
    binary t-guests/sleep.elf;
    sandboxes 1;
    queue 64 timeout=70ms;
    cpu_limit 60s;
    timeout 60s;
}

hyperlight_guest patient {
    binary t-guests/work.elf;
    sandboxes 1;
    queue 4 timeout=50ms;
    cpu_limit 20s;
    timeout 60s;
}
EOT
location /grows { hyperlight_pass grows work; }
location /single { hyperlight_pass single work; }
location /alone { hyperlight_pass alone work; }
location /patient { hyperlight_pass patient work; }
location /hog { hyperlight_pass hog work; }
location /hurried { hyperlight_pass hurried nap; }
location /plain { return 200 "plain"; }

location = /page {
    ssi on;
    default_type text/html;
    return 200 '[<!--# include virtual="/single?400" -->]
[<!--# include virtual="/single?1" -->]';
}
EOT

my ($worker) = $nginx->workers;


sub started { return $nginx->started(@_, '/plain') }


sub vms {
    return scalar grep { (readlink $_ // '') eq 'anon_inode:kvm-vm' }
                  glob "/proc/$worker/fd/*";
}


# ---- growth ---------------------------------------------------------------

my $at_start = vms();

SKIP: {
    skip 'the worker\'s descriptors cannot be seen', 2 if !$at_start;

    my @busy = map { started('/grows?600') } 1 .. 6;

    ok(HL::Nginx::wait_for(sub { vms() == $at_start + 3 }),
       'a pool grows to its maximum while calls wait');

    is_deeply([map { $_->response->{body} } @busy], [(600) x 6],
              'all calls are served, more than there are sandboxes');

    ok(HL::Nginx::wait_for(sub { vms() == $at_start }),
       'and it shrinks to its minimum when nobody waits');
}


# ---- queue ----------------------------------------------------------------

my $running = started('/single?400');
my @waiting = map { started("/single?$_") } 1 .. 2;

my $refused = $nginx->get('/single?3');

is($refused->{status}, 503, 'past the queue: 503');
is($refused->{headers}{'retry-after'}, 1, 'with Retry-After');
ok(!$running->answered, 'while the guest computes');

is($waiting[0]->response->{body}, 1, 'first in');
is($waiting[1]->response->{body}, 2, 'first out');
is($running->response->{body}, 400, 'and the sandbox served them all');

$running = started('/single?400');
@waiting = map { started('/single?1') } 1 .. 2;
$waiting[0]->close;

my $late;

ok(HL::Nginx::wait_for(sub {
       $late = started('/single?5');
       return !$late->answered;
   }), 'a client that leaves the queue makes room in it');

is($running->response->{body}, 400, 'the running call does not mind');
is($waiting[1]->response->{body}, 1, 'nor does the one behind');
is($late->response->{body}, 5, 'and the new one is served');


# ---- without a queue ------------------------------------------------------

$running = started('/alone?400');

is($nginx->get('/alone?1')->{status}, 503, 'queue 0: nobody waits');
is($running->response->{body}, 400, 'for a call that goes on');
is($nginx->get('/alone?1')->{body}, 1, 'and is served when there is none');


# ---- timeout --------------------------------------------------------------

$running = started('/patient?2000');

my $tired = $nginx->get('/patient?1');

is($tired->{status}, 503, 'a call that waited for too long: 503');
is($tired->{headers}{'retry-after'}, 1, 'with Retry-After');
ok(!$running->answered, 'while the guest computes');
is(scalar $nginx->log_lines('no sandbox was free within 50 ms'), 1,
   'the log says so');
is($running->response->{body}, 2000, 'the running call does not mind');


# One that has got a sandbox waits no more: that its turn comes late, behind
# others that compute, is not for the queue's timeout.

my @hogs = map { started('/hog?20000') } 1 .. 2;
my %statuses;

for (1 .. 10) {
    $statuses{$_->{status}}++
        for map { $_->response } map { started('/hurried?10') } 1 .. 6;
}

is_deeply([grep { $_ != 200 && $_ != 503 } keys %statuses], [],
          'calls that had a sandbox before the timeout are served: '
          . join ', ', map { "$_: $statuses{$_}" } sort keys %statuses);
ok($statuses{200}, 'there were some');
is(scalar $nginx->log_lines('/hurried'),
   scalar $nginx->log_lines('no sandbox was free within 70 ms.*/hurried'),
   'no others');
$_->close for @hogs;


# ---- a request tree -------------------------------------------------------

like($nginx->get('/page')->{body},
     qr{^\[400\]\n\[.*503 Service Temporarily Unavailable}s,
     'subrequests do not wait for what their own request holds');

$_->close for $running, $late, @waiting;
$nginx->finish;

done_testing();
