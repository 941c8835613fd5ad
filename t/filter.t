#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_header_filter and hyperlight_body_filter, on the responses of any
# handler.  How bodies flow through is in t/filter-flow.t, what is a part of
# something else in t/filter-pages.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $port = $nginx->port;

$nginx->configure(http => <<'HTTP', server => <<"SERVER");
hyperlight_guest alter {
    binary t-guests/alter.elf;
    sandboxes 1 4;
    allow all;
}

hyperlight_guest single {
    binary t-guests/alter.elf;
    sandboxes 1;
}

hyperlight_guest small {
    binary t-guests/alter.elf;
    sandboxes 1;
    headers 4k;
}

hyperlight_guest act { binary t-guests/act.elf; sandboxes 1; }
hyperlight_guest typed { binary guests/upper.elf; sandboxes 1; }
log_format outcome '$uri $status $hyperlight_function '
                   '$hyperlight_outcome';
HTTP
root html;
error_log error.log info;
access_log access.log outcome;

location /head/ {
    alias html/;
    add_header X-Add add;
    hyperlight_header_filter alter alter;

    location /head/off/ { alias html/; hyperlight_header_filter off; }
    location /head/nested/ { alias html/;
                             hyperlight_header_filter alter mark; }
    location /head/if/ {
        alias html/;
        if (\$args = plain) { hyperlight_header_filter off; }
    }
}

location /body/ {
    alias html/;
    hyperlight_body_filter alter alter;

    location /body/off/ { alias html/; hyperlight_body_filter off; }
    location /body/upper/ { alias html/; hyperlight_body_filter alter upper; }
}

location /both/ {
    alias html/;
    hyperlight_header_filter alter mark;
    hyperlight_body_filter alter alter;
}

location /return { hyperlight_body_filter alter upper; return 200 "text"; }
location /return-head { hyperlight_header_filter alter alter;
                        return 200 "text"; }
location /moved { hyperlight_header_filter alter alter;
                  return 301 http://localhost/new; }
location /empty { hyperlight_body_filter alter around; return 200 ""; }
location /none { hyperlight_body_filter alter upper; return 204; }
location /guest { hyperlight_pass act act;
                  hyperlight_body_filter alter upper; }
location /same { hyperlight_pass alter alter;
                 hyperlight_body_filter alter upper; }
location /same-single { hyperlight_pass single around;
                        hyperlight_body_filter single upper; }
location /gzip/ { alias html/; gzip on; gzip_types *; gzip_min_length 1;
                  gzip_http_version 1.0; hyperlight_body_filter alter upper; }
location /proxy/ { proxy_pass http://127.0.0.1:$port/plain/;
                   hyperlight_body_filter alter alter; }
location /proxy-head/ { proxy_pass http://127.0.0.1:$port/plain/;
                        hyperlight_header_filter alter alter; }
location /gzipped/ { proxy_pass http://127.0.0.1:$port/gzip-only/;
                     hyperlight_body_filter alter alter; }
location /gzip-only/ { alias html/; gzip on; gzip_types *; gzip_min_length 1;
                       gzip_proxied any; gzip_http_version 1.0; }
location /plain/ { alias html/; add_header Cache-Control no-store;
                   add_header Set-Cookie a=1; add_header Set-Cookie b=2; }
location /single/ { alias html/; hyperlight_header_filter single alter; }
location /typed { hyperlight_header_filter typed upper; return 200 "text"; }
location /typed-body { hyperlight_body_filter typed upper;
                       return 200 "text"; }
location /unknown { hyperlight_header_filter alter unknown;
                    return 200 "text"; }
location /unknown-body { hyperlight_body_filter alter unknown;
                         return 200 "text"; }
location /variable { hyperlight_body_filter \$arg_guest \$arg_function;
                     return 200 "text"; }
location /echo { add_header X-Large \$http_x_echo; return 200 "text"; }
location /small { hyperlight_body_filter small upper;
                  proxy_pass http://127.0.0.1:$port/echo; }
location /small-head { hyperlight_header_filter small mark;
                       proxy_pass http://127.0.0.1:$port/echo; }

location /error/ {
    error_page 404 /errors/404.html;
    error_page 500 502 503 504 /errors/500.html;
    hyperlight_body_filter alter alter;
    alias html/;
}
location /error-head/ {
    error_page 500 503 /errors/500.html;
    hyperlight_header_filter alter alter;
    alias html/;
}
location /errors/ { alias html/; hyperlight_body_filter alter upper; }
SERVER

mkdir $nginx->dir . '/html' or die "mkdir: $!";

sub file {
    my ($name, $text) = @_;

    $nginx->write_file("html/$name", $text);
}

file('a.txt', "a text\n");
file('empty.txt', '');
file('404.html', "not found, here\n");
file('500.html', "something failed, here\n");
my $large = join '', map { sprintf "%015d\n", $_ } 1 .. 20_000;
file('large.txt', $large);

$nginx->start;


sub do_get {
    my ($uri, $do, @headers) = @_;

    return $nginx->get($uri, "X-Do: $do", @headers);
}


# ---- the headers ----------------------------------------------------------

my $r = do_get('/head/a.txt', 'set=X-New:1,add=X-Two:1,add=X-Two:2');
is("$r->{status} $r->{body}", "200 a text\n", 'the response is what it was');
is($r->{headers}{'x-new'}, 1, 'with a header that a guest sets');
is($r->{headers}{'x-two'}, '1, 2', 'and those that it adds');
is($r->{headers}{'content-length'}, 7, 'its length is that of the body');
ok($r->{headers}{etag} && $r->{headers}{'last-modified'}
   && $r->{headers}{'accept-ranges'}, 'and all else is left');

$r = do_get('/head/a.txt', 'remove=ETag,remove=last-modified,'
                           . 'set=Content-Type:text/x,remove=X-None');
is($r->{headers}{etag}, undef, 'it removes headers');
is($r->{headers}{'last-modified'}, undef, 'in whatever case');
is($r->{headers}{'content-type'}, 'text/x', 'and sets others');
is(do_get('/head/a.txt', 'remove=Content-Type')->{headers}{'content-type'},
   undef, 'the type goes, too');

$r = do_get('/proxy-head/a.txt', 'remove=Cache-Control,set=Set-Cookie:c=3');
is($r->{headers}{'cache-control'}, undef, 'headers of an upstream go');
is($r->{headers}{'set-cookie'}, 'c=3', 'or are replaced, all of them');
$r = do_get('/proxy-head/a.txt', 'add=Set-Cookie:c=3,remove=Set-Cookie,'
                                 . 'add=Set-Cookie:d=4');
is($r->{headers}{'set-cookie'}, 'd=4', 'in the order of what the guest does');
is(do_get('/moved', 'set=Location:/other')->{headers}{location}, '/other',
   'a redirect goes elsewhere');

$r = do_get('/head/a.txt', 'status=404');
is("$r->{status} $r->{body}", "404 a text\n", 'the status can be another');
is(do_get('/proxy-head/a.txt', 'status=403')->{reason}, 'Forbidden',
   'with the reason that belongs to it');
$r = do_get('/head/a.txt', 'status=204');
is("$r->{status} $r->{body}", '204 ', 'also one that has no body');
is(do_get('/head/none.txt', 'status=200')->{status}, 200,
   'an error page is a response like another');

$r = $nginx->request('HEAD', '/head/a.txt', headers => ['X-Do: set=X-N:1']);
is("$r->{headers}{'x-n'} $r->{headers}{'content-length'}", '1 7',
   'HEAD is filtered');
$r = do_get('/head/a.txt', 'set=X-N:1', 'Range: bytes=2-5');
is("$r->{status} $r->{headers}{'x-n'} $r->{body}", '206 1 text',
   'ranges are left to nginx');

my $etag = $nginx->get('/plain/a.txt')->{headers}{etag};
$r = do_get('/head/a.txt', 'set=X-N:1', "If-None-Match: $etag");
is("$r->{status} $r->{headers}{'x-n'}", '304 1', 'and so is 304');

is(do_get('/head/off/a.txt', 'set=X-N:1')->{headers}{'x-n'}, undef,
   '"off" in a location inside');
$r = do_get('/head/nested/a.txt', 'set=X-N:1');
is_deeply([@{ $r->{headers} }{qw(x-n x-mark)}], [undef, 'mark'],
          'the guest of the location inside is called instead');
is(do_get('/head/if/a.txt', 'set=X-N:1')->{headers}{'x-n'}, 1, 'inherited');
is(do_get('/head/if/a.txt?plain', 'set=X-N:1')->{headers}{'x-n'}, undef,
   'and switched off by "if"');


# ---- headers that cannot be had -------------------------------------------

for my $case (['crash', 'crash', 500], ['spin', 'spin', 500],
              ['error', 'an error', 500], ['say=a', 'a body', 500],
              ['set=Connection:close', 'not for a guest', 500],
              ['remove=Content-Length', 'not for a guest', 500],
              ['set=bad name:1', 'no valid name', 500])
{
    my ($do, $name, $status) = @$case;

    $r = do_get('/head/a.txt', $do);
    is($r->{status}, $status, "$name: $status");
    like($r->{body}, qr/<h1>500 Internal/, 'with a page of nginx');
    is(do_get('/head/a.txt', 'set=X-N:1')->{headers}{'x-n'}, 1,
       'and the next is served');
}

is(do_get('/single/a.txt', 'spin')->{status}, 500, 'a single sandbox');
is(do_get('/single/a.txt', 'set=X-N:1')->{headers}{'x-n'}, 1, 'is restored');
like($nginx->log_text, qr/exceeded its slice of 1 ms/, 'a slice is enough');

for my $wait (qw(sleep=1 flush sub=/plain/a.txt)) {
    $r = do_get('/head/a.txt', "$wait,tell");
    is($r->{headers}{'x-error'},
       'nginx needs the result at once, a guest cannot wait for anything here',
       "$wait is refused in words");
}

for my $uri (qw(/typed /typed-body /unknown /unknown-body)) {
    is($nginx->get($uri)->{status}, 500, "$uri cannot be called");
}

like($nginx->log_text, qr/is not an HTTP function: no other can be a filter/,
     'the log says why');
is($nginx->get('/variable?guest=alter&function=upper')->{body}, 'TEXT',
   'names may have variables');
is($nginx->get('/variable?guest=none&function=upper')->{status}, 500,
   'and an unknown one is an error');

for my $uri (qw(/small /small-head)) {
    is($nginx->get($uri, 'X-Echo: ' . 'x' x 1000)->{status}, 200,
       "$uri: request and response share the room for headers");
    is($nginx->get($uri, 'X-Echo: ' . 'x' x 3000)->{status}, 500,
       'and what does not fit is no fault of the client');
}


# ---- the body -------------------------------------------------------------

$r = $nginx->get('/body/upper/a.txt');
is("$r->{status} $r->{body}", "200 A TEXT\n", 'a file');
is($r->{headers}{'content-length'}, 7, 'with a length');
is_deeply([@{ $r->{headers} }{qw(etag last-modified accept-ranges)}],
          [undef, undef, undef], 'and nothing that was true of another body');
is($nginx->get('/body/upper/large.txt')->{status}, 502,
   'over the "output" without a flush: invalid');
is($nginx->get('/return')->{body}, 'TEXT', 'a return');
is($nginx->get('/empty')->{body}, '<>', 'an empty body');
is(do_get('/body/empty.txt', 'all')->{body}, '', 'that stays empty');
is($nginx->get('/guest?say=text')->{body}, 'TEXT', 'another guest');
is($nginx->get('/guest?say=a,flush,say=b')->{body}, 'AB', 'that streams');
is(do_get('/same', 'say=text,flush,sleep=5,say=more')->{body}, 'TEXTMORE',
   'the same guest');
is($nginx->get('/same-single')->{body}, '<>', 'in one sandbox, if whole');

is(do_get('/body/a.txt', 'original')->{body} =~ s/: .*//gr,
   "status 200\nContent-Type\nContent-Length\nLast-Modified\nETag\n",
   'a guest sees the original');
is(do_get('/body/none.txt', 'original,say=|,all')->{body}
       =~ s/Content.*\n//gr =~ s/<.*//sr,
   "status 404\n|", 'of an error, too');
$r = do_get('/body/a.txt', 'status=403,set=X-N:1,remove=Content-Type,all');
is("$r->{status} $r->{headers}{'x-n'} $r->{body}", "403 1 a text\n",
   'and changes status and headers');
$r = do_get('/body/a.txt', 'set=ETag:"1",all');
is($r->{headers}{etag}, '"1"', 'it can give the body a tag of its own');
is(do_get('/body/large.txt', 'say=instead')->{body}, 'instead',
   'it need not read the body');
is(do_get('/body/large.txt', 'read')->{body}, substr($large, 0, 16384),
   'or not to its end');
is(do_get('/body/a.txt', 'status=204,all')->{status}, 204, 'no content');
is(do_get('/body/a.txt', 'sub=/plain/a.txt,all')->{body}, "a text\na text\n",
   'it may ask other locations');
is(do_get('/body/a.txt', 'sleep=20,all')->{body}, "a text\n", 'or sleep');
is(do_get('/body/off/a.txt', 'say=a')->{body}, "a text\n", '"off"');
is($nginx->post('/body/a.txt', 'x' x 100_000, 'X-Do: all')->{status}, 405,
   'the request\'s body is nobody\'s business');

$r = do_get('/both/a.txt', 'original');
like($r->{body}, qr/^X-Mark: mark$/m, 'the header filter comes first');
is($r->{headers}{'x-mark'}, 'mark', 'and its headers stay');

my $client = $nginx->connect;

for (1 .. 3) {
    $client->request('GET', '/body/a.txt', headers => ['X-Do: pass']);
    is($client->response->{body}, "a text\n", 'connections are kept');
    $client->request('GET', '/body/large.txt', headers => ['X-Do: read']);
    is(length $client->response->{body}, 16384, 'also behind what is dropped');
    $client->request('GET', '/head/a.txt', headers => ['X-Do: set=X-N:1']);
    is($client->response->{headers}{'x-n'}, 1, 'and those of headers');
}

$client->request('HEAD', '/body/upper/a.txt');
$r = $client->response(head => 1);
is("$r->{status} " . ($r->{headers}{'content-length'} // '-')
   . ($r->{headers}{'x-filter'} // '-'), '200 --',
   'HEAD has no length, and no call');
$client->request('GET', '/none');
is($client->response->{status}, 204, '204 has no call');
$client->request('GET', '/body/upper/a.txt',
                 headers => ["If-None-Match: $etag"]);
is($client->response->{status}, 304, 'nor has 304');
$client->request('GET', '/body/upper/a.txt', headers => ['Range: bytes=2-5']);
$r = $client->response;
is("$r->{status} $r->{body}", "200 A TEXT\n", 'there are no ranges');

$client = $nginx->connect;
$client->request('GET', '/body/upper/a.txt', protocol => 'HTTP/1.0');
is($client->response->{body}, "A TEXT\n", 'HTTP/1.0');

$r = $nginx->get('/gzip/a.txt', 'Accept-Encoding: gzip');
is($r->{headers}{'content-encoding'}, 'gzip', 'nginx compresses it after');
is(Compress::Zlib::memGunzip($r->{body}), "A TEXT\n", 'the guest');
$r = do_get('/gzipped/a.txt', 'all', 'Accept-Encoding: gzip');
is($r->{headers}{'content-encoding'}, 'gzip', 'an upstream\'s encoding stays');
is(Compress::Zlib::memGunzip($r->{body}), "a text\n",
   'and so do the bytes, as the guest sees them');
is(do_get('/proxy/large.txt', 'sum')->{body} =~ s/ .*//r, length $large,
   'an upstream\'s whole body goes in');


# ---- what fails -----------------------------------------------------------

$client->close;

for my $case (['crash', 500], ['error', 502], ['spin', 504],
              ['set=Upgrade:a', 502], ['read,crash', 500],
              ['fill=200000', 502])
{
    my ($do, $status) = @$case;

    for my $uri (qw(/body/a.txt /body/large.txt /proxy/large.txt)) {
        $r = do_get($uri, $do);
        is($r->{status}, $status, "$do: $status");
        like($r->{body}, qr/<h1>$status /, 'with a page of nginx');
    }

    is(do_get('/body/a.txt', 'all')->{body}, "a text\n", 'next');
}

$r = do_get('/error/none.txt', 'all');
is("$r->{status} $r->{body}", "404 NOT FOUND, HERE\n",
   'an error page has the filter of its location');

for my $uri (qw(/error/a.txt /error/large.txt /error-head/a.txt)) {
    $r = do_get($uri, 'crash');
    is("$r->{status} $r->{body}", "500 something failed, here\n",
       'but for that of a filter that failed');
}


# ---- the log --------------------------------------------------------------

ok($nginx->wait_access_log(qr{^/both/a.txt 200 mark, alter ok, ok$}),
   'variables have both');
ok($nginx->wait_access_log(qr{^/head/a.txt 500 alter limit$}),
   'a header filter that takes too long is over a limit');

$nginx->finish;

done_testing();
