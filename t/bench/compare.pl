#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# The same jobs in one nginx by what people use: this module, "return 200",
# njs, Lua, and a process per request (fcgiwrap); and, in the nginx of a newer
# Debian, njs with QuickJS, whose context is a new one for each request or one
# of 128 that are used again.  CPU time of the worker per request, of fcgiwrap
# and its processes as well; p99 of the client.  Part of "make bench".
#
# Worker and client share a CPU: what a request adds is measured, and not how
# dear it is to wake another CPU up.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use List::Util qw(max min);
use Time::HiRes qw(time);

use lib dirname(__FILE__) . '/../lib';

use HL::Bench;
use HL::Nginx;

use constant {
    MODULES => '/usr/lib/nginx/modules',
    SUITE   => 'forky',
};

my $bench = HL::Bench->new('compare');
my $rounds = HL::Bench::quick() ? 2 : 11;
my $batch = HL::Bench::quick() ? 0.02 : 0.06;       # s
HL::Bench::pin();
my $here = dirname(__FILE__) . '/compare';

# Name, size of the body, number of headers, and who does it.
my @jobs = (
    ['hello',       0,       0, qw(return hyperlight njs quickjs
                                   quickjs_reused lua process)],
    ['headers',     0,       8, qw(hyperlight njs quickjs lua)],
    ['echo1k',      1 << 10, 0, qw(hyperlight njs lua)],
    ['echo16k',     1 << 14, 0, qw(hyperlight njs quickjs lua process)],
    ['echo64k',     1 << 16, 0, qw(hyperlight njs lua)],
    ['echo1m',      1 << 20, 0, qw(hyperlight njs lua)],
    ['sha256',      1 << 16, 0, qw(hyperlight njs njs_built_in quickjs lua
                                   process)],
    ['json',        1 << 14, 0, qw(hyperlight njs quickjs lua)],
    ['mandelbrot',  0,       0, qw(hyperlight njs quickjs lua process)],
);


# ---- nginx ----------------------------------------------------------------

# A location of its own for each, so that none pays for finding it.

sub handler {
    my ($name, $who) = @_;

    my $job = $name =~ s/^echo.*/echo/r;

    my %handlers = (
        return       => 'return 200 "Hello, bench!\n";',
        hyperlight   => $name eq 'json' ? 'hyperlight_pass json json;'
                        : $name =~ /^echo1m$/
                          ? 'hyperlight_pass big echo_http;'
                        : "hyperlight_pass bench ${job}_http;",
        njs          => "js_content jobs.$job;",
        njs_built_in => "js_content jobs.${job}_built_in;",
        quickjs      => "js_context_reuse 0; js_content jobs.$job;",
        quickjs_reused => "js_context_reuse 128; js_content jobs.$job;",
        lua          => "content_by_lua_block { require('jobs').$job() }",
        process      => "fastcgi_param HL_JOB $job; include fastcgi.conf;",
    );

    return "location = /$who/$name { $handlers{$who} }\n";
}


# The locations of whom "whose" matches.

sub server {
    my ($pattern) = @_;

    return join '', map {
        my ($name, undef, undef, @whose) = @$_;
        map { handler($name, $_) } grep { /$pattern/ } @whose;
    } @jobs;
}


my $nginx = HL::Nginx->new(
    log_level     => 'warn',
    start         => 0,
    check_restore => 0,
    main          => join('', map { "load_module ${\ MODULES}/$_.so;\n" }
                              qw(ndk_http_module ngx_http_lua_module
                                 ngx_http_js_module)),
    http          => 'include compare.conf;',
    server        => server(qr/^(?!quickjs)/),
);

# njs with QuickJS is in none of the packages of this system's release.

sub quickjs {
    my $dir = HL::Bench::tool('quickjs');

    system(HL::Nginx::top() . '/tools/debian-unpack', SUITE, $dir, 'nginx',
           'libnginx-mod-http-js') == 0
        or die "bench: without nginx and njs of Debian's ${\ SUITE} there is "
               . "no comparison\n";

    return "$dir/root";
}


my $root = quickjs();
my $newer = HL::Nginx->new(
    log_level     => 'warn',
    start         => 0,
    check_restore => 0,
    binary        => ["$root/usr/lib64/ld-linux-x86-64.so.2",
                      '--library-path', "$root/usr/lib/x86_64-linux-gnu",
                      "$root/usr/sbin/nginx"],
    module        => "$root${\ MODULES}/ngx_http_js_module.so",
    http          => 'include quickjs.conf;',
    server        => server(qr/^quickjs/),
);

my $dir = $nginx->dir;

copy("$here/$_", "$dir/$_") or die "$_: $!\n"
    for qw(compare.conf fastcgi.conf jobs.js jobs.lua);
copy(HL::Bench::tool($_), "$dir/$_") or die "$_: $!\n" for qw(small.elf cgi);
chmod 0755, "$dir/cgi" or die "cgi: $!\n";

$nginx->write_file('fastcgi.conf',
                   $nginx->read_file('fastcgi.conf') =~ s/DIR/$dir/gr);

copy("$here/$_", $newer->dir . "/$_") or die "$_: $!\n"
    for qw(quickjs.conf jobs.js);

my $group = HL::Bench::cgroup('cpu');
my $wrap = $nginx->spawn('setpriv', '--pdeathsig', 'TERM', 'fcgiwrap', '-s',
                         "unix:$dir/fcgi.sock");

HL::Bench::cgroup_add($group, $wrap) if $group;
HL::Nginx::wait_for(sub { -S "$dir/fcgi.sock" })
    or die "bench: fcgiwrap does not start\n";
chmod 0777, "$dir/fcgi.sock" or die "fcgi.sock: $!\n";

$_->start for $nginx, $newer;

my ($worker) = $nginx->workers;
my ($newer_worker) = $newer->workers;

# Without a cgroup the processes that fcgiwrap starts count nowhere: it does
# not wait for them.

sub cpu {
    my ($who) = @_;

    return HL::Bench::cpu($newer_worker) if $who =~ /^quickjs/;
    return HL::Bench::cpu($worker) if $who ne 'process';

    return HL::Bench::cpu($worker)
           + ($group ? HL::Bench::cgroup_cpu($group) : HL::Bench::cpu($wrap));
}


# ---- cases ----------------------------------------------------------------

# Names such as guest/examples/json.c renames and drops.

sub json_body {
    my ($size) = @_;

    my @members;

    for (my $i = 0; 170 * $i < $size; $i++) {
        push @members, sprintf '{"id": %d, "mail": "user%d@example.org", '
            . '"amount": %d, "token": "%08x", "tags": ["a", "b\\n"], '
            . '"address": {"zip": "%05d", "city": "Town %d"}}',
            $i, $i, $i % 100, $i * 2654435761 % 2**32, $i, $i % 7;
    }

    return '[' . join(', ', @members) . ']';
}


sub options {
    my ($name, $size, $headers) = @_;

    return $headers ? ('-n', $headers) : () if !$size;

    return ('-b', $nginx->write_file("body.$name", $name eq 'json'
                                     ? json_body($size) : 'x' x $size));
}


my @cases = map {
    my ($name, $size, $headers, @whose) = @$_;
    my @options = options($name, $size, $headers);

    map { { job => $name, who => $_, options => \@options, cpu => [],
            p99 => [] } } @whose;
} @jobs;


sub run {
    my ($case, $count) = @_;

    my $server = $case->{who} =~ /^quickjs/ ? $newer : $nginx;

    return HL::Bench::load(@{ $case->{options} }, $server->port,
                           "/$case->{who}/$case->{job}", $count);
}


# Warm, and how many are a batch.  Everybody's answer has the same length.

my %size;

for my $case (@cases) {
    run($case, 3);

    my $start = time;
    my $r = run($case, 10);
    $case->{count} = int max(3, min(3000, 10 * $batch / (time - $start)));

    my $size = $size{ $case->{job} } //= $r->{body};
    die "bench: $case->{who} answers $r->{body} bytes to $case->{job}, "
        . "not $size\n" if $r->{body} != $size;
}


# ---- rounds ---------------------------------------------------------------

my @floor;

for my $round (0 .. $rounds) {
    my %floor = HL::Bench::core('floor');
    push @floor, $floor{'core.floor'}{cpu} if $round;

    for my $case (@cases) {
        my $before = cpu($case->{who});
        my $load = run($case, $case->{count});
        my $cpu = (cpu($case->{who}) - $before) / $case->{count};

        next if $round == 0;    # for learning

        push @{ $case->{cpu} }, $cpu;
        push @{ $case->{p99} }, $load->{p99};
    }
}

$_->stop for $nginx, $newer;
kill 'TERM', $wrap;
waitpid $wrap, 0;
HL::Bench::cgroup_remove($group);


# ---- results --------------------------------------------------------------

my %cpu = map { ("$_->{job} $_->{who}" => $_->{cpu}) } @cases;
my $floor = HL::Bench::median(@floor);

for (@jobs) {
    my $name = $_->[0];

    $bench->heading("nginx: $name", 'us of CPU time a request',
                    'hyperlight');

    for my $case (grep { $_->{job} eq $name } @cases) {
        $bench->report(
            name   => "nginx.$name.$case->{who}",
            rounds => $case->{cpu},
            p99    => HL::Bench::median(@{ $case->{p99} }),
            unit   => 'us',
            ratio  => HL::Bench::median(
                HL::Bench::ratios($case->{cpu}, $cpu{"$name hyperlight"})),
        );
    }
}

$bench->heading('nginx: added by this module', 'us of CPU time a request',
                'floor');
$bench->report(name => 'nginx.floor', rounds => \@floor, unit => 'us',
               ratio => 1);

# The first less the second, round by round.

sub added {
    my ($name, $one, $other, $target) = @_;

    my @added = map { $cpu{$one}[$_] - $cpu{$other}[$_] }
                0 .. $#{ $cpu{$one} };

    $bench->report(name => $name, rounds => \@added, unit => 'us',
                   ratio => HL::Bench::median(@added) / $floor,
                   target => $target);
}

added('nginx.hello_added', 'hello hyperlight', 'hello return',
      1.15 * $floor + 4);
added('nginx.echo16k_added', 'echo16k hyperlight', 'echo16k lua',
      1.2 * $floor + 6);

# What is asked for at most: of LuaJIT, nothing.

my %most = (process => 0.1, njs => 0.1, quickjs => 1 / 3);

$bench->heading('nginx: CPU time, through that of others', 'a ratio');

for (['hello', 'process'], ['echo16k', 'process'],
     ['sha256', 'njs'], ['mandelbrot', 'njs'],
     ['hello', 'quickjs'], ['sha256', 'quickjs'], ['json', 'quickjs'],
     ['mandelbrot', 'quickjs'],
     ['sha256', 'lua'], ['mandelbrot', 'lua'])
{
    my ($job, $who) = @$_;

    $bench->report(
        name   => "nginx.through_$who.$job",
        rounds => [HL::Bench::ratios($cpu{"$job hyperlight"},
                                     $cpu{"$job $who"})],
        unit   => 'x',
        defined $most{$who} ? (target => $most{$who}) : (),
    );
}

$bench->save;
