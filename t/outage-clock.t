#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Clocks that jump, by t/outage/clock.c: real time by hours, forth and back,
# as when it is set; monotonic time forth, as after a pause of the machine.
# Time limits, sleeps and brakes know monotonic time alone; a guest is told
# what the host's clocks say, and its own never goes back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Preload;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    HOUR => 3600,
    REAL => 0,
    MONO => 1,
};

plan skip_all => 'sanitizers are put before libc themselves'
    if $ENV{TEST_NGINX_SANITIZED};

my $clocks = HL::Preload->new('t/outage/clock.so', HL_CLOCK => 16);
my @jumped = (0, 0);                    # in seconds

my $nginx = HL::Nginx->new(wrap => [$clocks->wrap],
                           http => <<'EOT', server => <<'EOT');
hyperlight_guest clock {
    binary t-guests/clock.elf;
    sandboxes 4;
    timeout 2h;
}
hyperlight_guest hasty { binary t-guests/clock.elf; timeout 60s; }
hyperlight_guest spin {
    binary guests/spin.elf;
    cpu_limit 200ms;
    timeout 2h;
}
hyperlight_guest late {
    binary guests/spin.elf;
    cpu_limit 1h;
    timeout 300ms;
}
hyperlight_guest work {
    binary t-guests/work.elf;
    cpu_limit 10s;
    timeout 20h;
}
hyperlight_guest brake {
    binary t-guests/act.elf;
    fail_limit 2/30s;
}
hyperlight_guest queue {
    binary t-guests/sleep.elf;
    sandboxes 1;
    queue 4 timeout=60s;
    timeout 20h;
}
EOT
location /clock { hyperlight_pass clock both; }
location /hasty { hyperlight_pass hasty both; }
location /spin { hyperlight_pass spin spin; }
location /late { hyperlight_pass late spin; }
location /work { hyperlight_pass work work; }
location /brake { hyperlight_pass brake act; }
location /queue { hyperlight_pass queue nap; }
location /plain { return 200 "plain"; }
location /status { hyperlight_status; }
EOT

my ($worker) = $nginx->workers;


sub jump {
    my ($clock, $seconds) = @_;

    $jumped[$clock] += $seconds;
    $clocks->put(0, 'q2', map { $_ * 1_000_000_000 } @jumped);
}


sub started { return $nginx->started(@_, '/plain') }


# A guest's clocks, real and monotonic, before and after a nap, in seconds.

sub clocks {
    my ($client) = @_;

    return map { $_ / 1000 } split ' ', $client->response->{body};
}


# Test and guest read the same clock, less than this apart.
use constant SLACK => 30;

sub near {
    my ($got, $expected, $name) = @_;

    cmp_ok(abs($got - $expected), '<', SLACK, $name)
        or diag "$got, $expected";
}


# ---- real time ------------------------------------------------------------

for my $hours (5, -10, 3) {
    my $client = started('/clock?200');
    my $start = time;

    jump(REAL, $hours * HOUR);

    my ($real, $mono, $real_after, $mono_after) = clocks($client);

    near($real_after - $real, $hours * HOUR,
         "real time jumps by $hours hours: the guest is told so");
    near($real_after, time + $jumped[REAL], 'it is the host\'s');
    near($mono_after - $mono, 0, 'its monotonic clock knows nothing of it');
    cmp_ok($mono_after - $mono, '>=', 0.2, 'and it has slept as long as told');

    # In the middle of calls that their limits end.
    for my $uri ('/spin', '/late') {
        $client = started($uri);
        jump(REAL, -$hours * HOUR);
        jump(REAL, $hours * HOUR) if $uri eq '/spin';
        is($client->response->{status}, 504, "$uri is ended by its limit");
        jump(REAL, $hours * HOUR) if $uri ne '/spin';
    }

    is($nginx->get('/work?20')->{body}, 20, 'who has no limit is not');
    cmp_ok(time - $start, '<', HL::Nginx::TIMEOUT, 'all of it soon');
}

$nginx->get('/brake?crash') for 1 .. 2;
is($nginx->get('/brake?count')->{status}, 503, 'a brake that is on');
jump(REAL, 5 * HOUR);
is($nginx->get('/brake?count')->{status}, 503, 'stays on, time jumps forth');
jump(REAL, -10 * HOUR);
is($nginx->get('/brake?count')->{status}, 503, 'or back');

my ($counted) = $nginx->get('/status?guest=clock&format=html')->{body}
                =~ m{Counted for</dt><dd>(-?\d+) s};
near($counted, 0, 'the status counts since its start');


# ---- monotonic time -------------------------------------------------------

# What waits looks at the clock when something else comes.

jump(MONO, HOUR);
$nginx->get('/plain');
is($nginx->get('/brake?count')->{body}, 1,
   'monotonic time jumps an hour: the brake is off');

{
    my $client = started('/clock?600000');

    jump(MONO, 650);
    $nginx->get('/plain');

    my ($real, $mono, $real_after, $mono_after) = clocks($client);

    near($mono_after - $mono, 650, 'a guest wakes, and knows of the jump');
    near($real_after - $real, 0, 'its real time has not jumped');
}

{
    my $client = started('/hasty?600000');

    jump(MONO, 100);
    $nginx->get('/plain');
    is($client->response->{status}, 504, 'past its timeout a call ends');
}

{
    my $client = started('/queue?100');
    my $waiting = started('/queue?0');

    jump(MONO, 30);
    is($client->response->{body}, '0 0', 'a call goes on after a jump');
    is($waiting->response->{body}, '0 0', 'and so does who waits for it');

    $client = started('/queue?3000');
    $waiting = started('/queue?0');
    jump(MONO, 100);
    $nginx->get('/plain');
    is($waiting->response->{status}, 503, 'unless it has waited too long');
    is($client->response->{body}, '0 0', 'who sleeps does not mind');
}

{
    # A slice is over at once, and no more of the CPU's time is used up.
    my $client = started('/work?300');

    for (1 .. 20) {
        sleep 0.01;
        jump(MONO, HOUR / 2);
    }

    is($client->response->{body}, 300,
       'a jump of hours is no time of the CPU');
}

is($nginx->get('/spin')->{status}, 504, 'limits end calls as before');
is($nginx->get('/late')->{status}, 504, 'both of them');

is_deeply([$nginx->workers], [$worker], 'all by one worker');
$nginx->finish;

done_testing;
