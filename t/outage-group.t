#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A control group whose memory runs out: the kernel ends a worker in the
# middle of a call.  Its request is lost, the master starts another worker,
# and who stays below the limit is served.  Wants a machine that lets this
# user make such a group.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

use constant MIB => 1048576;

# Version 1 has a folder for each controller, version 2 one for all of them.
my ($group, $limit);

for (
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup',        'memory.max'],
) {
    my ($folder, $file) = @$_;

    $group = "$folder/hyperlight-test-$$";

    if (mkdir $group) {
        $limit = "$group/$file";
        last if -w $limit;
        rmdir $group;
        undef $limit;
    }
}

END { rmdir $group if $limit }

plan skip_all => 'no control group for memory can be made here'
    if !$limit;


sub put {
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
}


my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest act {
    binary t-guests/act.elf;
    heap 512m;
    sandboxes 1;
    cpu_limit 10s;
    timeout 60s;
}
EOT
location / { hyperlight_pass act act; }
EOT

# Its children are of the same group.
put($limit, 128 * MIB);
put("$group/cgroup.procs", $nginx->{pid});
$nginx->reload;
my ($worker) = $nginx->workers;

is($nginx->get('/?touch=8')->{body}, 8, 'a call that needs 8 of 128 MiB');

$nginx->allow(qr/\[alert\] .*worker process $worker exited on signal 9/);
is(eval { $nginx->get('/?touch=400') }, undef,
   'one that needs 400 is lost, with its worker');

ok(HL::Nginx::wait_for(sub {
       my ($now) = $nginx->workers;
       return $now && $now != $worker;
   }), 'the master starts another one');
like($nginx->log_text, qr/worker process $worker exited on signal 9/,
     'and says why');

is($nginx->get('/?touch=8')->{body}, 8, 'which serves');

$nginx->take_baseline;
$nginx->finish;

done_testing;
