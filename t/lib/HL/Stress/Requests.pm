package HL::Stress::Requests;

# Copyright (C) the Hyperlight for nginx authors

# Requests at random, for t/stress/stress.pl, which follow from a seed:
#
#     HL::Stress::Requests::begin($seed, $part, $client, $connection);
#     my $request = HL::Stress::Requests::request(@locations);
#     # { method, uri, headers => [[name, value], ...], body }
#
# What the guests do is in arguments, X-Do, X-Gate and X-Ask: see act.c,
# alter.c, gate.c and ask.c in t/guests/.

use strict;
use warnings;

use Digest::MD5 qw(md5);
use Exporter qw(import);

our @EXPORT_OK = qw(begin chance pick request show);

my @files = qw(small.txt large.txt none.txt page.html);

my @act = qw(say=a flush sleep=5 sleep=50 sleep=900 fill=100 fill=30000
             fill=200000 get echo crash spin status=404 status=204 status=503
             status=500 count work=1 print deny gzip);

my @alter = qw(all pass sum read original say=t fill=1000 fill=50000 flush
               status=404 status=204 add=X-A:b remove=ETag sleep=5 sleep=50
               sub=/file/small.txt sub=/act?sleep=20
               sub=/proxy-body/large.txt tell crash spin error);

my @gate = ('', qw(status=403 status=401;say=no status=403;say=no sleep=5
                   sleep=50 sleep=5;status=403 add=X-User:x ask=/act?sleep=10
                   ask=/file/large.txt crash spin work=1 sleep=700
                   status=302;add=Location:/x status=408 status=500));

my @ask = qw(/act?sleep=10 /file/large.txt /proxy-body/small.txt /requests
             /gate /ask-through?/act /ssi/page.html /none /piecewise?echo
             /crash /rate?fill=100000);

my @methods = qw(GET GET GET POST POST PUT HEAD);
my @bodies = (0, 1, 100, 5000, 60_000, 300_000);


# What comes is that of one connection, whatever became of those before.

sub begin {
    my ($seed, @which) = @_;

    srand unpack 'N', md5("$seed @which");
}


sub chance {
    my ($of) = @_;

    return rand() < $of;
}


sub pick {
    return $_[rand @_];
}


sub some {
    my ($most, @list) = @_;

    return join ',', map { pick(@list) } 1 .. 1 + int rand $most;
}


sub request {
    my (@locations) = @_;

    my $uri = pick(@locations);

    $uri .= pick(@files) if $uri =~ m{/$};
    $uri .= '?' . some(4, @act);
    $uri .= '&if=1' if chance(0.1);

    # nginx discards a body that it has no use for.
    my $method = pick(@methods);
    my $has_body = $method =~ /^P/ || chance(0.15);

    return {
        method  => $method,
        uri     => $uri,
        headers => [headers($uri)],
        body    => $has_body ? 'x' x pick(@bodies) : undef,
    };
}


sub headers {
    my ($uri) = @_;

    my @headers;

    push @headers, ['x-do', some(4, @alter)] if chance(0.7);
    push @headers, ['x-gate', pick(@gate)] if chance(0.8);
    push @headers, ['x-ask', pick(@ask)] if chance(0.2) || $uri =~ /ask/;
    push @headers, ['accept-encoding', 'gzip'] if chance(0.3);
    push @headers, ['range', pick('bytes=10-2000', 'bytes=99999999-')]
        if chance(0.2);
    push @headers, ['if-none-match', '*'] if chance(0.05);

    return @headers;
}


# In a line, for who wants to send it once more.

sub show {
    my ($request) = @_;

    my $body = defined $request->{body}
               ? ' +' . length $request->{body} : '';

    return join ' ', "$request->{method} $request->{uri}$body",
                     map { "[$_->[0]: $_->[1]]" } @{ $request->{headers} };
}


1;
