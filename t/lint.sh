#!/bin/sh
#
# Copyright (C) the Hyperlight for nginx authors
#
# lint.sh FOLDER: what holds for every text of the project, and needs no
# compiler.  Prints what does not, and fails then.

set -eu

cd "$1"

files=$(find . \( -path ./build -o -path ./.git -o -path ./docs \
                   -o -path ./t/fuzz/corpus \) -prune \
            -o -type f ! -name '*.md' ! -name LICENSE -print)
sources=$(printf '%s\n' "$files" | grep '\.[chS]$')
bad=0


# rule WHAT COMMAND...: the command prints the places that break it.

rule() {
    what=$1
    shift

    if places=$("$@") && [ -n "$places" ]; then
        printf '%s:\n%s\n' "$what" "$places"
        bad=1
    fi
}


long_lines() {
    for file in $files; do
        expand "$file" | awk -v file="$file" 'length > 79 {
            print file ":" FNR ": " $0
        }'
    done
}


rule 'over 79 columns' long_lines

# shellcheck disable=SC2086  # the lists are meant to be split
{
    rule 'space at the end of a line' grep -n '[[:space:]]$' $files
    rule 'something left to do' grep -nw -e 'TO[D]O' -e 'FIX[M]E' -e 'XX[X]' \
        $files
    rule 'a tab' grep -n "$(printf '\t')" $sources
    rule 'a // comment' grep -nE '(^|[^:"])//' $sources
}

exit "$bad"
