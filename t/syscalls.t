#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# What docs/security.md says of seccomp: the system calls that workers make
# beyond nginx's own, no other, and each of them.  Told by strace, of one
# nginx with the module and one without.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();
use HL::Nginx;
use HL::Status;
use Test::More;

# malloc()'s, in any process that allocates.
use constant MEMORY => qw(brk futex mmap mprotect mremap munmap);

plan skip_all => 'sanitizers make calls of their own'
    if $ENV{TEST_NGINX_SANITIZED};
plan skip_all => 'strace may not trace here'
    if system('strace -o /dev/null true 2>/dev/null') != 0;

my $body = 'x' x 200_000;

my $http = <<'EOT';
client_max_body_size 4m;

hyperlight_guest act {
    binary t-guests/act.elf;
    init_data server.conf;
    input 512k;
    sandboxes 1 4;
    timeout 10s;
}
hyperlight_guest spin { binary guests/spin.elf; }
EOT

my $common = <<'EOT';
location /plain { return 200 plain; }
location /proxy { proxy_pass http://$server_addr:$server_port/plain; }
location /none { root html; }
EOT

my $server = $common . <<'EOT';
location /act { hyperlight_pass act act; }
location /spin { hyperlight_pass spin spin; }
location /status { hyperlight_status; }
EOT


# Of the workers of one nginx: the names of calls, and a line of each.

sub calls {
    my ($requests, %o) = @_;

    my $dir = File::Temp->newdir('hl-test-XXXXXX', TMPDIR => 1);
    my $nginx = HL::Nginx->new(check_restore => 0, %o,
                               wrap => ['strace', '-D', '-q', '-f',
                                        '-o', "$dir/strace"]);
    my $master = $nginx->{pid};

    $requests->($nginx);
    $nginx->finish;

    my (%calls, $ended);

    HL::Nginx::wait_for(sub {
        open my $trace, '<', "$dir/strace" or die "strace: $!";

        while (<$trace>) {
            my ($pid, $name, $rest) = /^(\d+) +(\w+)\((.*)/ or next;

            push @{ $calls{$name} }, $rest if $pid != $master;
            $ended = 1 if $pid == $master && $name eq 'exit_group';
        }

        return $ended;
    });

    return \%calls;
}


sub common {
    my ($nginx) = @_;

    my $client = $nginx->connect;

    for (1, 2) {
        $client->request('GET', '/plain');
        $client->response;
    }

    $client->close;
    $nginx->get('/proxy');
    $nginx->post('/proxy', $body);
    $nginx->get('/none');
}


sub guests {
    my ($nginx) = @_;

    common($nginx);
    $nginx->get('/act?say=a,sleep=3,count');
    $nginx->get('/act?work=5,fill=50000');
    $nginx->get('/act?crash');
    $nginx->get('/spin');
    $nginx->post('/act?get', $body);

    # A pool that grows, and shrinks.
    my @clients = map { $nginx->connect } 1 .. 3;

    $_->request('GET', '/act?sleep=300') for @clients;
    $_->response for @clients;
    HL::Nginx::wait_for(sub {
        return HL::Status::json($nginx)->{act}{sandboxes}{count} == 1;
    });
}


open my $file, '<', HL::Nginx::top() . '/docs/security.md' or die $!;
my ($row) = grep { /^\| seccomp for workers/ } <$file>;
my (undef, $needed, $never) = split /\|/, $row;
my @needed = $needed =~ /`(\w+)`/g;
my @never = $never =~ /`(\w+)`/g;

my $plain = calls(\&common, module => '', server => $common);
my $module = calls(\&guests, http => $http, server => $server);
my %known = map { $_ => 1 } MEMORY, @needed, keys %$plain;

ok($plain->{recvfrom} && $module->{recvfrom}, 'workers were seen');
is_deeply([grep { !$known{$_} } sort keys %$module], [],
          'what is not listed, no worker calls');
is_deeply([grep { !$module->{$_} } @needed], [],
          'what is listed, they call');
is_deeply([grep { $module->{$_} } @never], [], 'what is never needed: no');
is_deeply([grep { !/^\d+, 0\)/ } @{ $module->{kill} }], [],
          'they signal nobody');

done_testing;
