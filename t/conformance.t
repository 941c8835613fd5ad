#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The conformance guest, by hlrun: each exception and each forbidden
# instruction is reported by its vector, and SSE and AVX state is kept over
# exits and time slices.

use strict;
use warnings;

use FindBin;
use Test::More;

my $build = $ENV{TEST_NGINX_BUILD} || "$FindBin::Bin/../build";
my $run = "$build/bin/hlrun $build/testguests/conformance.elf";


# "NAME VECTOR[,VECTOR...]", a line each: hardware and some KVMs may differ.

my $list = qx($run Exceptions);

$list =~ s/^"|"$//g;
$list =~ s/\\n/\n/g;

my @exceptions = grep { /\S/ } split /\n/, $list;

cmp_ok(scalar @exceptions, '>', 50, 'the guest knows what it can raise');

for (@exceptions) {
    my ($name, $vectors) = split;
    my $error = qx($run Raise '"$name"' 2>&1);
    my ($vector) = $error =~ /\(vector (\d+),/;

    ok(defined $vector && grep({ $_ == $vector } split /,/, $vectors),
       "$name: vector $vectors")
        or diag $error;
}


# 0: nothing changed; all ones: this CPU has no such state.

for my $function (qw(KeepSse KeepAvx)) {
    for my $turns (0, 1, 20_000_000) {
        like(qx($run $function $turns), qr/^(0|4294967295)$/,
             "$function, $turns turns");
    }
}

done_testing();
