package HL::Logs;

# Copyright (C) the Hyperlight for nginx authors

# What an nginx logs: methods of HL::Nginx.

use strict;
use warnings;

use Test::More;


# ---- the error log --------------------------------------------------------

sub log_text {
    my ($self) = @_;

    return $self->read_file('error.log');
}


# The lines that match, without time and process.

sub log_lines {
    my ($self, $pattern) = @_;

    return map { plain($_) } grep { /$pattern/ } split /\n/, $self->log_text;
}


# "[level] message": to a terminal nginx writes in a form of its own, unless
# its log of last resort is the terminal, too.

sub plain {
    my ($line) = @_;

    return $line =~ s/^(?:nginx:|\S+ \S+) (\[\w+\]) (?:\d+#\d+: )?/$1 /r;
}


sub wait_log {
    my ($self, $pattern) = @_;

    return HL::Nginx::wait_for(sub { $self->log_text =~ $pattern });
}


# Where a test starts to look: what was logged before is cut off.

sub clear_log {
    my ($self) = @_;

    $self->{log_seen} .= $self->log_text;
    truncate $self->dir . '/error.log', 0;
}


# The same, of a log that grows: it is kept if finish() might complain.

sub prune_log {
    my ($self) = @_;

    my $text = $self->log_text;

    return $self->clear_log
        if $text =~ /\[(?:alert|emerg)\]|Sanitizer|runtime error:|open socket/;

    truncate $self->dir . '/error.log', 0;
}


# Lines that finish() would complain about, and this test provokes.

sub allow {
    my ($self, $pattern) = @_;

    push @{ $self->{allowed} }, $pattern;
}


# What finish() finds there.

sub check_log {
    my ($self) = @_;

    my @lines = split /\n/, ($self->{log_seen} // '') . $self->log_text
                            . $self->read_file('stderr');

    my @alarms = grep {
        my $line = $_;
        plain($line) =~ /^\[(?:alert|emerg)\]/
            && !grep { $line =~ $_ } @{ $self->{allowed} };
    } @lines;

    is_deeply(\@alarms, [], 'no [alert], no [emerg]');

    is_deeply([grep { /Sanitizer|runtime error:/ } @lines], [],
              'nothing from a sanitizer');

    is_deeply([grep { /open socket #\d+ left in connection/ } @lines], [],
              'no connection is left behind');
}


# ---- access logs ----------------------------------------------------------

# Whether a line comes that matches, so many times: a worker writes it when its
# client may have read the response already.

sub wait_access_log {
    my ($self, $pattern, $times) = @_;

    return HL::Nginx::wait_for(sub {
        my @lines = split /\n/, $self->read_file('access.log');
        return ($times // 1) <= grep { /$pattern/ } @lines;
    });
}


# The first line that the code adds to an access log whose lines begin with
# "$uri|".  A response is read before its line is written, but not after that
# of the next request: first a request is seen there whose line is the last of
# those before.  It has the header X-Mark.

sub logged {
    my ($self, $file, $code) = @_;

    my $text;
    my $mark = '/mark/' . $self->{marks}++;

    $self->get($mark, 'X-Mark: 1');
    HL::Nginx::wait_for(sub {
        $self->read_file($file) =~ /^\Q$mark\E\|/m });

    my $seen = length $self->read_file($file);

    $code->();

    HL::Nginx::wait_for(sub {
        $text = substr $self->read_file($file), $seen;
        return $text =~ /\n/;
    });

    return (split /\n/, $text)[0];
}


1;
