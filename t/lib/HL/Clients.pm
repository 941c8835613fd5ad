package HL::Clients;

# Copyright (C) the Hyperlight for nginx authors

# Processes that do something while the test does something else:
#
#     my $clients = HL::Clients->start(3, sub {
#         my ($name, $begun, $is_over) = @_;
#
#         until ($is_over->()) {
#             ...
#             $begun->();
#         }
#
#         return 'a line';
#     });
#     ...
#     my @lines = $clients->end;
#
# start() returns when each of them has called $begun->(), or is at its end;
# their names are 1, 2, and so on.

use strict;
use warnings;

use POSIX ();


sub start {
    my ($class, $n, $code) = @_;

    my @clients = map {
        my $name = $_;
        my $pid = open my $pipe, '-|';
        defined $pid or die "fork: $!";

        if ($pid == 0) {
            client($name, $code);
            POSIX::_exit(0);
        }

        { pid => $pid, pipe => $pipe }
    } 1 .. $n;

    for (@clients) {
        my $line = readline($_->{pipe}) // "nothing\n";

        # Its only line: it has ended without a beginning.
        $_->{line} = $line if $line ne "begun\n";
    }

    return bless { clients => \@clients }, $class;
}


# What each has returned, once it has been told that it is over.

sub end {
    my ($self) = @_;

    my @clients = @{ $self->{clients} };

    kill 'USR1', map { $_->{pid} } @clients;

    return map {
        my $line = $_->{line} // readline($_->{pipe}) // "nothing\n";
        close $_->{pipe};
        chomp $line;
        $line;
    } @clients;
}


# Whatever happens there, the ends of the test and its modules are not this
# process's.

sub client {
    my ($name, $code) = @_;

    my ($stop, $begun) = (0, 0);
    my $parent = getppid;

    local $SIG{USR1} = sub { $stop = 1 };
    $| = 1;

    # Without its parent, the test, it has nobody to report to.
    my $line = eval {
        $code->($name,
                sub { print "begun\n" if !$begun++ },
                sub { $stop || getppid != $parent });
    } // "died: $@";

    print $line =~ s/\n+/ /gr, "\n";
}


1;
