#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The attacks of t/attack/attacks.h, each as a request, each followed by an
# innocent one to the same VM, which must be served and see nothing.  (How
# each ends in core: t/core/test_attack.c.)  Then what a worker keeps of its
# guests, as the kernel shows it: mappings and descriptors.

use strict;
use warnings;
no warnings 'portable';             # addresses have 64 bits

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

# An end of the table as the client sees it; a handler that parks has
# answered, with nothing.
my %status = (
    ok     => qr/^200$/,
    left   => qr/^500$/,
    output => qr/^(?:200|502)$/,
    abort  => qr/^500$/,
    time   => qr/^504$/,
);

# By all numbers of host functions: one of them has sent the response's head.
my %flushes = (spin_raw_call => 1);

# What a guest keeps in its memory, so often that no instruction has it.  (What
# attacks have in registers may be left on the worker's stack for a while: a
# signal's frame has the worker's own, which have copied them.)
use constant PATTERN => pack('V2', 0x7a5e2086, 0x4b3f1c9d) x 8;

use constant CHUNK => 1 << 20;

# What is larger is a sanitizer's.
use constant LARGE => 1 << 30;

# Of fdinfo's flags.
use constant O_CLOEXEC => 02000000;

my $build = HL::Nginx::build();

# One sandbox: whoever comes next, gets the same.
my $nginx = HL::Nginx->new(http => <<"EOT", server => <<'EOT');
hyperlight_guest attack {
    binary $build/t/core/guests/attack.elf;
    sandboxes 1 1;
    host_call_limit 1000000;
    cpu_limit 5s;
    timeout 10s;
}
EOT
location /attack {
    hyperlight_pass attack attack;
}

location /endless {
    hyperlight_pass attack attack;
    hyperlight_cpu_limit 20ms;
}

location /witness {
    hyperlight_pass attack witness;
}

location /keep {
    hyperlight_pass attack keep;
}
EOT

my @attacks = table("$FindBin::Bin/attack/attacks.h");
my $hardware = $nginx->get('/attack?rdfsbase')->{status} == 500;
my ($worker) = $nginx->workers;
my $resident = $nginx->resident($worker);

cmp_ok(scalar @attacks, '>', 250, 'the table is read');


# ---- attacks --------------------------------------------------------------

for my $attack (@attacks) {
    my ($name, @columns) = @$attack;
    my @ends = split / /, $columns[$hardware ? 0 : 1];
    my $uri = $columns[0] =~ /time/ ? '/endless' : '/attack';
    my $got = eval { $nginx->get("$uri?$name")->{status} } // 'cut';

    ok(scalar(grep { $got =~ ($status{$_} || qr/^500$/) } @ends)
       || $got eq 'cut' && $flushes{$name},
       "$name: @ends")
        or diag("status $got\n", $nginx->log_lines(qr/$uri\?$name /));

    is($got, 502, "$name: 502") if $name =~ /^output_/ && "@ends" ne 'ok';

    my $response = $nginx->get('/witness');

    is("$response->{status} $response->{body}", "200 0\n",
       "$name: the next request is served, and sees nothing");
}

is_deeply([$nginx->workers], [$worker], 'all by the same worker');
cmp_ok($nginx->resident($worker) - $resident, '<', 32 * 1024,
       'which has not grown much');


# ---- what a worker keeps --------------------------------------------------

{
    my $client = $nginx->connect;

    $client->request('GET', '/keep?1000');

    my @found;
    ok(HL::Nginx::wait_for(sub { @found = holders($worker) }),
       'the guest keeps a secret, while it waits');

    for my $map (@found) {
        is($map->{perms}, 'rw-p',
           "$map->{range} $map->{path}: not executable");
        like($map->{flags}, qr/ dd /, 'not in a core dump');
        like($map->{flags}, qr/ dc /, 'not in a child process');
    }

    is($client->response->{body}, "kept\n", 'then it answers');
    ok(HL::Nginx::wait_for(sub { !holders($worker) }),
       'and the worker has the secret no more, nowhere');

    $client->close;
}

is_deeply([grep { $_->{perms} =~ /x/ && $_->{path} !~ m{^(?:/(?!memfd:)|\[v)} }
           maps($worker)], [],
          'what is executable is a file: no guest memory');

for my $what ('/dev/kvm', 'anon_inode:kvm-vm', 'anon_inode:kvm-vcpu',
              '/memfd:hl-guest', '/memfd:hl-snapshot')
{
    my @descriptors = descriptors($worker, $what);

    ok(scalar @descriptors, "a worker has $what");
    is_deeply([grep { !($_->{flags} & O_CLOEXEC) } @descriptors], [],
              'closed on exec');
}

for my $what ('/dev/kvm', '/memfd:hl-guest') {
    my @descriptors = descriptors($nginx->{pid}, $what);

    ok(scalar @descriptors, "the master has $what");
    is_deeply([grep { !($_->{flags} & O_CLOEXEC) } @descriptors], [],
              'closed on exec');
}

is_deeply([descriptors($nginx->{pid}, 'anon_inode:kvm')], [],
          'the master has no VM');


$nginx->finish;

done_testing;


# Name, end on hardware, end here.

sub table {
    my ($path) = @_;
    my @rows;

    open my $file, '<', $path or die "$path: $!";
    my $text = do { local $/; <$file> };

    while ($text =~ /^(CODE|CODE_2|CALL)\((\w+),(.*?)\)$/msg) {
        my ($macro, $name, $rest) = ($1, $2, $3);
        my @ends = $rest =~ /"([^"]*)"/g;

        push @rows, [$name, @ends[$macro eq 'CODE_2' ? (-2, -1) : (-1, -1)]];
    }

    return @rows;
}


# The mappings of a process: range, perms, path, flags.

sub maps {
    my ($pid) = @_;
    my @maps;

    open my $file, '<', "/proc/$pid/smaps" or die "smaps: $!";

    while (<$file>) {
        if (/^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/) {
            push @maps, { start => hex $1, end => hex $2, range => "$1-$2",
                          perms => $3, path => $4 };

        } elsif (/^VmFlags:(.*)$/) {
            $maps[-1]{flags} = "$1 ";
        }
    }

    return @maps;
}


# Those that have the pattern.

sub holders {
    my ($pid) = @_;
    my @found;

    open my $memory, '<:raw', "/proc/$pid/mem" or die "mem: $!";

    for my $map (maps($pid)) {
        next if $map->{perms} !~ /^r/ || $map->{path} =~ /^\[v/
                || $map->{end} - $map->{start} > LARGE;

        for (my $at = $map->{start}; $at < $map->{end}; $at += CHUNK) {
            my $size = $map->{end} - $at;
            my $bytes;

            $size = CHUNK if $size > CHUNK;
            sysseek $memory, $at, 0 or last;

            if (sysread($memory, $bytes, $size)
                && index($bytes, PATTERN) >= 0)
            {
                push @found, $map;
                last;
            }
        }
    }

    return @found;
}


# Those whose file's name begins so, with their flags.

sub descriptors {
    my ($pid, $what) = @_;
    my @found;

    for my $link (glob "/proc/$pid/fd/*") {
        my $path = readlink $link // '';
        next if index($path, $what) != 0;

        open my $file, '<', $link =~ s{/fd/}{/fdinfo/}r or next;
        my ($flags) = map { /^flags:\s+(\d+)/ } <$file>;

        push @found, { path => $path, flags => oct $flags };
    }

    return @found;
}
