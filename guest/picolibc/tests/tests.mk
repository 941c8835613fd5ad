# Copyright (C) the Hyperlight for nginx authors
#
# tests.mk: picolibc's own tests, as guests, in the sandbox.
#
#     picolibc-test    builds and runs them; the last line has the counts
#
# Part of the Makefile above, behind guest/guest.mk and tools/tools.mk, whose
# hlcc and hlrun it uses.  PICOLIBC_TEST='-v', '-j 1', names of tests.

PICOLIBC_TEST ?=

.PHONY: picolibc-test

picolibc-test: sdk tools
	@$(GUEST)/picolibc/tests/run $(filter -%,$(PICOLIBC_TEST)) $(B) \
	    $(PICOLIBC)/src $(filter-out -%,$(PICOLIBC_TEST))
