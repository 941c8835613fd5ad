# Copyright (C) the Hyperlight for nginx authors
#
# guest.mk: the guest SDK and the guests, below $(B).
#
#     sdk             bin/hlcc and lib/hyperlight/, laid out as installed
#     guests          guests/*.elf of examples/, testguests/*.elf
#     guest-warnings  checks that gcc and clang have no warning
#     guest-install   to $(DESTDIR)$(PREFIX)
#
# Part of the Makefile above, usable alone: make -f guest/guest.mk guests
# PICOLIBC_SRC=TREE|TARBALL takes picolibc from there, without fetching it.

B         ?= $(CURDIR)/build
PREFIX    ?= /usr/local
PACKAGES  ?=

GUEST     := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
GUEST_ABI := $(GUEST)/../core/hl_abi.h

SDK       := $(B)/lib/hyperlight
HLCC      := $(B)/bin/hlcc
PICOLIBC  := $(B)/picolibc

GUEST_CFLAGS   ?= -O2
GUEST_WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual \
                  -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef

guest_lib_src   := $(wildcard $(GUEST)/lib/*.c)
guest_lib_obj   := $(guest_lib_src:$(GUEST)/lib/%.c=$(B)/guest/lib/%.o)
guest_probe_src := $(wildcard $(GUEST)/testguests/probe/*.c)
guest_headers   := $(addprefix $(SDK)/include/,hl_abi.h \
                     $(notdir $(wildcard $(GUEST)/include/*.h)))
guest_examples  := $(wildcard $(GUEST)/examples/*.c)
guest_elfs      := $(guest_examples:$(GUEST)/examples/%.c=$(B)/guests/%.elf)
guest_tests     := $(B)/testguests/probe.elf


.PHONY: sdk guests guest-warnings guest-install
.DELETE_ON_ERROR:

sdk: $(HLCC) $(SDK)/hyperlight.ld $(SDK)/lib/libhlguest.a $(guest_headers)
guests: $(guest_elfs) $(guest_tests)


# ---- picolibc: fetched and built once, and for another PICOLIBC_SRC --------

.PHONY: guest-always

$(PICOLIBC)/origin: guest-always
	@mkdir -p $(@D)
	@echo '$(PICOLIBC_SRC)' | cmp -s - $@ || echo '$(PICOLIBC_SRC)' >$@

$(PICOLIBC)/built: $(GUEST)/picolibc/fetch $(GUEST)/picolibc/build \
                   $(GUEST)/picolibc/cross.txt $(PICOLIBC)/origin \
                   | $(PACKAGES)
	PICOLIBC_SRC='$(PICOLIBC_SRC)' $(GUEST)/picolibc/fetch $(PICOLIBC)
	$(GUEST)/picolibc/build $(PICOLIBC)
	@touch $@

$(SDK)/picolibc: $(PICOLIBC)/built
	@mkdir -p $(SDK)/include $(SDK)/lib
	cp -R $(PICOLIBC)/sdk/include/. $(SDK)/include
	cp $(PICOLIBC)/sdk/lib/libc.a $(PICOLIBC)/sdk/lib/libm.a $(SDK)/lib
	cp $(PICOLIBC)/src/COPYING.picolibc $(SDK)
	@touch $@


# ---- SDK -------------------------------------------------------------------

$(HLCC): $(GUEST)/hlcc
	@mkdir -p $(@D)
	cp $< $@

$(SDK)/hyperlight.ld: $(GUEST)/hyperlight.ld
	@mkdir -p $(@D)
	cp $< $@

$(SDK)/include/hl_abi.h: $(GUEST_ABI)
	@mkdir -p $(@D)
	cp $< $@

$(SDK)/include/%.h: $(GUEST)/include/%.h
	@mkdir -p $(@D)
	cp $< $@

# What any use of hlcc to compile needs; -MD finds the headers after that.
guest_compile := $(HLCC) $(SDK)/hyperlight.ld $(SDK)/picolibc
guest_link    := $(guest_compile) $(SDK)/lib/libhlguest.a

$(B)/guest/lib/%.o: $(GUEST)/lib/%.c $(guest_compile) | $(guest_headers)
	@mkdir -p $(@D)
	$(HLCC) -O2 $(GUEST_WARNINGS) -MD -MP -c -o $@ $<

$(SDK)/lib/libhlguest.a: $(guest_lib_obj)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^


# ---- guests ----------------------------------------------------------------

$(B)/guests/%.elf: $(GUEST)/examples/%.c $(guest_link) | $(guest_headers)
	@mkdir -p $(@D) $(B)/guest/examples
	$(HLCC) $(GUEST_CFLAGS) $(GUEST_WARNINGS) -MD -MP \
	    -MF $(B)/guest/examples/$*.d -MT $@ -o $@ $<

guest_probe_obj := $(guest_probe_src:$(GUEST)/%.c=$(B)/guest/%.o)

# Its tricks need the library's own headers.
$(B)/guest/testguests/probe/%.o: $(GUEST)/testguests/probe/%.c \
                                 $(guest_compile) | $(guest_headers)
	@mkdir -p $(@D)
	$(HLCC) $(GUEST_CFLAGS) $(GUEST_WARNINGS) -I$(GUEST)/lib -MD -MP \
	    -c -o $@ $<

$(B)/testguests/probe.elf: $(guest_probe_obj) $(guest_link)
	@mkdir -p $(@D)
	$(HLCC) -o $@ $(guest_probe_obj)

-include $(guest_lib_obj:.o=.d) $(guest_probe_obj:.o=.d)
-include $(wildcard $(B)/guest/examples/*.d)


guest-warnings: sdk
	@for cc in gcc clang; do \
	    echo "guest: warnings of $$cc"; \
	    for f in $(guest_lib_src) $(guest_examples) $(guest_probe_src); do \
	        HLCC_CC=$$cc $(HLCC) -O2 $(GUEST_WARNINGS) -Werror \
	            -I$(GUEST)/lib -c -o /dev/null $$f || exit 1; \
	    done; \
	done


# ---- installation ----------------------------------------------------------

guest-install: sdk
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/hyperlight
	install $(HLCC) $(DESTDIR)$(PREFIX)/bin
	cp -R $(SDK)/. $(DESTDIR)$(PREFIX)/lib/hyperlight
	rm $(DESTDIR)$(PREFIX)/lib/hyperlight/picolibc
