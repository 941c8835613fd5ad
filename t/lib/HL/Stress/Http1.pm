package HL::Stress::Http1;

# Copyright (C) the Hyperlight for nginx authors

# For t/stress/stress.pl: a connection of HTTP/1, with up to three requests
# one behind the other, whole or cut off, read swiftly, slowly or not to the
# end.

use strict;
use warnings;

use HL::Client;
use HL::Stress::Exchange;
use HL::Stress::Requests qw(chance pick request show);


# { end => ..., requests => [...] }: as HL::Stress::Exchange says, and what
# was asked.

sub run {
    my ($o) = @_;

    my @requests = map { request(@{ $o->{locations} }) } 1 .. pick(1, 1, 2, 3);
    my $bytes = join '', map { bytes($_, $_ == $requests[-1]) } @requests;
    my %leaver = (port => $o->{port});
    my %how;

    $leaver{rcvbuf} = 4096 if chance(0.2);
    $how{leave} = rand 0.3 if chance(0.35);
    $how{how} = pick('close', 'reset');
    $how{half} = 1 if chance(0.05);
    %how = (slow => 0.02, leave => 1, %how) if chance(0.1);
    $bytes = substr $bytes, 0, rand length $bytes if chance(0.15);

    return { end => HL::Stress::Exchange::run(\%leaver, $bytes, %how),
             requests => [map { show($_) } @requests] };
}


sub bytes {
    my ($request, $is_last) = @_;

    my $protocol = chance(0.1) ? 'HTTP/1.0' : 'HTTP/1.1';
    my $body = $request->{body};
    my @headers = map { "$_->[0]: $_->[1]" } @{ $request->{headers} };

    push @headers, 'Expect: 100-continue' if chance(0.05);
    push @headers, 'Connection: close' if chance($is_last ? 0.8 : 0.1);

    if (defined $body) {
        if (chance(0.3) && $protocol eq 'HTTP/1.1') {
            push @headers, 'Transfer-Encoding: chunked';
            $body = HL::Client::chunked($body, pick(7, 1000, 50_000));
            $body =~ s/\r\n\z/X-Trailer: 1\r\n\r\n/ if chance(0.2);
        } else {
            push @headers, 'Content-Length: ' . length $body;
        }
    }

    return join("\r\n", "$request->{method} $request->{uri} $protocol",
                'Host: localhost', @headers, '', '') . ($body // '');
}


1;
