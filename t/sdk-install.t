#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The SDK as "make guest-install" lays it out builds guests outside of the
# tree, wherever it was moved to: by hlcc and hl++, by pkg-config, by CMake.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{TEST_NGINX_BUILD} || "$top/build";
my $dir = File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1);

# Installed there, and then moved.
my $destdir = "$dir/destdir";
my $prefix = "$dir/moved";

my $c = <<'EOT';
#define _GNU_SOURCE
#include <stdio.h>
#include <time.h>
#include <hyperlight_exception.h>
#include <hyperlight_guest.h>
#include <hyperlight_http.h>

static char text[64];

static char *
greet(char *name)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    (void) snprintf(text, sizeof(text), "Hello, %s", name);

    return text;
}

HYPERLIGHT_WRAP_FUNCTION(greet, String, 1, String)

void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Greet", greet);
}
EOT

my $cxx = <<'EOT';
#include <hyperlight_guest.h>

class Counter {
public:
    virtual ~Counter() {}
    virtual int32_t add(int32_t n) { return n + 1; }
};

static Counter *counter = new Counter;

static int32_t
add(int32_t n)
{
    return counter->add(n);
}

HYPERLIGHT_WRAP_FUNCTION(add, Int, 1, Int)

void
hyperlight_main()
{
    HYPERLIGHT_REGISTER_FUNCTION("Add", add);
}
EOT

my $cmake = <<'EOT';
cmake_minimum_required(VERSION 3.13)
project(guest C CXX)
add_executable(greet greet.c)
add_executable(add add.cc)
EOT


sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$file} $text;
    close $file or die "$dir/$name: $!";
}


# A command line, in the folder of the sources; what it prints is shown if
# it fails.

sub run {
    my ($command, $name) = @_;

    my $output = `cd $dir && { $command; } 2>&1`;

    ok($? == 0, $name) or diag($command, "\n", $output);

    return $output;
}


sub have {
    my ($program) = @_;

    return system("command -v $program >/dev/null 2>&1") == 0;
}


# The file is a guest; where there is a runner and KVM, it also works.

sub works {
    my ($file, $function, $argument, $result) = @_;

    open my $elf, '<:raw', "$dir/$file" or return fail("$file is there");
    my $bytes = do { local $/; <$elf> };
    close $elf;

    ok($bytes =~ /^\x7fELF/ && $bytes =~ /hlcc\0/, "$file is a guest");

    SKIP: {
        skip 'no hlrun', 1 if !-x "$build/bin/hlrun";
        skip 'no /dev/kvm', 1 if !-w '/dev/kvm';

        like(run("$build/bin/hlrun $file $function '$argument'",
                 "hlrun calls $function of $file"),
             qr/\Q$result\E/, "$function of $file answers");
    }
}


sub greets {
    return works($_[0], 'Greet', '"World"', 'Hello, World');
}


sub adds {
    return works($_[0], 'Add', '41', '42');
}


write_file('greet.c', $c);
write_file('add.cc', $cxx);
write_file('CMakeLists.txt', $cmake);

# Without the jobs and variables of a make that this may run under.
delete @ENV{qw(MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL)};

run("make -C $top -f guest/guest.mk B=$build DESTDIR=$destdir "
    . 'PREFIX=/opt/hl guest-install', 'make guest-install');

rename "$destdir/opt/hl", $prefix or die "rename: $!";

my $flags = '-O2 -Wall -Wextra -Werror';

run("$prefix/bin/hlcc $flags -o hlcc.elf greet.c", 'hlcc');
greets('hlcc.elf');

run("$prefix/bin/hlcc $flags -c greet.c && "
    . "$prefix/bin/hlcc -o hlcc-2.elf greet.o", 'hlcc in two steps');
greets('hlcc-2.elf');

run("ln -s $prefix/bin/hlcc link && ./link $flags -o link.elf greet.c",
    'a link to hlcc');

SKIP: {
    skip 'no clang', 1 if !have('clang');

    run("HLCC_CC=clang $prefix/bin/hlcc $flags -o clang.elf greet.c",
        'hlcc with clang');
    greets('clang.elf');
}

SKIP: {
    skip 'no g++', 1 if !have('g++');

    run("$prefix/bin/hl++ $flags -o hlxx.elf add.cc", 'hl++');
    adds('hlxx.elf');
}

SKIP: {
    skip 'no pkg-config', 1 if !have('pkg-config');

    local $ENV{PKG_CONFIG_PATH} = "$prefix/lib/pkgconfig";

    my $pc = 'pkg-config';
    my $name = 'hyperlight-guest';

    for my $compiler (grep { have($_) } qw(gcc clang)) {
        run("$compiler $flags \$($pc --cflags $name) -o pc-$compiler.elf "
            . "greet.c \$($pc --libs $name)", "pkg-config and $compiler");
        greets("pc-$compiler.elf");
    }

    if (have('g++')) {
        run("g++ $flags \$($pc --cflags $name) "
            . "\$($pc --variable=cxxflags $name) -o pc-g++.elf add.cc "
            . "\$($pc --libs $name)", 'pkg-config and g++');
        adds('pc-g++.elf');
    }

    write_file('system.c', "#include <sys/epoll.h>\n");

    like(`cd $dir && gcc \$($pc --cflags $name) -c system.c 2>&1`,
         qr/No such file/, 'the headers of the system are out of reach');
}

SKIP: {
    skip 'no cmake', 1 if !have('cmake') || !have('g++');

    run("cmake -S . -B cmake -DCMAKE_BUILD_TYPE=Release "
        . "-DCMAKE_TOOLCHAIN_FILE=$prefix/lib/hyperlight/toolchain.cmake "
        . '&& cmake --build cmake', 'CMake');
    greets('cmake/greet.elf');
    adds('cmake/add.elf');
}

done_testing();
