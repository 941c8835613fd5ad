# Copyright (C) the Hyperlight for nginx authors
#
# nginx.mk: the tests of t/ with the newest nginx that a Debian suite has,
# built here, and with the module built for it.
#
#     nginx-newest         $(NGINX_NEWEST)/nginx and the module beside it
#     test-nginx-newest    those tests that start nginx; T= and PROVE= as usual
#     lint-nginx-newest    the module's warnings with that nginx's headers
#
# NGINX_NEWEST_SRC=TREE|TARBALL takes nginx from there.  Another build of it,
# beside the usual one: NGINX_NEWEST=DIR NGINX_CC_OPT=... NGINX_LD_OPT=..., as
# t/asan.mk does.
#
# Part of the Makefile above, behind http/http.mk and t/t.mk.

NGINX_FETCHED ?= $(B)/nginx-source
NGINX_NEWEST  ?= $(B)/nginx-newest
NGINX_CC_OPT  ?= $(MODULE_CC_OPT)
NGINX_LD_OPT  ?= $(MODULE_LD_OPT)

# As Debian builds its own, as far as it concerns HTTP.
NGINX_OPTIONS ?= --error-log-path=stderr --with-compat --with-debug \
    --with-pcre-jit --with-threads \
    --with-http_addition_module --with-http_auth_request_module \
    --with-http_gunzip_module --with-http_realip_module \
    --with-http_slice_module --with-http_ssl_module \
    --with-http_stub_status_module --with-http_sub_module \
    --with-http_v2_module

nginx_tree    := $(NGINX_NEWEST)/tree

.PHONY: nginx-newest nginx-newest-module test-nginx-newest lint-nginx-newest
.PHONY: nginx-always


$(NGINX_FETCHED)/origin: nginx-always
	@mkdir -p $(@D)
	@echo '$(NGINX_NEWEST_SRC)' | cmp -s - $@ \
	|| echo '$(NGINX_NEWEST_SRC)' >$@

$(NGINX_FETCHED)/fetched: t/nginx/fetch tools/debian-apt \
                          tools/debian-mirror tools/debian-source \
                          $(NGINX_FETCHED)/origin | $(PACKAGES)
	NGINX_NEWEST_SRC='$(NGINX_NEWEST_SRC)' t/nginx/fetch $(@D)
	@touch $@

nginx_input = $(NGINX_CC_OPT) $(NGINX_LD_OPT) $(NGINX_OPTIONS)

$(NGINX_NEWEST)/input: nginx-always
	@mkdir -p $(@D)
	@echo '$(nginx_input)' | cmp -s - $@ || echo '$(nginx_input)' >$@

# A copy, since configure writes into it.  conf_flags is Debian's addition to
# nginx-dev: it tells http.mk what the module is to be configured with.

$(nginx_tree)/conf_flags: $(NGINX_FETCHED)/fetched $(NGINX_NEWEST)/input
	@rm -rf $(@D) && mkdir -p $(@D)
	@cp -R $(NGINX_FETCHED)/src/. $(@D)
	@echo 'NGX_CONF_FLAGS=( $(NGINX_OPTIONS) )' >$@

$(NGINX_NEWEST)/nginx: $(nginx_tree)/conf_flags
	@echo 'building $@'
	@rm -rf $(NGINX_NEWEST)/objs
	+@{ cd $(nginx_tree) && ./configure $(NGINX_OPTIONS) \
	        --with-cc-opt='$(NGINX_CC_OPT)' \
	        --with-ld-opt='$(NGINX_LD_OPT)' \
	        --builddir=$(NGINX_NEWEST)/objs \
	    && $(MAKE) -f $(NGINX_NEWEST)/objs/Makefile binary; \
	} >$(NGINX_NEWEST)/build.log 2>&1 \
	|| { cat $(NGINX_NEWEST)/build.log; exit 1; } >&2
	@cp $(NGINX_NEWEST)/objs/nginx $@

nginx_newest_module = \
    MODULE=$(NGINX_NEWEST)/ngx_http_hyperlight_module.so \
    MODULE_DIR=$(NGINX_NEWEST)/module NGINX_SRC=$(nginx_tree) \
    MODULE_CC_OPT='$(NGINX_CC_OPT)' MODULE_LD_OPT='$(NGINX_LD_OPT)'

nginx-newest: $(NGINX_NEWEST)/nginx
	@$(MAKE) --no-print-directory $(nginx_newest_module) module

lint-nginx-newest: $(NGINX_NEWEST)/nginx
	@$(MAKE) --no-print-directory $(nginx_newest_module) module-lint

test-nginx-newest: T = $(shell grep -l 'HL::Nginx->new' t/*.t)
test-nginx-newest: all t-guests nginx-newest
	@$(NGINX_NEWEST)/nginx -v
	TEST_NGINX_BUILD=$(B) TEST_NGINX_BINARY=$(NGINX_NEWEST)/nginx \
	TEST_NGINX_MODULE=$(NGINX_NEWEST)/ngx_http_hyperlight_module.so \
	$(PROVE) $(T)
