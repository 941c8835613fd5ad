# Copyright (C) the Hyperlight for nginx authors
#
# asan.mk: the tests of t/ with the module under AddressSanitizer and
# UndefinedBehaviorSanitizer, in the nginx of the system.
#
#     make asan               all of them
#     make asan T=t/leave.t   one
#
# A worker that does something wrong aborts, one that has leaked does so when
# it exits; HL::Nginx::finish() sees both.

asan      := $(B)/asan
asan_flag := -fsanitize=address,undefined
asan_cc   := -O1 -g -fno-omit-frame-pointer $(asan_flag) \
             -fno-sanitize-recover=all

.PHONY: asan asan-module

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

$(asan)/asan.o: t/asan.c $(MODULE_DIR)/Makefile
	@mkdir -p $(@D)
	@rm -f $(asan)/*.so $(asan)/nginx/*.so  # which nobody else links anew
	$(CC) -g -fPIC -Wall -Wextra -Wno-unused-parameter -Werror -c -o $@ \
	    -isystem $(MODULE_DIR) \
	    $(addprefix -isystem $(NGINX_SRC)/src/,core event os/unix) $<
