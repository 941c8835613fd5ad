# Copyright (C) the Hyperlight for nginx authors
#
# asan.mk: the tests of t/ with the module under AddressSanitizer and
# UndefinedBehaviorSanitizer.
#
#     asan                in the nginx of the system: the module alone
#     asan-palloc         in an nginx that is built with them, too, each
#                         allocation of whose pools is one of malloc(): all
#                         tests that start nginx
#     asan-palloc-short   the same with a few of them
#
#     make asan T=t/leave.t   one of them
#
# A worker that does something wrong aborts, one that has leaked does so when
# it exits; HL::Nginx::finish() sees both.
#
# Part of the Makefile above, behind http/http.mk, t/t.mk and t/nginx/nginx.mk.

asan      := $(B)/asan
asan_flag := -fsanitize=address,undefined
asan_cc   := -O1 -g -fno-omit-frame-pointer $(asan_flag) \
             -fno-sanitize-recover=all

.PHONY: asan asan-module asan-palloc asan-palloc-short asan-palloc-nginx

asan: all t-guests asan-module
	TEST_NGINX_BUILD=$(B) TEST_NGINX_SANITIZED=1 \
	TEST_NGINX_BINARY=$(CURDIR)/t/asan.sh \
	TEST_NGINX_MODULE=$(asan)/ngx_http_hyperlight_module.so \
	    $(PROVE) $(T)

# The probes of nginx's configure leak, too.
asan-module: $(asan)/asan.o
	+@ASAN_OPTIONS=detect_leaks=0 $(MAKE) --no-print-directory module \
	    MODULE=$(asan)/ngx_http_hyperlight_module.so \
	    MODULE_DIR=$(asan)/nginx \
	    MODULE_CC_OPT='$(asan_cc)' \
	    MODULE_LD_OPT='$(asan_flag) $(asan)/asan.o'

# asan.o goes into the module, with its headers of nginx; nobody else links
# the module anew.

asan_object = $(CC) -g -fPIC -Wall -Wextra -Wno-unused-parameter -Werror \
    -c -o $@ -isystem $(1) \
    $(addprefix -isystem $(2)/src/,core event os/unix) $<

$(asan)/asan.o: t/asan.c $(MODULE_DIR)/Makefile
	@mkdir -p $(@D)
	@rm -f $(asan)/*.so $(asan)/nginx/*.so
	$(call asan_object,$(MODULE_DIR),$(NGINX_SRC))


# ---- nginx with sanitizers -------------------------------------------------
#
# Not for nginx itself: it adds 0 to NULL and copies 0 bytes from there, and
# writes numbers of frames where they are, all of it on purpose.

palloc       := $(B)/asan-palloc
palloc_cc    := $(asan_cc) -DNGX_DEBUG_PALLOC=1
palloc_nginx := $(palloc_cc) \
                -fno-sanitize=pointer-overflow,nonnull-attribute,alignment

palloc_short := $(addprefix t/,basic.t body.t response.t filter-flow.t \
                               leave.t attack.t)

asan-palloc: T = $(shell grep -l 'HL::Nginx->new' t/*.t)
asan-palloc-short: T = $(palloc_short)
asan-palloc asan-palloc-short: all t-guests asan-palloc-nginx
	TEST_NGINX_BUILD=$(B) $(palloc_run) $(PROVE) $(T)

# What a test's environment has for it.
palloc_run = TEST_NGINX_SANITIZED=1 \
    TEST_NGINX_BINARY=$(CURDIR)/t/asan.sh HL_ASAN_NGINX=$(palloc)/nginx \
    TEST_NGINX_MODULE=$(palloc)/ngx_http_hyperlight_module.so

asan-palloc-nginx:
	+@ASAN_OPTIONS=detect_leaks=0 $(MAKE) --no-print-directory \
	    $(palloc)/nginx NGINX_NEWEST=$(palloc) \
	    NGINX_CC_OPT='$(palloc_nginx)' NGINX_LD_OPT='$(asan_flag)'
	+@ASAN_OPTIONS=detect_leaks=0 $(MAKE) --no-print-directory \
	    $(palloc)/asan.o module NGINX_SRC=$(palloc)/tree \
	    MODULE=$(palloc)/ngx_http_hyperlight_module.so \
	    MODULE_DIR=$(palloc)/module MODULE_CC_OPT='$(palloc_cc)' \
	    MODULE_LD_OPT='$(asan_flag) $(palloc)/asan.o'

$(palloc)/asan.o: t/asan.c $(palloc)/nginx
	@rm -f $(palloc)/*.so $(palloc)/module/*.so
	$(call asan_object,$(palloc)/objs,$(palloc)/tree)
