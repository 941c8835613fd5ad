package HL::Act;

# Copyright (C) the Hyperlight for nginx authors

# For tests with the guest act.elf: what it puts out, and responses that may
# break off.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(lines sum fetch);


# What "fill=N" puts out.

sub lines {
    my ($size) = @_;

    return substr join('', map { sprintf "%015d\n", $_ } 0 .. $size / 16),
                  0, $size;
}


# What "get" puts out for a body: see t/soak/sum.h, too.

sub sum {
    my ($body) = @_;

    use integer;
    my $h = 5381;

    $h = ($h * 33 + $_) & 0xffffffff for unpack 'C*', $body;

    return sprintf '%d %x', length $body, $h;
}


# A request on a connection of its own: the response as far as it came, and
# in "whole" if that was all of it; the status is "none" if nothing came.

sub fetch {
    my ($nginx, $uri, %o) = @_;

    my $method = $o{method} || (defined $o{body} ? 'POST' : 'GET');
    my $client = $nginx->connect;

    $client->request($method, $uri, %o,
                     headers => ['Connection: close',
                                 @{ $o{headers} || [] }]);

    my ($head, $rest) = split /\r\n\r\n/, $client->read_to_end, 2;

    return { status => 'none', body => '', headers => {} }
        if !defined $rest;

    my ($line, @headers) = split /\r\n/, $head;
    my %r = (status => substr($line, 9, 3), body => $rest, whole => 1,
             headers => { map { /^(.*?): (.*)$/ ? (lc $1, $2) : () }
                          @headers });

    if ($r{headers}{'transfer-encoding'}) {
        $r{body} = '';
        $r{whole} = 0;

        while ($rest =~ s/^([0-9a-f]+)\r\n//) {
            my $size = hex $1;

            $r{body} .= substr $rest, 0, $size, '';
            $r{whole} = 1 if $size == 0 && $rest eq "\r\n";
            $rest =~ s/^\r\n//;
        }

    } elsif (defined(my $length = $r{headers}{'content-length'})) {
        $r{whole} = length $r{body} == $length;
    }

    return \%r;
}


1;
