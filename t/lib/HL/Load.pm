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

use HL::Clients;


sub under {
    my ($nginx, $uri, $body, $code) = @_;

    my $clients = HL::Clients->start(2, sub {
        my ($name, @told) = @_;
        return load($nginx, $uri, $body, @told);
    });

    # Whatever happens, they are to stop.
    my $done = eval { $code->(); 1 };
    my $error = $@;
    my @reports = $clients->end;

    die $error if !$done;

    return @reports;
}


sub load {
    my ($nginx, $uri, $body, $begun, $is_over) = @_;

    my $ok = 0;

    # One request at least is of the time after the first.
    until ($ok > 1 && $is_over->()) {
        my $r = eval { $nginx->get($uri) };

        return "$ok ok, then " . ($r ? "answer $r->{status} $r->{body}"
                                     : "error $@")
            if !$r || $r->{status} != 200 || $r->{body} !~ /^\Q$body\E\s*$/;

        $ok++;
        $begun->();
    }

    return 'ok';
}


1;
