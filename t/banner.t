#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The example banner: an upstream's page passes through a guest.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT', start => 0);
hyperlight_guest banner {
    binary guests/banner.elf;
    allow response_headers stream subrequest;
    init_data banner.html;
    cpu_limit 1s;
}

upstream origin {
    server unix:origin.sock;
}

server {
    listen unix:origin.sock;
    absolute_redirect off;
    default_type text/html;

    location / { root html; }
    location /echo { return 200 "<body>$request_uri"; }
    location /moved { return 301 /elsewhere; }
}
EOT
location / { hyperlight_pass banner banner; }
location /small { client_max_body_size 1; hyperlight_pass banner banner; }

location /origin/ {
    internal;
    proxy_pass http://origin/;
    proxy_redirect off;
}
EOT

my $banner = '<p>A <em>banner</em>.</p>';

$nginx->write_file('banner.html', $banner);
mkdir $nginx->dir . '/html' or die "mkdir: $!";

my $head = '<html><head></head>' . 'x' x 4070;
my $tail = "a page\n" x 100_000;

$nginx->write_file('html/page.html', "$head<body>$tail");
$nginx->write_file('html/twice.html', '<<bo<body><body>');
$nginx->write_file('html/none.html', '<html>no mark <bod');
$nginx->write_file('html/text.txt', 'not <body> HTML');
my $dir = $nginx->dir;

$nginx->configure(http => $nginx->{http} =~ s/unix:/unix:$dir\//gr);
$nginx->start;

is($nginx->get('/page.html')->{body}, "$head<body>$banner$tail",
   'the banner is behind the mark, wherever pieces end');
is($nginx->get('/twice.html')->{body}, "<<bo<body>$banner<body>",
   'behind the first');
is($nginx->get('/none.html')->{body}, '<html>no mark <bod',
   'and nowhere without it');

is($nginx->get('/echo/a%20b%3Fc%25d?x=%20&y')->{body},
   "<body>$banner/echo/a%20b%3Fc%25d?x=%20&y",
   'the upstream is asked for what the client asked for');

my $moved = $nginx->get('/moved');

is($moved->{status}, 301, 'the status is that of the upstream');
is($moved->{headers}{location}, '/elsewhere', 'and so is the location');
is($nginx->get('/missing')->{status}, 404, 'an error, too');
is($nginx->get('/' . 'x' x 2000)->{status}, 404, 'a long path');
is($nginx->get('/' . 'x' x 2100)->{status}, 414, 'one that is too long');
is($nginx->get('/origin/page.html')->{status}, 404,
   'nobody gets at the upstream around the guest');

$nginx->finish;

done_testing();
