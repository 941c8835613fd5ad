package HL::Leavers;

# Copyright (C) the Hyperlight for nginx authors

# Clients that leave, many at a time, each at a moment of its own:
#
#     HL::Leavers::run(
#         { port => $port, rcvbuf => 4096, steps => [
#             [0,     send => "GET / HTTP/1.1\r\n"],
#             [0.003, read => 100],
#             [0.004, 'reset'],
#         ] }, ...);
#
# A step is a time, in seconds, and what is done then: send (what the socket
# takes), read (what is there, up to so many bytes), reset (RST), close (FIN),
# half (shutdown of the sending side; what comes after it is read).

use strict;
use warnings;

use Carp qw(croak);
use IO::Handle ();
use Socket qw(AF_INET SOCK_STREAM SOL_SOCKET SO_LINGER SO_RCVBUF IPPROTO_TCP
              TCP_NODELAY inet_aton pack_sockaddr_in);
use Time::HiRes qw(sleep time);


sub run {
    my (@leavers) = @_;

    my @steps;

    for my $leaver (@leavers) {
        for my $step (@{ $leaver->{steps} }) {
            my ($at, @what) = @$step;
            push @steps, [$at, $leaver, @what];
        }
    }

    # Those of one client stay in their order.
    @steps = sort { $a->[0] <=> $b->[0] } @steps;

    my $start = time;

    for (@steps) {
        my ($at, $leaver, $action, $argument) = @$_;

        my $wait = $start + $at - time;
        sleep $wait if $wait > 0;

        $leaver->{socket} ||= dial($leaver) if !$leaver->{left};
        act($leaver, $action, $argument);
    }
}


sub dial {
    my ($leaver) = @_;

    socket my $socket, AF_INET, SOCK_STREAM, 0 or croak "socket: $!";

    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', $leaver->{rcvbuf}
        if $leaver->{rcvbuf};
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, pack 'i', 1;

    connect $socket, pack_sockaddr_in($leaver->{port}, inet_aton('127.0.0.1'))
        or croak "connect to port $leaver->{port}: $!";

    $socket->blocking(0);

    return $socket;
}


sub act {
    my ($leaver, $action, $argument) = @_;

    my $socket = $leaver->{socket} or return;
    local $SIG{PIPE} = 'IGNORE';

    if ($action eq 'send') {
        syswrite $socket, $argument;

    } elsif ($action eq 'read') {
        sysread $socket, my ($bytes), $argument;

    } elsif ($action eq 'half') {
        shutdown $socket, 1;

    } else {
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
            if $action eq 'reset';

        close delete $leaver->{socket};
        $leaver->{left} = 1;
    }
}


1;
