# Copyright (C) the Hyperlight for nginx authors
#
# pkg.mk: Debian packages, as debian/ describes them.
#
#     deb         source and binary packages in $(deb_dir)
#     deb-test    builds, checks, installs and tries them, in a clean Debian
#                 system below $(B)
#
# Part of the Makefile above, behind guest/guest.mk, which fetches picolibc.

deb_dir := $(B)/deb

.PHONY: deb deb-test

# Not with the flags of this make: debian/rules runs one of its own.
deb: $(PICOLIBC)/built | $(PACKAGES) $(DEB_PACKAGES)
	@echo 'building packages in $(deb_dir)'
	@env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u MAKELEVEL \
	    pkg/build $(deb_dir) $(PICOLIBC)/src

ifeq ($(shell id -u),0)
deb-test: | $(DEB_TEST_PACKAGES)
	@$(MAKE) --no-print-directory deb
	@pkg/test $(deb_dir) $(B)/deb-root
else
deb-test:
	@echo 'make deb-test sets up a Debian system: run it as root'
	@exit 1
endif
