#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What an administrator does to a server that runs: a new binary in place of
# the old one, new log files, a hundred guests, no master process; a worker
# that the system kills.  Requests are served through all of it.

use strict;
use warnings;

# A binary is replaced by its path: nginx looks nowhere else for it.
BEGIN {
    my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

    if ($nginx !~ m{/}) {
        ($nginx) = grep { -x } map { "$_/$nginx" } split(/:/, $ENV{PATH}),
                                                   '/usr/sbin';
    }

    $ENV{TEST_NGINX_BINARY} = $nginx;
}

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Load;
use HL::Nginx;
use Test::More;

use constant {
    SYS_PRCTL              => 157,
    PR_SET_CHILD_SUBREAPER => 36,
    GUESTS                 => 100,
};

my $http = <<'EOT';
hyperlight_guest counter {
    binary guests/counter.elf;
}

hyperlight_guest twin {
    binary guests/counter.elf;
    heap 2m;
}

hyperlight_guest sleep {
    binary t-guests/sleep.elf;
    timeout 10s;
}

hyperlight_guest crash {
    binary guests/crash.elf;
}
EOT

my $server = <<'EOT';
location /counter { hyperlight_pass counter counter; }
location /twin { hyperlight_pass twin counter; }
location /sleep { hyperlight_pass sleep nap; }
location /crash { hyperlight_pass crash crash; }
EOT


sub under_load {
    my ($nginx, $code) = @_;

    return [HL::Load::under($nginx, '/counter', 1, $code)];
}


# ---- a new binary ---------------------------------------------------------

# A master whose parent has not gone takes itself for the new one, and ignores
# USR2: this one is a daemon.  All masters become children of this process.
syscall(SYS_PRCTL, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    or die "prctl: $!";

# The new binary has no more of the environment than it is told: what a
# sanitizer needs.
my $nginx = HL::Nginx->new(
    workers => 2, daemon => 'on', start => 0,
    main => join('', map { "env $_;\n" }
                     qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS)),
    http => $http, server => $server,
);

waitpid $nginx->spawn($nginx->command), 0;
HL::Nginx::wait_for(sub {
    ($nginx->{pid} = pid_of('nginx.pid')) && $nginx->is_up
}) or die 'nginx does not start';
$nginx->take_baseline;


sub pid_of {
    my ($file) = @_;

    return ($nginx->read_file($file) =~ /(\d+)/)[0] || 0;
}



sub upgrade {
    my $old = $nginx->{pid};

    $nginx->signal('USR2');

    HL::Nginx::wait_for(sub {
        pid_of('nginx.pid.oldbin') == $old && pid_of('nginx.pid')
    }) or die 'no new master: ' . $nginx->log_text;

    my $new = pid_of('nginx.pid');
    my @old_workers = $nginx->workers;

    # The new one's workers have to be there before the old ones go.
    $nginx->{pid} = $new;
    HL::Nginx::wait_for(sub { $nginx->workers == 2 })
        or die 'no new workers: ' . $nginx->log_text;

    kill 'WINCH', $old;
    HL::Nginx::wait_for(sub { !grep { -d "/proc/$_" } @old_workers })
        or die 'old workers stay';

    kill 'QUIT', $old;
    HL::Nginx::wait_for(sub { !-e $nginx->dir . '/nginx.pid.oldbin' })
        or die 'the old master stays';
    waitpid $old, 0;

    $nginx->take_baseline;
}

my $sleeper = $nginx->connect;
$sleeper->request('GET', '/sleep?700');
$nginx->get('/counter');

is_deeply(under_load($nginx, \&upgrade), ['ok', 'ok'],
          'USR2, WINCH, QUIT under load: no request fails');
is($sleeper->response->{body}, '0 0', 'what was under way ends well');
is($nginx->get('/twin')->{body} + 0, 1, 'the new binary serves all guests');

is_deeply(under_load($nginx, \&upgrade), ['ok', 'ok'], 'and once more');


# ---- new log files --------------------------------------------------------

is_deeply(under_load($nginx, sub {
    for my $n (1 .. 5) {
        rename $nginx->dir . '/error.log', $nginx->dir . "/error.log.$n"
            or die "rename: $!";
        $nginx->signal('USR1');
        HL::Nginx::wait_for(sub { -e $nginx->dir . '/error.log' })
            or die 'no new log';
    }
}), ['ok', 'ok'], 'USR1 under load: no request fails');

$nginx->get('/crash');
ok(HL::Nginx::wait_for(sub { $nginx->log_lines('guest "crash"') }),
   'what guests do is in the new log');


# ---- a worker that is killed ----------------------------------------------

# With its connections, which may be those of both clients.
{
    my @workers = $nginx->workers;

    $nginx->allow(qr/\[alert\] .*worker process \d+ exited on signal 9/);

    my $reports = under_load($nginx, sub {
        kill 'KILL', $workers[0];
        HL::Nginx::wait_for(sub {
            2 == grep { $_ != $workers[0] } $nginx->workers
        }) or die 'no new worker';
    });

    is_deeply([grep { !/^ok$|closed the connection/ } @$reports], [],
              'kill -9: no request has a wrong answer');
    is_deeply(under_load($nginx, sub { select undef, undef, undef, 0.2 }),
              ['ok', 'ok'], 'and none fails after it');
    $nginx->take_baseline;
}

$sleeper->close;
$nginx->finish;


# ---- a hundred guests -----------------------------------------------------

my $many = HL::Nginx->new(
    http => join('', map { "hyperlight_guest g$_ { binary guests/counter.elf; "
                           . "heap 128k; }\n" } 1 .. GUESTS),
    server => join('', map { "location /g$_/ { hyperlight_pass g$_ counter; }"
                             . "\n" } 1 .. GUESTS),
);

is_deeply([map { $many->get("/g$_/")->{body} + 0 } 1 .. GUESTS],
          [(1) x GUESTS], 'a hundred guests');

is_deeply([HL::Load::under($many, '/g1/', 1, sub { $many->reload })],
          ['ok', 'ok'], 'which are all reloaded under load');

# Taken by reload() with the clients of the load.
$many->take_baseline;
$many->finish;


# ---- no master process ----------------------------------------------------

my $single = HL::Nginx->new(workers => 0, main => "master_process off;\n",
                            http => $http, server => $server);

ok(HL::Nginx::wait_for(sub { eval { $single->get('/counter') } }),
   'master_process off: it starts');
is($single->get('/counter')->{body} + 0, 1, 'and serves guests');
is($single->get('/crash')->{status}, 500, 'that crash, too');
is($single->get('/sleep?10')->{body}, '0 0', 'or sleep');
is_deeply(under_load($single, sub { $single->get('/sleep?100') }),
          ['ok', 'ok'], 'under load');

$single->finish;

done_testing();
