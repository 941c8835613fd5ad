package HL::Crowd;

# Copyright (C) the Hyperlight for nginx authors

# Clients that ask without a break while something happens to nginx, and know
# which worker they talk to:
#
#     my $crowd = HL::Crowd->start($nginx, 4, keepalive => 1);
#     ...
#     my $all = $crowd->end;
#     # { ok => 1234, lost => { PID => 2 }, greetings => 1, wrong => [...] }
#
# Each connection begins with a "GET /pid", which nginx answers itself by the
# number of the worker, and goes on with requests to /act (act.c), each with
# an answer that no other one has.  "lost" are those that came to nothing, by
# worker; "greetings" those of which no worker is known.  Without keepalive a
# connection has one request, and no greeting.

use strict;
use warnings;

use HL::Act qw(sum);
use HL::Clients;
use JSON::PP ();


sub start {
    my ($class, $nginx, $n, %o) = @_;

    my $clients = HL::Clients->start($n, sub {
        return JSON::PP::encode_json(client($nginx, \%o, @_));
    });

    return bless { clients => $clients }, $class;
}


sub end {
    my ($self) = @_;

    my $all = { ok => 0, lost => {}, greetings => 0, wrong => [] };

    for my $line ($self->{clients}->end) {
        my $seen = eval { JSON::PP::decode_json($line) }
                   // { ok => 0, greetings => 0, lost => {},
                        wrong => [$line] };

        $all->{$_} += $seen->{$_} for qw(ok greetings);
        $all->{lost}{$_} += $seen->{lost}{$_} for keys %{ $seen->{lost} };
        push @{ $all->{wrong} }, @{ $seen->{wrong} };
    }

    return $all;
}


sub client {
    my ($nginx, $o, $name, $begun, $is_over) = @_;

    my %seen = (ok => 0, lost => {}, greetings => 0, wrong => []);
    my ($n, $client, $worker) = (0);

    until ($is_over->()) {
        if (!$client) {
            $worker = 'unknown';
            $client = eval { $nginx->connect };

            if (!$client) {
                push @{ $seen{wrong} }, "connect: $@";
                last;
            }

            if ($o->{keepalive}) {
                $worker = eval { greet($client) };

                if (!$worker) {
                    $seen{greetings}++;
                    undef $client;
                    next;
                }
            }
        }

        my $r = eval { act($client, $name, ++$n) };

        if (!defined $r) {
            $seen{lost}{$worker}++;
            undef $client;

        } elsif ($r ne '') {
            push @{ $seen{wrong} }, $r;
            last;

        } else {
            $seen{ok}++;
            $begun->();
        }

        undef $client if !$o->{keepalive};
    }

    return \%seen;
}


sub greet {
    my ($client) = @_;

    $client->request('GET', '/pid');

    return $client->response->{body};
}


# What is wrong with the answer; dies if there is none.

sub act {
    my ($client, $name, $n) = @_;

    my $body = "$name-$n-" . 'x' x ($n % 7 * 5000);
    my ($uri, $status, $text) = @{ (
        ["/act?say=$name-$n,count",          200, "$name-${n}1"],
        ['/act?get',                         200, sum($body)],
        ['/act?echo',                        200, $body],
        ["/act?sleep=2,say=$name-$n",        200, "$name-$n"],
        ["/act?work=1,say=$name-$n,count",   200, "$name-${n}1"],
    )[$n % 5] };

    $client->request('POST', $uri, body => $body);

    my $r = $client->response;

    return '' if $r->{status} == $status && $r->{body} eq $text;
    return "$uri: $r->{status} " . substr $r->{body}, 0, 100;
}


1;
