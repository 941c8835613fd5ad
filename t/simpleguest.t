#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# simpleguest does what hosts written for Hyperlight expect of the guest of
# that name: each function, by hlrun, with the host functions that it calls.

use strict;
use warnings;

use File::Temp;
use FindBin;
use Test::More;

my $build = $ENV{TEST_NGINX_BUILD} || "$FindBin::Bin/../build";
my $guest = "$build/testguests/simpleguest.elf";
my $dir = File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1);

plan skip_all => "there is no $guest" if !-f $guest;

# Behind a function's name: the place in it, the file, the callers.
my $at = qr/\+0x[0-9a-f]+ \(simpleguest\.elf\)(?:, called by \S.*)?/;


# ---- the functions are there, with their types ----------------------------

my @print = qw(String Int Long String String Bool Bool UInt ULong Int Float);
my @numbers = qw(Two Three Four Five Six Seven Eight Nine Ten Eleven);

my %signatures = (
    GuestRetrievesFloatValue  => 'Float, Float -> Float',
    GuestRetrievesDoubleValue => 'Double, Double -> Double',
    GuestRetrievesStringValue => '-> String',
    GuestRetrievesBoolValue   => 'Int, Int -> Bool',
    Echo                      => 'String -> String',
    SetByteArrayToZero        => 'VecBytes -> VecBytes',
    GuestMethod1              => 'String -> Int',
    PrintOutput               => 'String -> Int',
    StackAllocate             => 'Int -> Int',
    StackOverflow             => 'Int -> Int',
    BufferOverrun             => 'String -> Int',
    LargeVar                  => '-> Int',
    SmallVar                  => '-> Int',
    CallMalloc                => 'Int -> Int',
    MallocAndFree             => 'Int -> Int',
    EchoFloat                 => 'Float -> Float',
    EchoDouble                => 'Double -> Double',
    NextRandom                => '-> Int',
    NextRandomLong            => '-> Long',
    SetStatic                 => '-> Int',
    GetSizePrefixedBuffer     => 'VecBytes -> VecBytes',
    GuestAbortWithCode        => 'Int -> Int',
    GuestAbortWithMessage     => 'Int, String -> Int',
    ExecuteOnStack            => '-> Int',
    LogMessage                => 'String, Long -> Int',
    '24K_in_8K_out'           => 'VecBytes -> VecBytes',
    map({ ("Print$numbers[$_ - 2]Args"
           => join(', ', @print[0 .. $_ - 1]) . ' -> Int') } 2 .. 11),
);

my $list = run('')->{out};

for (sort keys %signatures) {
    my ($params, $result) = $signatures{$_} =~ /^(.*?) ?-> (.*)$/;

    like($list, qr/^\Q$_($params) -> $result\E$/m, "$_ is listed");
}

is($list =~ tr/\n//, keys %signatures, 'and nothing else');


# ---- values from the host -------------------------------------------------

answers('GuestRetrievesFloatValue 1.25 2.25', '3.5');
answers('GuestRetrievesDoubleValue 1.34 1.34', '2.68');
answers('GuestRetrievesStringValue',
        '"Guest Function, string added by Host Function"');
answers('GuestRetrievesBoolValue 5 6', 'true');
answers('GuestRetrievesBoolValue 5 5', 'false');
answers(q{GuestMethod1 '"a message"'}, 0);

ends('GuestRetrievesStringValue', '',
     qr/^Guest\ aborted:\ 8\ HostFunction\ HostAddStrings\ was\ not\ found,
        \ in\ _call_guest_retrieves_string$at$/x);


# ---- and back to it -------------------------------------------------------

answers(q{Echo '"gr\u00fc\u00dfe"'}, "\"gr\xc3\xbc\xc3\x9fe\"");
answers('EchoFloat 1.5', '1.5');
answers('EchoDouble -0.1', '-0.1');
answers(q{SetByteArrayToZero 'x"010203"'}, 'x"000000"');
answers(q{GetSizePrefixedBuffer 'x"00ff41"'}, 'x"00ff41"');

{
    my $bytes = join '', map { sprintf '%02x', $_ % 251 } 0 .. 24575;

    answers("24K_in_8K_out 'x\"$bytes\"'",
            'x"' . substr($bytes, 0, 16384) . '"', '24K_in_8K_out');

    my $r = run(q{24K_in_8K_out 'x"00"'});

    like($r->{out}, qr/^assertion .* failed/,
         'an assertion that fails is printed');
    like($r->{err}, qr/^hlrun: Guest aborted: 0, in bytes_in_and_out$at\n\z/,
         'and aborts');
}

for my $function (qw(NextRandom NextRandomLong)) {
    my %seen = map { run($function)->{out} => 1 } 1 .. 5;

    is(keys %seen, 5, "$function is another number each time");
}


# ---- output ---------------------------------------------------------------

answers(q{PrintOutput '"Hello"'}, 'Hello5');

{
    my @args = ('"one"', 2, 3, '"four"', '"five"', 'true', 'false', 8, 9, 10,
                3.1236);
    my @texts = ('arg1:one', 'arg2:2', 'arg3:3', 'arg4:four', 'arg5:five',
                 'arg6:true', 'arg7:false', 'arg8:8', 'arg9:9', 'arg10:10',
                 'arg11:3.124');

    for (2 .. 11) {
        my $text = "Message: @texts[0 .. $_ - 1].";
        my $name = "Print$numbers[$_ - 2]Args";

        answers("$name " . join(' ', map { "'$_'" } @args[0 .. $_ - 1]),
                $text . length $text, $name);
    }
}

{
    my @levels = qw(error warning information debug trace);

    for (1 .. 5) {
        my $level = $levels[$_ - 1];
        my $r = run("LogMessage '\"a message\"' $_",
                    '--log-level trace');

        is($r->{out}, "-1\n", "LogMessage, level $_");
        like($r->{err}, qr/\A$level: \S+main\.c:\d+: a message\n\z/,
             "is $level");
    }

    for (0, 6, 7, -1, 4294967297) {
        my $r = run("LogMessage '\"a message\"' $_",
                    '--log-level trace');

        is($r->{out}, "-1\n", "level $_, which does not exist");
        is($r->{err}, '', 'is not logged');
    }
}


# ---- memory ---------------------------------------------------------------

answers('StackAllocate 4096', 4096);
answers('StackOverflow 2', 2);
answers('SmallVar', 1024);
answers('CallMalloc 1024', 1024);
answers('MallocAndFree 1024', 1024);
answers('SetStatic', 1048576);
answers(q{BufferOverrun '"short"'}, 12);

ends('StackAllocate 100000', qr/^stack overflow: the stack of 65536 bytes/);
ends('StackOverflow 100', qr/^stack overflow: the stack of 65536 bytes/);
ends('LargeVar', qr/^stack overflow: the stack of 65536 bytes/);
is(run('LargeVar', '--stack 512k')->{out}, "262144\n",
   'LargeVar, with a larger stack');
ends("BufferOverrun '\"" . 'x' x 64 . "\"'",
     qr/^Guest aborted: 10 stack smashing detected, in \w+$at$/);
ends("$_ 100000000", qr/^Guest\ aborted:\ 13\ Malloc\ Failed
     \ \(heap\ exhausted,\ it\ has\ 1048576\ bytes\),\ in\ \w+$at$/x)
    for qw(CallMalloc MallocAndFree);
ends('ExecuteOnStack',
     qr/^page\ fault\ executing\ 0x(\w+)\ \(stack\),\ at\ 0x\1,
        \ called\ by\ _call_execute_on_stack\+.*\ code\ f4\ /x);


# ---- aborts: of the code the low 8 bits count ------------------------------

for ([0, 0], [1, 1], [42, 42], [255, 255], [256, 0], [257, 1], [-1, 255]) {
    my ($code, $seen) = @$_;

    ends("GuestAbortWithCode $code",
         qr/^Guest aborted: $seen, in _call_abort_with_code$at$/);
}

ends(q{GuestAbortWithMessage 7 '"a message"'},
     qr/^Guest aborted: 7 a message, in _call_abort_with_message$at$/);
ends(q{GuestAbortWithMessage 255 '""'},
     qr/^Guest aborted: 255, in _call_abort_with_message$at$/);
ends(q{GuestAbortWithMessage 8 '"\nno exception"'},
     qr/^Guest aborted: 8 \\x0Ano exception, in \w+$at$/);


# ---- names that are not registered ----------------------------------------

answers('ThisIsNotARealFunctionButTheNameIsImportant', 99,
        'the dispatch function answers');

{
    my $r = run('NoSuchFunction');

    is($r->{status}, 2, 'no such function: an error of the guest');
    is($r->{err}, 'hlrun: Guest error occurred GuestFunctionNotFound: '
       . "NoSuchFunction\n", 'that names it');
}

done_testing();


# ---- helpers --------------------------------------------------------------

sub run {
    my ($call, $options) = @_;

    $options = '--test-functions' if !defined $options;
    $options = "--test-functions $options" if $options =~ /level|stack/;

    my $out = qx($build/bin/hlrun $options $guest $call 2>$dir/err);
    my $status = $? >> 8;

    open my $file, '<', "$dir/err" or die "$dir/err: $!";
    my $err = do { local $/; <$file> } // '';
    close $file;

    return { status => $status, out => $out, err => $err };
}


sub answers {
    my ($call, $out, $name) = @_;
    my $r = run($call);

    is($r->{out}, "$out\n", $name // $call) or diag $r->{err};
}


# A crash, and its text.

sub ends {
    my $err = pop;
    my ($call, @options) = @_;
    my $r = run($call, @options);
    my ($text) = $r->{err} =~ /^hlrun: (.*)$/m;

    is($r->{status}, 3, length $call > 60 ? substr($call, 0, 60) : $call);
    like($text, $err, 'its text');
}
