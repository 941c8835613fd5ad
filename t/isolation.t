#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Nothing of a request is left for the next one, whoever's it is and however
# it ended.  (Registers and the corners of guest memory: t/core/.)

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest counter {
    binary guests/counter.elf;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
}
EOT
location /counter {
    hyperlight_pass counter counter;
}

location /set {
    hyperlight_pass probe set_secret;
}

location /find {
    hyperlight_pass probe find_secret;
}

location /fault {
    hyperlight_pass probe fault;
}
EOT


{
    my $client = $nginx->connect;
    my %answers;

    for (1 .. 1000) {
        $client->request('GET', '/counter');
        $answers{$client->response->{body} + 0}++;
    }

    is_deeply(\%answers, { 1 => 1000 },
              'a counter counts 1 in each of 1000 requests');
}


# A leaves a secret in data, bss, heap, stack, output and every register that
# a guest can write; find_secret answers with a bit for each place where there
# is one (guest/testguests/probe/secret.c; that it finds them: t/core/).

my $client = $nginx->connect;

sub request {
    my ($uri) = @_;

    $client->request('GET', $uri);

    return $client->response->{body};
}


for my $n (1 .. 5) {
    is(request('/set'), "set\n", "round $n: A leaves a secret");
    is(request('/find'), "0\n", "round $n: B finds nothing of it");
    is(request('/find'), "0\n", "round $n: nor does C");
}

# The way back from a fault is another one.
request('/set');
is($nginx->get('/fault?null')->{status}, 500, 'then a guest faults');
is(request('/find'), "0\n", 'who comes after that finds nothing, too');

$client->close;


$nginx->finish;

done_testing;
