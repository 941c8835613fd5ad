#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A guest that computes does not hold the worker: it runs in slices, in turns
# with the other guests, and the event loop goes on in between.  "Not yet
# answered" is what these tests look at, not how long anything takes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest work {
    binary t-guests/work.elf;
    sandboxes 2 8;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest long {
    binary t-guests/work.elf;
    sandboxes 4;
    slice 10ms;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest spin {
    binary guests/spin.elf;
    sandboxes 4;
    cpu_limit 200ms;
    timeout 60s;
}

hyperlight_guest hasty {
    binary guests/spin.elf;
    sandboxes 4;
    cpu_limit 20s;
    timeout 300ms;
}

hyperlight_guest endless {
    binary guests/spin.elf;
    sandboxes 1;
    cpu_limit 60s;
    timeout 60s;
    queue 4 timeout=60s;
}

hyperlight_guest hello {
    binary guests/hello.elf;
}

log_format outcome '$uri $status';
EOT
location /work { hyperlight_pass work work; }
location /long { hyperlight_pass long work; }
location /spin { hyperlight_pass spin spin; }
location /hasty { hyperlight_pass hasty spin; }
location /endless { access_log access.log outcome;
                    hyperlight_pass endless spin; }
location /hello { hyperlight_pass hello hello; }
location /plain { return 200 "plain"; }
EOT


# Sends a request, and leaves its answer for later.

sub started { return $nginx->started(@_) }


# ---- slices ---------------------------------------------------------------

is($nginx->get('/work?1')->{body}, '1', 'a short call is answered');
is($nginx->get('/work?100')->{body}, '100', 'so is one of many slices');

for my $path ('/work', '/long') {
    my @busy = map { started("$path?400") } 1 .. 2;

    is($nginx->get('/plain')->{body}, 'plain',
       "$path: another location is served meanwhile");
    like($nginx->get('/hello')->{body}, qr/^Hello/,
         "$path: and another guest");
    is_deeply([map { $_->answered } @busy], [0, 0],
              "$path: while the guests compute");

    is_deeply([map { $_->response->{body} } @busy], [400, 400],
              "$path: which they do right");
}


# ---- turns ----------------------------------------------------------------

my $long = started('/work?1000');
my $short = started('/work?20');

is($short->response->{body}, 20, 'a short call does not wait for a long one');
ok(!$long->answered, 'that began before it');
is($long->response->{body}, 1000, 'and the long one ends, too');


# ---- limits ---------------------------------------------------------------

$nginx->clear_log;

my @spinning = map { started('/spin') } 1 .. 4;

is_deeply([map { $_->response->{status} } @spinning], [(504) x 4],
          'four spinning guests end by their limit');
is(scalar $nginx->log_lines('exceeded its cpu_limit of 200 ms'), 4,
   'each by its own CPU time, though all of them ran at once');

$nginx->clear_log;

my @hasty = map { started('/hasty') } 1 .. 4;

is_deeply([map { $_->response->{status} } @hasty], [(504) x 4],
          'four guests that share a CPU end by the clock');
is(scalar $nginx->log_lines('exceeded its timeout of 300 ms'), 4,
   'which does not wait for their turns');


# ---- leaving --------------------------------------------------------------

my $leaver = started('/endless');
$nginx->get('/plain') for 1 .. 3;
$leaver->close;

# The only sandbox: this would wait for it for a minute.
my $next = started('/endless');
$nginx->get('/plain') for 1 .. 3;
$next->close;

ok($nginx->wait_access_log(qr{^/endless 499$}, 2),
   'a client that leaves ends its call, and gives the sandbox back');


# ---- shutdown -------------------------------------------------------------

my $last = started('/work?500');
$nginx->get('/plain');

my ($old) = $nginx->workers;
$nginx->reload;

is($last->response->{body}, 500, 'a reload lets a computing guest finish');
isnt(($nginx->workers)[0], $old, 'in the old worker');

$last = started('/work?500');
$nginx->get('/plain');
$nginx->signal('QUIT');

is($last->response->{body}, 500, 'and so does the end of nginx');

$nginx->stop;
$nginx->start;
$nginx->finish;

done_testing();
