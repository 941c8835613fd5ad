package HL::Http2;

# Copyright (C) the Hyperlight for nginx authors

# One HTTP/2 connection to 127.0.0.1 (RFC 9113), with prior knowledge, and any
# number of streams on it:
#
#     my $h2 = HL::Http2->new($port);
#     my $id = $h2->request('POST', '/', body => 'abc');
#     is($h2->response($id)->{body}, 'ABC');
#
# What comes is sorted into the streams as it is read: { status, body, end,
# reset }.  Of the headers of a response only those that nginx sends without
# Huffman coding are known, status and content-length among them.

use strict;
use warnings;

use Carp qw(croak);

use HL::Client;
use HL::Frames qw(DATA HEADERS RST_STREAM SETTINGS PING GOAWAY WINDOW_UPDATE
                  END_STREAM ACK END_HEADERS INITIAL_WINDOW);

our @CARP_NOT = ('HL::Client');

# Of the static table (RFC 7541, A): names, and the statuses.
my %names = (8 => 'status', 28 => 'content-length');
my %statuses = (8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400,
                13 => 404, 14 => 500);


# "window" is what the server may send on a stream, unless "update" (the
# default) gives it back as it comes.

sub new {
    my ($class, $port, %o) = @_;

    my $self = bless {
        client => HL::Client->new($port),
        update => 1,
        next   => 1,
        window => 65535,        # to send, of a new stream,
        room   => 65535,        # and of the connection
        stream => {},
        %o,
    }, $class;

    $self->{window} = 65535;
    $self->{client}->send(HL::Frames::preface(
        defined $o{window} ? (INITIAL_WINDOW, $o{window}) : ()));

    return $self;
}


# Sends a request, and its "body"; or "open": a body follows.  Returns the
# stream.

sub request {
    my ($self, $method, $uri, %o) = @_;

    my $id = $self->{next};
    my $more = $o{open} || defined $o{body};

    $self->{next} += 2;
    $self->{stream}{$id} = { body => '', end => 0, room => $self->{window} };

    $self->{client}->send(HL::Frames::headers($id, $method, $uri, $more,
                                              @{ $o{headers} || [] }));

    $self->data($id, $o{body}, !$o{open}) if defined $o{body};

    return $id;
}


# Sends as much as the server lets it, and waits for it to let it send more.
# False if it resets the stream.

sub data {
    my ($self, $id, $bytes, $last) = @_;

    my $stream = $self->{stream}{$id};

    do {
        my ($size) = sort { $a <=> $b }
                     length $bytes, 16384, $stream->{room}, $self->{room};

        if ($size > 0 || length $bytes == 0) {
            my $piece = substr $bytes, 0, $size, '';
            my $end = $last && length $bytes == 0;

            $stream->{room} -= $size;
            $self->{room} -= $size;
            $self->{client}->send(HL::Frames::data($id, $piece, $end));
        } else {
            $self->step;
        }

        return 0 if defined $stream->{reset};
    } while (length $bytes);

    return 1;
}


sub reset {
    my ($self, $id) = @_;

    $self->{client}->send(HL::Frames::reset_stream($id));
}


# Lets the server send more on a stream, or, 0, on the connection.

sub update {
    my ($self, $id, $size) = @_;

    $self->{client}->send(HL::Frames::window_update($id, $size));
}


sub stream {
    my ($self, $id) = @_;

    return $self->{stream}{$id};
}


# All of it; in "reset", why it broke off.

sub response {
    my ($self, $id) = @_;

    my $stream = $self->{stream}{$id};

    $self->step until $stream->{end};

    return $stream;
}


# PING there and back: all that was sent before has been read, and all that
# the server has sent before.

sub settle {
    my ($self) = @_;

    $self->{pong} = 0;
    $self->{client}->send(HL::Frames::ping());
    $self->step until $self->{pong};
}


# Reads a frame.

sub step {
    my ($self) = @_;

    my ($high, $low, $type, $flags, $id) =
        unpack 'CnCCN', $self->{client}->read_exactly(9);
    my $payload = $self->{client}->read_exactly($high << 16 | $low);
    my $stream = $self->{stream}{$id};

    if ($type == DATA) {
        $stream->{body} .= $payload;

        if ($self->{update} && length $payload) {
            $self->update(0, length $payload);
            $self->update($id, length $payload) if !($flags & END_STREAM);
        }

    } elsif ($type == HEADERS) {
        croak 'headers in pieces' if !($flags & END_HEADERS);
        $self->fields($stream, $payload);

    } elsif ($type == RST_STREAM) {
        $stream->{reset} = unpack 'N', $payload;
        $stream->{end} = 1;

    } elsif ($type == SETTINGS && !($flags & ACK)) {
        $self->settings(unpack '(nN)*', $payload);

    } elsif ($type == PING) {
        $self->{pong} = 1;

    } elsif ($type == GOAWAY) {
        $self->{goaway} = unpack 'x4 N', $payload;

    } elsif ($type == WINDOW_UPDATE) {
        ($stream || $self)->{room} += unpack 'N', $payload;
    }

    $stream->{end} = 1
        if ($type == DATA || $type == HEADERS) && $flags & END_STREAM;
}


sub settings {
    my ($self, %settings) = @_;

    if (defined(my $window = $settings{+INITIAL_WINDOW})) {
        $_->{room} += $window - $self->{window}
            for values %{ $self->{stream} };

        $self->{window} = $window;
    }

    $self->{client}->send(HL::Frames::settings_ack());
}


# A header block (RFC 7541, 6), nginx's: it indexes nothing of its own.

sub fields {
    my ($self, $stream, $block) = @_;

    while (length $block) {
        my $first = ord $block;

        if ($first & 0x80) {
            my $index = integer(\$block, 7);
            $stream->{status} = $statuses{$index} if $statuses{$index};

        } elsif (($first & 0xe0) == 0x20) {
            integer(\$block, 5);

        } else {
            my $index = integer(\$block, $first & 0x40 ? 6 : 4);
            my $name = $index ? $names{$index} : string(\$block);
            my $value = string(\$block);

            $stream->{$name} = $value if defined $name && defined $value;
        }
    }
}


sub integer {
    my ($block, $bits) = @_;

    my $max = (1 << $bits) - 1;
    my $n = ord(substr $$block, 0, 1, '') & $max;

    return $n if $n < $max;

    for (my $shift = 0; ; $shift += 7) {
        my $byte = ord substr $$block, 0, 1, '';

        $n += ($byte & 0x7f) << $shift;
        return $n if $byte < 0x80;
    }
}


# undef, if it is Huffman coded.

sub string {
    my ($block) = @_;

    my $coded = ord($$block) & 0x80;
    my $length = integer($block, 7);
    my $string = substr $$block, 0, $length, '';

    return $coded ? undef : $string;
}


sub close {
    my ($self) = @_;

    $self->{client}->close;
}


1;
