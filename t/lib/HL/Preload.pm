package HL::Preload;

# Copyright (C) the Hyperlight for nginx authors

# A library that is put between nginx and the system (LD_PRELOAD), and the
# file by which the test steers it, or is told what it has seen:
#
#     my $jumps = HL::Preload->new('t/outage/clock.so', HL_CLOCK => 16);
#     my $nginx = HL::Nginx->new(wrap => [$jumps->wrap], ...);
#
#     $jumps->put(0, 'q2', 5, -10);
#     my @numbers = unpack 'q2', $jumps->take(0, 16);
#
# A variable of the environment names the file, which is so many zeros at
# first; nginx and all of its processes map it.

use strict;
use warnings;

use Carp qw(croak);
use File::Temp ();

use HL::Nginx;


sub new {
    my ($class, $library, $variable, $size) = @_;

    my $file = File::Temp->new(TEMPLATE => 'hl-preload-XXXXXX', TMPDIR => 1);

    # Workers are of another user.
    chmod 0666, "$file" or croak "chmod $file: $!";
    binmode $file;

    my $self = bless { file => $file, library => $library,
                       variable => $variable }, $class;
    $self->put(0, 'C*', (0) x $size);

    return $self;
}


sub wrap {
    my ($self) = @_;

    return ('env', 'LD_PRELOAD=' . HL::Nginx::build() . "/$self->{library}",
            "$self->{variable}=$self->{file}");
}


# Numbers, as pack() takes them.

sub put {
    my ($self, $offset, $template, @numbers) = @_;

    my $bytes = pack $template, @numbers;

    sysseek($self->{file}, $offset, 0)
        && syswrite($self->{file}, $bytes) == length $bytes
        or croak "write $self->{file}: $!";
}


sub take {
    my ($self, $offset, $size) = @_;

    sysseek($self->{file}, $offset, 0)
        && sysread($self->{file}, my $bytes, $size) == $size
        or croak "read $self->{file}: $!";

    return $bytes;
}


1;
