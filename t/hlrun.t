#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hlrun: what it prints, where, and with which exit status, for each of its
# options and each way in which a run can end.

use strict;
use warnings;

use File::Temp ();
use FindBin;
use Test::More;

my $build = $ENV{TEST_NGINX_BUILD} || "$FindBin::Bin/../build";
my $hlrun = "$build/bin/hlrun";
my $probe = "$build/testguests/probe.elf";
my $hello = "$build/guests/hello.elf";
my $dir = File::Temp->newdir;

plan skip_all => "there is no $hlrun" if !-x $hlrun;

# Behind a function's name: the place in it, the file, the callers.
my $at = qr/\+0x[0-9a-f]+ \([\w-]+\.elf\)(?:, called by \S.*)?/;


# ---- the command line -----------------------------------------------------

{
    my $r = run('--help');

    is($r->{status}, 0, '--help: 0');
    like($r->{out}, qr/\Ausage: hlrun \[option\.\.\.\] guest\.elf/,
         'its usage is on stdout');
    is($r->{err}, '', 'nothing is on stderr');
    ok(!(grep { length > 79 } split /\n/, $r->{out}), 'in 79 columns');

    my @options = $r->{out} =~ /(--[a-z-]+)/g;
    my $page = read_file("$FindBin::Bin/../tools/hlrun.1");

    $page =~ s/\\-/-/g;

    ok(@options > 15 && !(grep { index($page, $_) < 0 } @options),
       'the manual page has each option of it');

    like($r->{out}, qr/\Q$_\E/, "it says what exit status $_")
        for '0 done', '1 usage', '2 the function', '3 fault', '4 time limit',
            "5 no\nKVM";
}

like(run('--version')->{out}, qr/^hlrun: .*\d+\.\d+\.\d+.*guest ABI \d+/,
     '--version');

fails([], 'no guest was named, see hlrun --help');
fails(['-h'], 'unknown option -h, see hlrun --help');
fails(['--nope', 'x'], 'unknown option --nope, see hlrun --help');
fails(['--heap'], '--heap needs a value: --heap SIZE');
fails(['--no-clock=1', $probe], '--no-clock takes no value');

fails(['--heap', $_, $probe], '--heap: expected a size, such as 65536, 64k, '
      . "1m or 1g, but got $_") for qw(x 1x -1 k 1.5m 0x10), '', ' 1';
fails(['--stack=99999999999999999999', $probe],
      '--stack: 99999999999999999999 is too large');
fails(['--stack=99999999999999g', $probe],
      '--stack: 99999999999999g is too large');
fails(['--heap=1', $probe], qr/^"heap" must be from 4k to /);
fails(['--stack=1g', $probe], qr/^"stack" must be from 8k to 64m$/);
fails(['--input=64k', '--headers=64k', $probe], qr/"headers" .*"input"/);
fails(['--output=1k', $probe], qr/^"output" must be from 8k to /);

fails(['--timeout', $_, $probe], '--timeout: expected a time, such as 500ms '
      . "or 10s, but got $_") for qw(5 1m s -1s);
fails(['--timeout=0s', $probe], '--timeout: expected more than 0');

fails(['--bench', $_, $probe, 'DoNothing'], qr/^--bench: expected .*got $_$/)
    for qw(0 x 1000001);
fails(['--bench', 5, $probe], '--bench needs a function');

fails(['--result', 'Text', $probe, 'X'], '--result: expected Int, UInt, Long,'
      . ' ULong, Float, Double, String, Bool, Void or VecBytes, but got '
      . 'Text');
fails(['--result', 'Int', $probe], '--result needs a function');
fails(['--result', 'Int', $probe, 'EchoLong', 1],
      '--result Int: EchoLong has the result Long');

fails(['--log-level', 'loud', $probe], '--log-level: expected trace, debug, '
      . 'information, warning, error, critical or none, but got loud');

fails(["$dir/nope.elf"],
      "GuestBinary not found: '$dir/nope.elf': No such file or directory");
fails([$0], qr/not an ELF/i);
fails([$probe, '--init-data', "$dir/nope"],
      "cannot open $dir/nope: No such file or directory");
fails([$probe, '--init-data', "$dir"], qr/^cannot read $dir: Is a directory/);

SKIP: {
    skip 'there is no /dev/full', 1 if !-c '/dev/full';

    my $err = `$hlrun $probe EchoInt 1 2>&1 >/dev/full`;

    is($? >> 8, 1, 'stdout is full: 1');
    like($err, qr/^hlrun: cannot write to standard output: No space/,
         'and it says so');
}


# ---- listing --------------------------------------------------------------

is(run($hello)->{out}, "hello: HTTP\n", 'an HTTP handler is listed');

{
    my $r = run($probe);

    is($r->{status}, 0, 'a list: 0');
    like($r->{out}, qr/^Echo\(String\) -> String$/m, 'a function of one');
    like($r->{out}, qr/^DoNothing\(\) -> Void$/m, 'of none, without result');
    like($r->{out}, qr/^Eleven\(Int,\ UInt,\ Long,\ ULong,\ Float,\ Double,
                        \ String,\ Bool,\ VecBytes,\ Int,\ String\)
                        \ ->\ String$/mx, 'of eleven');
    like($r->{out}, qr/^dump: HTTP$/m, 'handlers among them');
}


# ---- values ---------------------------------------------------------------

for (
    ['EchoInt', '-2147483648'], ['EchoInt', '2147483647'],
    ['EchoInt', '0x1f', 31], ['EchoInt', '-0x10', -16],
    ['EchoInt', '+7', 7],
    ['EchoUInt', '4294967295'], ['EchoLong', '-9223372036854775808'],
    ['EchoULong', '18446744073709551615'],
    ['EchoFloat', '0.1'], ['EchoFloat', '1', '1.0'],
    ['EchoFloat', '3.4028235e+38'], ['EchoFloat', '-inf'],
    ['EchoDouble', '0.1'], ['EchoDouble', '-0', '-0.0'],
    ['EchoDouble', '1e300', '1e+300'], ['EchoDouble', 'nan'],
    ['EchoDouble', '.5', '0.5'], ['EchoDouble', '1e-400', '0.0'],
    ['EchoDouble', '3.141592653589793'],
    ['EchoBool', 'true'], ['EchoBool', 'false'],
    ['Echo', '""'], ['Echo', '"hi"'], ['Echo', "\"gr\xc3\xbc\xc3\x9fe\""],
    ['Echo', '"\"\\\\\\/\b\f\n\r\t"', '"\"\\\\/\b\f\n\r\t"'],
    ['Echo', '"\u00fc\u20ac"', "\"\xc3\xbc\xe2\x82\xac\""],
    ['Echo', '"\ud83d\ude00"', "\"\xf0\x9f\x98\x80\""],
    ['Echo', '"\u0001\u007f\u009b"'],
    ['EchoBytes', 'x""'], ['EchoBytes', 'x"00fF"', 'x"00ff"'],
    ['EchoBytes', '[]', 'x""'], ['EchoBytes', '[ 1, 2,255 ]', 'x"0102ff"'],
    ['NotUtf8', undef, '"a\ufffdb"'],
) {
    my ($function, $arg, $result) = @$_;
    my $r = run($probe, $function, defined $arg ? $arg : ());

    is($r->{out}, ($result // $arg) . "\n",
       $function . ' ' . ($arg // '') . ' is right');
    is($r->{status}, 0, 'and 0');
}

is(run($probe, 'DoNothing')->{out}, '', 'Void prints nothing');

is(run($probe, 'Eleven', qw(-1 2 -3 4 1.5 2.5), '"s"', 'true', 'x"4142"', -5,
       '"t"')->{out}, "\"-1 2 -3 4 1.500 2.500 s 1 AB -5 t\"\n",
   'all types at once, in their order');

is(run('--', $probe, 'Echo', '"--heap"')->{out}, "\"--heap\"\n",
   'behind -- there are no options');


# ---- values that are refused ----------------------------------------------

fails([$probe, 'Echo', @$_ ? @$_ : ()],
      'Echo takes 1 argument, but got ' . @$_) for [], ['"a"', '"b"'];
fails([$probe, 'DoNothing', 1], 'DoNothing takes 0 arguments, but got 1');

refused('EchoInt', 'Int, from -2147483648 to 2147483647', $_)
    for qw(2147483648 -2147483649 1.5 x 0x 1x), '', ' 1', '1 ', '"1"';
refused('EchoUInt', 'UInt, from 0 to 4294967295', $_) for qw(-1 4294967296);
refused('EchoLong',
        'Long, from -9223372036854775808 to 9223372036854775807', $_)
    for qw(9223372036854775808);
refused('EchoULong', 'ULong, from 0 to 18446744073709551615', $_)
    for qw(-1 18446744073709551616);
refused('EchoFloat', 'Float, such as 1.5, up to 3.4028235e38', $_)
    for qw(1e39 x), '';
refused('EchoDouble', 'Double, such as 1.5, up to 1.7976931348623157e308',
        $_) for qw(1e400 1.5x);
refused('EchoBool', 'Bool, true or false', $_) for qw(1 True truex);

for (
    ['hi'],
    ['"hi', 'the closing quote is missing'],
    ['"hi"x', 'there is something behind the closing quote'],
    ['"\\x41"', 'an escape is one of \" \\\\ \/ \b \f \n \r \t \u and four '
                . 'hexadecimal digits'],
    ['"\\', 'an escape is one of \" \\\\ \/ \b \f \n \r \t \u and four '
            . 'hexadecimal digits'],
    ['"\\u12"', '\u takes four hexadecimal digits'],
    ['"\\ud83d"', 'half of a surrogate pair'],
    ['"\\ude00"', 'half of a surrogate pair'],
    ['"a\\u0000"', 'byte 1 of a String is NUL'],
    ["\"a\xff\"", 'byte 1 of a String is not UTF-8'],
) {
    refused('Echo', 'String, such as "text", the quotes with it', @$_);
}

for (
    ['"00"'],
    ['x"0"', 'two hexadecimal digits make a byte'],
    ['x"0g"', 'two hexadecimal digits make a byte'],
    ['x"00', 'the closing quote is missing'],
    ['x"00"0', 'there is something behind the closing quote'],
    map({ [$_, 'a list is numbers from 0 to 255 with commas between them, in '
               . '[ ]'] } '[256]', '[1', '[1,]', '[-1]', '[1 2]', '[1]x',
                          '[,]', '[99999999999999999999]')
) {
    refused('EchoBytes', 'VecBytes, such as x"00ff" or [0, 255]', @$_);
}

like(run($probe, 'Eleven', 1, -1, 3 .. 11)->{err},
     qr/^hlrun: argument 2 of Eleven: expected UInt/,
     'the argument is named by its number');


# ---- names that the guest does not list -----------------------------------

my $unknown = 'ThisIsNotARealFunctionButTheNameIsImportant';

is(run($probe, $unknown)->{out}, "99\n", 'the guest may dispatch any name');
is(run($probe, $unknown, 1, -1, '3000000000', '18446744073709551615', 1.5,
       'true', '"s"', 'x"00"', '[1]')->{out}, "99\n",
   'with arguments of all types');
fails([$probe, $unknown, 'x'],
      "argument 1 of $unknown: expected String, such as \"text\", the quotes "
      . 'with it, but got x');
fails([$probe, $unknown, 1 .. 12], 'a function has at most 11 parameters');
fails([$probe, $unknown, '--result', 'String'],
      'Failed To Convert Return Value Int to String', 2);
fails([$probe, 'NoSuchFunction'], qr/NoSuchFunction/, 2);


# ---- what the guest puts out ----------------------------------------------

{
    my $r = run($probe, 'PrintOutput', '"a\u001bb\n"');

    is($r->{out}, "a\eb\n4\n", 'what it prints is on stdout, as it is');
    is($r->{err}, '', 'and not on stderr');
}

is(run($probe, 'PrintStderr', '"x"')->{out}, 'x',
   "its stderr is the host's print, too");

{
    my $r = run($probe, 'LogMessage', '"a\n\u001b\u009bb"', 2);

    is($r->{out}, "-1\n", 'a log is not on stdout');
    like($r->{err},
         qr{\Awarning: \S*host\.c:\d+: a\\n\\u001b\\u009bb\n\z},
         'but a line on stderr, without what acts on a terminal');
}

is(run($probe, 'LogLevels')->{err} =~ tr/\n//, 2,
   'warnings and errors are logged');

for (['none', 0], ['critical', 0], ['error', 1], ['warning', 2],
     ['information', 3], ['debug', 4], ['trace', 5])
{
    my ($level, $n) = @$_;
    my $r = run($probe, 'LogLevels', '--log-level', $level);

    is($r->{err} =~ tr/\n//, $n, "--log-level $level: $n lines");
}


# ---- how a call ends ------------------------------------------------------

fails([$probe, 'SetError', 15, '"no way"'],
      qr/Guest error occurred .*: no way$/, 2);
fails([$probe, 'ReturnNull'], qr/returned null/, 2);
fails([$probe, 'Fault', '"null"'], qr/page fault writing 0x0/, 3);
fails([$probe, 'Fault', '"undefined"'], qr/vector 6/, 3);
fails([$probe, 'Fault', '"recursion"'], qr/stack overflow/, 3);
fails([$probe, 'GuestAbortWithMessage', 7, '"bye"'],
      qr/^Guest aborted: 7 bye, in _call_abort_with_message$at$/, 3);
fails([$probe, 'Fault', '"exit"'], qr/^Guest aborted: 3/, 3);
fails([$probe, 'LeaveWith', 99], qr/hypercall 99/, 3);
fails([$probe, 'RawOutput', 1], qr/the guest says that its output has/, 3);
fails([$probe, 'Fault', '"loop"', '--timeout', '30ms'],
      qr/^Fault took longer than 30 ms, in fault_loop$at$/, 4);

fails([$probe, 'Echo', '"' . 'x' x 9000 . '"', '--input=12k',
       '--headers=4k'], qr/over the room of 8192 bytes/);
is(run($probe, 'Echo', '"' . 'x' x 9000 . '"')->{out},
   '"' . 'x' x 9000 . "\"\n", '--input makes room');

fails([$probe, 'CallMalloc', 2000000], qr/^Guest aborted: 13/, 3);
is(run($probe, 'CallMalloc', 2000000, '--heap', '4m')->{out}, "2000000\n",
   '--heap makes room');

fails([$probe, 'BigResult', 20000, '--output=16k'], qr/bytes of output/, 2);
is(length(run($probe, 'BigResult', 20000, '--output=32k')->{out}), 40004,
   '--output makes room');

{
    my $guest = guest('large', <<'EOT');
#include <hyperlight_guest.h>

static int32_t
large(void)
{
    volatile char  frame[200000];

    frame[0] = 1;

    return frame[0];
}

HYPERLIGHT_WRAP_FUNCTION(large, Int, 0)

void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("large", large);
}
EOT

    fails([$guest, 'large'], qr/stack/, 3);
    is(run($guest, 'large', '--stack', '256k')->{out}, "1\n",
       '--stack makes room');
}


# ---- from a place to a line -----------------------------------------------

{
    my $guest = guest('lines', <<'EOT', '-g');
#include <hyperlight_guest.h>

static int *volatile  nowhere;

static __attribute__((noinline)) int32_t
go(void)
{
    return *nowhere;
}

HYPERLIGHT_WRAP_FUNCTION(go, Int, 0)

void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("go", go);
}
EOT

    my ($place) = run($guest, 'go')->{err} =~ / in (\w+\+0x[0-9a-f]+) /;

    like(qx(addr2line -e $guest $place), qr/lines\.c:8$/,
         'addr2line takes what the text says');
}


# ---- how an initialisation ends -------------------------------------------

for (
    ['prints and logs',
     'printf("hi\n"); LOG(hl_Level_Error, "oops");', 0, qr/: oops$/],
    ['aborts', 'hl_abort_with_code_and_message(3, "no");', 3,
     qr/initialisation failed: Guest aborted: 3 no/],
    ['faults', '__asm__ volatile ("ud2");', 3,
     qr/initialisation failed: .*vector 6/],
    ['never ends', 'for ( ;; ) { __asm__ volatile (""); }', 4,
     qr/initialisation failed: it took longer than 100 ms, in \w+$at$/],
    ['registers no name',
     'hl_register_function_definition(NULL, NULL, 0, NULL, '
     . 'hl_ReturnType_Int);', 3,
     qr/Guest\ aborted:\ 3\ a\ function\ is\ registered\ without\ a\ name,
        \ in\ hyperlight_main$at$/x],
    ['registers no type',
     'hl_register_function_definition("F", NULL, 0, NULL, '
     . '(hl_ReturnType) 10);', 3, qr/Guest aborted: 2 function F is /],
) {
    my ($name, $code, $status, $err) = @$_;
    my $guest = guest("init$status", <<"EOT");
#include <stdio.h>
#include <hyperlight_guest.h>

void
hyperlight_main(void)
{
    $code
}
EOT

    my $r = run('--timeout=100ms', $guest);

    is($r->{status}, $status, "an initialisation that $name: $status");
    like($r->{err}, $err, 'and it says so');
    is($r->{out}, $status == 0 ? "hi\n" : '', 'stdout is right');
}


# ---- a handler of exceptions that goes where no guest may ------------------

{
    my $guest = guest('handler', <<'EOT');
#include <hyperlight_exception.h>
#include <hyperlight_guest.h>

static uint64_t  target;

static bool
handler(hl_exception_t *e)
{
    e->rip = target;

    return true;
}

static void
go(uint64_t where)
{
    target = where;
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode, handler);
    __asm__ volatile ("ud2");
}

HYPERLIGHT_WRAP_FUNCTION(go, Void, 1, ULong)

void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("go", go);
}
EOT

    fails([$guest, 'go', $_], qr/^the guest resumes at $_$/, 3)
        for qw(0x800000000000 0xffff800000000000 0xffffffffffffffff);
    fails([$guest, 'go', 0],
          qr/^page fault executing 0x0 \(null pointer\), at 0x0 /, 3);
}


# ---- init_data, clock, host functions -------------------------------------

{
    my $guest = guest('data', <<'EOT');
#include <string.h>
#include <time.h>
#include <hyperlight_guest.h>

static hl_Vec
data(void)
{
    return hl_user_data();
}

static hl_Vec
change(void)
{
    hl_user_data().data[0] = 'A';

    return hl_user_data();
}

static int32_t
clock_works(void)
{
    struct timespec  now;

    return clock_gettime(CLOCK_REALTIME, &now);
}

HYPERLIGHT_WRAP_FUNCTION(data, VecBytes, 0)
HYPERLIGHT_WRAP_FUNCTION(change, VecBytes, 0)
HYPERLIGHT_WRAP_FUNCTION(clock_works, Int, 0)

void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("data", data);
    HYPERLIGHT_REGISTER_FUNCTION("change", change);
    HYPERLIGHT_REGISTER_FUNCTION("clock", clock_works);
}
EOT

    my @data = ('--init-data', write_file('data', "a\0b"));

    is(run($guest, 'data', @data)->{out}, "x\"610062\"\n", '--init-data');
    fails([$guest, 'change', @data], qr/page fault writing/, 3);
    is(run($guest, 'change', @data, '--init-data-writable')->{out},
       "x\"410062\"\n", '--init-data-writable');

    is(run($guest, 'clock')->{out}, "0\n", 'there is a clock');
    is(run($guest, 'clock', '--no-clock')->{out}, "-1\n",
       '--no-clock: there is none');
}

fails([$probe, 'CallHost', '"HostAddStrings"', '"a"'],
      qr/HostFunction HostAddStrings was not found/, 3);
is(run('--test-functions', $probe, 'CallHost', '"HostAddStrings"',
       '"a"')->{out}, "\"a, string added by Host Function\"\n",
   '--test-functions: HostAddStrings');

SKIP: {
    my $simple = "$build/testguests/simpleguest.elf";

    skip 'there is no simpleguest.elf', 5 if !-f $simple;

    is(run('--test-functions', $simple, @{$_->[0]})->{out}, "$_->[1]\n",
       "@{$_->[0]}")
        for [['GuestRetrievesFloatValue', 1.25, 2.25], '3.5'],
            [['GuestRetrievesDoubleValue', 1.34, 1.34], '2.68'],
            [['GuestRetrievesStringValue'],
             '"Guest Function, string added by Host Function"'],
            [['GuestRetrievesBoolValue', 5, 6], 'true'],
            [['GuestRetrievesBoolValue', 5, 5], 'false'];
}

fails([$probe, 'GetHeader', '"Host"'], qr/there is no request/, 3);


# ---- HTTP -----------------------------------------------------------------

fails([$hello, 'hello'],
      'hello is an HTTP handler: give it a request by --http FILE');

{
    my $file = write_file('request', "POST /a%20b/c?x=%20&y HTTP/1.1\r\n"
        . "X-One: 1\r\nX-Two: \t two words \t\r\nX-Empty:\r\n\r\nabc\r\n");
    my $r = run($probe, 'dump', '--http', $file);

    is($r->{status}, 0, '--http: 0');
    like($r->{out}, qr/\AHTTP\/1\.1\ 200\ OK\r\n
                       Content-Type:\ text\/plain\r\n
                       Content-Length:\ \d+\r\n\r\nmethod=POST\n/x,
         'the response is raw');

    my ($length, $body) = $r->{out} =~ /Length: (\d+)\r\n\r\n(.*)\z/s;

    is($length, length $body, 'its length is right');
    like($body, qr/^\Q$_\E$/m, $_)
        for 'uri=/a b/c', 'args=x=%20&y', 'protocol=HTTP/1.1',
            'remote_addr=127.0.0.1', 'body=5', 'header X-One=1',
            'header X-Two=two words', 'header X-Empty=';

    like(run($probe, '--http', $file, 'echo')->{out},
         qr/\r\n\r\nabc\r\n\z/, 'options may stand anywhere');
}

{
    my $file = write_file('request',
                          "GET / HTTP/1.0\nX-Name: Ada\nx-name: Bob\n");

    like(run($hello, '--http', $file)->{out}, qr/\r\n\r\nHello, Ada! /,
         'lines of LF, no body; the only handler needs no name');

    open my $keep, '<&', \*STDIN or die "stdin: $!";
    open STDIN, '<', $file or die "$file: $!";
    my $r = run($hello, '--http', '-');
    open STDIN, '<&', $keep or die "stdin: $!";

    like($r->{out}, qr/\r\n\r\nHello, Ada! /, '--http -: from stdin');
}

is(body('echo', "POST / HTTP/1.1\nContent-Length: 3\n\nabc\n"), 'abc',
   'the body is as long as Content-Length says');
is(body('echo', "POST / HTTP/1.1\n\na\0b\n\nc"), "a\0b\n\nc",
   'or all of the rest, whatever it is');

{
    my $guest = guest('header', <<'EOT');
#include <hyperlight_http.h>

static void
header(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_Parameter     param;
    hl_FunctionCall  call = { "GetHeader", &param, 1, hl_ReturnType_String };

    param.tag = hl_ParameterType_String;
    param.value.String = (char *) (uintptr_t) hl_http_args(req).data;

    hl_call_host_function(&call);
    hl_http_printf(resp, "<%s>", hl_get_host_return_value_as_String());
}

void
hyperlight_main(void)
{
    hl_http_register("header", header);
}
EOT

    for (['x-one', 'a, b'], ['COOKIE', 'c=1; d=2'], ['None', '']) {
        my $file = write_file('request', "GET /?$_->[0] HTTP/1.1\nX-One: a\n"
            . "Cookie: c=1\nX-ONE: b\nCookie: d=2\n\n");

        like(run($guest, '--http', $file)->{out}, qr/\r\n\r\n<\Q$_->[1]\E>\z/,
             "GetHeader $_->[0]");
    }
}

for (
    ['', 1, 'the request is empty'],
    map({ [$_, 1, 'expected a request line, such as GET /path HTTP/1.1'] }
        "\n", "GET\n", "GET /\n", "GET / HTTP/2\n", "GET / HTTP/1.1 \n",
        "GET / HTTP/1.9\n", "GET  / HTTP/1.1\n", " / HTTP/1.1\n"),
    ["G(T / HTTP/1.1\n", 1, 'the method is not a token'],
    ["GET x HTTP/1.1\n", 1, 'the path must begin with a slash'],
    map({ ["GET /$_ HTTP/1.1\n", 1, 'in the path, % is followed by two '
           . 'hexadecimal digits, not 00'] } '%', '%4', '%zz', '%00',
        '%4?'),
    ["GET / HTTP/1.1\nA: b\nnothing\n\n", 3, 'expected a header, such as '
     . 'Name: value, or an empty line before the body'],
    ["GET / HTTP/1.1\nA b: c\n", 2, 'the name of the header is not a token'],
    ["GET / HTTP/1.1\n: c\n", 2, 'the name of the header is not a token'],
    ["GET / HTTP/1.1\n folded: c\n", 2,
     'the name of the header is not a token'],
    ["GET / HTTP/1.1\nA: b\0c\n", 2, 'a NUL or a CR inside of the line'],
    ["GET / HTTP/1.1\nA: b\rc\n", 2, 'a NUL or a CR inside of the line'],
) {
    my ($request, $line, $why) = @$_;
    my $file = write_file('bad', $request);

    fails([$hello, '--http', $file], "$file:$line: $why");
}

for ('4', '-1', 'x', '', '3x', '99999999999999999999') {
    my $file = write_file('bad',
                          "POST / HTTP/1.1\nContent-Length: $_\n\nabc");

    fails([$hello, '--http', $file],
          "$file: Content-Length is $_, the body has 3 bytes");
}

{
    my $file = write_file('bad',
                          "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n");

    fails([$hello, '--http', $file],
          "$file: Transfer-Encoding: give the body as it is");
}

{
    my $file = write_file('request', "GET / HTTP/1.1\n\n");

    fails([$hello, '--http', "$dir/nope"],
          "cannot open $dir/nope: No such file or directory");
    fails([$probe, '--http', $file],
          'the guest has several HTTP handlers: name one');
    fails([$hello, 'nope', '--http', $file],
          'the guest has no HTTP handler nope');
    fails([$probe, 'Echo', '--http', $file],
          'the guest has no HTTP handler Echo');
    fails(["$build/guests/upper.elf", '--http', $file],
          'the guest has no HTTP handler');
    fails([$hello, 'hello', '"a"', '--http', $file],
          '--http: an HTTP handler takes no arguments');
    fails([$hello, 'hello', '--result', 'Int', '--http', $file],
          '--http: an HTTP handler has no --result');
}

like(response('set_status?404'), qr/\AHTTP\/1\.1 404 Not Found\r\n/,
     'a status');
like(response('set_status?599'), qr/\AHTTP\/1\.1 599 \r\n/,
     'a status without a name');
is(response('nothing'), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
   'a handler that does nothing');

answers('status?199', 3, 'the guest put out the status 199');
answers('status?600', 3, 'the guest put out the status 600');
answers("bad_header?$_", 3, qr/header .*belongs to the connection$/)
    for qw(connection transfer-encoding content-length upgrade keep-alive);
answers("bad_header?$_", 3, qr/header X-Bad with NUL, CR or LF/)
    for qw(cr lf crlf);
answers("bad_header?$_", 3, qr/header without a valid name/)
    for qw(name-lf name-colon name-space name-empty);
answers('nul_header', 3, qr/with NUL, CR or LF/);
answers('big_body?200000', 3,
        'the response body is over the "output" of 131072 bytes');
answers('error?no', 2, qr/Guest error occurred .*: no$/);
answers('fault?divide', 3, qr/vector 0/);

{
    my $file = write_file('request', "GET / HTTP/1.1\nA: " . 'x' x 40000
                                     . "\n\n");

    fails([$hello, '--http', $file], qr/over the room/);
    is(run($hello, '--http', $file, '--headers=64k')->{status}, 0,
       '--headers makes room');
}


# ---- measuring ------------------------------------------------------------

{
    my $row = qr/(?: +\d+\.\d){4}\n/;
    my $table = qr/\A10\ calls,\ us\ +p50\ +p90\ +p99\ +max\n
                   call$row call\ and\ restore$row\z/x;
    my $r = run($probe, 'LogLevels', '--bench', 10);

    is($r->{status}, 0, '--bench: 0');
    like($r->{out}, $table, 'it prints a table');
    is($r->{err}, '', 'and nothing that the guest has to say');

    my $file = write_file('request', "GET / HTTP/1.1\n\n");

    like(run($hello, '--http', $file, '--bench', 10)->{out}, $table,
         'of an HTTP handler');

    fails([$probe, 'Fault', '"null"', '--bench', 10], qr/page fault/, 3);
    fails([$probe, 'Fault', '"loop"', '--bench', 10, '--timeout=20ms'],
          qr/^Fault took longer than 20 ms, in fault_loop$at$/, 4);
}


# ---- without KVM ----------------------------------------------------------

SKIP: {
    skip 'only root can have another /dev', 2 if $> != 0;
    skip 'no mount namespaces here', 2
        if system('unshare', '-m', 'true') != 0;

    my $script = 'mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3;'
                 . 'exec "$@"';
    my $r = command('unshare', '-m', 'sh', '-e', '-c', $script, 'sh', $hlrun,
                    $hello);

    is($r->{status}, 5, 'no KVM: 5');
    like($r->{err}, qr/\Ahlrun: [^\n]*\/dev\/kvm[^\n]*No such file[^\n]*\n\z/,
         'and a sentence');
}


done_testing;


# ---- helpers --------------------------------------------------------------

# Status, out and err of a run.

sub run {
    return command($hlrun, @_);
}


sub command {
    my (@command) = @_;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', "$dir/out" or die "$dir/out: $!";
        open STDERR, '>', "$dir/err" or die "$dir/err: $!";
        exec { $command[0] } @command or die "$command[0]: $!";
    }

    waitpid $pid, 0;

    return { status => $? & 127 ? "signal $?" : $? >> 8,
             out => read_file("$dir/out"), err => read_file("$dir/err") };
}


# Fails with one line, the status (1), and nothing on stdout.

sub fails {
    my ($args, $err, $status) = @_;
    my $r = run(@$args);
    my $name = join ' ', map { length > 40 ? '...' : $_ }
                         map { s/.*\///r } @$args;
    my $line = ref $err ? $err : qr/\A\Q$err\E\z/;

    subtest "hlrun $name" => sub {
        is($r->{status}, $status // 1, 'exit status');
        is($r->{out}, '', 'nothing on stdout');
        like($r->{err}, qr/\Ahlrun: [^\n]*\n\z/, 'one line on stderr');

        my ($text) = $r->{err} =~ /\Ahlrun: ([^\n]*)/;

        like($text // '', $line, 'its text');
    };
}


sub refused {
    my ($function, $expected, $arg, $why) = @_;

    fails([$probe, $function, $arg], "argument 1 of $function: expected "
          . "$expected, but got $arg" . (defined $why ? ": $why" : ''));
}


# A handler of the test guest and what it is told in its arguments.

sub request {
    my ($target) = @_;
    my ($function, $args) = split /\?/, $target;

    return ($probe, $function, '--http',
            write_file('request', 'GET /?' . ($args // '')
                                  . " HTTP/1.1\n\n"));
}


sub response {
    return run(request(@_))->{out};
}


sub answers {
    my ($target, $status, $err) = @_;

    fails([request($target)], $err, $status);
}


sub body {
    my ($function, $request) = @_;
    my $r = run($probe, $function, '--http', write_file('request', $request));

    return $r->{out} =~ s/\A.*?\r\n\r\n//sr;
}


# A guest of this source.

sub guest {
    my ($name, $source, @options) = @_;
    my $file = write_file("$name.c", $source);

    system("$build/bin/hlcc", '-O1', @options, '-o', "$dir/$name.elf",
           $file) == 0
        or die "hlcc: $?";

    return "$dir/$name.elf";
}


sub write_file {
    my ($name, $text) = @_;

    open my $to, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print $to $text;
    close $to or die "$dir/$name: $!";

    return "$dir/$name";
}


sub read_file {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!";
    local $/;

    return <$in> // '';
}
