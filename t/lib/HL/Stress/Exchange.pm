package HL::Stress::Exchange;

# Copyright (C) the Hyperlight for nginx authors

# For t/stress/stress.pl: sends bytes, and reads what comes meanwhile, until
# the server closes the connection, or the client leaves:
#
#     my $end = HL::Stress::Exchange::run(
#         { port => $port, rcvbuf => 4096 }, $bytes, leave => 0.2);
#
# "closed" (by the server), "broken" (by it, with bytes of the client's still
# on their way), "left", or "hang": the server has neither taken nor sent a
# byte for PATIENCE.

use strict;
use warnings;

use HL::Leavers;
use Time::HiRes qw(sleep time);

# Seconds: many times what the configuration allows for one step.
use constant PATIENCE => 20;


# leave: a time, in seconds; how: "close" or "reset"; last: what is sent
# before; half: the client's side is shut down when all is sent; slow: a pause
# before each read.

sub run {
    my ($leaver, $bytes, %o) = @_;

    my $socket = $leaver->{socket} = HL::Leavers::dial($leaver);
    my $end = exchange($leaver, $socket, $bytes, \%o);

    HL::Leavers::act($leaver, send => $o{last})
        if defined $o{last} && $end eq 'left';
    HL::Leavers::act($leaver, $end eq 'left' ? $o{how} // 'close' : 'close');

    return $end;
}


sub exchange {
    my ($leaver, $socket, $bytes, $o) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $leave = defined $o->{leave} ? time + $o->{leave} : undef;
    my ($sent, $last, $buf) = (0, time, '');
    my $bit = '';
    vec($bit, fileno $socket, 1) = 1;

    for ( ;; ) {
        return 'left' if defined $leave && time > $leave;
        return 'hang' if time - $last > PATIENCE;

        my ($in, $out) = ($bit, $sent < length $bytes ? $bit : '');

        # Vectors are undefined if it fails.
        select($in, $out, undef, 0.05) > 0 or next;

        if ($out =~ /[^\0]/) {
            my $n = syswrite $socket, $bytes, 20_000, $sent;
            return 'broken' if !defined $n && !$!{EAGAIN};

            $sent += $n // 0;
            $last = time if $n;
            HL::Leavers::act($leaver, 'half')
                if $o->{half} && $sent == length $bytes;
        }

        if ($in =~ /[^\0]/) {
            sleep $o->{slow} if $o->{slow};

            my $n = sysread $socket, $buf, 16_384;
            return 'broken' if !defined $n && !$!{EAGAIN};
            return 'closed' if defined $n && $n == 0;

            $last = time if $n;
        }
    }
}


1;
