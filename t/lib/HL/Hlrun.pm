package HL::Hlrun;

# Copyright (C) the Hyperlight for nginx authors

# For tests of hlrun, and of guests by it: a run and what came of it, and
# guests that are built from a text.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp;
use FindBin;
use Test::More;

our @EXPORT_OK = qw(run command fails guest write_file read_file);

my $build = $ENV{TEST_NGINX_BUILD} || "$FindBin::Bin/../build";
my $dir = File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1);


# The path of a file of the build folder.

sub built {
    my ($name) = @_;

    return "$build/$name";
}


# The folder of what these functions write.

sub dir { return $dir }


# Of hlrun with these arguments: status, out, err.

sub run {
    return command(built('bin/hlrun'), @_);
}


sub command {
    my (@command) = @_;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', "$dir/out" or die "$dir/out: $!";
        open STDERR, '>', "$dir/err" or die "$dir/err: $!";
        exec { $command[0] } @command or die "$command[0]: $!";
    }

    waitpid $pid, 0;

    return { status => $? & 127 ? "signal $?" : $? >> 8,
             out => read_file("$dir/out"), err => read_file("$dir/err") };
}


# Fails with one line, the status (1), and nothing on stdout.

sub fails {
    my ($args, $err, $status) = @_;
    my $r = run(@$args);
    my $name = join ' ', map { length > 40 ? '...' : $_ }
                         map { s/.*\///r } @$args;
    my $line = ref $err ? $err : qr/\A\Q$err\E\z/;

    subtest "hlrun $name" => sub {
        is($r->{status}, $status // 1, 'exit status');
        is($r->{out}, '', 'nothing on stdout');
        like($r->{err}, qr/\Ahlrun: [^\n]*\n\z/, 'one line on stderr');

        my ($text) = $r->{err} =~ /\Ahlrun: ([^\n]*)/;

        like($text // '', $line, 'its text');
    };
}


# A guest of this source.

sub guest {
    my ($name, $source, @options) = @_;
    my $file = write_file("$name.c", $source);

    system("$build/bin/hlcc", '-O1', @options, '-o', "$dir/$name.elf",
           $file) == 0
        or die "hlcc: $?";

    return "$dir/$name.elf";
}


sub write_file {
    my ($name, $text) = @_;

    open my $to, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print $to $text;
    close $to or die "$dir/$name: $!";

    return "$dir/$name";
}


sub read_file {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!";
    local $/;

    return <$in> // '';
}


1;
