#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# KVM fails while a worker starts, serves, restores, grows its pool, and tries
# again: the log says which ioctl and why, the request that had it gets an
# error, no other one notices, and the same worker serves on.  What fails is
# t/faults/inject.c's choice; every ioctl and errno: t/core/test_faults.c.
# HL_FAULTS_LONG: each ioctl of a worker's start, which takes minutes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Errno;
use HL::Clients;
use HL::Faults;
use HL::Load;
use HL::Nginx;
use Test::More;

# KVM_EXIT_IO, and by what a guest leaves: core/hl_entry.h.
use constant { EXIT_IO => 2, PORT_LEAVE => 0x80, PORT_FAULT => 0x81 };

my @errnos = map { Errno->can($_)->() }
             qw(EINVAL ENOMEM EFAULT EBUSY EEXIST EMFILE ENFILE ENOENT EAGAIN
                E2BIG EPERM EACCES ENXIO ENODEV ENOTTY ENOSYS EBADF EIO
                ENOSPC EOPNOTSUPP ENOEXEC);

my $faults = HL::Faults->new;

my $nginx = HL::Nginx->new(wrap => [$faults->wrap],
                           http => <<'EOT', server => <<'EOT');
hyperlight_guest probe {
    binary testguests/probe.elf;
    sandboxes 1;
    cpu_limit 5s;
    timeout 5s;
}

hyperlight_guest sleep {
    binary t-guests/sleep.elf;
    sandboxes 1;
    timeout 5s;
}

hyperlight_guest gate { binary t-guests/gate.elf; sandboxes 1; allow all; }
hyperlight_guest alter { binary t-guests/alter.elf; sandboxes 1; allow all; }

hyperlight_guest value {
    binary t-guests/value.elf;
    sandboxes 1;
    slice 500ms;
    cpu_limit 1s;
}

hyperlight_set $value value count;

hyperlight_guest grows {
    binary t-guests/work.elf;
    sandboxes 1 4;
    queue 64 timeout=60s;
    cpu_limit 20s;
    timeout 60s;
}
EOT
location /echo { hyperlight_pass probe echo; }
location /set { hyperlight_pass probe set_secret; }
location /find { hyperlight_pass probe find_secret; }
location /fault { hyperlight_pass probe fault; }
location /sleep { hyperlight_pass sleep nap; }
location /grows { hyperlight_pass grows work; }
location /access { hyperlight_access gate gate; hyperlight_pass probe echo; }
location /header {
    hyperlight_header_filter alter mark;
    return 200 text;
}
location /body {
    hyperlight_body_filter alter upper;
    return 200 text;
}
location /value { return 200 "[$value]"; }
location /plain { return 200 "plain"; }
EOT

my $n = 0;

# Bodies that are no other request's; and none of the secrets is left that
# set_secret puts into all memory and registers (t/isolation.t).

sub is_well {
    my ($name) = @_;

    my $text = 'request ' . $n++;

    is($nginx->post('/echo', $text)->{body}, $text, "$name: the next one is "
       . 'served');
    is($nginx->get('/find')->{body}, "0\n", "$name: and finds no secret");
}


# When the restore that is behind an answer is over.

sub arm {
    my (%o) = @_;

    $nginx->get('/plain');
    $faults->arm(%o);
}


sub error_of {
    my ($errno) = @_;

    local $! = $errno;

    return "$!";
}


# ---- a request ------------------------------------------------------------

for my $kind ('error', 'error late') {
    for my $errno (@errnos) {
        my $text = error_of($errno);
        my $name = "KVM_RUN, $kind, $text";

        $nginx->clear_log;
        arm(kind => $kind, errno => $errno, request => 'KVM_RUN');

        my $r = $nginx->get('/set');

        is($faults->done, 1, "$name: it failed");
        is($r->{status}, 500, "$name: 500");

        my @lines = $nginx->log_lines(qr/\[crit\]/);

        is(@lines, 1, "$name: one line in the log");
        like($lines[0],
             qr/"probe" function "set_secret": \Qioctl(KVM_RUN): $text, \E/,
             "$name: it says what");
        is_well($name);
    }
}

{
    my $body = 'request ' . $n++;

    arm(kind => 'error', errno => Errno::EINTR(),
        request => 'KVM_RUN', times => 20);
    is($nginx->post('/echo', $body)->{body}, $body, 'EINTR is no failure');
    is($faults->done, 20, 'twenty times');
    is_well('after signals');
}


# ---- exits ----------------------------------------------------------------

my @exits = (
    (map { my $reason = $_;
           map { { reason => $reason, fill => $_ } } 0, 0xff }
         0, 1, 3 .. 42, 0x7fffffff, 0xffffffff),
    (map { { reason => EXIT_IO, fill => 0xff, direction => $_->[0],
             size => $_->[1], count => $_->[2], port => $_->[3] } }
         [0, 1, 1, PORT_LEAVE], [1, 1, 1, PORT_FAULT], [0xff, 1, 1, 0],
         [1, 0, 0, 0], [1, 4, 0xffffffff, 0xffff], [1, 2, 1, PORT_LEAVE],
         [1, 1, 2, PORT_LEAVE], [1, 1, 0, PORT_LEAVE],
         [1, 0xff, 0xffffffff, PORT_FAULT]),
);

for my $kind ('exit', 'exit early') {
    for my $exit (@exits) {
        my $name = join ' ', $kind, map { "$_=$exit->{$_}" } sort keys %$exit;

        # KVM does not tell a leave that did not happen.
        next if $kind eq 'exit early' && $exit->{reason} == EXIT_IO
                && $exit->{direction} == 1 && $exit->{size} == 1
                && $exit->{count} == 1;

        $nginx->clear_log;
        arm(kind => $kind, %$exit);

        my $r = $nginx->get('/set');

        is($faults->done, 1, "$name: it came");

        # A leave is known by where it was, whatever the port.
        if ($r->{status} == 200) {
            is($exit->{reason}, EXIT_IO, "$name: it is a leave");
            is($r->{body}, "set\n", "$name: and the answer is right");
            is_well($name);
            next;
        }

        is($r->{status}, 500, "$name: 500");
        is(scalar $nginx->log_lines(qr/\[error\] .*"set_secret": the /), 1,
           "$name: one line in the log");
        is_well($name);
    }
}


# ---- between two entries of one call --------------------------------------

for my $errno (Errno::ENOMEM(), Errno::EFAULT()) {
    arm(kind => 'error', errno => $errno, request => 'KVM_RUN',
                 after => 1);
    is($nginx->get('/sleep?1')->{status}, 500,
       'a guest that cannot be entered again: 500');
    is($faults->done, 1, 'it was the second entry');
    is($nginx->get('/sleep?1')->{body}, '0 0', 'and the next one sleeps well');
}


# ---- guests at other places -----------------------------------------------

for (
    ['/access', 'text', 500],
    ['/header', 'text', 500],
    ['/body',   'TEXT', 500],
    ['/value',  '[1]',  200],
) {
    my ($uri, $body, $status) = @$_;

    $nginx->clear_log;
    arm(kind => 'error', errno => Errno::EIO(), request => 'KVM_RUN');

    my $r = $nginx->post($uri, 'text');

    is($faults->done, 1, "$uri: KVM_RUN failed");
    is($r->{status}, $status, "$uri: $status");
    unlike($r->{body}, qr/\Q$body\E/, "$uri: without what it would have said");
    is(scalar $nginx->log_lines(qr/\[crit\] .*ioctl\(KVM_RUN\): /), 1,
       "$uri: the log says why");
    is($nginx->post($uri, 'text')->{body}, $body, "$uri: the next is well");
}


# ---- restore --------------------------------------------------------------

for (
    ['/echo',      'KVM_GET_DIRTY_LOG', 200],
    ['/fault?hlt', 'KVM_SET_SREGS',     500],
    ['/fault?hlt', 'KVM_SET_REGS',      500],
    ['/fault?hlt', 'KVM_SET_XSAVE',     500],
) {
    my ($uri, $request, $status) = @$_;
    my $text = error_of(Errno::EIO());

    $nginx->clear_log;
    arm(kind => 'error', errno => Errno::EIO(),
        request => $request);

    is($nginx->post($uri, 'x')->{status}, $status,
       "$request in a restore: the request is answered as ever");
    is_well($request);
    is($faults->done, 1, 'it failed');
    is_deeply([$nginx->log_lines(qr/\[crit\]/)],
              ['[crit] hyperlight: guest "probe" was not restored: '
               . "ioctl($request): $text"],
              'and the log says so');
}


# ---- everything, for a while ----------------------------------------------

{
    my $text = error_of(Errno::EIO());

    $nginx->clear_log;
    arm(kind => 'error', errno => Errno::EIO(),
        times => HL::Faults::ALWAYS);

    is($nginx->post('/echo', 'x')->{status}, 500, 'all ioctls fail: 500');

    my $r = $nginx->post('/echo', 'y');

    is($r->{status}, 503, 'then there is no sandbox: 503');
    like($r->{headers}{'retry-after'}, qr/^\d+$/, 'with Retry-After');
    is($nginx->get('/plain')->{body}, 'plain', 'nginx serves on');
    like(join('', $nginx->log_lines(qr/\[crit\]/)),
         qr/"probe": \Qioctl(KVM_CREATE_VM): $text, its locations answer/,
         'the log says which and why');

    $faults->disarm;
    recovers('when KVM is well again');
}


# As soon as the worker has tried again.

sub recovers {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $status;

    ok(HL::Nginx::wait_for(sub {
           $status = $nginx->post('/echo', 'x')->{status};
           return $status != 503;
       }, 40), "$name: it is served again");
    is($status, 200, "$name: without another error");
    is_well($name);
}


# ---- under load -----------------------------------------------------------

# Who asks gets what it has sent, or an error.

sub asks {
    my ($name, $begun, $is_over) = @_;

    my %n;

    until ($is_over->()) {
        my $body = "of $$, request " . $n++;
        my $r = $nginx->post('/echo', $body);

        $n{$r->{status} == 200 && $r->{body} eq $body ? 'right'
           : $r->{status} =~ /^50[03]$/ && $r->{body} !~ /request \d/
           ? 'errors' : 'wrong'}++;
        $begun->();
    }

    return sprintf '%d right, %d errors, %d wrong',
        map { $n{$_} || 0 } qw(right errors wrong);
}

{
    my $faulty = 0;
    my $asking = HL::Clients->start(3, \&asks);

    for my $i (0 .. 199) {
        my $kind = ('error', 'error late', 'exit', 'exit early')[$i % 4];

        arm(kind => $kind, after => $i * 7 % 30, fill => 0xff,
            $kind =~ /error/ ? (errno => $errnos[$i % @errnos])
                             : (reason => 3 + $i % 40));
        HL::Nginx::wait_for(sub { $faults->done }, 1);
        $faulty += $faults->done;
    }

    $faults->disarm;

    like($_, qr/^[1-9]\d* right, \d+ errors, 0 wrong$/,
         'under load: each got its own answer, or an error')
        for $asking->end;

    cmp_ok($faulty, '>', 100, 'and there were faults');

    # An exit in the look behind a restore.
    $nginx->allow(qr/not restored: the entry code did not come to its end/);
    recovers('after the load');
}


# ---- growth ---------------------------------------------------------------

sub busy {
    my @clients = map { my $c = $nginx->connect;
                        $c->request('GET', '/grows?100');
                        $c } 1 .. 6;

    return map { $_->response->{body} } @clients;
}

for my $request (qw(KVM_CREATE_VM KVM_CREATE_VCPU KVM_SET_USER_MEMORY_REGION
                    KVM_SET_XSAVE))
{
    my $text = error_of(Errno::ENOMEM());

    $nginx->reload;                     # with one sandbox
    $nginx->clear_log;
    arm(kind => 'error', errno => Errno::ENOMEM(), request => $request,
        times => HL::Faults::ALWAYS);

    is_deeply([busy()], [(100) x 6],
              "$request: a pool that cannot grow serves all the same");
    cmp_ok($faults->done, '>', 0, "$request: it could not");
    like(join('', $nginx->log_lines(qr/\[crit\]/)),
         qr/\[crit\] hyperlight: guest "grows": ioctl\($request\): \Q$text\E/,
         "$request: the log says so");
    $faults->disarm;
    is_deeply([busy()], [(100) x 6], "$request: and now it grows");
}


# ---- a worker's start -----------------------------------------------------

# So many are the master's, which looks at the device: the others are the
# worker's, each of its own.
my @at_start = map { [request => $_] }
    qw(KVM_GET_VCPU_MMAP_SIZE KVM_GET_SUPPORTED_CPUID KVM_CREATE_VM
       KVM_CREATE_VCPU KVM_GET_SREGS KVM_RUN KVM_GET_XSAVE KVM_GET_DIRTY_LOG);

@at_start = map { [after => $_] } 13 .. 200 if $ENV{HL_FAULTS_LONG};

for my $fault (@at_start) {
    my $name = "a worker's start, @$fault";

    $nginx->clear_log;
    arm(kind => 'error', errno => Errno::ENOMEM(), @$fault);
    $nginx->reload;

    last if !$faults->done;

    my ($worker) = $nginx->workers;
    my ($line) = $nginx->log_lines(qr/\[crit\].*hyperlight: /);
    my $text = error_of(Errno::ENOMEM());

    # Of what the next try makes good, or what is measured instead.
    if (!defined $line) {
        is_well($name);
        next;
    }

    like($line, qr/ioctl\(KVM_\w+\): \Q$text\E, its locations answer 503$/,
         "$name: the log says which and why");
    is($nginx->get('/plain')->{body}, 'plain', "$name: nginx serves");
    recovers($name);
    like(join('', $nginx->log_lines(qr/sleep" is ready|probe" is ready/)),
         qr/\[notice\] hyperlight: guest "\w+" is ready now/,
         "$name: the log says that it is, too");
    is_deeply([$nginx->workers], [$worker], "$name: by the same worker");
    $nginx->take_baseline;
}

# It is well only when it was tried for the third time.
{
    my ($worker);

    $nginx->clear_log;
    arm(kind => 'error', errno => Errno::EMFILE(), times => 2,
                 request => 'KVM_GET_VCPU_MMAP_SIZE');
    $nginx->reload;
    ($worker) = $nginx->workers;
    is($nginx->get('/find')->{status}, 503, 'no sandboxes: 503');
    recovers('the third try');
    is($faults->done, 2, 'two of them failed');
    is(scalar $nginx->log_lines(qr/\[crit\]/), 2, 'two lines say so');
    is_deeply([$nginx->workers], [$worker], 'by the same worker');
    $nginx->take_baseline;
}


# ---- /dev/kvm is gone when nginx reloads ----------------------------------

for my $errno (Errno::ENOENT(), Errno::EACCES(), Errno::EMFILE()) {
    my $text = error_of($errno);
    my $name = "/dev/kvm at a reload: $text";

    $nginx->clear_log;
    arm(kind => 'open', errno => $errno,
        times => HL::Faults::ALWAYS);
    $nginx->reload;

    like(join("\n", $nginx->log_lines(qr/\[warn\]/)),
         qr/^\[warn\].*\/dev\/kvm.*\Q$text\E.* answer 503 in .*http\.conf:1$/m,
         "$name: a warning, with file and line");

    my $r = $nginx->get('/find');

    is($r->{status}, 503, "$name: the new worker answers 503");
    like($r->{headers}{'retry-after'}, qr/^\d+$/, "$name: with Retry-After");
    is($nginx->get('/plain')->{body}, 'plain', "$name: nginx serves on");

    $faults->disarm;
    $nginx->reload;
    is_well("$name, and another reload");
}

for my $errno (Errno::ENOENT(), Errno::EACCES(), Errno::EMFILE()) {
    my $text = error_of($errno);
    my $name = "/dev/kvm at a reload, required: $text";
    my $http = $nginx->{http};

    $nginx->configure(http => "hyperlight_required on;\n$http");
    $nginx->reload;

    my @workers = $nginx->workers;

    $nginx->clear_log;
    $nginx->allow(qr/\[emerg\].*\/dev\/kvm/);
    arm(kind => 'open', errno => $errno,
        times => HL::Faults::ALWAYS);

    is_deeply([HL::Load::under($nginx, '/find', '0', sub {
        $nginx->signal('HUP');
        ok($nginx->wait_log(qr/\[emerg\].*\/dev\/kvm.*\Q$text\E.*conf:2/),
           "$name: the new configuration is refused");
    })], ['ok', 'ok'], "$name: no request notices");

    is_deeply([$nginx->workers], \@workers, "$name: the old workers stay");
    $faults->disarm;
    is_well($name);
    $nginx->reload;
    is_well("$name, and another reload");
    $nginx->configure(http => $http);
}


$nginx->finish;

done_testing;
