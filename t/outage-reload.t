#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# nginx is reloaded every 200 ms while clients ask without a break: no request
# fails, old workers end, and the master is as it was.  HL_OUTAGE_SECONDS is
# how long it lasts, 4 s if unset.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Crowd;
use HL::Nginx;
use HL::Status;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    WORKERS => 2,
    CLIENTS => 4,
    INTERVAL => 0.2,
};

my $seconds = $ENV{HL_OUTAGE_SECONDS} || 4;

my $nginx = HL::Nginx->new(workers => WORKERS, http => <<'EOT',
hyperlight_guest act {
    binary t-guests/act.elf;
    sandboxes 2 4;
    queue 64 timeout=60s;
    cpu_limit 10s;
    timeout 60s;
}
EOT
server => <<'EOT');
client_body_buffer_size 64k;
location /act { hyperlight_pass act act; }
location /status { hyperlight_status; }
EOT

my ($master) = $nginx->{pid};


# Of the master: descriptors, and mappings that are not libraries' or heap.

sub holdings {
    open my $maps, '<', "/proc/$master/maps" or die "maps: $!";

    return { descriptors => $nginx->descriptors($master),
             shared      => scalar grep { / ..-s /
                                          || m{/memfd:|/dev/zero} } <$maps> };
}


$nginx->reload;

my $before = holdings();
my $crowd = HL::Crowd->start($nginx, CLIENTS);
my $end = time + $seconds;
my $reloads = 0;

while (time < $end) {
    $nginx->signal('HUP');
    $reloads++;
    sleep INTERVAL;
}

my $all = $crowd->end;

diag "$reloads reloads, $all->{ok} answers";

is_deeply([$all->{lost}, $all->{wrong}], [{}, []],
          "no request fails while nginx is reloaded $reloads times");
cmp_ok($all->{ok}, '>', CLIENTS, 'and there were some');

ok(HL::Nginx::wait_for(sub {
       return $nginx->is_up && $nginx->children == WORKERS;
   }), 'old workers end, new ones are there');

# Orders that come while one is carried out are one.
cmp_ok(scalar(() = $nginx->log_text =~ /: reconfiguring$/mg), '>',
       $reloads / 4, 'the master has obeyed');
is_deeply(holdings(), $before, 'it has as many descriptors and mappings');

ok(HL::Nginx::wait_for(sub {
       return HL::Status::sandboxes($nginx, 'act')
                 eq join ' ', WORKERS, 2 * WORKERS, 0;
   }), 'the status knows the new workers alone');

$nginx->take_baseline;
$nginx->finish;

done_testing;
