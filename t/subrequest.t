#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Guests behind other modules of nginx: as parts of a page (SSI), as judges
# of a request (auth_request), as bystanders (mirror), as error pages.

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

hyperlight_guest hello {
    binary guests/hello.elf;
}

hyperlight_guest upper {
    binary guests/upper.elf;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
}
EOT
root html;

location /counter {
    hyperlight_pass counter counter;
}

location /hello {
    hyperlight_pass hello hello;
}

location /upper {
    hyperlight_pass upper upper;
}

location /dump {
    hyperlight_pass probe dump;
}

location /page.html {
    ssi on;
}

location /allow {
    internal;
    set $args 204;
    hyperlight_pass probe set_status;
}

location /deny {
    internal;
    set $args 403;
    hyperlight_pass probe set_status;
}

location /allowed {
    auth_request /allow;
    hyperlight_pass upper upper;
}

location /denied {
    auth_request /deny;
    hyperlight_pass upper upper;
}

location /mirrored {
    mirror /upper;
    hyperlight_pass upper upper;
}

location /faulty {
    error_page 500 /dump;
    hyperlight_pass probe fault;
}

location /not-found {
    error_page 404 = /hello;
}
EOT

mkdir $nginx->dir . '/html';

sub page {
    $nginx->write_file('html/page.html', $_[0]);
}


page('<!--#include virtual="/counter" -->' x 5);
is($nginx->get('/page.html')->{body}, "1\n" x 5,
   'SSI: five guests in a page, each as new');

page('<!--#include virtual="/hello" -->and <!--#include virtual="/dump" -->');
like($nginx->get('/page.html', 'X-Name: Ada')->{body},
     qr{^Hello, Ada!.*\nand method=GET\nuri=/dump\n},
     'SSI: different guests, with the headers of the request');

page('a <!--#include virtual="/faulty-part" --> b');
like($nginx->get('/page.html')->{body}, qr/^a .* b$/s,
     'SSI: what fails is a part of the page, too');

is($nginx->post('/allowed', 'abc')->{body}, 'ABC',
   'auth_request: a guest lets the request through, body and all');
is($nginx->post('/denied', 'abc')->{status}, 403,
   'auth_request: a guest refuses it');

is($nginx->post('/mirrored', 'x' x 20000)->{body}, 'X' x 20000,
   'mirror: two guests get the same body');

{
    my $r = $nginx->get('/faulty?null', 'X-Name: Ada');

    is($r->{status}, 500, 'error_page: a guest answers for another');
    like($r->{body}, qr/^header X-Name=Ada$/m,
         'error_page: with the request as it was');
}

like($nginx->get('/not-found')->{body}, qr/^Hello/,
     'error_page: a guest answers for what is not there');


$nginx->finish;

done_testing;
