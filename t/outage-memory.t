#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Memory that runs out in a worker when it starts and when a pool grows: each
# call for memory that the module makes fails once (t/outage/fail.c), then all
# of them do, then the address space is limited.  Locations answer 503 as long
# as they must, the log says why, and what was missing is there again by
# itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(sum);
use HL::Nginx;
use HL::Outage qw(MALLOC MAP ADVISE MEMFD);
use HL::Status;
use Test::More;

use constant {
    WORKERS  => 16,
    REQUESTS => 48,
    GUESTS   => 24,                     # their pools are no small allocation
    LINE     => qr/\[crit\]\ (\d+)\#.*\ hyperlight:.*Cannot\ allocate\ memory
                   |\[emerg\]\ (\d+)\#.*malloc\(\d+\)\ failed\ \(12:/x,
};

plan skip_all => 'sanitizers have their own malloc()'
    if $ENV{TEST_NGINX_SANITIZED};

my $outage = HL::Outage->new;


# ---- workers that start ---------------------------------------------------

my $many = HL::Nginx->new(workers => WORKERS, wrap => [$outage->wrap],
                          http => <<'EOT', server => <<'EOT');
hyperlight_guest act { binary t-guests/act.elf; sandboxes 2; }
EOT
location / { hyperlight_pass act act; }
EOT

$many->allow(qr/\[emerg\] .*malloc\(\d+\) failed/);

my ($whole) = values %{ $many->{baseline} };


# Of requests to whichever worker: how many had which status.  The body of a
# 200 is right, a 503 says when to come again.

sub statuses {
    my ($nginx, $n) = @_;

    my %seen;

    for (1 .. $n) {
        my $r = $nginx->get("/?say=$_,count");

        $seen{$r->{status}}++;

        if ($r->{status} == 200 ? $r->{body} ne "${_}1"
                                : !$r->{headers}{'retry-after'})
        {
            $seen{wrong}++;
        }
    }

    return \%seen;
}


# Each worker of a batch has another n.

sub batch {
    my ($first) = @_;

    $many->clear_log;
    $outage->order(n => $first, kinds => MALLOC|MAP|ADVISE|MEMFD, young => 1);
    $many->reload;
    $outage->over;

    my %failed = map { $_->[0] => $_->[1] }
                 grep { $_->[0] }
                 map { [$outage->victim($_)] } $first .. $first + WORKERS - 1;

    my $statuses = statuses($many, REQUESTS);
    my %unknown = %$statuses;
    delete @unknown{200, 503};
    is_deeply(\%unknown, {}, "from $first on: 200 or 503, and right");

    my %said = map { $_ => 1 } grep { defined }
               $many->log_text =~ /${\ LINE}/g;
    my @silent = grep { !$said{$_} } keys %failed;

    is_deeply([grep { $failed{$_} != ADVISE && $failed{$_} != MALLOC }
               @silent], [], 'the log says why');

    ok(HL::Nginx::wait_for(sub {
           return !grep { $many->descriptors($_) != $whole } $many->workers;
       }), 'each worker has its sandboxes in the end');
    is_deeply(statuses($many, REQUESTS), { 200 => REQUESTS },
              'and serves');

    return (scalar keys %failed, scalar @silent);
}


{
    my ($all, $borne, $n, $silent) = (0, 0);

    for (my $first = 1; ; $first += WORKERS) {
        ($n, $silent) = batch($first);
        $all += $n;
        $borne += $silent;
        last if $n < WORKERS;
    }

    note "$all calls of a worker that starts, $borne are borne";
    cmp_ok($all, '>', 50, 'all calls for memory were tried');
    cmp_ok($borne, '<', $all / 5, 'few of them do not matter');
}

$many->take_baseline;
$many->finish;


# ---- a worker without any memory ------------------------------------------

my $born = HL::Nginx->new(
    wrap   => [$outage->wrap],
    http   => join('', map { "hyperlight_guest g$_ {"
                             . " binary t-guests/act.elf; }\n" }
                           1 .. GUESTS),
    server => 'location / { hyperlight_pass g1 act; }',
);
$born->allow(qr/\[emerg\] .*malloc\(\d+\) failed/);

my ($ready) = values %{ $born->{baseline} };

$outage->order(kinds => MALLOC|MAP, all => 1, young => 1);
$born->reload;
is(($outage->victim(1))[0], ($born->workers)[0],
   'a worker starts without any memory');
$outage->over;

ok(HL::Nginx::wait_for(sub {
       return $born->descriptors($born->workers) == $ready;
   }), 'and has its sandboxes when there is some');
is($born->get('/?count')->{body}, 1, 'and serves');

$born->take_baseline;
$born->finish;


# ---- pools that grow ------------------------------------------------------

my $grows = HL::Nginx->new(wrap => [$outage->wrap],
                           http => <<'EOT', server => <<'EOT');
hyperlight_request_buffering off;

hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 1 16;
    timeout 30s;
}
EOT
location / { hyperlight_pass act act; }
location /plain { return 200 "plain"; }
location /status { hyperlight_status; }
EOT
$grows->allow(qr/\[emerg\] .*malloc\(\d+\) failed/);


sub sandboxes { return HL::Status::json($grows)->{act}{sandboxes}{count} }


# As many calls as there are sandboxes, which wait for their bodies, and one
# more that waits for a sandbox.  So many of them may fail: with 500.

sub crowd {
    my ($sandboxes, $may_fail) = @_;

    my @clients = map {
        my $client = $grows->connect;
        $client->send("POST /?get HTTP/1.1\r\nHost: localhost\r\n"
                      . "Content-Length: 3\r\n\r\n$_");
        $client;
    } 10 .. 10 + $sandboxes;

    # Who waits lets the pool grow, in the turn of the loop after the one in
    # which its request was read.
    $grows->get('/plain') for 1 .. 3;

    $_->send('.') for @clients;

    my %wrong;

    for my $i (0 .. $sandboxes) {
        my $r = $clients[$i]->response;

        $wrong{$r->{status}}++
            if "$r->{status} $r->{body}" ne '200 ' . sum(10 + $i . '.');
        $clients[$i]->close;
    }

    cmp_ok(delete $wrong{500} || 0, '<=', $may_fail, 'the calls are served');
    is_deeply(\%wrong, {}, 'and their answers right');
}


for (my $n = 1; ; $n++) {
    my $before = sandboxes();

    $grows->clear_log;
    $outage->order(n => $n, kinds => MALLOC|MAP|ADVISE);
    crowd($before, 1);
    $outage->over;

    my ($pid, $kind) = $outage->victim($n);
    last if !$pid;

    ok($grows->log_text =~ LINE || sandboxes() > $before,
       "call $n of a pool that grows: it is made, or the log says why not");
}

cmp_ok(sandboxes(), '>', 1, 'the pool has grown then');

$grows->reload;


# ---- address space --------------------------------------------------------

my ($worker) = $grows->workers;

$grows->limit($worker, as => 1024 * $grows->mapped($worker));
$grows->clear_log;
crowd(1, 0);
is(sandboxes(), 1, 'no address space: the pool does not grow');
like($grows->log_text, LINE, 'the log says so');

$grows->limit($worker, as => 'unlimited');
crowd(1, 0);
cmp_ok(sandboxes(), '>', 1, 'it does when there is some');

# What it has grown by would be a difference.
$grows->reload;
$grows->finish;

done_testing;
