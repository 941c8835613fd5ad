#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A guest that sleeps is suspended: it costs nothing, and the worker does
# something else meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;
use Time::HiRes qw(time);

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest sleep {
    binary t-guests/sleep.elf;
    sandboxes 50;
    cpu_limit 50ms;
    timeout 30s;
}

hyperlight_guest hasty {
    binary t-guests/sleep.elf;
    sandboxes 1;
    timeout 100ms;
}

hyperlight_guest single {
    binary t-guests/sleep.elf;
    sandboxes 1;
    queue 4 timeout=60s;
    timeout 60s;
}

log_format outcome '$uri $status';
EOT
location /sleep { hyperlight_pass sleep nap; }
location /start { hyperlight_pass sleep start; }
location /hasty { hyperlight_pass hasty nap; }
location /single { access_log access.log outcome;
                   hyperlight_pass single nap; }
location /plain { return 200 "plain"; }
EOT


sub started { return $nginx->started(@_) }


# How long it takes until all of them are answered, or how not.

sub duration {
    my ($n, $ms) = @_;

    my $start = time;
    my @clients = map { started("/sleep?$ms") } 1 .. $n;
    my @wrong = grep { $_->response->{body} ne '0 0' } @clients;

    return @wrong ? 'wrong answers' : time - $start;
}


is($nginx->get('/sleep?0')->{body}, '0 0', 'a guest sleeps no time at all');
is($nginx->get('/start')->{body}, 'ENOSYS',
   'and cannot while it initialises');

my $sleeper = started('/sleep?400');

is($nginx->get('/plain')->{body}, 'plain', 'the worker goes on');
is($nginx->get('/sleep?0')->{body}, '0 0', 'and so do other guests');
ok(!$sleeper->answered, 'while one sleeps');
is($sleeper->response->{body}, '0 0', 'which wakes up');

my $one = duration(1, 400);
my $all = duration(50, 400);

cmp_ok($one, '>=', 0.4, 'it sleeps as long as it wants to');
cmp_ok($all, '<', 3 * $one, 'fifty sleep at the same time');
is(scalar $nginx->log_lines('exceeded its cpu_limit'), 0,
   'which costs no CPU time');

is($nginx->get('/hasty?20000')->{status}, 504,
   'the limit on wall time holds for sleepers');
is($nginx->get('/hasty?0')->{body}, '0 0', 'and the next request is served');

# Sooner or later: it may be gone before the guest has begun.
for my $turns (0, 0, 0, 1, 3) {
    my $leaver = started('/single?50000');
    $nginx->get('/plain') for 1 .. $turns;
    $leaver->close;

    is($nginx->get('/single?0')->{body}, '0 0',
       "a client that leaves ends its guest's sleep, $turns turns later");
}

ok($nginx->wait_access_log(qr{^/single 499$}), 'as the access log says');

my $last = started('/sleep?500');
$nginx->get('/plain');
$nginx->reload;

is($last->response->{body}, '0 0', 'a reload lets sleepers finish');

$_->close for $sleeper, $last;
$nginx->finish;

done_testing();
