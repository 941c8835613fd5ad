#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The five minutes of guest/README.md, word for word: write, build, try, serve.
# And an example guest in Rust is served, where there was a rustc.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp;
use HL::Nginx;
use Test::More;

my $build = HL::Nginx->build;
my $dir = File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1);

chmod 0755, $dir or die "chmod: $!";    # a worker is another user


# ---- the text -------------------------------------------------------------

open my $file, '<', "$FindBin::Bin/../guest/README.md" or die "README: $!";
my $text = do { local $/; <$file> };
close $file;

my ($section) = $text =~ /^## Five minutes\n(.*?)^## /ms;
my ($source) = $section =~ /^```c\n(.*?)^```$/ms;

# What is indented: commands, and at last the configuration.
my @blocks = map { s/^ {4}//gmr }
                 $section =~ /\n\n((?: {4}.*\n|\n(?= {4}))+)/g;

is(@blocks, 3, 'build, try, serve');
my ($compile, $try, $serve) = @blocks;


# ---- write, build, try ----------------------------------------------------

open $file, '>', "$dir/hello.c" or die "$dir/hello.c: $!";
print {$file} $source;
close $file or die "$dir/hello.c: $!";

$ENV{PATH} = "$build/bin:$ENV{PATH}";

is(`cd $dir && ($compile) 2>&1`, '', 'it is built without a word');
is($?, 0, 'and successfully');

like($compile, qr/^hlcc /, 'by hlcc');
is(`cd $dir && ($try) 2>&1`,
   "hello: HTTP\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
   . "Content-Length: 18\r\n\r\nHello from /world\n",
   'hlrun lists it, and gets its answer');


# ---- serve ----------------------------------------------------------------

$serve =~ s{/path/to/hello\.elf}{$dir/hello.elf} or die 'no path';

my ($http, $server) = $serve =~ /\A(.*?)server \{\n(.*)^\}\n\z/ms
    or die "no server: $serve";

my $rust = -e "$build/guests/csv.elf";

if ($rust) {
    $http .= "hyperlight_guest csv { binary guests/csv.elf; }\n";
    $server .= "location = /csv { hyperlight_pass csv csv; }\n";
}

my $nginx = HL::Nginx->new(http => $http, server => $server);
my $r = $nginx->get('/world');

is($r->{status}, 200, 'nginx serves it');
is($r->{body}, "Hello from /world\n", 'with its answer');

SKIP: {
    skip 'csv.elf: there is no rustc', 1 if !$rust;

    is($nginx->post('/csv', "name,city\nAda,London\n")->{body},
       qq([{"name":"Ada","city":"London"}]\n), 'a guest in Rust is served');
}

$nginx->finish;
done_testing;
