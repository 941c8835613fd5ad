#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hlrun: arguments and results of each type as text, and the sentence for each
# text that is no value.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Hlrun qw(run fails);
use Test::More;

my $probe = HL::Hlrun::built('testguests/probe.elf');


sub refused {
    my ($function, $expected, $arg, $why) = @_;

    fails([$probe, $function, $arg], "argument 1 of $function: expected "
          . "$expected, but got $arg" . (defined $why ? ": $why" : ''));
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


done_testing;
