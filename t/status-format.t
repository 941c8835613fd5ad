#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_status: its forms.  Prometheus' own tool reads the text for it,
# and a browser the page.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Status;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

# A name with something for every syntax, and a byte that is no text.
my $odd = qq(<i>"odd"</i> & 'co' \\ \xc3\xbc \xff);
my $odd_in_conf = $odd =~ s/([\\"])/\\$1/gr;

my $nginx = HL::Nginx->new(http => <<"EOT", server => <<"EOT");
hyperlight_guest hello {
    binary guests/hello.elf;
}

hyperlight_guest probe {
    binary testguests/probe.elf;
    sandboxes 2 4;
}

hyperlight_guest "$odd_in_conf" {
    binary guests/counter.elf;
}
EOT
location /status { hyperlight_status; }
location /hello { hyperlight_pass hello hello; }
location /fault { hyperlight_pass probe fault; }
location /odd { hyperlight_pass "$odd_in_conf" counter; }

location = /page {
    ssi on;
    default_type text/html;
    return 200 '<!--#include virtual="/status" -->';
}
EOT

$nginx->get('/hello') for 1 .. 20;
$nginx->get('/fault?null') for 1 .. 2;
is($nginx->get('/odd')->{body} + 0, 1, 'a guest with an odd name');


# ---- which form -----------------------------------------------------------

my %type = (
    html       => 'text/html; charset=utf-8',
    json       => 'application/json',
    prometheus => 'text/plain; version=0.0.4; charset=utf-8',
);

for (
    ['nothing is said',         '', undef,                      'html'],
    ['format=html',             '?format=html', undef,          'html'],
    ['format=json',             '?format=json', undef,          'json'],
    ['format=prometheus',       '?format=prometheus', undef,    'prometheus'],
    ['the argument goes first', '?format=json', 'text/html',    'json'],
    ['other arguments',         '?a=b&format=json&c', undef,    'json'],

    ['HTML',                    '', 'text/html',                'html'],
    ['JSON',                    '', 'application/json',         'json'],
    ['text',                    '', 'text/plain',               'prometheus'],
    ['in capitals',             '', 'Application/JSON',         'json'],
    ['anything',                '', '*/*',                      'html'],
    ['an application\'s',       '', 'application/*',            'json'],
    ['any text',                '', 'text/*',                   'html'],
    ['something else',          '', 'image/png',                'html'],
    ['what is better',          '', 'text/html;q=0.5,application/json',
                                                                'json'],
    ['what is better, last',    '', 'text/html;q=0.1 , text/plain ; q=0.2',
                                                                'prometheus'],
    ['the most specific one',   '', '*/*, text/html;q=0.1, text/plain;q=0.2',
                                                                'json'],
    ['not that one',            '', 'text/*, text/html;q=0',    'prometheus'],
    ['other parameters',        '', 'application/json;v=2;Q=0.8,text/html;q=0',
                                                                'json'],
    ['a browser',               '', 'text/html,application/xhtml+xml,'
        . 'application/xml;q=0.9,image/webp,*/*;q=0.8',         'html'],
    ['Prometheus',              '', 'application/openmetrics-text;'
        . 'version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
                                                                'prometheus'],
    ['rubbish',                 '', ',;q=,/*,text/*x;q=a,q',    'html'],
) {
    my ($what, $args, $accept, $format) = @$_;

    my $r = $nginx->get("/status$args",
                        defined $accept ? "Accept: $accept" : ());

    is($r->{headers}{'content-type'}, $type{$format}, "$what: $format");
}

is($nginx->get('/status', 'Accept: text/html;q=0.1',
               'Accept: application/json')->{headers}{'content-type'},
   $type{json}, 'Accept in two lines');
is($nginx->get('/status?format=xml')->{status}, 400, 'an unknown format: 400');


# ---- HTTP -----------------------------------------------------------------

{
    my $r = $nginx->get('/status');

    is($r->{headers}{'cache-control'}, 'no-store', 'it is not to be cached');
    is($r->{headers}{'content-length'}, length $r->{body}, 'it has a length');
    is($r->{headers}{etag} // $r->{headers}{'last-modified'}, undef,
       'and no validators');

    my $head = $nginx->request('HEAD', '/status');

    is($head->{status}, 200, 'HEAD');
    is($head->{body}, '', 'HEAD: no body');
    is($head->{headers}{'content-type'}, $type{html}, 'HEAD: its type');
    ok($head->{headers}{'content-length'}, 'HEAD: its length');

    my $client = $nginx->connect;

    $client->request('POST', '/status', body => 'abc');
    my $refused = $client->response;

    is($refused->{status}, 405, 'POST: 405');
    is($refused->{headers}{allow}, 'GET, HEAD', 'with what is allowed');

    $client->request('GET', '/status', body => 'abc');
    is($client->response->{status}, 200, 'GET with a body that it ignores');
    $client->request('GET', '/hello');
    is($client->response->{status}, 200, 'and the connection goes on');
    $client->close;

    like($nginx->get('/page')->{body}, qr{<title>Hyperlight status.*</html>}s,
         'in a subrequest');
}


# ---- JSON -----------------------------------------------------------------

{
    my $r = $nginx->get('/status?format=json');
    my $status = eval { JSON::PP->new->utf8->decode($r->{body}) };

    ok($status, 'JSON is JSON') or diag($@, $r->{body});
    is($status->{version}, 1, 'JSON: version');
    like($status->{nginx}, qr/^\d+\.\d+\.\d+$/, 'JSON: nginx');
    cmp_ok(abs($status->{time} - time), '<', 10, 'JSON: time');

    my @guests = @{ $status->{guests} };

    is_deeply([map { $_->{name} } @guests],
              ['hello', 'probe',
               qq(<i>"odd"</i> & 'co' \\ \x{fc} \x{fffd})],
              'JSON: guests, in the order of the configuration');

    is_deeply([sort keys %{ $guests[0] }],
              [sort qw(name since workers calls call_seconds cpu_seconds exits
                       queue pages vm_rebuilds sandboxes refused limited
                       metrics)],
              'JSON: the members of a guest');
    is_deeply([sort keys %{ $guests[0]{calls} }],
              [sort qw(ok fault error invalid busy unavailable timeout limit
                       aborted)],
              'JSON: the outcomes');

    my $histogram = $guests[0]{call_seconds};
    my @buckets = @{ $histogram->{buckets} };

    is($buckets[-1]{le}, '+Inf', 'JSON: the last bucket');
    is($buckets[-1]{count}, $histogram->{count}, 'JSON: has them all');
    is_deeply([grep { $buckets[$_]{count} < $buckets[$_ - 1]{count} }
               1 .. $#buckets], [], 'JSON: buckets are cumulative');
}


# ---- Prometheus -----------------------------------------------------------

my $text = $nginx->get('/status?format=prometheus')->{body};

{
    my $path = $nginx->write_file('metrics', $text);
    my $said = `promtool check metrics < $path 2>&1`;

    is($?, 0, 'promtool takes it');
    is($said, '', 'and has nothing to say about it');
}

my %sample = map { /^(\S.*) (\S+)$/ && !/^#/ ? ($1 => $2) : () }
             split /\n/, $text;

is($sample{'hyperlight_calls_total{guest="hello",outcome="ok"}'}, 21,
   'Prometheus: calls');
is($sample{'hyperlight_calls_total{guest="probe",outcome="fault"}'}, 2,
   'Prometheus: faults');
is($sample{'hyperlight_calls_total{guest="hello",outcome="busy"}'}, 0,
   'Prometheus: what has not happened');
is($sample{'hyperlight_call_seconds_bucket{guest="hello",le="+Inf"}'}, 21,
   'Prometheus: the last bucket');
is($sample{'hyperlight_call_seconds_count{guest="hello"}'}, 21,
   'Prometheus: count of the histogram');
cmp_ok($sample{'hyperlight_call_seconds_sum{guest="hello"}'}, '>', 0,
       'Prometheus: its sum');
is($sample{'hyperlight_sandboxes{guest="probe",state="free"}'}, 2,
   'Prometheus: sandboxes');
ok(exists $sample{qq(hyperlight_calls_total{guest="<i>\\"odd\\"</i> & 'co' )
                  . qq(\\\\ \xc3\xbc \xef\xbf\xbd",outcome="ok"})},
   'Prometheus: names are escaped');


# ---- the page -------------------------------------------------------------

{
    my $page = $nginx->get('/status')->{body};

    unlike($page, qr/<script|\bsrc=|<link|url\(|https?:/,
           'the page: needs nothing else');
    like($page, qr/<meta http-equiv="refresh"/, 'the page: is refreshed');
    unlike($page, qr/<i>|\xff/, 'the page: names are escaped');
}

# Three cells after the calls: per second, failed per second, CPU.

sub rates {
    my ($guest) = @_;

    my $page = $nginx->get('/status')->{body};
    my ($row) = $page =~ m{<tr>(<td><a[^>]*>$guest<.*)};

    return $row =~ m{<td[^>]*>([\d.]+)(?: %)?</td>}g;
}

{
    my $start = time;

    $nginx->get('/status');
    sleep 1.1;
    $nginx->get('/hello') for 1 .. 100;
    $nginx->get('/fault?null') for 1 .. 10;

    my ($calls, $rate, $failed, $cpu) = rates('hello');
    my $most = 100 / 1.1;
    my $least = 100 / (time - $start + 5);

    is($calls, 121, 'rates: calls');
    cmp_ok($rate, '<=', $most, 'rates: not more than there were');
    cmp_ok($rate, '>=', $least, 'rates: nor less');
    is($failed, '0.0', 'rates: none of these has failed');
    cmp_ok($cpu, '>', 0, 'rates: they used some CPU');
    cmp_ok((rates('probe'))[2], '>', 0, 'rates: the others have');
}


SKIP: {
    my $dom = browse('--dump-dom');

    ok(defined $dom, 'the page: a browser shows it')
        or skip 'the browser failed', 1;

    # What a parser made of it: no element, no text got lost or added.
    my @rows = map { [map { plain($_) } m{<td[^>]*>(.*?)</td>}gs] }
               $dom =~ m{<tr>(?=<td)(.*?)</tr>}gs;

    is_deeply([map { $_->[0] } @rows],
              ['hello', 'probe',
               qq(<i>"odd"</i> & 'co' \\ \xc3\xbc \xef\xbf\xbd)],
              'the page: a row for each guest');
    is_deeply([map { $_->[1] } @rows], [121, 12, 1], 'the page: calls');
    is_deeply([map { $_->[5] } @rows], ['0 of 1', '0 of 2', '0 of 1'],
              'the page: sandboxes in use');

    my ($probe) = $dom =~ m{<section id="guest-1">(.*?)</section>}s;
    my %outcomes = $probe =~ m{<tr class="\w+"><td>(\w+)</td><td>(\d+)</td>}g;

    is(scalar keys %outcomes, 9, 'the page: all outcomes');
    is($outcomes{fault}, 12, 'the page: faults');

    my ($svg) = $probe =~ m{<svg[^>]*>(.*?)</svg>}s;
    my $sum = 0;

    $sum += $_ for $svg =~ m{<title>[^<]*: (\d+)</title>}g;
    is($sum, 12, 'the page: the histogram has the calls');
    is(scalar(() = $svg =~ m{<text [^>]*>[^<]*s</text>}g), 19,
       'the page: and all buckets');
}


# The browser's output; undef if it failed.

sub browse {
    my (@options) = @_;

    my $dir = $nginx->dir;
    my $uri = 'http://127.0.0.1:' . $nginx->port . '/status';

    # Its own sandbox wants another user than root; there is no GPU.
    my @command = ('timeout', 60, 'chromium', '--headless', '--no-sandbox',
                   '--disable-gpu', '--disable-dev-shm-usage',
                   "--user-data-dir=$dir/browser", @options, $uri);

    local $ENV{HOME} = $dir;
    open my $pipe, '-|', "exec @command 2>$dir/browser.log" or return;
    local $/;
    my $output = <$pipe>;

    return close($pipe) ? $output : undef;
}


# The text of a piece of HTML, as the browser writes it.

sub plain {
    my ($html) = @_;

    my %entity = (lt => '<', gt => '>', quot => '"', amp => '&', nbsp => ' ');

    $html =~ s/<[^>]*>//g;
    $html =~ s/&(\w+);/$entity{$1}/g;

    return $html;
}


$nginx->finish;


# ---- no guest -------------------------------------------------------------

$nginx = HL::Nginx->new(server => 'location /status { hyperlight_status; }');

for my $format (sort keys %type) {
    is($nginx->get("/status?format=$format")->{status}, 200,
       "without a guest: $format");
}

is_deeply(HL::Status::json($nginx), {}, 'without a guest: none is there');

$nginx->finish;

done_testing;
