#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# core's public header is usable from C++: a program in C++ runs a guest,
# built with nothing but that header, the ABI's, and the library.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{TEST_NGINX_BUILD} || "$top/build";
my $guest = "$build/testguests/simpleguest.elf";
my $dir = File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1);

my $warnings = '-Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wundef '
               . '-pedantic -Werror';

# The headers alone, as a user may have them: nothing else of core.
mkdir "$dir/include" or die "mkdir: $!";
symlink "$top/core/$_", "$dir/include/$_" or die "symlink: $!"
    for qw(hyperlight.h hl_abi.h hl_embedder.h hl_status.h);

write_file('embed.cc', <<'EOT');
#include <hyperlight.h>

#include <csignal>
#include <cstdio>
#include <cstring>

static hl_status_t
greet(void *, const hl_value_t *args, size_t, hl_value_t *result,
    hl_error_t *)
{
    static char  text[256];

    result->v.bytes.len = static_cast<size_t>(snprintf(text, sizeof(text),
        "%.*s from C++", static_cast<int>(args[0].v.bytes.len),
        static_cast<const char *>(args[0].v.bytes.data)));
    result->v.bytes.data = text;

    return HL_OK;
}

int
main(int, char **argv)
{
    int             kvm;
    hl_error_t      err;
    hl_host_t      *host;
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    hl_host_function_t  function = {
        "HostAddStrings", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, greet
    };

    hl_config_init(&config);
    config.functions = &function;
    config.function_count = 1;

    if (hl_kvm_open(&kvm, HL_KVM_DEVICE, &err) != HL_OK
        || hl_host_create(&host, kvm, SIGRTMIN, &err) != HL_OK
        || hl_guest_open(&guest, argv[1], &err) != HL_OK
        || hl_sandbox_create(&sb, host, guest, &config, &err) != HL_OK
        || hl_sandbox_evolve(sb, 1000000000, &err) != HL_OK
        || hl_snapshot_create(&snapshot, sb, &err) != HL_OK
        || hl_call_typed(sb,
                         hl_sandbox_function(sb, "GuestRetrievesStringValue"),
                         "GuestRetrievesStringValue", HL_TYPE_STRING, nullptr,
                         0, nullptr, &err) != HL_OK
        || hl_sandbox_finish(sb, 1000000000, &err) != HL_OK)
    {
        std::fprintf(stderr, "%s\n", err.text);
        return 1;
    }

    const hl_value_t  *r = hl_call_result(sb);

    std::printf("%.*s\n", static_cast<int>(r->v.bytes.len),
                static_cast<const char *>(r->v.bytes.data));

    if (hl_sandbox_restore(sb, snapshot, &err) != HL_OK) {
        return 1;
    }

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
    hl_host_destroy(host);

    return 0;
}
EOT

for my $compiler (grep { have($_) } qw(g++ clang++)) {
    for my $standard (qw(c++11 c++17 c++20)) {
        my $said = `$compiler -std=$standard $warnings -I$dir/include -c \\
                        -o $dir/embed.o $dir/embed.cc 2>&1`;

        ok($? == 0, "$compiler -std=$standard") or diag $said;
    }

    my $said = `$compiler -o $dir/embed $dir/embed.o \\
                    $build/libhyperlight.a -lelf 2>&1`;

    ok($? == 0, "$compiler links") or diag $said;

    SKIP: {
        skip 'no /dev/kvm', 1 if !-w '/dev/kvm';

        is(`$dir/embed $guest 2>&1`, "Guest Function from C++\n",
           'it calls a guest, which calls it');
    }
}

done_testing();


sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$file} $text;
    close $file or die "$dir/$name: $!";
}


sub have {
    return system("command -v $_[0] >/dev/null 2>&1") == 0;
}
