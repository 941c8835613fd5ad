#!/usr/bin/env perl

# Copyright (C) the Hyperlight for nginx authors

# A guest that faults, aborts or leaves as no guest may: its request is
# answered 500, the error log says in one line whose fault it was, which, and
# where, and the next request is served by the same worker.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HL::Nginx;
use Test::More;

# How to fail (guest/testguests/probe/fault.c), what the log says of it, and in
# which function; without one it is no code that was run.  0x# is any address.
my @faults = (
    ['null',            'page fault writing 0x0 (null pointer)', 'null'],
    ['read-null',       'page fault reading 0x0 (null pointer)', 'read_null'],
    ['call-null',       'page fault executing 0x0 (null pointer)'],
    ['exec-data',       'page fault executing 0x# (data)'],
    ['exec-stack',      'page fault executing 0x# (stack)'],
    ['exec-heap',       'page fault executing 0x# (heap)'],
    ['write-text',      'page fault writing 0x# (code)', 'write_text'],
    ['write-constant',  'page fault writing 0x# (read-only data)',
                        'write_constant'],
    ['write-input',     'page fault writing 0x# (input area)', 'write_input'],
    ['write-params',    'page fault writing 0x40004000 (parameters page)',
                        'write_params'],
    ['write-hypercall', 'page fault writing 0x40002100 (hypercall page)',
                        'write_hypercall'],
    ['stack-guard',     'stack overflow: the stack of 65536 bytes is used up',
                        'stack_guard'],
    ['above-stack',     'page fault writing 0x# (0 bytes past the end of the '
                        . 'stack)', 'above_stack'],
    ['above-heap',      'page fault writing 0x# (0 bytes past the end of the '
                        . 'heap)', 'above_heap'],
    ['recursion',       'stack overflow: the stack of 65536 bytes is used up',
                        'recurse'],
    ['frame',           'stack overflow: the stack of 65536 bytes is used up',
                        'frame'],
    ['divide',          'division error', 'divide'],
    ['undefined',       'invalid opcode', 'undefined'],
    ['hlt',             'general protection', 'hlt'],
    ['cr3',             'general protection', 'cr3'],
    ['not-canonical',   'general protection', 'not_canonical'],
);

# Those that it chose; the stack of "smash" is no more.
my @aborts = (
    ['heap',   'Guest aborted: 13 Malloc Failed (heap exhausted, it has '
               . '1048576 bytes)', 'fault_heap'],
    ['smash',  'Guest aborted: 10 stack smashing detected', 'fault_smash'],
    ['assert', 'Guest aborted: 0', 'fault_assert'],
    ['abort',  'Guest aborted: 0', 'probe_fault'],
    ['exit',   'Guest aborted: 3', 'fault_exit'],
);

my $nginx = HL::Nginx->new(http => <<'EOT', server => <<'EOT');
hyperlight_guest probe {
    binary testguests/probe.elf;
    cpu_limit 5s;
    timeout 5s;
}

hyperlight_guest counter {
    binary guests/counter.elf;
}
EOT
location /fault {
    hyperlight_pass probe fault;
}

location /limit {
    hyperlight_pass probe fault;
    hyperlight_cpu_limit 20ms;
}

location /echo {
    hyperlight_pass probe echo;
}

location /counter {
    hyperlight_pass counter counter;
}
EOT


my $hex = qr/0x[0-9a-f]+/;
my $callers = qr/, called by (?:\w+\+$hex(?: \d+ times)?(?:, )?)+(?<! )/;

for (@faults) {
    my ($how, $what, $function) = @$_;
    my $registers = qr/ \(vector \d+, error code $hex, stack $hex,/;
    my $place = $function ? qr/ in (?:fault_)?$function\+$hex \(probe\.elf\)/
                          : '';

    $what = quotemeta($what) =~ s/0x\\#/$hex/r;

    dies($how, qr/$what, at $hex$place$callers$registers code [0-9a-z ]+\)/);
}

dies($_->[0], qr/\Q$_->[1]\E, in $_->[2]\+$hex \(probe\.elf\)(?:$callers)?/)
    for @aborts;


# ---- who called what ------------------------------------------------------

like(line('null'), qr/, called by probe_fault\+$hex, /, 'a leaf function');
like(line('call-null'), qr/, at 0x0, called by probe_fault\+$hex, /,
     'what is no function');
like(line('recursion'), qr/,\ called\ by\ recurse\+$hex\ \d+\ times,
     \ fault_recursion\+$hex,\ probe_fault\+$hex,\ /x, 'recursion');
like(line('null'), qr/, hl_call\+$hex, hl_dispatch\+$hex \(vector/,
     'up to where the host has entered');


# ---- a limit --------------------------------------------------------------

$nginx->clear_log;
is($nginx->get('/limit?loop')->{status}, 504, 'a limit: 504');
like(($nginx->log_lines(qr/\[error\]/))[0],
     qr/:\ it\ exceeded\ its\ cpu_limit\ of\ 20\ ms,\ in\ fault_loop\+$hex
        \ \(probe\.elf\),\ called\ by\ probe_fault\+$hex,\ .*,\ client:\ /x,
     'and where it was then');


# nginx closes a connection after 500, here as elsewhere.
{
    my $client = $nginx->connect;

    $client->request('GET', '/fault?null');

    is($client->response->{status}, 500, 'on one connection: 500');
    ok($client->is_closed, 'and the connection is closed');
}


$nginx->finish;

done_testing;


# The line that the request writes.

sub line {
    my ($how) = @_;

    $nginx->clear_log;
    $nginx->get("/fault?$how");

    return ($nginx->log_lines(qr/\[error\]/))[0];
}


sub dies {
    my ($how, $reason) = @_;

    $nginx->clear_log;

    is($nginx->get("/fault?$how")->{status}, 500, "$how: 500");

    my @lines = $nginx->log_lines(qr/\[error\]/);

    is(scalar @lines, 1, "$how: one line in the log");
    like($lines[0], qr/guest "probe" function "fault": $reason, client: /,
         "$how: with guest, function, reason and place");
    like($lines[0], qr/client: .*request: "GET/, "$how: and the request");

    is($nginx->post('/echo', $how)->{body}, $how,
       "$how: the same guest serves the next request");
    is($nginx->get('/counter')->{body} + 0, 1, "$how: and so do others");
}
