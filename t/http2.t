#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# HTTP/2 as a client of others speaks it, curl with nghttp2 (what HL::Http2
# sends is our own reading of the RFC): what a guest gets and what it answers
# are the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = HL::Nginx::free_port();

$nginx->configure(http => <<"EOT");
hyperlight_guest probe {
    binary testguests/probe.elf;
}

hyperlight_guest upper {
    binary guests/upper.elf;
}

server {
    listen 127.0.0.1:$port http2;

    location /dump {
        hyperlight_pass probe dump;
    }

    location /echo {
        hyperlight_pass probe echo;
    }

    location /upper {
        hyperlight_pass upper upper;
    }

    location /fault {
        hyperlight_pass probe fault;
    }
}
EOT

$nginx->start;


# The status and the body.

sub curl {
    my ($uri, @arguments) = @_;

    open my $pipe, '-|', 'curl', '-s', '--http2-prior-knowledge',
         '--max-time', '15', '-w', '\n%{http_version} %{http_code}',
         @arguments, "http://127.0.0.1:$port$uri"
        or die "curl: $!";
    local $/;

    my ($body, $version, $status) = <$pipe> =~ /^(.*)\n(\S+) (\d+)$/s
        or die 'no answer: is it a curl without HTTP/2?';

    die "HTTP version $version" if $version != 2;

    return ($status, $body);
}


my $body = join '', map { "line $_\n" } 1 .. 5000;
my $file = $nginx->write_file('body', $body);
my ($status, $answer);

($status, $answer) = curl('/dump?x=1', '-H', 'X-One: 1');
is($status, 200, 'a request');
like($answer, qr/^protocol=HTTP\/2\.0$/m, 'the guest sees the protocol');
like($answer, qr/^args=x=1$/m, 'the arguments');
like($answer, qr/^header x-one=1$/m, 'a header');

for my $uri ('/echo', '/upper') {
    ($status, $answer) = curl($uri, '--data-binary', "\@$file");
    is(lc $answer, $body, "$uri: a body with its length");

    ($status, $answer) = curl($uri, '--data-binary', "\@$file",
                              '-H', 'Content-Length:');
    is(lc $answer, $body, "$uri: a body without it");
}

($status) = curl('/fault?null');
is($status, 500, 'a fault');

($status, $answer) = curl('/upper', '-d', 'abc');
is($answer, 'ABC', 'and the next request');


$nginx->finish;

done_testing;
