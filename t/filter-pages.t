#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Filters of responses that are parts of others, or come by other ways than
# from a handler to a client: pages, caches, checks of access, redirects.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;
my $dir = $nginx->dir;

$nginx->configure(http => <<"HTTP", server => <<"SERVER");
hyperlight_guest alter {
    binary t-guests/alter.elf;
    sandboxes 1 4;
    timeout 10s;
}

hyperlight_guest stream {
    binary t-guests/stream.elf;
    sandboxes 1;
}

proxy_cache_path $dir/cache keys_zone=cache:1m use_temp_path=off;
HTTP
root html;

location /page/ {
    alias html/;
    ssi on;
    ssi_types *;

    location /page/filtered/ {
        alias html/;
        hyperlight_body_filter alter around;
    }
}

location /added/ {
    alias html/;
    add_before_body /before;
    add_after_body /after;
    addition_types *;
    hyperlight_body_filter alter alter;
}
location /added-to-broken {
    add_after_body /after;
    addition_types *;
    hyperlight_pass stream spoil;
    hyperlight_body_filter alter alter;
}
location /before { return 200 "before\n"; }
location /after { return 200 "after\n"; }

location /part/ { alias html/; hyperlight_body_filter alter upper;
                  hyperlight_header_filter alter mark; }
location /part-pass/ { alias html/; hyperlight_body_filter alter pass; }
location /part-crash/ { alias html/; hyperlight_body_filter alter crash; }
location /part-missing/ { alias html/; hyperlight_body_filter alter nobody; }

location /cached/ {
    proxy_pass http://127.0.0.1:$port/plain/;
    proxy_cache cache;
    proxy_cache_valid 1m;
    add_header X-Cache \$upstream_cache_status;
    hyperlight_body_filter alter alter;
}

location /checked/ {
    auth_request /check;
    alias html/;
    hyperlight_body_filter alter upper;
}
location /check { hyperlight_body_filter alter upper;
                  hyperlight_header_filter alter crash;
                  if (\$http_x_deny) { return 403; }
                  return 200 "checked"; }

location /mirrored/ { mirror /mirror; alias html/; }
location /mirror { hyperlight_body_filter alter crash;
                   hyperlight_header_filter alter crash; return 200 "x"; }

location /accelerated/ {
    proxy_pass http://127.0.0.1:$port/accelerates/;
    hyperlight_body_filter alter around;
}
location /accelerates/ { add_header X-Accel-Redirect /accelerator/a.txt;
                         return 200 "never"; }
location /accelerator/ { internal; alias html/;
                         hyperlight_body_filter alter upper; }
location /named/ {
    error_page 404 = \@named;
    alias html/;
    hyperlight_body_filter alter around;
}
location \@named { hyperlight_body_filter alter upper; return 200 "named"; }

location /variable/ {
    alias html/;
    ssi on;
    ssi_types *;
}
location /plain/ { alias html/; }
SERVER

mkdir "$dir/html" or die "mkdir: $!";

sub file {
    my ($name, $text) = @_;

    $nginx->write_file("html/$name", $text);
}

file('a.txt', "a text\n");
my $large = join '', map { sprintf "%015d\n", $_ } 1 .. 20_000;
file('large.txt', $large);
file('ssi.txt', '[<!--#include virtual="/part/a.txt" -->|'
                . '<!--#include virtual="/plain/a.txt" -->]');
file('pass.txt', '[<!--#include virtual="/part-pass/large.txt" -->|'
                 . '<!--#include virtual="/part-pass/a.txt" -->]');
file('crash.txt', '[<!--#include virtual="/part-crash/a.txt" -->|'
                  . '<!--#include virtual="/part-missing/a.txt" -->]');
file('set.txt', '<!--#include virtual="/part/a.txt" set="a" -->'
                . '[<!--#echo var="a" encoding="none" -->]');

$nginx->start;


# ---- pages ----------------------------------------------------------------

is($nginx->get('/page/ssi.txt')->{body}, "[A TEXT\n|a text\n]",
   'a part of a page is filtered');
is($nginx->get('/page/pass.txt')->{body}, "[$large|a text\n]",
   'also one that streams');
is($nginx->get('/page/filtered/ssi.txt')->{body}, "<[A TEXT\n|a text\n]>",
   'and the page around it, before its parts are put in');
is($nginx->get('/page/crash.txt')->{body}, '[|]',
   'a part whose filter fails is missing');
is($nginx->get('/variable/set.txt')->{body}, "[A TEXT\n]",
   'and one that becomes a variable is filtered');

# The filter that adds puts an end of its own behind the guest's.
for my $case (['all', "a text\n"], ['say=b', 'b'], ['pass', "a text\n"],
              ['say=b,flush,sleep=20,all', "ba text\n"])
{
    my ($do, $body) = @$case;

    is($nginx->get('/added/a.txt', "X-Do: $do")->{body},
       "before\n${body}after\n", "$do: what is added around it");
}

for my $case (['pass', $large], ['say=b', 'b'],
              ['read,say=b,flush,sleep=20'])
{
    my ($do, $body) = @$case;
    my $r = $nginx->get('/added/large.txt', "X-Do: $do");

    $body = substr($large, 0, length($r->{body}) - 14) . 'b'
        unless defined $body;

    ok($r->{body} eq "before\n${body}after\n", "$do: of a large one, too");
}

is($nginx->get('/added-to-broken?crash', 'X-Do: say=b')->{body}, "bafter\n",
   'and where the original breaks off, which the guest has not read');


# ---- other ways -----------------------------------------------------------

for my $case (['MISS', 'all', "a text\n"], ['HIT', 'say=b', 'b'],
              ['HIT', 'pass', "a text\n"])
{
    my ($cache, $do, $body) = @$case;
    my $r = $nginx->get('/cached/a.txt', "X-Do: $do");

    is("$r->{headers}{'x-cache'} $r->{body}", "$cache $body",
       'a cache has the original');
}

for my $cache (qw(MISS HIT)) {
    my $r = $nginx->get('/cached/large.txt', 'X-Do: pass');
    ok($r->{body} eq $large, "$cache: all of it");
    is($r->{headers}{'x-cache'}, $cache, 'from there');
}

is($nginx->get('/checked/a.txt')->{body}, "A TEXT\n",
   'a check of access is no response: allowed');
is($nginx->get('/checked/a.txt', 'X-Deny: 1')->{status}, 403, 'denied');
is($nginx->get('/mirrored/a.txt')->{body}, "a text\n",
   'nor is what nobody sees');
is($nginx->get('/accelerated/a.txt')->{body}, "A TEXT\n",
   'a redirect inside has the filter of where it goes');
is($nginx->get('/named/none')->{body}, 'NAMED', 'to a named location, too');
is($nginx->get('/named/a.txt')->{body}, "<a text\n>", 'and without, its own');

unlike($nginx->log_text, qr/function "crash"(?!.*part-crash)/,
       'no filter was called for those');

$nginx->finish;

done_testing();
