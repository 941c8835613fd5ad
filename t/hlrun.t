#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hlrun: what it prints, where, and with which exit status, for each of its
# options and each way in which a run can end.  Values: t/hlrun-values.t, HTTP:
# t/hlrun-http.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Hlrun qw(run command fails guest write_file read_file);
use Test::More;

my $probe = HL::Hlrun::built('testguests/probe.elf');
my $hello = HL::Hlrun::built('guests/hello.elf');
my $dir = HL::Hlrun::dir();

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

    my $hlrun = HL::Hlrun::built('bin/hlrun');
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

{
    my $simple = HL::Hlrun::built('testguests/simpleguest.elf');

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
    my $r = command('unshare', '-m', 'sh', '-e', '-c', $script, 'sh',
                    HL::Hlrun::built('bin/hlrun'), $hello);

    is($r->{status}, 5, 'no KVM: 5');
    like($r->{err}, qr/\Ahlrun: [^\n]*\/dev\/kvm[^\n]*No such file[^\n]*\n\z/,
         'and a sentence');
}


done_testing;
