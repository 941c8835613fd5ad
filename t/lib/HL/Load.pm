package HL::Load;

# Copyright (C) the Hyperlight for nginx authors

# Requests without a break while something happens to nginx:
#
#     is_deeply([HL::Load::under($nginx, '/counter', 1, sub { ... })],
#               ['ok', 'ok']);
#
# Two processes ask for the same all the time, each request on a connection of
# its own, and stop at the first answer that is not 200 with this body.

use strict;
use warnings;

use POSIX ();


sub under {
    my ($nginx, $uri, $body, $code) = @_;

    my @pipes = map {
        my $pid = open my $pipe, '-|';
        defined $pid or die "fork: $!";

        if ($pid == 0) {
            load($nginx, $uri, $body);
            POSIX::_exit(0);
        }

        { pid => $pid, pipe => $pipe }
    } 1 .. 2;

    # Each one has begun when it says so.
    readline $_->{pipe} for @pipes;

    # Whatever happens, they are to stop.
    my $done = eval { $code->(); 1 };
    my $error = $@;

    kill 'USR1', map { $_->{pid} } @pipes;

    my @reports = map { my $line = readline $_->{pipe}; chomp $line; $line }
                  @pipes;
    close $_->{pipe} for @pipes;

    die $error if !$done;

    return @reports;
}


sub load {
    my ($nginx, $uri, $body) = @_;

    my ($stop, $ok, $failed) = (0, 0, '');
    my $parent = getppid;

    local $SIG{USR1} = sub { $stop = 1 };
    $| = 1;

    # Without its parent, the test, it has nobody to report to.  One request
    # at least is of the time after the first.
    until ($stop && $ok > 1 || getppid != $parent) {
        my $r = eval { $nginx->get($uri) };

        if ($r && $r->{status} == 200 && $r->{body} =~ /^\Q$body\E\s*$/) {
            $ok++;

        } else {
            $failed = $r ? "answer $r->{status} $r->{body}" : "error $@";
            last;
        }

        print "begun\n" if $ok == 1;
    }

    print $failed eq '' ? "ok\n" : "$ok ok, then $failed\n";
}


1;
