#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_status: what is counted, over workers, reloads and deaths.  The
# forms that it is shown in are t/status-format.t's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Status;
use Test::More;

my $http = <<'EOT';
hyperlight_guest hello {
    binary guests/hello.elf;
    sandboxes 2 4;
}

hyperlight_guest answer {
    binary t-guests/answer.elf;
    cpu_limit 50ms;
    headers 4k;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
}

hyperlight_guest spin {
    binary guests/spin.elf;
    cpu_limit 50ms;
}

hyperlight_guest single {
    binary t-guests/work.elf;
    sandboxes 1;
    queue 1 timeout=10s;
    cpu_limit 20s;
    timeout 60s;
}

hyperlight_guest stillborn {
    binary t-guests/init_abort.elf;
}
EOT

my $server = <<'EOT';
add_header X-Pid $pid always;

location /status { hyperlight_status; }
location /plain { return 200 "plain"; }
location /hello { hyperlight_pass hello hello; }
location /answer { hyperlight_pass answer answer; }
location /unknown { hyperlight_pass answer nobody; }
location /fault { hyperlight_pass probe fault; }
location /abort { hyperlight_pass probe Abort; }
location /String { hyperlight_pass probe Echo; }
location /spin { hyperlight_pass spin spin; }
location /single { hyperlight_pass single work; }
location /stillborn { hyperlight_pass stillborn nothing; }

location /again {
    error_page 500 /hello;
    hyperlight_pass probe fault;
}
EOT

my $nginx = HL::Nginx->new(http => $http, server => $server);


sub status {
    return HL::Status::json($nginx);
}


sub started { return $nginx->started(@_, '/plain') }


sub counted {
    return HL::Status::counted($nginx, @_);
}


# ---- outcomes -------------------------------------------------------------

is_deeply([map { my $guest = $_; grep { $_ } values %{ $guest->{calls} } }
           values %{ status() }], [], 'at first there is nothing');

my $text = sub { join '', map { "$_\0" } @_ };

for (
    ['ok', 200, 'hello ok', sub { $nginx->get('/hello') }],
    ['a status of the guest\'s own', 404, 'answer ok',
        sub { $nginx->post('/answer', $text->('status', 404)) }],
    ['HEAD', 200, 'hello ok', sub { $nginx->request('HEAD', '/hello') }],
    ['a fault', 500, 'probe fault', sub { $nginx->get('/fault?null') }],
    ['an abort', 500, 'probe fault', sub { $nginx->get('/fault?abort') }],
    ['an unknown function', 500, 'answer error',
        sub { $nginx->get('/unknown') }],
    ['a malformed response', 502, 'answer invalid',
        sub { $nginx->post('/answer', $text->('status', 42)) }],
    ['too much output', 502, 'answer invalid',
        sub { $nginx->post('/answer', $text->('fill', 1000000)) }],
    ['the CPU limit', 504, 'spin timeout', sub { $nginx->get('/spin') }],
    ['a body over the room, by its length', 413, 'hello limit',
        sub { $nginx->post('/hello', 'x' x 200000) }],
    ['a body over the room, in chunks', 413, 'hello limit',
        sub { $nginx->request('POST', '/hello', body => 'x' x 200000,
                              chunk => 50000) }],
    ['a long URI', 414, 'answer limit',
        sub { $nginx->get('/answer/' . 'x' x 5000) }],
    ['a String that is none', 400, 'probe limit',
        sub { $nginx->post('/String', "\xff") }],
    ['a guest that could not start', 503, 'stillborn unavailable',
        sub { $nginx->get('/stillborn') }],
) {
    my ($what, $code, $counter, $request) = @$_;

    my $r;
    my $added = counted(sub { $r = $request->() });

    is($r->{status}, $code, "$what: $code");
    is_deeply($added, { $counter => 1 }, "$what: $counter, once");
}

is_deeply(counted(sub { $nginx->get('/again?null') }),
          { 'probe fault' => 1, 'hello ok' => 1 },
          'error_page: both calls, once each');

is_deeply(counted(sub { $nginx->get('/plain') }), {},
          'a request without a guest: nothing');

is_deeply(counted(sub {
    my $running = started('/single?200');
    my $waiting = started('/single?1');

    is($nginx->get('/single?1')->{status}, 503, 'the queue is full');
    $_->response, $_->close for $running, $waiting;
}), { 'single ok' => 2, 'single busy' => 1 }, 'busy, once');

is_deeply(counted(sub {
    my $running = started('/single?5000');
    my $waiting = started('/single?1');

    $waiting->close;
    HL::Nginx::wait_for(sub { status()->{single}{queue}{length} == 0 });
    $running->close;
    HL::Nginx::wait_for(sub { status()->{single}{sandboxes}{in_use} == 0 });
}), { 'single aborted' => 2 }, 'aborted: running, and in the queue');


# ---- the rest of the counters ---------------------------------------------

{
    my $before = status();
    $nginx->get('/hello') for 1 .. 10;
    $nginx->get('/plain');
    my $after = status();
    my ($a, $b) = ($after->{hello}, $before->{hello});

    is($a->{exits} - $b->{exits}, 10, 'exits');
    is($a->{call_seconds}{count} - $b->{call_seconds}{count}, 10,
       'calls in the histogram');
    cmp_ok($a->{pages}{restored} - $b->{pages}{restored}, '>=', 10,
           'pages restored');
    cmp_ok($a->{cpu_seconds}, '>', $b->{cpu_seconds}, 'CPU time');
    cmp_ok($a->{call_seconds}{sum} - $b->{call_seconds}{sum}, '>=',
           $a->{cpu_seconds} - $b->{cpu_seconds} - 1e-6,
           'wall time is not less');
}

{
    my $guest = status()->{spin};

    cmp_ok($guest->{cpu_seconds}, '>=', 0.05, 'a long call: its CPU time');
    cmp_ok($guest->{cpu_seconds}, '<=', 0.2, 'once');

    my %at = map { $_->{le} => $_->{count} }
             @{ $guest->{call_seconds}{buckets} };

    is($at{'0.05'}, 0, 'a long call: not in the buckets before it');
    is($at{'+Inf'}, 1, 'but in the last one');
}

{
    my $before = status()->{single}{queue};
    my $running = started('/single?200');
    my $waiting = started('/single?1');
    my $during = status()->{single};

    is($during->{queue}{length}, 1, 'the length of the queue');
    is($during->{sandboxes}{in_use}, 1, 'the sandbox in use');
    is($during->{sandboxes}{count}, 1, 'of one');

    $_->response, $_->close for $running, $waiting;

    my $after = status()->{single};

    is($after->{queue}{length}, 0, 'the queue is empty');
    is($after->{sandboxes}{in_use}, 0, 'the sandbox is free');
    is($after->{queue}{waited} - $before->{waited}, 1, 'one has waited');
    cmp_ok($after->{queue}{seconds}, '>', $before->{seconds}, 'for a while');
}

is(status()->{hello}{sandboxes}{count}, 2, 'sandboxes: MIN');
is(status()->{hello}{sandboxes}{max}, 4, 'and MAX is shown');
is(status()->{stillborn}{sandboxes}{count}, 0, 'a guest that has none');


# ---- reload ---------------------------------------------------------------

{
    my $before = status();

    $nginx->reload;

    my $after = status();

    is_deeply({ map { $_ => $after->{$_}{calls} } keys %$after },
              { map { $_ => $before->{$_}{calls} } keys %$before },
              'reload: the counters are kept');
    is($after->{hello}{since}, $before->{hello}{since}, 'since when, too');
    is($after->{hello}{sandboxes}{count}, 2,
       'the sandboxes are those of the new worker');
    is_deeply(counted(sub { $nginx->get('/hello') }), { 'hello ok' => 1 },
              'and it goes on from there');
}

# What an old worker counts after a reload is not lost.

{
    my $before = status();
    my $client = started('/single?400');

    $nginx->signal('HUP');
    ok(HL::Nginx::wait_for(sub { status()->{single}{workers} == 2 }),
       'reload: the old worker goes on');
    is(status()->{single}{sandboxes}{in_use}, 1, 'with its sandbox');

    is($client->response->{status}, 200, 'and with what it had begun');
    $client->close;

    ok(HL::Nginx::wait_for(sub { status()->{single}{workers} == 1 }),
       'then it is gone');
    is(status()->{single}{calls}{ok}, $before->{single}{calls}{ok} + 1,
       'its call is counted');
    $nginx->take_baseline;
}

{
    my ($calls) = status()->{hello}{calls};
    my $without = $http =~ s/hyperlight_guest probe \{.*?\}//sr;

    $nginx->configure(
        http => $without . <<'EOT', server => $server =~ s/.* probe .*\n//gr);
hyperlight_guest newcomer {
    binary guests/counter.elf;
}
EOT
    $nginx->reload;

    is(status()->{probe}, undef, 'reload without a guest: it is gone');
    is_deeply(status()->{hello}{calls}, $calls, 'the others are as before');
    is(status()->{newcomer}{calls}{ok}, 0, 'a new one starts from nothing');

    $nginx->configure(http => $http, server => $server);
    $nginx->reload;

    is(status()->{probe}{calls}{fault}, 0,
       'one that comes back starts from nothing, too');
    is_deeply(counted(sub { $nginx->get('/fault?null') }),
              { 'probe fault' => 1 }, 'and is counted');
    is_deeply(status()->{hello}{calls}, $calls, 'the others are as before');
}

$nginx->finish;


# ---- workers --------------------------------------------------------------

$nginx = HL::Nginx->new(workers => 2, http => $http, server => $server);

{
    my (%pids, $sent);

    # Two at a time, so that each worker gets some.
    for (1 .. 100) {
        my @clients = map { $nginx->connect } 1 .. 4;

        $_->request('GET', '/hello') for @clients;

        for my $client (@clients) {
            $pids{ $client->response->{headers}{'x-pid'} }++;
            $client->close;
            $sent++;
        }

        last if keys %pids == 2;
    }

    is(scalar keys %pids, 2, 'both workers serve');

    my $guest = status()->{hello};

    is($guest->{calls}{ok}, $sent, 'the calls of both are counted');
    is($guest->{sandboxes}{count}, 4, 'the sandboxes of both');
    is($guest->{workers}, 2, 'and the workers');
}

{
    my $before = status();
    my $client = started('/single?5000');
    my $r;

    ok(HL::Nginx::wait_for(sub { status()->{single}{sandboxes}{in_use} == 1 }),
       'a worker is busy');

    # the one that computes: the other one only waits by now
    my %before = map { $_ => ticks($_) } $nginx->workers;
    my $victim;

    ok(HL::Nginx::wait_for(sub {
           ($victim) = grep { ticks($_) - $before{$_} > 10 } keys %before;
           return $victim;
       }), 'and is found');

    $nginx->allow(qr/\[alert\] .*worker process $victim exited on signal 9/);
    kill 'KILL', $victim;

    ok(HL::Nginx::wait_for(sub {
           my $single = status()->{single};
           return $single->{sandboxes}{in_use} == 0
                  && $single->{sandboxes}{count} == 2
                  && $single->{workers} == 2;
       }), 'it is killed: its sandbox is in use no more, its successor\'s is '
           . 'there');
    is_deeply(status()->{hello}{calls}, $before->{hello}{calls},
              'what it had counted is kept');

    $client->close;
    HL::Nginx::wait_for(sub { $nginx->workers == 2 });
    $nginx->take_baseline;
}


# The CPU time of a process, in clock ticks.

sub ticks {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/stat" or return 0;
    my @fields = split / /, (<$file> =~ s/.*\) //r);

    return $fields[11] + $fields[12];
}


$nginx->finish;

done_testing;
