#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Reload, changed and broken guest files, workers that die, orders to stop:
# requests are served through all of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Load;
use HL::Nginx;
use Test::More;
use Time::HiRes qw(sleep time);

my $http = <<'EOT';
hyperlight_guest counter {
    binary guests/counter.elf;
}

hyperlight_guest spin {
    binary guests/spin.elf;
    cpu_limit 500ms;
}

hyperlight_guest changing {
    binary changing.elf;
}
EOT

my $server = <<'EOT';
location /counter {
    hyperlight_pass counter counter;
}

location /spin {
    hyperlight_pass spin spin;
}

location /version {
    hyperlight_pass changing version;
}
EOT

my $nginx = HL::Nginx->new(start => 0, http => $http, server => $server);

change_guest(sub { });
$nginx->start;


# Writes changing.elf anew, as a deployment does: a new file in place of the
# old one.  The code may change what is in $_.

sub change_guest {
    my ($code) = @_;

    open my $file, '<', $nginx->dir . '/t-guests/version.elf'
        or die "version.elf: $!";
    binmode $file;
    local $/;
    local $_ = <$file>;

    $code->();

    $nginx->write_file('changing.elf.new', $_);
    rename $nginx->dir . '/changing.elf.new', $nginx->dir . '/changing.elf'
        or die "rename: $!";
}


sub under_load {
    my ($code) = @_;

    return HL::Load::under($nginx, '/counter', 1, $code);
}


is_deeply([under_load(sub { $nginx->reload for 1 .. 5 })], ['ok', 'ok'],
          'five reloads under load: no request fails');


# ---- changed guest files --------------------------------------------------

is($nginx->get('/version')->{body}, 'version one', 'a guest file');

change_guest(sub { s/version one/version two/ or die });

is($nginx->get('/version')->{body}, 'version one',
   'it is changed: the old one is served');

kill_worker();

is($nginx->get('/version')->{body}, 'version one',
   'by a new worker, too: the file was read once');

$nginx->reload;

is($nginx->get('/version')->{body}, 'version two', 'until a reload');


for (
    ['is cut short',      sub { substr $_, 1000, length, '' }],
    ['is not an ELF',     sub { $_ = "#!/bin/sh\n" }],
    ['is empty',          sub { $_ = '' }],
    ['is not from hlcc',  sub { s/hlcc\0/gcc.\0/ or die }],
) {
    my ($how, $code) = @$_;

    change_guest($code);

    $nginx->clear_log;
    $nginx->allow(qr/\[emerg\] .*changing\.elf.*http\.conf:\d+$/);
    $nginx->signal('HUP');

    ok($nginx->wait_log(qr/\[emerg\] .*changing\.elf/),
       "the guest file $how: the reload is refused");
    is($nginx->get('/version')->{body}, 'version two',
       'and the old configuration goes on');
}

change_guest(sub { s/version one/version 333/ });
$nginx->reload;
is($nginx->get('/version')->{body}, 'version 333', 'then it is mended');


# ---- guests that fail when they start -------------------------------------

for (
    ['init_abort', qr/I shall not be born/],
    ['init_spin',  qr/longer than 100 ms/],
) {
    my ($guest, $reason) = @$_;

    $nginx->clear_log;
    $nginx->configure(
        http   => $http . <<"EOT", server => $server . <<'EOT');
hyperlight_guest broken {
    binary t-guests/$guest.elf;
    init_timeout 100ms;
}
EOT
location /broken {
    hyperlight_pass broken nothing;
}
EOT
    $nginx->reload;

    my $r = $nginx->get('/broken');

    is($r->{status}, 503, "$guest: 503");
    ok($r->{headers}{'retry-after'}, "$guest: with Retry-After");
    is($nginx->get('/counter')->{status}, 200,
       "$guest: the other guests are served");

    my ($line) = $nginx->log_lines(qr/\[crit\]/);

    like($line, qr/"broken"/, "$guest: the log names the guest");
    like($line, $reason, "$guest: and the reason");
    like($line, qr/until nginx is reloaded/, "$guest: it is final");

    ($line) = $nginx->log_lines(qr/\[error\] .*its initialisation has failed/);
    ok($line, "$guest: and each request says why it was not served");
}

$nginx->configure(http => $http, server => $server);
$nginx->reload;


# ---- workers that die -----------------------------------------------------

sub kill_worker {
    my ($old) = $nginx->workers;

    $nginx->allow(qr/\[alert\] .*worker process $old exited on signal 9/);
    kill 'KILL', $old;

    HL::Nginx::wait_for(sub {
        my @workers = $nginx->workers;
        return @workers == 1 && $workers[0] != $old;
    }) or die 'no new worker';

    $nginx->take_baseline;
}

kill_worker();
is($nginx->get('/counter')->{body} + 0, 1,
   'a worker was killed: its successor serves');

{
    my $client = $nginx->connect;
    my ($old) = $nginx->workers;

    $client->request('GET', '/spin');
    sleep 0.1;
    kill_worker();

    is(eval { $client->response }, undef,
       'a worker was killed while a guest ran: that request is lost');
    is($nginx->get('/counter')->{body} + 0, 1, 'the next one is served');
}


# ---- the end --------------------------------------------------------------

{
    my $client = $nginx->connect;

    $client->send("POST /counter HTTP/1.1\r\nHost: localhost\r\n"
                  . "Content-Length: 3\r\n\r\n");
    $client->send('a');

    # The request must be in the worker's hands before it is told to stop.
    is($nginx->get('/counter')->{status}, 200, 'a request is under way');

    $nginx->signal('QUIT');
    ok(HL::Nginx::wait_for(sub { !$nginx->workers }),
       'QUIT: the worker is shutting down');

    $client->send('bc');
    is($client->response->{status}, 200, 'and answers what it has begun');
    $client->close;

    is($nginx->stop, 0, 'then nginx is gone');
}

{
    $nginx->start;

    my $client = $nginx->connect;

    $client->request('GET', '/spin');
    sleep 0.1;

    my $start = time;
    is($nginx->stop('TERM'), 0, 'TERM while a guest spins');
    cmp_ok(time - $start, '<', 3, 'nginx stops soon');
}

$nginx->start;
$nginx->finish;

done_testing;
