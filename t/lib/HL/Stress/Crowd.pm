package HL::Stress::Crowd;

# Copyright (C) the Hyperlight for nginx authors

# For t/stress/stress.pl: clients that ask without a break while something
# happens to nginx:
#
#     my $seen = HL::Stress::Crowd::under(
#         { clients => 24, seed => 7, part => 1, port => ..., port2 => ...,
#           locations => [...] }, sub { ... });
#     # { http1 => { requests => 1234, closed => 500, left => 60, ... },
#     #   http2 => { ... }, hangs => [...], failed => [...] }
#
# Connections are counted by their ends; "hangs" says what was asked on those
# that hang, "failed" what clients died of.  Each client's connections follow
# from seed and part.

use strict;
use warnings;

use HL::Clients;
use HL::Stress::Http1;
use HL::Stress::Http2;
use HL::Stress::Requests;
use JSON::PP ();


sub under {
    my ($o, $code) = @_;

    my $clients = HL::Clients->start($o->{clients}, sub {
        return JSON::PP::encode_json(client($o, @_));
    });

    # Whatever happens, they are to stop.
    my $done = eval { $code->(); 1 };
    my $error = $@;
    my @lines = $clients->end;

    die $error if !$done;

    my $all = { http1 => {}, http2 => {}, hangs => [], failed => [] };

    for my $line (@lines) {
        my $seen = eval { JSON::PP::decode_json($line) }
                   // { failed => [$line] };

        add($all, $seen);
    }

    return $all;
}


# Adds numbers, appends lists.

sub add {
    my ($all, $seen) = @_;

    for my $name (keys %$seen) {
        my $value = $seen->{$name};

        if (ref $value eq 'HASH') {
            add($all->{$name} ||= {}, $value);
        } elsif (ref $value) {
            push @{ $all->{$name} }, @$value;
        } else {
            $all->{$name} += $value;
        }
    }
}


# Every third client speaks HTTP/2.

sub client {
    my ($o, $name, $begun, $is_over) = @_;

    my ($protocol, $run) = $name % 3
                           ? ('http1', \&HL::Stress::Http1::run)
                           : ('http2', \&HL::Stress::Http2::run);
    my (%ends, @hangs);

    $begun->();

    for (my $n = 1; !$is_over->(); $n++) {
        HL::Stress::Requests::begin($o->{seed}, $o->{part}, $name, $n);

        my $connection = $run->($o);
        my $requests = $connection->{requests};
        my $end = $connection->{end};

        $ends{requests} += @$requests;
        $ends{$end}++;
        push @hangs, "client $name, connection $n: " . join ' | ', @$requests
            if $end eq 'hang';
    }

    return { $protocol => \%ends, hangs => \@hangs };
}


1;
