# Copyright (C) the Hyperlight for nginx authors
#
# tools.mk: hlrun, which runs guests from the command line.
#
#     tools           $(B)/bin/hlrun
#     tools-warnings  checks that gcc and clang have no warning
#     tools-install   to $(DESTDIR)$(PREFIX), with its manual page
#
# Part of the Makefile above, behind core/core.mk, whose library, flags and
# headers it uses.

B        ?= $(CURDIR)/build
PREFIX   ?= /usr/local
PACKAGES ?=

TOOLS_CFLAGS  ?= -O2 -g
TOOLS_LDFLAGS ?=

HLRUN := $(B)/bin/hlrun

tools_sources := $(sort $(wildcard tools/*.c))
tools_objects := $(tools_sources:tools/%.c=$(B)/tools/%.o)

.PHONY: tools tools-warnings tools-install

tools: $(HLRUN)

$(HLRUN): $(tools_objects) $(B)/libhyperlight.a
	@mkdir -p $(@D)
	$(CC) $(TOOLS_CFLAGS) $(TOOLS_LDFLAGS) -o $@ $^ -lelf

$(B)/tools/%.o: tools/%.c tools/hlrun.h tools/tools.mk \
                $(CORE_HEADERS) | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) $(TOOLS_CFLAGS) -Icore -c -o $@ $<

tools-warnings:
	@set -e; for cc in gcc clang; do \
	    echo "tools: warnings of $$cc"; \
	    for source in $(tools_sources); do \
	        $$cc -std=gnu11 -O2 $(CORE_WARNINGS) -Werror -Icore \
	            -c -o /dev/null $$source; \
	    done; \
	done

tools-install: tools
	install -d $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install $(HLRUN) $(DESTDIR)$(PREFIX)/bin
	install -m 644 tools/hlrun.1 $(DESTDIR)$(PREFIX)/share/man/man1
