#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The example mask: an application's responses through two filters.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

$nginx->configure(http => <<'HTTP', server => <<"SERVER");
hyperlight_guest mask {
    binary guests/mask.elf;
    cpu_limit 1s;
    timeout 60s;
}
HTTP
default_type text/html;
root html;

location / {
    proxy_pass http://127.0.0.1:$port/application/;
    hyperlight_header_filter mask headers;
    hyperlight_body_filter mask cards;
}

location /pieces/ {
    alias html/;
    output_buffers 1 5;
    hyperlight_body_filter mask cards;
}

location /application/ {
    alias html/;
    add_header X-Powered-By abacus/1;
    add_header X-Generator hand;
}

location /application/own/ {
    alias html/;
    add_header Content-Security-Policy "default-src *";
}

location /application/image { default_type image/png;
                              return 200 4111111111111111; }
SERVER

my %pages = (
    'card'        => ['4111111111111111', '************1111'],
    'words'       => ["pay 4111 1111-1111 1111, now\n",
                      "pay **** ****-**** 1111, now\n"],
    'two'         => ['<b>378282246310005</b>5555555555554444.',
                      '<b>***********0005</b>************4444.'],
    'checked'     => ['4111111111111112', undef],
    'short'       => ['411111111111', undef],
    'long'        => ['4111111111111111' x 8, undef],
    'longer'      => ['4111111111111111' x 8 . ' x 4111111111111111',
                      '4111111111111111' x 8 . ' x ************1111'],
    'telephone'   => ['call 030 1234-5678 - or 12', undef],
    'empty'       => ['', undef],
    'end'         => ["at the end: 4111-1111-1111-1111",
                      "at the end: ****-****-****-1111"],
    'date'        => ['4111 1111 1111 1111 12/27',
                      '**** **** **** 1111 12/27'],
    'before'      => ['17 4111 1111 1111 1111 123',
                      '17 **** **** **** 1111 123'],
    'list'        => ['4111111111111111 ' x 9, '************1111 ' x 9],
    'overlap'     => ['12 ' x 40 . '4111 1111 1111 1111',
                      '12 ' x 33 . '** ' x 7 . '**** **** **** 1111'],
    'behind-long' => ['1' x 38 . ' 4111111111111111',
                      '1' x 38 . ' ************1111'],
    'one-by-one'  => ['a 4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1 a' x 2,
                      'a *-*-*-*-*-*-*-*-*-*-*-*-1-1-1-1 a' x 2],
    'separators'  => ['4111  1111 1111 1111', undef],
);

mkdir $nginx->dir . '/html' or die "mkdir: $!";
$nginx->write_file("html/$_", $pages{$_}[0]) for keys %pages;

my $page = "a line, and 4111 1111 1111 1111 in it\n" x 20_000;
$nginx->write_file('html/large', $page);
$nginx->start;

for my $name (sort keys %pages) {
    my ($in, $out) = @{ $pages{$name} };

    is($nginx->get("/$name")->{body}, $out // $in, $name);
    is($nginx->get("/pieces/$name")->{body}, $out // $in, 'in small pieces');
}

my $r = $nginx->get('/card');
is($r->{headers}{'content-length'}, 16, 'a small page has a length');
is($r->{headers}{'x-powered-by'}, undef, 'the application is not named');
is($r->{headers}{'x-generator'}, undef, 'nor is who made it');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'headers are added');
is($r->{headers}{'content-security-policy'},
   "default-src 'self'; frame-ancestors 'none'", 'and a policy');
is($nginx->get('/own/card')->{headers}{'content-security-policy'},
   'default-src *', 'unless the application has its own');

$r = $nginx->get('/large');
ok($r->{body} eq $page =~ s/4111 1111 1111 1111/**** **** **** 1111/gr,
   'a large page, in pieces');
is($r->{headers}{'transfer-encoding'}, 'chunked', 'has none');
is($nginx->get('/image')->{body}, '4111111111111111', 'no text is left alone');
is($nginx->get('/none')->{status}, 404, 'errors stay errors');

$nginx->finish;

done_testing();
