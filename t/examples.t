#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The example guests answer as their head comments say: run by hlrun in a
# sandbox of their own, with good and with hostile input, and compared with
# what independent code (Digest::SHA, JSON::PP, Compress::Zlib) makes of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib qw(adler32 crc32 uncompress);
use Digest::SHA qw(hmac_sha256_hex);
use HL::Hlrun qw(run write_file);
use JSON::PP;
use Test::More;


# { status, headers, body } of an example that has one function, named as
# itself; or status 0, "exit" and "error" of hlrun if there is no answer.

sub request {
    my ($guest, $line, %o) = @_;

    my $body = defined $o{body} ? $o{body} : '';
    my $head = join '', map { "$_\r\n" } "$line HTTP/1.1", 'Host: localhost',
        'Content-Length: ' . length $body, @{ $o{headers} || [] };

    my $file = write_file('request', "$head\r\n$body");
    my @init_data = defined $o{init_data}
        ? ('--init-data', write_file('init_data', $o{init_data})) : ();

    my $r = run(@init_data, @{ $o{options} || [] }, '--http', $file,
                HL::Hlrun::built("guests/$guest.elf"), $guest);

    return { status => 0, exit => $r->{status}, error => $r->{err} }
        if $r->{status} ne 0;

    my ($response, $rest) = split /\r\n\r\n/, $r->{out}, 2;
    my ($first, @lines) = split /\r\n/, $response;
    my ($status) = $first =~ m{^HTTP/1\.1 (\d{3})\b}
        or die "not a response: $r->{out}";

    my %headers = map { /^([^:]+): *(.*)$/ ? (lc $1, $2) : () } @lines;

    return { status => $status, headers => \%headers, body => $rest };
}


# ---- hello, counter, upper, spin, crash -----------------------------------

like(request('hello', 'GET /x', headers => ['X-Name: Ada'])->{body},
     qr{^Hello, Ada! This is /x\.$}, 'hello: the header and the URI');
is(request('counter', 'GET /')->{body}, "1\n", 'counter: counts to 1');
is(run(HL::Hlrun::built('guests/upper.elf'), 'upper', 'x"617a00412d"')->{out},
   qq(x"415a00412d"\n), 'upper: bytes to bytes');

is(request('spin', 'GET /', options => ['--timeout', '50ms'])->{exit}, 4,
   'spin: its time is limited');

for (['null', ''], ['abort', 'asked to abort'],
     ['overflow', 'stack smashing detected'])
{
    my ($how, $why) = @$_;
    my $r = request('crash', "GET /?$how");

    is($r->{exit}, 3, "crash: $how: no answer");
    like($r->{error}, qr/\Q$why\E/, 'and the reason is told');
}


# ---- json -----------------------------------------------------------------

sub json {
    return request('json', 'POST /', body => $_[0]);
}

sub json_is {
    my ($in, $total, $data, $name) = @_;

    my $r = json($in);

    is("$r->{status} $r->{body}", "200 {\"total\":$total,\"data\":$data}\n",
       "json: $name");
}

sub json_refused {
    my ($in, $error, $position, $name) = @_;

    my $r = json($in);

    is("$r->{status} $r->{body}",
       "400 {\"error\":\"$error\",\"position\":$position}\n", "json: $name");
}

is(json('1')->{headers}{'content-type'}, 'application/json',
   'json: its type');

json_is(' { "a" : [ 1 , true , null ] } ', 0, '{"a":[1,true,null]}',
        'no white space is left');
json_is("\t\r\n\"x\"\n", 0, '"x"', 'a string alone is a document');
json_is('{"mail":"m","zip":{"mail":1}}', 0,
        '{"email":"m","postcode":{"email":1}}', 'members are renamed');
json_is('{"password":1,"a":2,"token":[{"b":3}],"c":4,"password":5}', 0,
        '{"a":2,"c":4}', 'and left out, first, last, in between');
json_is('{"password":1}', 0, '{}', 'and alone');
json_is('{"a":{"password":{"mail":1}},"b":[{"token":1},2]}', 0,
        '{"a":{},"b":[{},2]}', 'at any depth');
json_is('{"p\u0061ssw\u006Frd":1,"\u006dail":2,"pass\/word":3}', 0,
        '{"email":2,"pass\/word":3}', 'however they are spelt');
json_is('{"password\u0000":1,"passwor":2,"passwordd":3,"":4}', 0,
        '{"password\u0000":1,"passwor":2,"passwordd":3,"":4}',
        'and nothing else is');
json_is('[{"amount":1.5},{"amount":-2e2},{"amount":"7"},{"amount":[9]}]',
        '-198.5',
        '[{"amount":1.5},{"amount":-2e2},{"amount":"7"},{"amount":[9]}]',
        'amounts are added up');
json_is('{"amount":1,"token":{"amount":2}}', 1, '{"amount":1}',
        'those that are left out are not');
json_is('[{"amount":1e308},{"amount":1e308}]', 'null',
        '[{"amount":1e308},{"amount":1e308}]', 'to null, if too large');
json_is('{"amount":1e999999999999}', 'null', '{"amount":1e999999999999}',
        'a number may have any size');
json_is("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\\ud83d\"", 0,
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\\ud83d\"",
        'UTF-8 comes through');
json_is('[' x 64 . ']' x 64, 0, '[' x 64 . ']' x 64, '64 levels');

my $no_value = 'a value is missing';
my $no_digit = 'a digit is missing';
my $no_end = 'a string has no end, or a control character';
my $no_comma = 'a comma or a closing bracket is missing';
my $escape = 'not an escape sequence';
my $more = 'something behind the document';

json_refused('', $no_value, 0, 'an empty body');
json_refused('  ', $no_value, 2, 'white space only');
json_refused('1 2', $more, 2, 'two documents');
json_refused("1\0", $more, 1, 'a NUL behind');
json_refused("\0", $no_value, 0, 'a NUL only');
json_refused("\xef\xbb\xbf1", $no_value, 0, 'a byte order mark');
json_refused('nul', $no_value, 0, 'half a word');
json_refused('nulll', $more, 4, 'more than a word');
json_refused('True', $no_value, 0, 'a word in capitals');
json_refused('NaN', $no_value, 0, 'NaN');
json_refused("'a'", $no_value, 0, 'single quotes');
json_refused('[1,]', $no_value, 3, 'a comma before the bracket');
json_refused('[,1]', $no_value, 1, 'a comma behind it');
json_refused('[1 2]', $no_comma, 3, 'no comma');
json_refused('[1', $no_comma, 2, 'no end of an array');
json_refused('[1}', $no_comma, 2, 'the wrong bracket');
json_refused('{"a":1,}', 'a string is missing', 7, 'a comma before }');
json_refused('{a:1}', 'a string is missing', 1, 'a name without quotes');
json_refused('{"a" 1}', 'a colon is missing', 5, 'no colon');
json_refused('{"password"', 'a colon is missing', 11, 'nothing behind it');
json_refused('{"a":}', $no_value, 5, 'no value');
json_refused('{"a":1', $no_comma, 6, 'no end of an object');
json_refused('01', $more, 1, 'a zero in front');
json_refused('-', $no_digit, 1, 'a minus alone');
json_refused('+1', $no_value, 0, 'a plus');
json_refused('1.', $no_digit, 2, 'nothing behind the point');
json_refused('.1', $no_value, 0, 'nothing before it');
json_refused('1e+', $no_digit, 3, 'an empty exponent');
json_refused('0x1', $more, 1, 'hexadecimal');
json_refused('"a', $no_end, 2, 'no closing quote');
json_refused("\"a\nb\"", $no_end, 2, 'a newline in a string');
json_refused("\"a\0b\"", $no_end, 2, 'a NUL in a string');
json_refused('"\x"', $escape, 2, 'an unknown escape');
json_refused('"\u12g4"', $escape, 2, 'three digits');
json_refused('"\u12', $escape, 2, 'the end in an escape');
json_refused('"\\', $escape, 2, 'the end behind a backslash');
json_refused("\"$_->[0]\"", 'not UTF-8', 1, $_->[1])
    for ["\x80", 'a byte that continues nothing'],
        ["\xc3", 'half a sequence'], ["\xc0\xaf", 'an overlong slash'],
        ["\xe0\x80\xaf", 'a longer one'], ["\xed\xa0\x80", 'a surrogate'],
        ["\xf4\x90\x80\x80", 'beyond Unicode'], ["\xff", 'no UTF-8 at all'];
json_refused("\"\xf0\x9f\x98", 'not UTF-8', 1, 'the end in a sequence');
json_refused('[' x 65 . ']' x 65, 'too deep', 65, '65 levels');
json_refused('[' x 90000, 'too deep', 65, 'very deep');
json_refused('{"a":' x 15000, 'too deep', 321, 'very deep objects');

{
    my @items = map { { id => $_, text => "\"\\\t\x{20ac} $_",
                        zip => "z$_", amount => $_ / 4, token => 'x' } }
                1 .. 300;
    my @expected = map {
        my %item = %$_;
        $item{postcode} = delete $item{zip};
        delete $item{token};
        \%item;
    } @items;

    my $r = json(JSON::PP->new->utf8->pretty->encode(\@items));
    my $answer = eval { decode_json($r->{body}) };

    is_deeply($answer, { total => 300 * 301 / 8, data => \@expected },
              'json: a large document, as JSON::PP reads it')
        or diag(substr $r->{body}, 0, 200);
}

is(json('[' . '{"amount":' . '9' x 90000 . '}]')->{status}, 200,
   'json: a number of 90000 digits');
is(json('"' . '\u0041' x 15000 . '"')->{status}, 200, 'json: many escapes');


# ---- hmac -----------------------------------------------------------------

sub hmac {
    my ($key, $body, $signature) = @_;

    return request('hmac', 'POST /hook', body => $body, init_data => $key,
        headers => defined $signature ? ["X-Signature: $signature"] : []);
}

# Around the block of SHA-256, keys and bodies.
for my $n (0, 1, 54 .. 57, 63 .. 65, 119 .. 121, 128, 1000, 90000) {
    my $body = join '', map { chr($_ * 7 % 256) } 1 .. $n;

    is(hmac('secret', $body,
            'sha256=' . hmac_sha256_hex($body, 'secret'))->{status}, 204,
       "hmac: a body of $n bytes");
}

for my $n (1, 63 .. 66, 200) {
    my $key = join '', map { chr(255 - $_ % 200) } 1 .. $n;

    is(hmac($key, 'body', 'sha256=' . hmac_sha256_hex('body', $key))
           ->{status}, 204, "hmac: a key of $n bytes");
}

{
    my $right = hmac_sha256_hex('body', 'secret');

    is(hmac("secret\n", 'body', "sha256=$right")->{status}, 204,
       'hmac: a newline behind the key');
    is(hmac('secret', 'body', 'sha256=' . uc $right)->{status}, 204,
       'hmac: capital letters');

    my $r = hmac('secret', 'body', "sha256=$right");

    is($r->{body}, '', 'hmac: 204 has no body');

    (my $first = $right) =~ s/^(.)/$1 eq '0' ? '1' : '0'/e;
    (my $last = $right) =~ s/(.)$/$1 eq '0' ? '1' : '0'/e;

    my %wrong = (
        'the first digit wrong'    => "sha256=$first",
        'the last digit wrong'     => "sha256=$last",
        'one digit less'           => 'sha256=' . substr($right, 1),
        'one digit more'           => "sha256=${right}0",
        'no digits'                => 'sha256=',
        'not hexadecimal'          => 'sha256=' . 'g' x 64,
        'an escape of the C kind'  => 'sha256=0x' . substr($right, 2),
        'blanks and signs'         => 'sha256=' . ' +' x 32,
        'another algorithm'        => "sha512=$right",
        'no algorithm'             => $right,
        'nothing'                  => '',
        'no header'                => undef,
        'very long'                => 'sha256=' . 'a' x 8000,
    );

    is(hmac('secret', 'body', $wrong{$_})->{status}, 403, "hmac: $_")
        for sort keys %wrong;

    is(hmac('secret', 'Body', "sha256=$right")->{status}, 403,
       'hmac: another body');
    is(hmac('Secret', 'body', "sha256=$right")->{status}, 403,
       'hmac: another key');
}

like(request('hmac', 'POST /')->{error}, qr/init_data has to be the key/,
     'hmac: no key');
like(hmac("\n", 'body')->{error}, qr/init_data has to be the key/,
     'hmac: an empty key');


# ---- png ------------------------------------------------------------------

# Width, height, and the rows of colours; dies where the image is not valid.

sub decode_png {
    my ($png) = @_;

    $png =~ s/^\x89PNG\r\n\x1a\n// or die 'no signature';

    my (%chunks, @order);

    while (length $png) {
        my ($length, $type) = unpack 'N a4', $png;
        my $data = substr $png, 8, $length;

        length $png >= 12 + $length or die "$type: cut";
        unpack('N', substr $png, 8 + $length, 4) == crc32("$type$data")
            or die "$type: CRC";

        $chunks{$type} .= $data;
        push @order, $type;
        substr $png, 0, 12 + $length, '';
    }

    "@order" eq 'IHDR PLTE IDAT IEND' or die "chunks: @order";

    my ($width, $height, @kind) = unpack 'N N C5', $chunks{IHDR};

    "@kind" eq '2 3 0 0 0' or die "kind: @kind";

    my $data = uncompress($chunks{IDAT});

    defined $data or die 'IDAT: not zlib';
    unpack('N', substr $chunks{IDAT}, -4) == adler32($data)
        or die 'IDAT: Adler-32';

    my $stride = 1 + int(($width + 3) / 4);

    length $data == $height * $stride or die 'IDAT: ' . length $data;

    my @rows = map {
        my ($filter, @bytes) = unpack 'C*', $_;

        $filter == 0 or die "filter: $filter";

        my @pixels = map { ($_ >> 6, $_ >> 4 & 3, $_ >> 2 & 3, $_ & 3) }
            @bytes;

        [@pixels[0 .. $width - 1]];
    } unpack "(a$stride)*", $data;

    return { width => $width, height => $height, rows => \@rows,
             palette => unpack 'H*', $chunks{PLTE} };
}

sub png {
    my ($args) = @_;

    my $r = request('png', "GET /chart$args");

    return $r if $r->{status} != 200;

    is($r->{headers}{'content-type'}, 'image/png', "png: $args: its type");

    my $png = eval { decode_png($r->{body}) };

    ok($png, 'it is valid') or diag($@);

    return $png || {};
}

{
    my $png = png('?v=1,4,2&w=90&h=80');
    my @rows = @{ $png->{rows} };

    is("$png->{width} $png->{height}", '90 80', 'png: its size');
    is($png->{palette}, 'ffffffcccccc2266aa', 'its colours');

    # A bar has 24 pixels of 30, at the right; lines at 0, 20, 40, 60.
    my @heights = map {
        my $x = $_;
        scalar grep { $_->[$x] == 2 } @rows;
    } 0 .. 89;

    is_deeply(\@heights, [(0) x 6, (20) x 24, (0) x 6, (80) x 24,
                          (0) x 6, (40) x 24],
              'the bars are as high as the values');
    is_deeply([grep { $rows[79 - $_][0] == 1 } 0 .. 79], [0, 20, 40, 60],
              'the lines behind them');
    ok(!grep({ $_ == 3 } map { @$_ } @rows), 'no other colour');
}

is(join(' ', @{ png('?v=3,1,4') }{qw(width height)}), '320 120',
   'png: the size if none is given');
is(join(' ', @{ png('?w=16&h=640&v=0') }{qw(width height)}), '16 640',
   'png: narrow, and in any order');
is(join(' ', @{ png('?w=640&h=640&v=1') }{qw(width height)}), '640 640',
   'png: the largest');
is(join(' ', @{ png('?w=17&h=19&v=' . join ',', 1 .. 64) }
       {qw(width height)}), '17 19', 'png: more values than pixels');
is(png("?w=$_&v=1")->{width}, $_, "png: $_ pixels in a row") for 33 .. 36;
png('?v=1000000,999999,0');

is(png($_)->{status}, 400, 'png: 400: ' . substr $_, 0, 30)
    for '', '?', '?v', '?v=', '?v=,1', '?v=1,', '?v=1,,2', '?v=-1', '?v=1.5',
        '?v=x', '?v=%31', '?v=1000001', '?v=4294967297', '?v=' . '9' x 8000,
        '?v=' . join(',', (1) x 65), '?v=1&w=15', '?v=1&w=641', '?v=1&h=0',
        '?v=1&h=4294967312', '?v=1&w=', '?v=1&', '?v=1&x=1', '?w=100&h=100',
        '?v=1&w=100w', '?V=1';


# ---- redirect -------------------------------------------------------------

my $map = <<'EOT';
# the first line
/blog           https://blog.example.org/  301
/old/path       /new/path

/302	/b   302
  /post         http://example.org/?a=b&c#d 308
/a%b            /percent
/last           /end
EOT

sub redirect {
    my ($uri, $init_data) = @_;

    return request('redirect', "GET $uri",
                   init_data => defined $init_data ? $init_data : $map);
}

for (['/blog', 301, 'https://blog.example.org/'],
     ['/old/path', 302, '/new/path'], ['/302', 302, '/b'],
     ['/post', 308, 'http://example.org/?a=b&c#d'],
     ['/old/path?x=/blog', 302, '/new/path'], ['/last', 302, '/end'],
     ['/%62log', 301, 'https://blog.example.org/'],
     ['/a%25b', 302, '/percent'])
{
    my ($uri, $status, $location) = @$_;
    my $r = redirect($uri);

    is("$r->{status} $r->{headers}{location}", "$status $location",
       "redirect: $uri");
}

for ('/', '/blo', '/blogs', '/BLOG', '/blog/', '/#', '/old', '/zzz',
     '/' . 'a' x 8000, '/blog%0d%0aX:%20y')
{
    my $r = redirect($_);

    is($r->{status}, 404, 'redirect: 404: ' . substr $_, 0, 20);
    ok(!exists $r->{headers}{location}, 'and it leads nowhere');
}

is(redirect('/c', "/c /d 301")->{status}, 301, 'redirect: no last newline');
is(redirect('/c', "/c /d 308\r\n")->{status}, 308, 'redirect: CRLF');
is(redirect('/c', "\n\n#\n")->{status}, 404, 'redirect: an empty map');

{
    my $large = join '', map { sprintf "/p%d /q%d\n", $_ * 7919 % 5000, $_ }
        1 .. 5000;

    for my $n (1, 2500, 5000) {
        is(redirect('/p' . $n * 7919 % 5000, $large)->{headers}{location},
           "/q$n", "redirect: one of 5000, number $n");
    }
}

for (['x /y', 1, 'the old path does not start with a slash'],
     ["/x /y\n/a", 2, 'the new address is missing or is none'],
     ['/x y', 1, 'the new address is missing or is none'],
     ['/x javascript:1', 1, 'the new address is missing or is none'],
     ["/x /\x01", 1, 'the new address is missing or is none'],
     ["/x /\xc3\xa4", 1, 'the new address is missing or is none'],
     ['/x /y 200', 1, 'the status is not 301, 302 or 308'],
     ['/x /y 0301', 1, 'the status is not 301, 302 or 308'],
     ['/x /y 301 #', 1, 'there is more than a status'],
     ["/x /y\n/a /b\n/x /z", 3, 'its old path is there twice'])
{
    my ($text, $line, $what) = @$_;

    like(redirect('/', $text)->{error}, qr/line $line of the map: $what/,
         "redirect: line $line: $what");
}

like(redirect('/', "/a /b\0")->{error}, qr/a NUL/, 'redirect: a NUL');
like(request('redirect', 'GET /')->{error}, qr/init_data has to be the map/,
     'redirect: no map');


# ---- csv, in Rust ---------------------------------------------------------

SKIP: {
    skip 'csv: it was not built, there is no rustc', 1
        if !-e HL::Hlrun::built('guests/csv.elf');

    my $csv = sub {
        my $r = request('csv', 'POST /', body => $_[0]);

        return "$r->{status} $r->{body}";
    };

    is($csv->("name,city\r\nAda,London\r\nBob,\"Par\"\"is\"\r\n"),
       qq(200 [{"name":"Ada","city":"London"},\n)
       . qq({"name":"Bob","city":"Par\\"is"}]\n), 'csv: two rows');
    is($csv->(''), "200 []\n", 'csv: nothing');
    is($csv->('a,b'), "200 []\n", 'csv: names alone');
    is($csv->("a\n1"), qq(200 [{"a":"1"}]\n), 'csv: no last newline');
    is($csv->("a,b\n,\n"), qq(200 [{"a":"","b":""}]\n), 'csv: empty fields');
    is($csv->("a\n\"x\r\ny,\\\x01\"\n"),
       qq(200 [{"a":"x\\u000d\\u000ay,\\\\\\u0001"}]\n), 'csv: escapes');
    is($csv->("\"\"\n\"\"\"\"\n"), qq(200 [{"":"\\""}]\n), 'csv: quotes');
    is($csv->("\xc3\xa4\n\xf0\x9f\x98\x80\n"),
       qq(200 [{"\xc3\xa4":"\xf0\x9f\x98\x80"}]\n), 'csv: UTF-8');

    for (["a,b\n1", 2], ["a\n1,2", 2], ["a\n\"1\n2\n", 2], ["a\nb\"c\"", 2],
         ["a\n\"b\"c", 2], ["a\rb", 1], ["a\n1\n\n", 0], ["\"", 1],
         ["a\n\"1\n\n2\"\n3,4\n", 5], ["a\n1\n\xff\n", 3], ["\xc3", 1],
         ["a,b\n\n", 2])
    {
        my ($in, $line) = @$_;

        (my $name = $in) =~ s/([^ -~])/sprintf '\x%02x', ord $1/ge;

        is($csv->($in),
           $line ? "400 line $line: not a table\n"
                 : qq(200 [{"a":"1"},\n{"a":""}]\n), "csv: $name");
    }

    my $rows = join '', map { "$_,\"a\"\"$_\"\n" } 1 .. 2000;
    my $answer = $csv->("n,t\n$rows");

    is_deeply(eval { decode_json(substr $answer, 4) },
              [map { { n => "$_", t => "a\"$_" } } 1 .. 2000],
              'csv: 2000 rows, as JSON::PP reads them');

    is($csv->('x' x 1000 . "\n" . "\n" x 50000),
       "413 the answer is too long\n", 'csv: much from little');
}


done_testing();
