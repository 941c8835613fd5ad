# Copyright (C) the Hyperlight for nginx authors
#
# guest.mk: the guest SDK and the guests, below $(B).
#
#     sdk             bin/hlcc, bin/hl++ and lib/, laid out as installed
#     guests          guests/*.elf of examples/, testguests/*.elf
#     guest-warnings  checks that gcc and clang have no warning
#     guest-install   to $(DESTDIR)$(PREFIX), with hlcc's manual page
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
HLCXX     := $(B)/bin/hl++
GUEST_PC  := $(B)/lib/pkgconfig/hyperlight-guest.pc
PICOLIBC  := $(B)/picolibc

GUEST_CFLAGS   ?= -O2
GUEST_WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual \
                  -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
GUEST_CXX_WARNINGS := -Wmissing-declarations \
                  $(filter-out -W%-prototypes,$(GUEST_WARNINGS))

guest_lib_src   := $(wildcard $(GUEST)/lib/*.c)
guest_lib_obj   := $(guest_lib_src:$(GUEST)/lib/%.c=$(B)/guest/lib/%.o)

# Guests of several files, each in a folder of its own.
guest_folders   := probe conformance simpleguest
guest_test_src  := $(wildcard $(guest_folders:%=$(GUEST)/testguests/%/*.c))
guest_test_obj  := $(guest_test_src:$(GUEST)/%.c=$(B)/guest/%.o)
guest_test_elfs := $(guest_folders:%=$(B)/testguests/%.elf)

guest_sdk_src   := $(wildcard $(GUEST)/testguests/sdk/*.c)
guest_sdk_cxx   := $(wildcard $(GUEST)/testguests/sdk/*.cc)
guest_headers   := $(addprefix $(SDK)/include/,hl_abi.h \
                     $(notdir $(wildcard $(GUEST)/include/*.h)))
guest_examples  := $(wildcard $(GUEST)/examples/*.c)
guest_elfs      := $(guest_examples:$(GUEST)/examples/%.c=$(B)/guests/%.elf)
guest_rust      := $(wildcard $(GUEST)/examples/*.rs)
guest_sdk_elfs  := $(guest_sdk_src:$(GUEST)/%.c=$(B)/%.elf) \
                   $(guest_sdk_cxx:$(GUEST)/%.cc=$(B)/%.elf)
guest_tests     := $(guest_test_elfs) $(guest_sdk_elfs)


.PHONY: sdk guests guest-rust guest-warnings guest-install
.DELETE_ON_ERROR:

sdk: $(HLCC) $(HLCXX) $(GUEST_PC) $(SDK)/hyperlight.ld $(SDK)/toolchain.cmake \
     $(SDK)/lib/libhlguest.a $(guest_headers)
guests: $(guest_elfs) $(guest_tests) guest-rust


# ---- picolibc: fetched and built once, and for another PICOLIBC_SRC --------

.PHONY: guest-always

$(PICOLIBC)/origin: guest-always
	@mkdir -p $(@D)
	@echo '$(PICOLIBC_SRC)' | cmp -s - $@ || echo '$(PICOLIBC_SRC)' >$@

$(PICOLIBC)/built: $(GUEST)/picolibc/fetch $(GUEST)/picolibc/build \
                   $(GUEST)/../tools/debian-apt \
                   $(GUEST)/../tools/debian-mirror \
                   $(GUEST)/../tools/debian-source \
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

$(HLCXX): $(HLCC)
	ln -sf hlcc $@

$(SDK)/hyperlight.ld $(SDK)/toolchain.cmake: $(SDK)/%: $(GUEST)/%
	@mkdir -p $(@D)
	cp $< $@

# Without the folder that it is built in: it finds the SDK from its own.
$(GUEST_PC): $(GUEST)/hyperlight-guest.pc.in $(HLCC) $(SDK)/include/hl_abi.h \
             $(SDK)/hyperlight.ld
	@mkdir -p $(@D)
	sed -e "s|@CFLAGS@|$$($(HLCC) --cflags)|" \
	    -e "s|@CXXFLAGS@|$$($(HLCC) --cxxflags)|" \
	    -e "s|@LIBS@|$$($(HLCC) --libs)|" \
	    -e "s|@VERSION@|$$($(HLCC) --version | sed 's/.* //;q')|" \
	    -e "s|$(realpath $(B))/lib/hyperlight|\$${sdk}|g" $< >$@

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

# Their tricks need the library's own headers.
$(B)/guest/testguests/%.o: $(GUEST)/testguests/%.c $(guest_compile) \
                           | $(guest_headers)
	@mkdir -p $(@D)
	$(HLCC) $(GUEST_CFLAGS) $(GUEST_WARNINGS) -I$(GUEST)/lib -MD -MP \
	    -c -o $@ $<

$(guest_test_elfs): $(B)/testguests/%.elf: $(guest_test_obj) $(guest_link)
	@mkdir -p $(@D)
	$(HLCC) -o $@ $(filter $(B)/guest/testguests/$*/%,$(guest_test_obj))

$(B)/testguests/sdk/%.elf: $(GUEST)/testguests/sdk/%.c $(guest_link) \
                           | $(guest_headers)
	@mkdir -p $(@D)
	$(HLCC) $(GUEST_CFLAGS) $(GUEST_WARNINGS) -MD -MP -MF $(@:.elf=.d) \
	    -MT $@ -o $@ $<

$(B)/testguests/sdk/%.elf: $(GUEST)/testguests/sdk/%.cc $(guest_link) \
                           $(HLCXX) | $(guest_headers)
	@mkdir -p $(@D)
	$(HLCXX) $(GUEST_CFLAGS) $(GUEST_CXX_WARNINGS) -MD -MP \
	    -MF $(@:.elf=.d) -MT $@ -o $@ $<

-include $(wildcard $(guest_sdk_elfs:.elf=.d))
-include $(guest_lib_obj:.o=.d) $(guest_test_obj:.o=.d)
-include $(wildcard $(B)/guest/examples/*.d)


# Rust, where there is a rustc with core for this machine.  Nothing in the
# library of it asks for hyperlight_main(), hence -u.  Without MAKEFLAGS rustc
# looks for no jobserver, which make has not given to it.

RUSTC ?= rustc

ifneq ($(shell command -v $(RUSTC)),)
guest-rust: $(guest_rust:$(GUEST)/examples/%.rs=$(B)/guests/%.elf)
else
guest-rust:
	@echo 'guest: without $(RUSTC), not built:' $(notdir $(guest_rust))
endif

.PRECIOUS: $(B)/guest/examples/lib%.a
$(B)/guest/examples/lib%.a: $(GUEST)/examples/%.rs
	@mkdir -p $(@D)
	MAKEFLAGS= $(RUSTC) --edition 2021 --crate-type staticlib -O \
	    -C panic=abort -C relocation-model=static \
	    -C force-frame-pointers=yes -o $@ $<

$(B)/guests/%.elf: $(B)/guest/examples/lib%.a $(guest_link)
	@mkdir -p $(@D)
	$(HLCC) -o $@ -Wl,-u,hyperlight_main $<


guest_warnings_c := $(guest_lib_src) $(guest_examples) $(guest_test_src) \
                    $(guest_sdk_src)

guest-warnings: sdk
	@for cc in gcc clang; do \
	    echo "guest: warnings of $$cc"; \
	    for f in $(guest_warnings_c); do \
	        HLCC_CC=$$cc $(HLCC) -O2 $(GUEST_WARNINGS) -Werror \
	            -I$(GUEST)/lib -c -o /dev/null $$f || exit 1; \
	    done; \
	done
	@for cxx in g++ clang++; do \
	    echo "guest: warnings of $$cxx"; \
	    for f in $(guest_sdk_cxx); do \
	        HLCC_CXX=$$cxx $(HLCXX) -O2 $(GUEST_CXX_WARNINGS) -Werror \
	            -c -o /dev/null $$f || exit 1; \
	    done; \
	done


# ---- installation ----------------------------------------------------------

guest-install: sdk
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/hyperlight \
	    $(DESTDIR)$(PREFIX)/lib/pkgconfig \
	    $(DESTDIR)$(PREFIX)/share/man/man1
	install $(HLCC) $(DESTDIR)$(PREFIX)/bin
	ln -sf hlcc $(DESTDIR)$(PREFIX)/bin/hl++
	install -m 644 $(GUEST)/hlcc.1 $(DESTDIR)$(PREFIX)/share/man/man1
	ln -sf hlcc.1 $(DESTDIR)$(PREFIX)/share/man/man1/hl++.1
	install -m 644 $(GUEST_PC) $(DESTDIR)$(PREFIX)/lib/pkgconfig
	cp -R $(SDK)/. $(DESTDIR)$(PREFIX)/lib/hyperlight
	rm $(DESTDIR)$(PREFIX)/lib/hyperlight/picolibc
