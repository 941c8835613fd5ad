package HL::Stress::Http2;

# Copyright (C) the Hyperlight for nginx authors

# For t/stress/stress.pl: connections of HTTP/2, with up to eight streams at a
# time.  One client keeps to the protocol and waits for the end of each
# stream, which has to come; the other resets, gives no room, leaves.

use strict;
use warnings;

use HL::Frames ();
use HL::Http2;
use HL::Stress::Exchange;
use HL::Stress::Requests qw(chance pick request show);

# Octets of a value: what HL::Frames writes.
use constant LONGEST => 120;


# { end => ..., requests => [...] }: as HL::Stress::Exchange says; or, of one
# that waits, "ended", all streams, "gone", the server has said that it goes,
# "lost", it has not.

sub run {
    my ($o) = @_;

    my @requests = map { request(@{ $o->{locations} }) } 1 .. 1 + int rand 8;

    for my $request (@requests) {
        $request->{uri} = substr $request->{uri}, 0, LONGEST;
        $request->{headers} = [grep { length $_->[1] <= LONGEST }
                               @{ $request->{headers} }];
        $request->{body} = substr $request->{body}, 0, 40_000
            if defined $request->{body};
    }

    my $end = chance(0.4) ? wait_for_all($o->{port2}, @requests)
                          : be_rude($o->{port2}, @requests);

    return { end => $end, requests => [map { show($_) } @requests] };
}


# What HL::Client dies of, says which it was.

sub wait_for_all {
    my ($port, @requests) = @_;

    local $HL::Client::patience = HL::Stress::Exchange::PATIENCE;

    my $h2;
    my $done = eval {
        $h2 = HL::Http2->new($port, chance(0.3)
                                       ? (window => pick(10, 1000)) : ());
        my @streams = map {
            $h2->request($_->{method}, $_->{uri}, body => $_->{body},
                         headers => $_->{headers});
        } @requests;

        $h2->response($_) for @streams;
        $h2->close;
        1;
    };

    return 'ended' if $done;
    return $h2 && !defined $h2->{goaway} ? 'lost' : 'gone'
        if $@ =~ /the server closed the connection|connect to/;
    return 'hang' if $@ =~ /no answer within|takes no more bytes/;
    die $@;
}


sub be_rude {
    my ($port, @requests) = @_;

    my $bytes = HL::Frames::preface(
        chance(0.3) ? (HL::Frames::INITIAL_WINDOW,
                       pick(0, 10, 1000, 65_535)) : ());
    my $stream = -1;

    $bytes .= rude_stream($stream += 2, $_) for @requests;
    $bytes .= HL::Frames::window_update(0, 1_000_000) if chance(0.8);

    my $last = join '', map { HL::Frames::reset_stream(2 * $_ + 1) }
                        grep { chance(0.5) } 0 .. $#requests;

    return HL::Stress::Exchange::run({ port => $port }, $bytes,
                                     leave => pick(0.01, 0.1, 0.5, 1.5),
                                     how   => pick('close', 'reset'),
                                     last  => chance(0.5) ? $last : undef);
}


sub rude_stream {
    my ($stream, $request) = @_;

    my $body = $request->{body};
    my $bytes = HL::Frames::headers($stream, $request->{method},
                                    $request->{uri}, defined $body,
                                    @{ $request->{headers} });

    if (defined $body) {
        my $is_whole = chance(0.9);

        do {
            my $piece = substr $body, 0, 10_000, '';

            $bytes .= HL::Frames::data($stream, $piece,
                                       $is_whole && $body eq '');
        } while ($body ne '');
    }

    $bytes .= HL::Frames::reset_stream($stream) if chance(0.2);
    $bytes .= HL::Frames::window_update($stream, 100_000) if chance(0.5);

    return $bytes;
}


1;
