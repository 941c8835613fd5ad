package HL::May;

# Copyright (C) the Hyperlight for nginx authors

# For tests with the guest may.elf: what it is told, and what it answers.

use strict;
use warnings;

use Exporter qw(import);

use HL::Status;

our @EXPORT_OK = qw(ask words refused limited);


# The body that tells it.

sub words {
    return join '', map { "$_\0" } @_;
}


# Its answer: the lines of the body, or the status if that is not 200.

sub ask {
    my ($nginx, $uri, $words, @headers) = @_;

    my $r = $nginx->post($uri, words(@$words), @headers);

    return $r->{status} == 200 ? $r->{body} : $r->{status};
}


# Of a guest, what the status says that it was refused, or went over.

sub refused { return counters('refused', @_) }
sub limited { return counters('limited', @_) }

sub counters {
    my ($member, $nginx, $guest) = @_;

    my $all = HL::Status::json($nginx)->{$guest}{$member};

    return { map { $_ => $all->{$_} } grep { $all->{$_} } keys %$all };
}


1;
