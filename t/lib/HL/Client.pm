package HL::Client;

# Copyright (C) the Hyperlight for nginx authors

# One HTTP/1.x connection to 127.0.0.1, as raw as a test wants it: send()
# takes bytes, response() reads exactly one response and leaves what comes
# after it, so keepalive and pipelining are plain sequences of calls.  Nothing
# here waits longer than TIMEOUT, or $patience for the other side's next bytes:
# it dies then, and the test fails.

use strict;
use warnings;

use Carp qw(croak);
use Errno ();
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

# Seconds.  Where a test asks for much, it allows for more patience.
use constant TIMEOUT => 15;
our $patience = TIMEOUT;

our @CARP_NOT = ('HL::Nginx');


sub new {
    my ($class, $port) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $port,
        Proto    => 'tcp',
        Timeout  => TIMEOUT,
    ) or croak "connect to port $port: $@";

    $socket->autoflush(1);
    setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1)
        or croak "TCP_NODELAY: $!";
    binmode $socket;

    return bless { socket => $socket, buffer => '' }, $class;
}


# The other side of one: what connects to this socket, an upstream's.

sub accepted {
    my ($class, $upstream) = @_;

    IO::Select->new($upstream)->can_read(TIMEOUT)
        or croak 'nobody connects to the upstream';

    my $socket = $upstream->accept or croak "accept: $!";

    return bless { socket => $socket, buffer => '' }, $class;
}


sub send {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        IO::Select->new($self->{socket})->can_write(TIMEOUT)
            or croak 'the server takes no more bytes';

        my $n = syswrite($self->{socket}, $bytes, 65536);

        # What it answered before it closed is still there to be read.
        return 0 if !defined $n;

        substr($bytes, 0, $n, '');
    }

    return 1;
}


# Sends a request, HTTP/1.1 unless "protocol" says otherwise.  A "body" is
# sent with its length, or, if "chunk" is given, in chunks of that size.

sub request {
    my ($self, $method, $uri, %o) = @_;

    my $protocol = $o{protocol} || 'HTTP/1.1';
    my $head = "$method $uri $protocol\r\nHost: localhost\r\n";
    my $body = $o{body};

    $head .= "$_\r\n" for @{ $o{headers} || [] };

    if (!defined $body) {
        $body = '';

    } elsif ($o{chunk}) {
        $head .= "Transfer-Encoding: chunked\r\n";
        $body = chunked($body, $o{chunk});

    } else {
        $head .= 'Content-Length: ' . length($body) . "\r\n";
    }

    return $self->send("$head\r\n$body");
}


sub chunked {
    my ($body, $size) = @_;

    my $out = '';

    while (length $body) {
        my $chunk = substr($body, 0, $size, '');
        $out .= sprintf("%x\r\n%s\r\n", length $chunk, $chunk);
    }

    return $out . "0\r\n\r\n";
}


# Whether there is something to read, or the end.

sub answered {
    my ($self) = @_;

    return $self->{buffer} ne ''
           || IO::Select->new($self->{socket})->can_read(0) ? 1 : 0;
}


# Reads one response: { status, reason, headers, list, body, raw_head }.
# "headers" maps lower case names to values, repeated ones joined by ", ";
# "list" has [name, value] as they came.  "head" says that there is no body.

sub response {
    my ($self, %o) = @_;

    my $head = $self->read_until("\r\n\r\n");
    my ($line, @lines) = split /\r\n/, $head;

    my ($status, $reason) = $line =~ m{^HTTP/1\.[01] (\d{3})(?: (.*))?$}
        or croak "not a status line: \"$line\"";

    my %r = (status => $status, reason => $reason, raw_head => $head,
             headers => {}, list => [], body => '');

    for (@lines) {
        my ($name, $value) = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/s
            or croak "not a header: \"$_\"";

        push @{ $r{list} }, [$name, $value];

        my $old = $r{headers}{lc $name};
        $r{headers}{lc $name} = defined $old ? "$old, $value" : $value;
    }

    if ($o{head} || $status =~ /^(?:1..|204|304)$/) {
        return \%r;
    }

    if (($r{headers}{'transfer-encoding'} || '') eq 'chunked') {
        $r{body} = $self->read_chunks();

    } elsif (defined(my $length = $r{headers}{'content-length'})) {
        $r{body} = $self->read_exactly($length);

    } else {
        $r{body} = $self->read_to_end();
    }

    return \%r;
}


sub read_chunks {
    my ($self) = @_;

    my $body = '';

    for ( ;; ) {
        my ($size) = $self->read_until("\r\n") =~ /^([0-9a-fA-F]+)\r\n$/
            or croak 'not a chunk size';

        $body .= $self->read_exactly(hex $size);

        $self->read_until("\r\n") eq "\r\n" or croak 'a chunk has no end';

        return $body if hex $size == 0;
    }
}


sub read_until {
    my ($self, $mark) = @_;

    my $end;

    while (($end = index $self->{buffer}, $mark) < 0) {
        $self->fill or croak 'the server closed the connection';
    }

    return substr $self->{buffer}, 0, $end + length $mark, '';
}


sub read_exactly {
    my ($self, $length) = @_;

    while (length $self->{buffer} < $length) {
        $self->fill or croak 'the server closed the connection';
    }

    return substr $self->{buffer}, 0, $length, '';
}


sub read_to_end {
    my ($self) = @_;

    1 while $self->fill;

    return substr $self->{buffer}, 0, length $self->{buffer}, '';
}


# What is there, up to "most" bytes; an empty string at the end.

sub read_some {
    my ($self, $most) = @_;

    $self->fill if $self->{buffer} eq '';

    return substr $self->{buffer}, 0, $most, '';
}


# True if the server closes the connection now, with nothing more to say.

sub is_closed {
    my ($self) = @_;

    return $self->{buffer} eq '' && !$self->fill;
}


# False at the end of the stream.

sub fill {
    my ($self) = @_;

    my $select = IO::Select->new($self->{socket});

    # A signal is no reason to give up.
    until ($select->can_read($patience)) {
        next if $!{EINTR};
        croak "no answer within $patience s";
    }

    return sysread $self->{socket}, $self->{buffer}, 65536,
        length $self->{buffer};
}


sub close {
    my ($self) = @_;

    CORE::close $self->{socket};
}


1;
