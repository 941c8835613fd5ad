# Copyright (C) the Hyperlight for nginx authors
#
# core.mk: libhyperlight.
#
#     core            $(B)/libhyperlight.a
#
# Its unit tests: t/core/core-test.mk.

B        ?= $(CURDIR)/build

# Unless the user names one: make's own default is cc, whatever that is.
ifeq ($(origin CC),default)
CC       := gcc
endif

# Errors in "make lint" only: a newer compiler must not break a build.
# CORE_CFLAGS is for sanitizers and the like.
CORE_WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wcast-qual \
                -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
CORE_CFLAGS  ?= -O2 -g

CORE_SOURCES := $(sort $(wildcard core/hl_*.c))
CORE_HEADERS := $(sort $(wildcard core/*.h))
CORE_OBJECTS := $(CORE_SOURCES:core/%.c=$(B)/core/%.o)

.PHONY: core

core: $(B)/libhyperlight.a

$(B)/libhyperlight.a: $(CORE_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/core/%.o: core/%.c $(CORE_HEADERS) core/core.mk | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -fPIC $(CORE_WARNINGS) $(CORE_CFLAGS) -c -o $@ $<
