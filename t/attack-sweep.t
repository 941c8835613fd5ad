#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The attacks by number of t/core/test_attack_sweep.c as requests: ports, INT
# n, pages, bytes of the hypercall page.  Behind each of them an innocent
# request to the same VM must be served and see nothing.  Of pages a test here
# knows no layout: what can be written cannot be run, what cannot be read can
# be neither, and what is the host's is the host's.

use strict;
use warnings;
no warnings 'portable';             # addresses have 64 bits

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

use constant {
    PAGE         => 4096,
    HYPERCALL    => 0x40002000,
    CODE         => 0x140,          # bytes of it, and some behind
    DYNAMIC      => 0x40006000,     # regions that are not the host's
    BREAKPOINT   => 3,
    OVERFLOW     => 4,
    UNDEFINED    => 6,
    PROTECTION   => 13,
    PAGE_FAULT   => 14,
    NOTHING      => 255,
    INT_HOST     => 26,             # a para-virtual KVM takes it itself
};

my %kind = (read => 0, write => 1, fetch => 2, lock => 3);

my $build = HL::Nginx::build();

# One sandbox: whoever comes next, gets the same.
my $nginx = HL::Nginx->new(http => <<"EOT", server => <<'EOT');
hyperlight_guest attack {
    binary $build/t/core/guests/attack.elf;
    sandboxes 1;
    cpu_limit 10s;
    timeout 20s;
}
EOT
location /attack { hyperlight_pass attack attack; }
location /witness { hyperlight_pass attack witness; }
location /interrupts { hyperlight_pass attack interrupts; }
location /ports { hyperlight_pass attack ports; }
location /sweep { hyperlight_pass attack sweep; }

location /at {
    hyperlight_pass attack at;
    hyperlight_cpu_limit 5ms;
}
EOT

my ($worker) = $nginx->workers;
my $hardware = $nginx->get('/attack?rdfsbase')->{status} == 500;


sub witness {
    my $r = $nginx->get('/witness');

    return "$r->{status} $r->{body}";
}


# The vector of each address that is accessed.

sub vectors {
    my ($kind, @addresses) = @_;
    my %vectors;

    @vectors{@addresses} = unpack 'C*',
        $nginx->post("/sweep?$kind{$kind}", pack 'Q<*', @addresses)->{body};

    return \%vectors;
}


# ---- ports ----------------------------------------------------------------

# Legacy devices, PCI, debug consoles, hypervisors' own; some others.
my @odd = grep { $nginx->get("/ports?$_")->{body} ne "0\n" }
          (map { 16 * $_ } 0 .. 0x3f), 0x4d0, 0x500, 0x600, 0xb000, 0xc000,
          0xcf0, 0xcf8, 0x5650, 0xfff0, map { 0x1000 + 2039 * $_ } 0 .. 29;

is_deeply(\@odd, [], 'IN and OUT of each kind: #GP, whatever the port');
is(witness(), "200 0\n", 'the next request is served, and sees nothing');


# ---- INT n ----------------------------------------------------------------

my @vectors = unpack 'C*', $nginx->get('/interrupts')->{body};

is(scalar @vectors, 256, 'INT n, for each n');
is_deeply([@vectors[BREAKPOINT, OVERFLOW]], [BREAKPOINT, OVERFLOW],
          'two are the guest\'s');
is_deeply([grep { $_ != BREAKPOINT && $_ != OVERFLOW
                  && $vectors[$_] != PROTECTION
                  && ($hardware || ($vectors[$_] != UNDEFINED
                                    && $_ != INT_HOST)) } 0 .. 255],
          [], 'all others fault');
is(witness(), "200 0\n", 'the next request is served, and sees nothing');


# ---- pages ----------------------------------------------------------------

# The guest's file and what follows it; the host's pages, areas, stack and
# the begin of the heap; others, which are nowhere among these, the kernel's.
my @own = map { PAGE * $_ } 0x3f8 .. 0x420, 0x40000 .. 0x40300;
my @others = ((map { PAGE * 61 * $_ + 0x123 } 1 .. 16, 18 .. 0x1000),
              0xfffbd000, 0x100000000, 0x7ffffffff000, 0x800000000000,
              0xffff7fffffffffff, 0xffff800000000000, 0xffff888000000000,
              0xffffffff81000000, 0xffffffffff600000, 0xffffffffffffffff);

my $read = vectors('read', @own);
my $write = vectors('write', @own);
my $lock = vectors('lock', @own);
my @writable = grep { $write->{$_} == NOTHING } @own;
my @closed = grep { $read->{$_} != NOTHING } @own;
my @host = grep { $_ >= 0x40000000 && $_ < DYNAMIC } @own;

cmp_ok(scalar @writable, '>', 100, 'pages that a guest may write to');
cmp_ok(scalar @closed, '>', 256, 'pages that it may not read');
cmp_ok(@writable + @closed, '<', @own, 'and some that it may only read');

is_deeply([grep { $read->{$_} != NOTHING && $read->{$_} != PAGE_FAULT } @own],
          [], 'a page is read or faults');
is_deeply([grep { $lock->{$_} != $write->{$_} } @own], [],
          'a locked access is a write');
is_deeply([grep { $write->{$_} != PAGE_FAULT } @closed, @host], [],
          'what cannot be read, or is the host\'s, cannot be written');

my $run = vectors('fetch', @writable, @closed);

is_deeply([grep { $run->{$_} != PAGE_FAULT } @writable], [],
          'what can be written cannot be run');
is_deeply([grep { $run->{$_} != PAGE_FAULT } @closed], [],
          'what cannot be read cannot be run');

for my $kind (sort keys %kind) {
    my $got = vectors($kind, @others);

    is_deeply([grep { $got->{$_} != PAGE_FAULT && $got->{$_} != PROTECTION }
               @others], [], "$kind elsewhere: a fault");
}

is(witness(), "200 0\n", 'the next request is served, and sees nothing');


# ---- the hypercall page ---------------------------------------------------

my @not = grep {
    eval { $nginx->get('/at?' . (HYPERCALL + $_)) };
    witness() ne "200 0\n";
} 0 .. CODE - 1;

is_deeply(\@not, [], 'from each byte of the hypercall page: the next request '
                     . 'is served, and sees nothing');

is_deeply([$nginx->workers], [$worker], 'all by the same worker');


$nginx->finish;

done_testing;
