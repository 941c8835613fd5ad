#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Workers that are killed with -9 at any moment, while clients ask without a
# break: the master starts others, and what is lost is what those workers had
# in their hands.  HL_OUTAGE_SECONDS is how long it lasts, 4 s if unset;
# HL_OUTAGE_SEED makes the moments those of an earlier run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Crowd;
use HL::Nginx;
use HL::Status;
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    WORKERS => 3,
    CLIENTS => 4,
};

my $seconds = $ENV{HL_OUTAGE_SECONDS} || 4;
my $seed = $ENV{HL_OUTAGE_SEED} || int(time * 1000) % 1_000_000;
srand $seed;

my $nginx = HL::Nginx->new(workers => WORKERS, http => <<'EOT',
keepalive_requests 1000000;
hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 2 4;
    queue 64 timeout=60s;
    cpu_limit 10s;
    timeout 60s;
}
EOT
server => <<'EOT');
client_body_buffer_size 64k;
location /pid { return 200 $pid; }
location /act { hyperlight_pass act act; }
location /status { hyperlight_status; }
EOT

my ($master) = $nginx->{pid};
my $descriptors = $nginx->descriptors($master);
my $crowd = HL::Crowd->start($nginx, CLIENTS, keepalive => 1);

my %killed;
my $end = time + $seconds;

while (time < $end) {
    sleep rand 0.3;

    my @workers = $nginx->workers or next;
    my $worker = $workers[rand @workers];

    $nginx->allow(qr/\[alert\] .*worker process $worker exited on signal 9/);
    kill 'KILL', $worker and $killed{$worker} = 1;
}

my $all = $crowd->end;
my $lost = sum0(values %{ $all->{lost} });

# In a log it has to be seen, should the test fail.
diag "seed $seed: ", scalar keys %killed, " workers killed, $all->{ok} ",
     "answers, $lost lost, $all->{greetings} before it was known of whom";

cmp_ok(scalar keys %killed, '>', 1, 'workers were killed');
cmp_ok($all->{ok}, '>', CLIENTS, 'and clients answered');
is_deeply($all->{wrong}, [], 'no answer is wrong, or another one\'s');
is_deeply([grep { !$killed{$_} } keys %{ $all->{lost} }], [],
          'none is lost but those of workers that were killed');
cmp_ok((sort { $b <=> $a } values %{ $all->{lost} }, 0)[0], '<=', CLIENTS,
       'of each connection to them one, at most');
cmp_ok($all->{greetings}, '<=', CLIENTS * keys %killed,
       'nor do other connections break');

# The last one may take its time to die.
ok(HL::Nginx::wait_for(sub {
       return keys %killed == $nginx->log_lines(qr/exited on signal 9/);
   }), 'the master has seen each of them');
ok(HL::Nginx::wait_for(sub { $nginx->is_up }),
   'there are as many workers as before');
is($nginx->descriptors($master), $descriptors,
   'and has no more descriptors than before');

# Each has its sandboxes, and those that are dead are no longer counted.
ok(HL::Nginx::wait_for(sub {
       return HL::Status::sandboxes($nginx, 'act')
                 eq join ' ', WORKERS, 2 * WORKERS, 0;
   }), 'the status knows the workers that live');

$nginx->take_baseline;
$nginx->finish;

done_testing;
