package HL::Frames;

# Copyright (C) the Hyperlight for nginx authors

# The frames of HTTP/2 that a client sends, as bytes (RFC 9113, RFC 7541): for
# HL::Http2, and for tests that want to be ruder than it lets them.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(preface headers data reset_stream settings_ack ping
                    window_update goaway
                    DATA HEADERS RST_STREAM SETTINGS PING GOAWAY WINDOW_UPDATE
                    END_STREAM ACK END_HEADERS INITIAL_WINDOW);

use constant {
    DATA          => 0,
    HEADERS       => 1,
    RST_STREAM    => 3,
    SETTINGS      => 4,
    PING          => 6,
    GOAWAY        => 7,
    WINDOW_UPDATE => 8,
};

use constant {
    END_STREAM  => 1,
    ACK         => 1,
    END_HEADERS => 4,
};

use constant INITIAL_WINDOW => 4;       # a setting
use constant CANCEL => 8;               # an error


sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    my $length = length $payload;

    return pack('CnCCN', $length >> 16, $length & 0xffff, $type, $flags,
                $stream) . $payload;
}


# What a connection begins with, and the settings, which are numbers.

sub preface {
    my (%settings) = @_;

    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
           . frame(SETTINGS, 0, 0,
                   join '', map { pack 'nN', $_, $settings{$_} }
                            sort keys %settings);
}


# A request; "open": a body follows.  Others are fields: lists of a name and
# a value of at most 126 bytes each.

sub headers {
    my ($stream, $method, $path, $open, @fields) = @_;

    my $block = join '', map { literal(@$_) }
        [':method', $method], [':scheme', 'http'], [':path', $path],
        [':authority', 'localhost'], @fields;

    return frame(HEADERS, END_HEADERS | ($open ? 0 : END_STREAM), $stream,
                 $block);
}


# Without indexing, with a new name, without Huffman coding.

sub literal {
    my ($name, $value) = @_;

    return pack 'C C/a* C/a*', 0, $name, $value;
}


sub data {
    my ($stream, $bytes, $last) = @_;

    return frame(DATA, $last ? END_STREAM : 0, $stream, $bytes);
}


sub reset_stream {
    my ($stream) = @_;

    return frame(RST_STREAM, 0, $stream, pack 'N', CANCEL);
}


sub settings_ack {
    return frame(SETTINGS, ACK, 0, '');
}


sub ping {
    return frame(PING, 0, 0, 'are you?');
}


# Stream 0 is the connection.

sub window_update {
    my ($stream, $increment) = @_;

    return frame(WINDOW_UPDATE, 0, $stream, pack 'N', $increment);
}


sub goaway {
    return frame(GOAWAY, 0, 0, pack 'NN', 0, 0);
}


1;
