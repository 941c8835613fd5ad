#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a request costs in things that can be counted, exactly and on any
# machine: entries into the guest, ioctls, allocations, large copies, changes
# of mappings, page faults.  Counted by t/cost/count.c in the worker, and what
# "return 200" costs in the same nginx is taken off, so that they are the
# module's own.  A number that rises wants a reason; one that falls, a lower
# number here.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use HL::Preload;
use Test::More;

use constant N => 201;

plan skip_all => 'sanitizers have their own malloc()'
    if $ENV{TEST_NGINX_SANITIZED};

my @names = qw(allocations allocated runs logs ioctls copies copied mappings);
my $counter = HL::Preload->new('t/cost/count.so', HL_COST => 4096);

my $nginx = HL::Nginx->new(
    log_level     => 'crit',
    check_restore => 0,
    wrap          => [$counter->wrap],
    http => <<'EOT', server => <<'EOT');
keepalive_requests 100000;
client_body_buffer_size 64k;
hyperlight_guest hello { binary guests/hello.elf; slice 1s; }
hyperlight_guest upper { binary guests/upper.elf; slice 1s; }
hyperlight_guest json { binary guests/json.elf; slice 1s; }
EOT
location = /return { return 200 "Hello"; }
location = /hello { hyperlight_pass hello hello; }
location = /upper { hyperlight_pass upper upper; }
location = /json { hyperlight_pass json json; }
EOT

my ($worker) = $nginx->workers;
my $client = $nginx->connect;


sub faults {
    open my $stat, '<', "/proc/$worker/stat" or die "stat: $!";

    return (split ' ', <$stat> =~ s/.*\) //r)[7];
}


sub numbers {
    my %n;

    @n{@names} = unpack 'Q*', $counter->take(0, 8 * @names);
    $n{faults} = faults();

    return %n;
}


sub requests {
    my ($n, $path, $body) = @_;

    for (1 .. $n) {
        $client->request(defined $body ? 'POST' : 'GET', $path,
                         body => $body);
        $client->response->{status} == 200 or die "$path is not a 200";
    }
}


# Of one request as most are, the median of each number: what comes now and
# then (a slice that is over, a hot set that is learnt anew, fresh entropy) is
# not in it.

sub cost {
    my ($path, $body) = @_;

    my %all;

    requests(N, $path, $body);

    for (1 .. N) {
        my %before = numbers();
        requests(1, $path, $body);
        my %after = numbers();

        push @{ $all{$_} }, $after{$_} - $before{$_} for keys %after;
    }

    return map { $_ => (sort { $a <=> $b } @{ $all{$_} })[N / 2] } keys %all;
}


my %plain = cost('/return');

# One entry, the dirty log, and nothing else of the kernel.
my %always = (runs => 1, logs => 1, ioctls => 0, mappings => 0, faults => 0);

for (
    # 3 pages are written and put back.
    ['hello', '/hello', undef,
     { allocations => 1, allocated => 4096, copies => 2, copied => 12288 }],

    # 4 pages; the body itself is too small to count.
    ['a typed function, 1,000 bytes', '/upper', 'x' x 1000,
     { allocations => 2, allocated => 5120, copies => 2, copied => 16384 }],

    # The body goes in and comes out once, and is the guest's own in between.
    ['a typed function, 16 KiB', '/upper', 'x' x 16384,
     { allocations => 3, allocated => 32832, copies => 4, copied => 97344 }],

    ['JSON', '/json', '{"mail": "ada@example.org", "amount": 1}',
     { allocations => 1, allocated => 4096, copies => 2, copied => 16384 }],
) {
    my ($name, $path, $body, $expected) = @$_;

    my %cost = cost($path, $body);
    my %added = map { $_ => $cost{$_} - $plain{$_} } keys %cost;

    is_deeply(\%added, { %always, %$expected }, $name)
        or diag join ', ', map { "$_ $added{$_}" } sort keys %added;
}

undef $client;
$nginx->finish;

done_testing;
