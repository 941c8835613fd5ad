package Plot;

# Copyright (C) the Hyperlight for nginx authors

# Lines in SVG, both axes logarithmic, panels side by side:
#
#     Plot::svg({ title => '...', x => '...', y => '...',
#                 lines => [['name', [[1, 26], [32, 29]]], ...] }, ...)

use strict;
use warnings;

use List::Util qw(max min);
use POSIX qw(ceil floor);

use constant {
    WIDTH  => 460,
    HEIGHT => 320,
    LEFT   => 64,
    TOP    => 36,
    RIGHT  => 20,
    BOTTOM => 48,
};

my @colours = ('#1f6feb', '#d1570c', '#3a9d4a', '#8250df');


sub svg {
    my @panels = grep { grep { @{ $_->[1] } } @{ $_->{lines} } } @_;
    my $width = WIDTH * (@panels || 1);
    my $height = HEIGHT;
    my $i = 0;

    return join '',
        qq(<svg xmlns="http://www.w3.org/2000/svg" width="$width" ),
        qq(height="$height" font-family="sans-serif" font-size="12">\n),
        qq(<rect width="$width" height="$height" fill="#ffffff"/>\n),
        map({ panel($_, WIDTH * $i++) } @panels), "</svg>\n";
}


# From a value to a place: of decades on y, of powers of two on x.

sub scale {
    my ($base, $from, $to, @values) = @_;

    my ($min, $max) = map { log($_) / log $base } min(@values), max(@values);

    $min = floor($min);
    $max = max(ceil($max), $min + 1);

    my $place = sub {
        $from + ($to - $from) * (log($_[0]) / log($base) - $min)
                / ($max - $min);
    };

    my $step = ceil(($max - $min) / 8);

    return ($place, map { $base ** ($min + $_ * $step) }
                    0 .. floor(($max - $min) / $step));
}


sub text {
    my ($x, $y, $text, $anchor, $more) = @_;

    return sprintf qq(<text x="%.0f" y="%.0f" text-anchor="%s"%s>%s</text>\n),
        $x, $y, $anchor, $more // '', $text;
}


sub line {
    return sprintf qq(<line x1="%.0f" y1="%.0f" x2="%.0f" y2="%.0f" )
                   . qq(stroke="#d0d7de"/>\n), @_;
}


sub panel {
    my ($panel, $offset) = @_;

    my ($left, $right) = ($offset + LEFT, $offset + WIDTH - RIGHT);
    my ($top, $bottom) = (TOP, HEIGHT - BOTTOM);
    my @points = map { @{ $_->[1] } } @{ $panel->{lines} };
    my ($x, @x) = scale(2, $left, $right, map { $_->[0] } @points);
    my ($y, @y) = scale(10, $bottom, $top, map { $_->[1] } @points);

    return join '',
        text(($left + $right) / 2, 20, $panel->{title}, 'middle',
             ' font-weight="bold"'),
        map({ (line($x->($_), $top, $x->($_), $bottom),
               text($x->($_), $bottom + 16, $_, 'middle')) } @x),
        map({ (line($left, $y->($_), $right, $y->($_)),
               text($left - 6, $y->($_) + 4, $_, 'end')) } @y),
        text(($left + $right) / 2, HEIGHT - 10, $panel->{x}, 'middle'),
        text($left - 50, $top - 12, $panel->{y}, 'start'),
        map({ curve($panel->{lines}[$_], $_, $x, $y, $left, $top) }
            0 .. $#{ $panel->{lines} });
}


sub curve {
    my ($line, $i, $x, $y, $left, $top) = @_;

    my ($name, $points) = @$line;
    my @places = map { [$x->($_->[0]), $y->($_->[1])] } @$points;

    return '' if !@places;

    return join '',
        sprintf(qq(<polyline fill="none" stroke="%s" stroke-width="2" )
                . qq(points="%s"/>\n), $colours[$i],
                join(' ', map { sprintf '%.1f,%.1f', @$_ } @places)),
        map({ sprintf qq(<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>\n),
              @$_, $colours[$i] } @places),
        text($left + 12, $top + 16 + 16 * $i, $name, 'start',
             qq( fill="$colours[$i]"));
}


1;
