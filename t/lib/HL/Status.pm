package HL::Status;

# Copyright (C) the Hyperlight for nginx authors

# What "location /status { hyperlight_status; }" of a HL::Nginx says.

use strict;
use warnings;

use JSON::PP ();

use HL::Nginx;


# By name of guest.

sub json {
    my ($nginx) = @_;

    my $r = $nginx->get('/status?format=json');
    my $status = JSON::PP::decode_json($r->{body});

    return { map { $_->{name} => $_ } @{ $status->{guests} } };
}


# Until the guest has so many sandboxes that serve calls: whether it came to
# that.

sub wait_in_use {
    my ($nginx, $guest, $n) = @_;

    return HL::Nginx::wait_for(sub {
        json($nginx)->{$guest}{sandboxes}{in_use} == $n });
}


# Of a guest, as "WORKERS COUNT IN_USE".

sub sandboxes {
    my ($nginx, $guest) = @_;

    my $g = json($nginx)->{$guest};

    return "$g->{workers} $g->{sandboxes}{count} $g->{sandboxes}{in_use}";
}


# What the code adds to the calls of all guests: "guest outcome" => number.

sub counted {
    my ($nginx, $code) = @_;

    my $before = json($nginx);
    $code->();
    my $after = json($nginx);
    my %added;

    for my $guest (keys %$after) {
        my $calls = $after->{$guest}{calls};

        for my $outcome (keys %$calls) {
            my $n = $calls->{$outcome}
                    - ($before->{$guest}{calls}{$outcome} || 0);
            $added{"$guest $outcome"} = $n if $n;
        }
    }

    return \%added;
}


1;
