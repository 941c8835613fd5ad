#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# "make install" as packagers and administrators use it: below DESTDIR it only
# places files; on the system itself it enables the module, but only once.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{TEST_NGINX_BUILD} || "$top/build";
my $dir = File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1);

my $conf = 'mod-http-hyperlight.conf';


sub run {
    my ($command, $name) = @_;

    my $output = `{ $command; } 2>&1`;

    ok($? == 0, $name) or diag($command, "\n", $output);

    return $output;
}


sub install {
    my ($arguments, $name) = @_;

    return run("make -C $top --no-print-directory B=$build $arguments", $name);
}


# Without the jobs and variables of a make that this may run under.
delete @ENV{qw(MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL)};


# ---- sources that are given -----------------------------------------------

# A tree is linked to, and one that is where it is to be stays there.
{
    mkdir $_ or die "$_: $!" for map { "$dir/$_" } qw(given own own/src);

    for my $tree ("$dir/given", "$dir/own/src") {
        open my $file, '>', "$tree/meson.build" or die "$tree: $!";
    }

    run("PICOLIBC_SRC=$dir/own/src $top/guest/picolibc/fetch $dir/own",
        'picolibc comes from a tree');
    ok(-f "$dir/own/src/meson.build" && !-l "$dir/own/src",
       'it is still there, if it is the own one');

    run("PICOLIBC_SRC=$dir/given $top/guest/picolibc/fetch $dir/other",
        'picolibc comes from another tree');
    is(readlink "$dir/other/src", "$dir/given", 'it is linked to');
}


# ---- DESTDIR --------------------------------------------------------------

# picolibc, if it is built by then, is for the build folder: what its build
# would install there is told by a ninja that does nothing else.
{
    mkdir $_ or die "$_: $!" for "$dir/bin", "$dir/picolibc";

    my %tools = (meson => 'exit 0', ninja => <<'EOT');
dir=${2%/obj}
mkdir -p "$dir/sdk/include"
printf '%s' "${DESTDIR-none}" > "$dir/destdir"
EOT

    for my $tool (keys %tools) {
        open my $file, '>', "$dir/bin/$tool" or die "$dir/bin/$tool: $!";
        print {$file} "#!/bin/sh\n$tools{$tool}\n";
        close $file or die "$dir/bin/$tool: $!";
        chmod 0755, "$dir/bin/$tool" or die "$dir/bin/$tool: $!";
    }

    run("DESTDIR=$dir/nowhere PATH=$dir/bin:\$PATH "
        . "$top/guest/picolibc/build $dir/picolibc", 'picolibc is built');
    is(run("cat $dir/picolibc/destdir", 'and'), 'none',
       'without the DESTDIR of an installation');
}

my $root = "$dir/root";

unlike(install("install DESTDIR=$root PREFIX=/opt/hl", 'make install'),
       qr/enabled/, 'nothing is enabled');

is_deeply([map { s/^\Q$root\E//r } sort glob "$root/* $root/opt/hl/*"],
          ['/opt', '/opt/hl/bin', '/opt/hl/lib', '/opt/hl/share', '/usr'],
          'there are PREFIX and /usr below DESTDIR, no /etc');

ok(-f "$root/$_", $_)
    for '/usr/lib/nginx/modules/ngx_http_hyperlight_module.so',
        "/usr/share/nginx/modules-available/$conf",
        '/opt/hl/lib/hyperlight/lib/libhlguest.a',
        '/opt/hl/lib/pkgconfig/hyperlight-guest.pc',
        map { "/opt/hl/share/man/man1/$_.1" } qw(hlcc hl++ hlrun);

ok(-x "$root/opt/hl/bin/$_", "/opt/hl/bin/$_") for qw(hlcc hl++ hlrun);

# As Debian's nginx.conf includes it, and with its prefix.
symlink "$root/usr/lib/nginx/modules", "$dir/modules" or die "symlink: $!";

open my $file, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!";
print {$file} <<"EOT";
pid $dir/pid;
error_log stderr;
include $root/usr/share/nginx/modules-available/$conf;
events {}
http {
    access_log off;
    hyperlight_guest hello { binary $build/guests/hello.elf; }
}
EOT
close $file or die "$dir/nginx.conf: $!";

run("nginx -t -p $dir -c nginx.conf", "$conf loads the module");


# ---- the system -----------------------------------------------------------

my ($available, $enabled) = ("$dir/available", "$dir/enabled");
my $link = "$enabled/50-$conf";

my $system = "module-install NGINX_MODULES=$dir/system "
             . "NGINX_AVAILABLE=$available NGINX_ENABLED=$enabled";

mkdir $enabled or die "mkdir $enabled: $!";

like(install($system, 'a first installation'), qr/^enabled by \Q$link\E: /m,
     'says that it enables the module');
is(readlink $link, "$available/$conf", 'and does');

unlike(install($system, 'a second one'), qr/enabled/, 'does not');
ok(-l $link, 'and leaves the link');

unlink $link or die "unlink $link: $!";

unlike(install($system, 'one after the link was removed'), qr/enabled/,
       'does not enable the module');
ok(!-l $link, 'the link is not made again');

rmdir $enabled;
unlink "$available/$conf";

unlike(install($system, 'one for an nginx without modules-enabled'),
       qr/enabled/, 'enables nothing');
ok(-f "$available/$conf" && !-e $enabled, 'and makes no such folder');


done_testing;
