#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Without KVM: nginx starts all the same, says where and why, and answers 503
# for the locations that need it; "make" says it in one sentence.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();
use HL::Nginx;
use Test::More;

plan skip_all => 'only root can give a process another /dev' if $> != 0;
plan skip_all => 'no mount namespaces here'
    if system('unshare', '-m', 'true') != 0;


# A command that runs another one, with a /dev that the script furnishes.

sub with_dev {
    my ($script) = @_;

    return ('unshare', '-m', 'sh', '-e', '-c',
            "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; $script;"
            . 'exec "$@"', 'sh');
}


my @missing = with_dev(':');

my @forbidden = with_dev('mknod -m 600 /dev/kvm c 10 232;'
    . 'set -- setpriv --reuid www-data --regid www-data --clear-groups "$@"');

my @other = with_dev('mknod -m 666 /dev/kvm c 1 3');

my $http = <<'EOT';

hyperlight_guest hello {
    binary guests/hello.elf;
}
EOT

my $server = <<'EOT';
location / {
    hyperlight_pass hello hello;
}

location /else {
    return 200 else;
}
EOT


for (
    ['missing',   \@missing,   qr/No such file or directory/],
    ['forbidden', \@forbidden, qr/Permission denied/],
    ['not KVM',   \@other,     qr/is not KVM/],
) {
    my ($name, $wrap, $reason) = @$_;

    subtest "/dev/kvm is $name" => sub {
        my $nginx = HL::Nginx->new(http => $http, server => $server,
                                   wrap => $wrap, start => 0,
                                   log_level => 'error');

        # nginx makes its files there, and here it is not always root.
        chmod 0777, $nginx->dir;

        my ($code, @lines) = $nginx->check_configuration;
        my ($warning) = grep { /hyperlight/ } @lines;

        is($code, 0, 'the configuration is accepted');
        like($warning, qr/^\[warn\] .*\/dev\/kvm.* in http\.conf:2$/,
             'with a warning that names file and line');
        like($warning, $reason, 'and the reason');

        $nginx->start;

        my $r = $nginx->get('/');

        is($r->{status}, 503, 'a location of a guest answers 503');
        like($r->{headers}{'retry-after'}, qr/^\d+$/, 'with Retry-After');
        like($nginx->log_text, qr/\[error\] .*"hello": there was no KVM/,
             'the log says why');
        is($nginx->get('/else')->{body}, 'else', 'another one is served');

        $nginx->finish;
    };
}


subtest 'hyperlight_required on' => sub {
    my $nginx = HL::Nginx->new(http => "hyperlight_required on;$http",
                               server => $server, wrap => \@missing,
                               start => 0);

    my ($code, @lines) = $nginx->check_configuration;

    is($code, 1, 'the configuration is refused');
    like($lines[0], qr/^\[emerg\] .*\/dev\/kvm.* in http\.conf:2$/,
         'file and line are named');

    $nginx->{wrap} = [];
    ($code) = $nginx->check_configuration;

    is($code, 0, 'and it is accepted where there is KVM');
};


subtest 'make without KVM' => sub {
    my $dir = File::Temp->newdir;

    # Not as a part of the "make test" that may run this.
    local @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
    delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};

    for my $target (qw(demo run test)) {
        my $text = run(@missing, 'make', '-C', HL::Nginx::top(),
                       '--no-print-directory', $target, "B=$dir/build");

        isnt($?, 0, "make $target fails");
        like($text, qr/\A[^\n]*\/dev\/kvm is missing: load [^\n]+\n\z/,
             'with one line that says what to do');
        ok(!-e "$dir/build", 'before it has built anything');
    }

    my $text = run(@forbidden, 'make', '-C', HL::Nginx::top(), 'test',
                   '--no-print-directory', "B=$dir/build");

    like($text, qr/\A[^\n]*\/dev\/kvm cannot be opened [^\n]+\n\z/,
         'make test, without permission: one line, too');
    like($text, qr/by www-data: run make as root/,
         'it names the user who may not open it, and says what to do');
};


sub run {
    my (@command) = @_;

    open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command
        or die "sh: $!";
    local $/;
    my $text = <$pipe>;
    close $pipe;

    return $text;
}


done_testing;
