package HL::Faults;

# Copyright (C) the Hyperlight for nginx authors

# Lets KVM fail in an nginx that runs: t/faults/inject.c, which is preloaded.
#
#     my $faults = HL::Faults->new;
#     my $nginx = HL::Nginx->new(wrap => [$faults->wrap], ...);
#
#     $faults->arm(kind => 'error', errno => EIO, request => 'KVM_RUN');
#     is($nginx->get('/')->{status}, 500);
#     is($faults->done, 1);
#     $faults->disarm;

use strict;
use warnings;

use Carp qw(croak);

use parent qw(HL::Preload);

use constant ALWAYS => 0xffffffff;

# inject_kind_t.
my %kinds = (nothing => 0, error => 1, result => 2, 'error late' => 3,
             exit => 4, 'exit early' => 5, open => 6);

# linux/kvm.h; without "request": all of them.
my %requests = (
    KVM_GET_API_VERSION        => 0x0000ae00,
    KVM_CREATE_VM              => 0x0000ae01,
    KVM_CHECK_EXTENSION        => 0x0000ae03,
    KVM_GET_VCPU_MMAP_SIZE     => 0x0000ae04,
    KVM_GET_SUPPORTED_CPUID    => 0xc008ae05,
    KVM_CREATE_VCPU            => 0x0000ae41,
    KVM_GET_DIRTY_LOG          => 0x4010ae42,
    KVM_SET_USER_MEMORY_REGION => 0x4020ae46,
    KVM_RUN                    => 0x0000ae80,
    KVM_SET_REGS               => 0x4090ae82,
    KVM_GET_SREGS              => 0x8138ae83,
    KVM_SET_SREGS              => 0x4138ae84,
    KVM_SET_CPUID2             => 0x4008ae90,
    KVM_GET_XSAVE              => 0x9000aea4,
    KVM_SET_XSAVE              => 0x5000aea5,
    KVM_X86_SET_MSR_FILTER     => 0x4188aec6,
);

# inject_t: what arm() writes, and what is read.
my @given = qw(value request after times lacks fill direction size port
               count);
my @told = qw(seen done last pending);


sub new {
    my ($class) = @_;

    return $class->SUPER::new('t/faults/inject.so',
                              HL_FAULTS => 4 * (1 + @given + @told));
}


# "errno", "reason" or "result" is the value; "kind" is written last.

sub arm {
    my ($self, %o) = @_;

    my $kind = $kinds{$o{kind}} // croak "no kind '$o{kind}'";

    $o{value} = $o{errno} // $o{reason} // $o{result};
    $o{request} = $requests{$o{request}} // croak "no ioctl '$o{request}'"
        if defined $o{request};
    $o{times} //= 1;

    $self->disarm;
    $self->put(4, 'L*', map({ $o{$_} // 0 } @given), (0) x @told);
    $self->put(0, 'L', $kind);
}


sub disarm {
    my ($self) = @_;

    $self->put(0, 'L', 0);
}


# So many were made to fail since then.

sub done {
    my ($self) = @_;

    my %n;
    @n{@told} = unpack 'L*', $self->take(4 + 4 * @given, 4 * @told);

    return $n{done};
}


1;
