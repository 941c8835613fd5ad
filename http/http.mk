# Copyright (C) the Hyperlight for nginx authors
#
# http.mk: the nginx module, built against Debian's nginx-dev.
#
#     module          $(MODULE)
#     module-install  to $(DESTDIR)$(NGINX_MODULES), with the file that loads
#                     it; a first installation without DESTDIR enables it
#     module-lint     checks that gcc and clang have no warning
#
# Part of the Makefile above, usable alone: make -f http/http.mk module
# For a build with other options (a sanitizer) beside the usual one, set
# MODULE_CC_OPT, MODULE_LD_OPT, and another MODULE and MODULE_DIR.

B             ?= $(CURDIR)/build
PACKAGES      ?=

# nginx-dev: headers, configure, and the options that Debian's nginx has.
NGINX_SRC     ?= /usr/share/nginx/src
NGINX_MODULES ?= /usr/lib/nginx/modules

# nginx.conf includes what is enabled.
NGINX_AVAILABLE ?= /usr/share/nginx/modules-available
NGINX_ENABLED   ?= /etc/nginx/modules-enabled

MODULE        ?= $(B)/ngx_http_hyperlight_module.so
MODULE_DIR    ?= $(B)/nginx

MODULE_CC_OPT ?= -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
MODULE_LD_OPT ?= -Wl,-z,relro -Wl,-z,now

http_root     := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)

module_src    := $(http_root)/ngx_http_hyperlight_module.c \
                 $(sort $(wildcard $(http_root)/http/*.c \
                                   $(http_root)/core/hl_*.c))
module_hdr    := $(sort $(wildcard $(http_root)/http/*.h \
                                   $(http_root)/core/*.h))


.PHONY: module module-install module-lint module-always
.DELETE_ON_ERROR:

module: $(MODULE)


# What configure depends on: it is run again only if this changes.

module_input = $(MODULE_CC_OPT) $(MODULE_LD_OPT) $(module_src) $(module_hdr)

$(MODULE_DIR)/input: module-always
	@mkdir -p $(@D)
	@echo '$(module_input)' | cmp -s - $@ || echo '$(module_input)' >$@

# nginx's own make has all dependencies but this one.

$(MODULE_DIR)/Makefile: $(http_root)/config $(MODULE_DIR)/input \
                        $(wildcard $(NGINX_SRC)/conf_flags) | $(PACKAGES)
	@echo 'configuring the module for $(NGINX_SRC)'
	@cd $(NGINX_SRC) && bash -c '. ./conf_flags && \
	    ./configure "$${NGX_CONF_FLAGS[@]}" "$$@"' bash \
	    --with-cc-opt='-fPIC $(MODULE_CC_OPT)' \
	    --with-ld-opt='-fPIC $(MODULE_LD_OPT)' \
	    --add-dynamic-module=$(http_root) --builddir=$(MODULE_DIR) \
	    >$(MODULE_DIR)/configure.log 2>&1 \
	|| { cat $(MODULE_DIR)/configure.log; rm -f $@; exit 1; } >&2
	@touch $@

# Replaced in one go: an nginx that runs has the old one mapped.

$(MODULE): $(module_src) $(module_hdr) $(MODULE_DIR)/Makefile
	@echo 'building $@'
	+@$(MAKE) -f $(MODULE_DIR)/Makefile -C $(NGINX_SRC) modules \
	    >$(MODULE_DIR)/make.log 2>&1 \
	|| { cat $(MODULE_DIR)/make.log; exit 1; } >&2
	@cp $(MODULE_DIR)/ngx_http_hyperlight_module.so $@.new && mv $@.new $@


# As packages of modules do it: the link is made by their maintainer scripts,
# so there is none below DESTDIR, and only once, so that an administrator who
# removed it does not get it back.

module_conf := mod-http-hyperlight.conf

module-install: $(MODULE)
	install -d $(DESTDIR)$(NGINX_MODULES) $(DESTDIR)$(NGINX_AVAILABLE)
	install -m 644 $(MODULE) $(DESTDIR)$(NGINX_MODULES)
	@set -e; new=; \
	conf=$(NGINX_AVAILABLE)/$(module_conf); \
	link=$(NGINX_ENABLED)/50-$(module_conf); \
	[ -e $(DESTDIR)$$conf ] || new=yes; \
	install -m 644 $(http_root)/conf/$(module_conf) $(DESTDIR)$$conf; \
	if [ -z '$(DESTDIR)' ] && [ -n "$$new" ] && [ -d $(NGINX_ENABLED) ]; \
	then \
	    ln -sf $$conf $$link; \
	    echo "enabled by $$link: reload nginx"; \
	fi


# nginx's headers do not pass these: they are the system's here.  What nginx
# calls has the parameters that nginx says, used or not.

module_lint_flags = -fsyntax-only -std=gnu11 -O2 \
    -Wall -Wextra -Wno-unused-parameter -Wshadow -Wconversion -Wcast-qual \
    -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror \
    -I$(http_root)/http -I$(http_root)/core -isystem $(MODULE_DIR) \
    $(addprefix -isystem $(NGINX_SRC)/src/,core event event/modules os/unix \
                                            http http/modules http/v2)

module-lint: $(MODULE_DIR)/Makefile
	@for cc in gcc clang; do \
	    for file in $(http_root)/ngx_http_hyperlight_module.c \
	                $(http_root)/http/*.c; do \
	        $$cc $(module_lint_flags) $$file || exit 1; \
	    done; \
	done
