# Copyright (C) the Hyperlight for nginx authors
#
# fuzz.mk: the fuzz targets, by libFuzzer with AddressSanitizer and UBSan.
#
#     fuzz            all targets, TIME seconds each (600), or RUNS executions
#     fuzz-short      the same for 7 seconds each: for CI
#     fuzz-NAME       t/fuzz/fuzz_NAME.c alone
#     fuzz-replay     the seeds, and all that earlier runs have found
#
# Inputs that reach something new are kept in $(B)/fuzz/corpus/NAME, beside
# the seeds of t/fuzz/corpus/NAME; an input that breaks something is left in
# $(B)/fuzz/found.  Each run prints its executions and adds a line of them to
# $(B)/fuzz/totals.
#
# Part of the Makefile above, behind core/core.mk, guest/guest.mk and
# t/nginx/nginx.mk, from which nginx's source comes.

TIME ?= 600
RUNS ?= -1
FUZZ_CC ?= clang
FUZZ_ARGS ?=

fuzz_sanitize := -fsanitize=address,undefined,fuzzer-no-link \
                 -fno-sanitize-recover=undefined -fno-omit-frame-pointer
fuzz_cflags   := -std=gnu11 -O2 -g $(fuzz_sanitize)

fuzz_sources := $(sort $(wildcard t/fuzz/fuzz_*.c))
fuzz_names   := $(fuzz_sources:t/fuzz/fuzz_%.c=%)
fuzz_nginx   := response config
fuzz_core    := $(filter-out $(fuzz_nginx),$(fuzz_names))
fuzz_needs   := $(fuzz_names:%=$(B)/fuzz/fuzz_%) $(B)/fuzz/arena.elf
fuzz_objects := $(CORE_SOURCES:core/%.c=$(B)/fuzz/core/%.o)
fuzz_lint    := t/fuzz/fuzz.c $(fuzz_core:%=t/fuzz/fuzz_%.c)

.PHONY: fuzz fuzz-short fuzz-replay $(fuzz_names:%=fuzz-%)

fuzz: $(fuzz_needs)
	@t/fuzz/run.sh $(B) $(TIME) $(RUNS) $(fuzz_names) -- $(FUZZ_ARGS)

fuzz-short: $(fuzz_needs)
	@t/fuzz/run.sh $(B) 7 -1 $(fuzz_names) -- $(FUZZ_ARGS)

fuzz-replay: $(fuzz_needs)
	@t/fuzz/run.sh $(B) 0 0 $(fuzz_names) -- $(FUZZ_ARGS)

$(fuzz_names:%=fuzz-%): fuzz-%: $(fuzz_needs)
	@t/fuzz/run.sh $(B) $(TIME) $(RUNS) $* -- $(FUZZ_ARGS)


$(B)/fuzz/arena.elf: t/fuzz/arena.c $(guest_link) $(guest_headers)
	@mkdir -p $(@D)
	$(B)/bin/hlcc -O2 $(GUEST_WARNINGS) -I$(GUEST)/lib -o $@ $<

$(B)/fuzz/core/%.o: core/%.c $(CORE_HEADERS) t/fuzz/fuzz.mk \
                    | $(PACKAGES) $(LINT_PACKAGES)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(fuzz_cflags) $(CORE_WARNINGS) -c -o $@ $<

$(B)/fuzz/core.a: $(fuzz_objects)
	@rm -f $@
	$(AR) rcs $@ $^

$(fuzz_core:%=$(B)/fuzz/fuzz_%): $(B)/fuzz/fuzz_%: t/fuzz/fuzz_%.c \
        t/fuzz/fuzz.c t/fuzz/fuzz.h $(B)/fuzz/core.a
	$(FUZZ_CC) $(fuzz_cflags) $(CORE_WARNINGS) -fsanitize=fuzzer -Icore \
	    -It/fuzz -o $@ $(filter %.c %.a,$^) -lelf


# ---- nginx: its own objects, without its main() ----------------------------
#
# With AddressSanitizer, and with each allocation of a pool on its own.  UBSan
# is for our sources: nginx adds 0 to NULL here and there, on purpose.

fuzz_nginx_src := $(B)/fuzz/nginx/src
fuzz_nginx_obj := $(B)/fuzz/nginx/objs
fuzz_module    := ngx_http_hyperlight_module.c \
                  $(sort $(wildcard http/ngx_http_hyperlight_*.c))
fuzz_module_objects := $(fuzz_module:%.c=$(B)/fuzz/module/%.o)
fuzz_nginx_flags := -Ihttp -Icore -It/fuzz -isystem $(fuzz_nginx_obj) \
    $(addprefix -isystem $(fuzz_nginx_src)/src/,core event event/modules \
                                                os/unix http http/modules)

fuzz_nginx_cc := -O1 -fno-omit-frame-pointer -DNGX_DEBUG_PALLOC=1 -Wno-error \
                 -fsanitize=address,fuzzer-no-link

$(fuzz_nginx_obj)/nginx.a: $(NGINX_FETCHED)/fetched | $(LINT_PACKAGES)
	@rm -rf $(B)/fuzz/nginx && mkdir -p $(fuzz_nginx_src)
	@cp -R $(NGINX_FETCHED)/src/. $(fuzz_nginx_src)
	@echo 'building nginx for the fuzz targets'
	@{ cd $(fuzz_nginx_src) \
	   && ./configure --builddir=$(@D) --with-cc=$(FUZZ_CC) \
	        --with-cc-opt='$(fuzz_nginx_cc)' \
	        --with-ld-opt=-fsanitize=address --without-pcre \
	        --without-http_rewrite_module --without-http_gzip_module \
	   && $(MAKE) -f $(@D)/Makefile; \
	} >$(B)/fuzz/nginx/log 2>&1 || { cat $(B)/fuzz/nginx/log; exit 1; } >&2
	@objcopy --redefine-sym main=nginx_main $(@D)/src/core/nginx.o
	$(AR) rcs $@ $(@D)/ngx_modules.o $$(find $(@D)/src -name '*.o')

$(B)/fuzz/module/%.o: %.c $(wildcard http/*.h) $(CORE_HEADERS) \
                      $(fuzz_nginx_obj)/nginx.a
	@mkdir -p $(@D)
	$(FUZZ_CC) $(fuzz_cflags) $(fuzz_nginx_flags) -c -o $@ $<

$(B)/fuzz/module.a: $(fuzz_module_objects)
	@rm -f $@
	$(AR) rcs $@ $^

$(fuzz_nginx:%=$(B)/fuzz/fuzz_%): $(B)/fuzz/fuzz_%: t/fuzz/fuzz_%.c \
        t/fuzz/ngx_fuzz.c t/fuzz/ngx_fuzz.h $(B)/fuzz/module.a \
        $(B)/fuzz/core.a $(fuzz_nginx_obj)/nginx.a
	$(FUZZ_CC) $(fuzz_cflags) $(CORE_WARNINGS) -Wno-unused-parameter \
	    -Wno-undef -fsanitize=fuzzer $(fuzz_nginx_flags) -o $@ \
	    $(filter %.c %.a,$^) -lelf -lcrypt -ldl -lpthread
