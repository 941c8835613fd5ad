#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# Memory that runs out while a request is served: each call for memory that
# the module makes for it, or has nginx make, fails once (t/outage/fail.c).
# The client gets the right answer, an error, or one that visibly breaks off;
# the log says why; and the next request is served as ever.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Act qw(lines sum fetch);
use HL::Nginx;
use HL::Outage qw(MALLOC MAP ADVISE MEMFD);
use Test::More;

use constant ALL => MALLOC|MAP|ADVISE|MEMFD;

plan skip_all => 'sanitizers have their own malloc()'
    if $ENV{TEST_NGINX_SANITIZED};

my $outage = HL::Outage->new;

my $nginx = HL::Nginx->new(start => 0, wrap => [$outage->wrap]);

mkdir $nginx->dir . '/html' or die "mkdir: $!";
$nginx->write_file('html/file', "a file\n" x 10000);

$nginx->configure(http => <<'EOT', server => <<'EOT');
# So that the module's small allocations are calls of malloc(), too.
request_pool_size 256;
connection_pool_size 256;
client_body_buffer_size 16k;
client_max_body_size 4m;

hyperlight_guest act {
    binary t-guests/act.elf;
    input 512k;
    sandboxes 2;
    timeout 30s;
}
hyperlight_guest ask {
    binary t-guests/ask.elf; allow all;
    sandboxes 2;
    timeout 30s;
}
hyperlight_guest alter { binary t-guests/alter.elf; sandboxes 2; }
hyperlight_guest value { binary t-guests/value.elf; slice 500ms; }

hyperlight_set $lines value lines;
EOT
location /act { hyperlight_pass act act; }
location /stream {
    hyperlight_request_buffering off;
    hyperlight_pass act act;
}
location /ask { hyperlight_pass ask whole; }
location /head/ { alias html/; hyperlight_header_filter alter mark; }
location /body/ { alias html/; hyperlight_body_filter alter upper; }
location /gate/ { alias html/; hyperlight_access act act; }
location /set { return 200 "$lines"; }
location /status { hyperlight_status; }
EOT
$nginx->start;
$nginx->allow(qr/\[emerg\] .*(?:malloc|memalign)\(.*\) failed/);

my ($worker) = $nginx->workers;
my $body = join '', map { chr(32 + $_ % 90) } 1 .. 200_000;


# The status, with a "!" if the response breaks off, and the body.

sub answer {
    my ($uri, $o) = @_;

    my $r = fetch($nginx, $uri, %$o);

    return ($r->{status}, '') if $r->{status} eq 'none';
    return ($r->{status} . ($r->{whole} ? '' : '!'), $r->{body});
}


# Until nothing fails any more.  What is not the answer that comes without a
# failure has to be one that it may be; or the guest has been told, and says
# so.

sub sweep {
    my ($name, $uri, $expected, $may, %o) = @_;

    my ($status, $right) = answer($uri, \%o);
    is($status, $expected, "$name: without a failure");

    my (%seen, %silent, %wrong, %after);
    my $n = 0;

    for ( ;; ) {
        $nginx->clear_log;
        $outage->order(n => ++$n, kinds => ALL);
        my ($got, $text) = answer($uri, \%o);

        # What is owed to the sandbox is done then.
        answer('/act?count', {});
        $outage->over;

        my ($pid, $kind) = $outage->victim($n);
        last if !$pid;

        $seen{$got}++;

        if ($got ne $expected) {
            $wrong{"$n $got"}++ if $got !~ $may;
            $silent{"$n $got"}++
                if $nginx->log_text !~ /\[(?:error|crit|alert|emerg)\]/;

        } elsif ($text ne $right && $text !~ ($o{or} || qr/(?!)/)) {
            $wrong{"$n $text"}++;
        }

        my ($next, $count) = answer('/act?count', {});
        $after{"$n $next"}++ if "$next $count" ne '200 1';
    }

    note "$name: ", $n - 1, ' calls, ',
         join ', ', map { "$seen{$_} times $_" } sort keys %seen;

    is_deeply(\%wrong, {}, "$name: right, or an error");
    is_deeply(\%silent, {}, "$name: the log says why");
    is_deeply(\%after, {}, "$name: the next request is served");
    cmp_ok($n, '>', 1, "$name: something has failed");
}


my $error = qr/^(?:500|503|none)$/;
my $broken = qr/^(?:500|503|none|200!)$/;

sweep('a plain request', '/act?say=a,count', 200, $error);
sweep('a body in memory', '/act?get', 200, $error, body => 'x' x 1000);
sweep('a body in a file', '/act?get', 200, $error, body => $body);
sweep('a body as it comes', '/stream?get', 200, $error, body => $body);
sweep('a large response', '/act?fill=100000', 200, $broken);
sweep('a response in pieces', '/stream?echo', 200, $broken, body => $body);
sweep('a guest that sleeps', '/act?say=a,flush,sleep=1,say=b', 200, $broken);
sweep('a guest that crashes', '/act?crash', 500, $error);
sweep('a sub-request', '/ask', 200, $error,
      headers => ['X-Ask: /act?fill=50000'], or => qr/^(?:errno|500\n)/);
sweep('a header filter', '/head/file', 200, $broken);
sweep('a body filter', '/body/file', 200, $broken);
sweep('a variable', '/set', 200, $error);
sweep('access that is given', '/gate/file', 200, $error);

# That it was not asked is no reason to let anybody in.
sweep('access that is denied', '/gate/file?deny', 401, $error);

sweep("status, $_", "/status?format=$_", 200, $broken, or => qr/./)
    for qw(html json prometheus);

is_deeply([$nginx->workers], [$worker], 'all by one worker');
$nginx->finish;

done_testing;
