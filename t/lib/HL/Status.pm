package HL::Status;

# Copyright (C) the Hyperlight for nginx authors

# What "location /status { hyperlight_status; }" of a HL::Nginx says.

use strict;
use warnings;

use JSON::PP ();


# By name of guest.

sub json {
    my ($nginx) = @_;

    my $r = $nginx->get('/status?format=json');
    my $status = JSON::PP::decode_json($r->{body});

    return { map { $_->{name} => $_ } @{ $status->{guests} } };
}


1;
