# Copyright (C) the Hyperlight for nginx authors
#
# analyze.mk: what can be found in the sources without running them: by gcc
# -fanalyzer, by clang-tidy (its checks: .clang-tidy) and by cppcheck.
#
#     analyze    prints what they find, and fails then; make -j2 analyze
#
# What is none has its place in t/analyze/suppressions, with the reason; one
# that suppresses nothing is a finding, too.  Headers of the system, nginx's
# among them, are not ours.
#
# Test guests are left out: they do wrong on purpose, and lose what they have
# allocated with the call that they are there for.  The library of guests and
# the examples, which others copy, are not.
#
# Part of the Makefile above, behind all of the others.

analyze      := $(B)/analyze
analyze_gcc  := gcc -std=gnu11 -fanalyzer
analyze_tidy := clang-tidy --quiet
analyze_cppcheck := cppcheck --quiet --std=c11 \
    --enable=warning,performance,portability \
    --template='{file}:{line}:{column}: warning: {message} [{id}]' \
    --template-location='{file}:{line}:{column}: note: {info}'

analyze_headers := .clang-tidy t/analyze/analyze.mk \
    $(wildcard core/*.h http/*.h tools/*.h guest/include/*.h guest/lib/*.h \
               t/*/*.h t/analyze/include/*.h)

analyze_nginx = -isystem $(MODULE_DIR) \
    $(addprefix -isystem $(NGINX_SRC)/src/,core event event/modules os/unix \
                                           http http/modules http/v2)

# What hlcc compiles with.
analyze_hlcc = $(shell $(HLCC) --cflags)


# $(call analyze_room,NAME,SOURCES,FLAGS): -O1, since with less the analyzer
# of gcc names a place several times, and with more it names places in parts
# of functions.  cppcheck gets a room at once, and sees calls between files;
# of the FLAGS it gets those for our headers.

define analyze_room
analyze_logs += $(2:%=$(analyze)/%.gcc) $(2:%=$(analyze)/%.tidy) \
                $(analyze)/$(1).cppcheck

$(2:%=$(analyze)/%.gcc): $(analyze)/%.gcc: % $(analyze_headers)
	@mkdir -p $$(@D)
	@$(analyze_gcc) -O1 $(3) -c -o /dev/null $$< >$$@ 2>&1 \
	|| { cat $$@; exit 1; }

$(2:%=$(analyze)/%.tidy): $(analyze)/%.tidy: % $(analyze_headers)
	@mkdir -p $$(@D)
	@$(analyze_tidy) $$< -- -std=gnu11 $(3) >$$@ 2>$$@.err \
	|| { cat $$@ $$@.err; exit 1; }

$(analyze)/$(1).cppcheck: $(2) $(analyze_headers)
	@mkdir -p $$(@D)
	@$(analyze_cppcheck) $(filter -I%,$(3)) $(2) >$$@ 2>&1 \
	|| { cat $$@; exit 1; }
endef

analyze_tests := $(wildcard t/bench/*.c t/bench/compare/*.c t/cost/*.c \
                            t/outage/*.c t/soak/*.c)
analyze_nginx_tests := t/asan.c $(wildcard t/fuzz/fuzz*.c t/fuzz/ngx*.c)

$(eval $(call analyze_room,core,$(CORE_SOURCES),-Icore))
$(eval $(call analyze_room,tools,$(tools_sources),-Icore))
$(eval $(call analyze_room,module,ngx_http_hyperlight_module.c \
    $(wildcard http/*.c),-Icore -Ihttp $$(analyze_nginx)))
$(eval $(call analyze_room,guest,$(wildcard guest/lib/*.c \
    guest/examples/*.c),-Icore -Iguest/include -Iguest/lib $$(analyze_hlcc)))
$(eval $(call analyze_room,unit,$(wildcard t/core/*.c t/faults/*.c), \
    -It/analyze/include -Icore -It/core -It/faults))
$(eval $(call analyze_room,tests,$(analyze_tests),-Icore))
$(eval $(call analyze_room,nginx-tests,$(analyze_nginx_tests),-Icore -Ihttp \
    -It/fuzz $$(analyze_nginx)))

.PHONY: analyze

analyze: $(analyze_logs)
	@t/analyze/report t/analyze/suppressions $(analyze_logs)

$(analyze_logs): | $(PACKAGES) $(LINT_PACKAGES) sdk $(MODULE_DIR)/Makefile
