#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# hyperlight_header_filter and hyperlight_body_filter in the configuration.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

my $nginx = HL::Nginx->new(start => 0);
my $guest = 'hyperlight_guest g { binary t-guests/alter.elf; }';


sub checked {
    my ($server, $http, $main) = @_;

    $nginx->configure(http => "$guest\n" . ($http || ''),
                      server => $server || '', main => $main || '');

    return $nginx->check_configuration;
}


for my $filter (qw(hyperlight_header_filter hyperlight_body_filter)) {

    for my $case (
        ["$filter;", "invalid number of arguments in \"$filter\" directive"],
        ["$filter g f f;",
         "invalid number of arguments in \"$filter\" directive"],
        ["$filter on;",
         "\"$filter\" directive needs GUEST and FUNCTION, or \"off\""],
        ["$filter x f;", 'unknown hyperlight_guest "x"'],
        ["$filter g '';", 'invalid function name "": its length must be '
                          . 'between 1 and 255'],
        ["$filter g f; $filter g f;", "\"$filter\" directive is duplicate"],
        ["$filter off; $filter g f;", "\"$filter\" directive is duplicate"],
    ) {
        my ($directives, $message) = @$case;
        my ($code, @messages) = checked("location / {\n$directives\n}\n");

        ok($code != 0 && grep({ $_ eq "[emerg] $message in server.conf:2" }
                              @messages), "$directives: $message")
            or diag(@messages);
    }

    for my $case (["$filter g f;", ''], ['', "$filter g f;"],
                  ["location / { $filter g f; }", ''],
                  ["location / { if (\$args) { $filter g \$arg_f; } }", ''],
                  ["location / { $filter off; }", "$filter g f;"])
    {
        my ($code, @messages) = checked(@$case);

        is($code, 0, "$filter is allowed: " . join ' ', grep { $_ } @$case)
            or diag(@messages);
    }

    my ($code, @messages) = checked('', '', "$filter g f;");
    like("@messages", qr/"$filter" directive is not allowed here/,
         'but not everywhere');
}

done_testing();
