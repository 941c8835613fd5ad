package HL::Outage;

# Copyright (C) the Hyperlight for nginx authors

# What a worker asks the system for, and does not get (t/outage/fail.c):
#
#     my $outage = HL::Outage->new;
#     my $nginx = HL::Nginx->new(wrap => [$outage->wrap], ...);
#
#     $outage->order(n => 3, kinds => MALLOC|MAP);
#     $nginx->get('/');
#     $outage->over;
#     my ($pid, $kind) = $outage->victim(3);
#
# Workers that begin a round together have n, n + 1, and so on.

use strict;
use warnings;

use Errno qw(ENOMEM);
use Exporter qw(import);

use parent qw(HL::Preload);

use constant {
    MALLOC => 1,
    MAP    => 2,
    ADVISE => 4,
    MEMFD  => 8,
    WRITE  => 16,
    HEAD   => 7,
    ROWS   => 4096,
};

our @EXPORT_OK = qw(MALLOC MAP ADVISE MEMFD WRITE);


sub new {
    my ($class) = @_;

    return $class->SUPER::new('t/outage/fail.so',
                              HL_OUTAGE => 8 * (HEAD + ROWS));
}


# n (1), kinds, errno (ENOMEM), all (0): all calls from the n-th on, young (0):
# only in workers that start from now on.

sub order {
    my ($self, %o) = @_;

    $self->over;
    $self->put(8, 'Q*', $o{kinds}, $o{errno} // ENOMEM, $o{n} // 1,
               $o{all} // 0, $o{young} // 0, 0, (0) x ROWS);
    $self->put(0, 'Q', ++$self->{round});
}


sub over {
    my ($self) = @_;

    $self->put(0, 'Q', 0);
}


# How many calls have.

sub failed { return $_[0]->word(6) }


# Of an n: the worker that had it, 0 if it has not come so far, and the kind.

sub victim {
    my ($self, $n) = @_;

    my $row = $self->word(HEAD + $n);

    return ($row & 0xffffffff, $row >> 32);
}


sub word {
    my ($self, $at) = @_;

    return unpack 'Q', $self->take(8 * $at, 8);
}


1;
