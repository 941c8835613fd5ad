#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What a guest is given besides requests: init_data from a file, read once
# when the configuration is, and the clock.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use HL::Nginx;

my $nginx = HL::Nginx->new(
    start => 0,
    http  => <<'EOT',
hyperlight_guest redirect { binary guests/redirect.elf; init_data map; }
hyperlight_guest on { binary t-guests/clock.elf; }
hyperlight_guest off { binary t-guests/clock.elf; clock off; }
EOT
    server => <<'EOT',
location / { hyperlight_pass redirect redirect; }
location /on { hyperlight_pass on tell; }
location /off { hyperlight_pass off tell; }
EOT
);

$nginx->write_file('map', "/old /new 301\n");
$nginx->start;


# ---- init_data ------------------------------------------------------------

my $answer = $nginx->get('/old');

is($answer->{status}, 301, 'a guest has its init_data');
like($answer->{headers}{location}, qr{/new$}, 'all of it');

$nginx->write_file('map', "/old /newer 302\n");

like($nginx->get('/old')->{headers}{location}, qr{/new$},
     'a changed file does not matter');

$nginx->reload;

like($nginx->get('/old')->{headers}{location}, qr{/newer$},
     'until nginx is reloaded');


# ---- clock ----------------------------------------------------------------

my $before = time;
my $told = $nginx->get('/on')->{body};
my $after = time;

cmp_ok($told, '>=', $before, 'the clock is not slow');
cmp_ok($told, '<=', $after, 'nor fast');

is($nginx->get('/off')->{body}, 'errno 22', 'clock off: EINVAL');

$nginx->finish;

done_testing();
