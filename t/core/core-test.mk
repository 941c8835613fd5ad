# Copyright (C) the Hyperlight for nginx authors
#
# core-test.mk: the unit tests of core, one binary for each concern.
#
#     core-test         builds and runs all of them
#     core-test-NAME    t/core/test_NAME.c alone
#     attack-long       test_attack_sweep with all ports, pages and offsets
#     faults-long       test_faults with all errnos of each ioctl
#     core-asan         those that can be, and core, with sanitizers
#     core-asan-short   the same without test_faults: for CI
#     faults-asan       test_faults alone
#     valgrind          those that can be under valgrind's memcheck
#     valgrind-short    the same without the five longest: for CI
#
# The other sources of this folder are fixtures: each binary has them all.
#
# Part of the Makefile above, behind core/core.mk and guest/guest.mk, whose
# library, flags and test guests it uses.

B        ?= $(CURDIR)/build
PACKAGES ?=

CORE_TEST_CFLAGS ?= -O2 -g

core_test_sources := $(sort $(wildcard t/core/test_*.c))
core_test_names   := $(core_test_sources:t/core/test_%.c=%)
core_test_bins    := $(core_test_names:%=$(B)/t/core/test_%)
core_test_shared  := $(filter-out $(core_test_sources),$(wildcard t/core/*.c))
core_test_headers := $(wildcard t/core/*.h)
core_test_guests  := $(patsubst %.c,$(B)/%.elf,$(wildcard t/core/guests/*.c))
core_test_needs   := $(core_test_guests) $(B)/testguests/probe.elf \
                     $(B)/t/guests/stream.elf \
                     $(guest_sdk_elfs)

.PHONY: core-test $(core_test_names:%=core-test-%)

# All of them run, so that one failure does not hide another.
core-test: $(core_test_bins) $(core_test_needs)
	@failed=; for test in $(core_test_bins); do \
	    HL_TEST_BUILD=$(B) $$test || failed="$$failed $${test##*/}"; \
	done; \
	[ -z "$$failed" ] || { echo "core tests failed:$$failed"; exit 1; }

$(core_test_names:%=core-test-%): core-test-%: $(B)/t/core/test_% \
                                               $(core_test_needs)
	HL_TEST_BUILD=$(B) $<

$(B)/t/core/test_%: t/core/test_%.c $(core_test_shared) $(core_test_headers) \
                    $(B)/libhyperlight.a | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) $(CORE_TEST_CFLAGS) -Icore -It/core \
	    -o $@ $(filter %.c %.a,$^) -lcmocka -lelf

# With the guest library's own headers: these guests misbehave.
$(B)/t/core/guests/%.elf: t/core/guests/%.c $(guest_link) $(guest_headers)
	@mkdir -p $(@D)
	$(B)/bin/hlcc -O2 $(GUEST_WARNINGS) -I$(GUEST)/lib -o $@ $<

attack_table := $(wildcard t/attack/*.h)

$(B)/t/core/guests/attack.elf $(B)/t/core/test_attack: $(attack_table)

# What lets KVM fail is linked; the same is preloaded into nginx.
faults_sources := $(wildcard t/faults/*.c)
faults_headers := $(wildcard t/faults/*.h)

$(B)/t/core/test_faults: $(faults_sources) $(faults_headers)
$(B)/t/core/test_faults: CORE_TEST_CFLAGS += -It/faults

.PHONY: faults-long
faults-long: $(B)/t/core/test_faults $(core_test_needs)
	HL_FAULTS_LONG=1 HL_TEST_BUILD=$(B) $<

.PHONY: attack-long
attack-long: $(B)/t/core/test_attack_sweep $(core_test_needs)
	HL_ATTACK_LONG=1 HL_TEST_BUILD=$(B) $<


# ---- with AddressSanitizer and UBSan ----------------------------------------
#
# What cannot run there: test_outage brings a malloc() that fails, as the
# sanitizer does; test_exhaustion leaves no address space, of which the
# sanitizer has taken terabytes.

core_asan        := $(B)/core-asan
core_asan_cflags := -std=gnu11 $(CORE_WARNINGS) -O1 -g \
                    -fno-omit-frame-pointer -fsanitize=address,undefined \
                    -fno-sanitize-recover=all
core_asan_none   := outage exhaustion
core_asan_bins   := $(patsubst %,$(core_asan)/test_%, \
                      $(filter-out $(core_asan_none),$(core_test_names)))

.PHONY: core-asan core-asan-short faults-asan

core-asan: asan_bins = $(core_asan_bins)
core-asan-short: asan_bins = \
    $(filter-out $(core_asan)/test_faults,$(core_asan_bins))

core-asan core-asan-short: $(core_asan_bins) $(core_test_needs)
	@failed=; for test in $(asan_bins); do \
	    HL_TEST_BUILD=$(B) $$test || failed="$$failed $${test##*/}"; \
	done; \
	[ -z "$$failed" ] || { echo "sanitized, failed:$$failed"; exit 1; }

faults-asan: $(core_asan)/test_faults $(core_test_needs)
	HL_TEST_BUILD=$(B) $<

$(core_asan)/core/%.o: core/%.c $(CORE_HEADERS) | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) $(core_asan_cflags) -c -o $@ $<

$(core_asan)/libhyperlight.a: $(CORE_SOURCES:core/%.c=$(core_asan)/core/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

$(core_asan)/test_%: t/core/test_%.c $(core_test_shared) $(core_test_headers) \
                     $(core_asan)/libhyperlight.a | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) $(core_asan_cflags) -Icore -It/core -It/faults -o $@ \
	    $(filter %.c %.a,$^) -lcmocka -lelf

$(core_asan)/test_attack: $(attack_table)
$(core_asan)/test_faults: $(faults_sources) $(faults_headers)


# ---- under valgrind --------------------------------------------------------
#
# Guests run as ever, on the CPU: memcheck sees core alone.  Guest memory and
# kvm_run are mapped, and what is mapped counts as written; what an ioctl
# writes valgrind knows by its number.  That of KVM_GET_TSC_KHZ does not say,
# of which it warns: it writes nothing.  What cannot run there: test_outage
# brings a malloc() that fails, and valgrind puts its own in that place;
# test_exhaustion leaves no address space, and valgrind needs some; in
# test_storm it lets signals interrupt ioctls that the kernel does not.

# Threads take turns: one that never stops, as a storm of kills, leaves no time
# to the others else.
valgrind_run  := valgrind --quiet --leak-check=full --error-exitcode=99 \
                 --fair-sched=yes
valgrind_none := outage exhaustion storm
valgrind_long := attack attack_sweep faults leak restore
valgrind_all  := $(filter-out $(valgrind_none:%=$(B)/t/core/test_%), \
                              $(core_test_bins))

.PHONY: valgrind valgrind-short

valgrind: valgrind_bins = $(valgrind_all)
valgrind-short: valgrind_bins = \
    $(filter-out $(valgrind_long:%=$(B)/t/core/test_%),$(valgrind_all))

valgrind valgrind-short: $(core_test_bins) $(core_test_needs) \
                         | $(LINT_PACKAGES)
	@failed=; for test in $(valgrind_bins); do \
	    echo "valgrind $${test##*/}"; \
	    HL_TEST_VALGRIND=1 HL_TEST_BUILD=$(B) $(valgrind_run) $$test \
	    || failed="$$failed $${test##*/}"; \
	done; \
	[ -z "$$failed" ] || { echo "under valgrind failed:$$failed"; exit 1; }
