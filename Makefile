# Hyperlight for nginx: an nginx module that gives each request a micro-VM.
#
# Copyright (C) the Hyperlight for nginx authors
#
# Each room has a fragment with its targets (core/core.mk, ...).  Here is what
# they have in common: the build folder, the Debian packages that are needed,
# the check for /dev/kvm, and the targets that a user types.

all: core sdk guests tools module

PREFIX ?= /usr/local
PORT ?= 8080

B ?= $(CURDIR)/build
override B := $(abspath $(B))

ifneq ($(filter $(B),/ $(CURDIR) $(abspath $(HOME))),)
$(error B=$(B): choose a folder for the build alone, "make clean" removes it)
endif

.PHONY: all help demo run test install clean lint lint-core lint-guests
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules


# Debian packages, each with its reason.

PACKAGE_LIST += gcc             # the compiler of core, module and guests
PACKAGE_LIST += g++             # guests in C++, and a test of hl++
PACKAGE_LIST += libc6-dev       # C library headers
PACKAGE_LIST += linux-libc-dev  # linux/kvm.h
PACKAGE_LIST += libelf-dev      # core reads guest files with libelf
PACKAGE_LIST += nginx           # the server that tests and demo start
PACKAGE_LIST += nginx-dev       # its headers and configure, for the module
PACKAGE_LIST += dpkg-dev        # apt-get source, for picolibc and nginx
PACKAGE_LIST += xz-utils        # unpacks a tar file, should it be an .xz
PACKAGE_LIST += meson           # builds picolibc
PACKAGE_LIST += ninja-build     # meson's hands
PACKAGE_LIST += libcmocka-dev   # unit tests of core
PACKAGE_LIST += perl            # prove, and the tests in t/
PACKAGE_LIST += curl            # the demo's client; HTTP/2 for t/http2.t
PACKAGE_LIST += strace          # t/ioctl.t counts what a request costs
PACKAGE_LIST += cmake           # t/sdk-install.t builds a guest by it
PACKAGE_LIST += pkg-config      # and by this
PACKAGE_LIST += libnghttp2-dev  # t/soak's client speaks HTTP/2
PACKAGE_LIST += prometheus      # its promtool, for t/status.t
PACKAGE_LIST += chromium        # and a browser, for the status page

LINT_PACKAGE_LIST += clang      # a second opinion on warnings
LINT_PACKAGE_LIST += libclang-rt-dev  # sanitizers and libFuzzer: make fuzz
LINT_PACKAGE_LIST += clang-tidy       # mistakes that need no run: make analyze
LINT_PACKAGE_LIST += cppcheck         # and another view of them
LINT_PACKAGE_LIST += valgrind         # memory of core: make valgrind

BENCH_PACKAGE_LIST += libnginx-mod-http-js   # what people use instead: njs
BENCH_PACKAGE_LIST += libnginx-mod-http-lua  # and Lua,
BENCH_PACKAGE_LIST += lua-cjson              # with its usual JSON library,
BENCH_PACKAGE_LIST += fcgiwrap               # and a process per request

DEB_PACKAGE_LIST += debhelper   # builds the packages

DEB_TEST_PACKAGE_LIST += debootstrap    # a clean system for them
DEB_TEST_PACKAGE_LIST += lintian        # knows what packages should be

# Fragments have $(PACKAGES) as an order-only prerequisite of their builds.
PACKAGES := $(B)/packages.stamp
LINT_PACKAGES := $(B)/lint-packages.stamp
BENCH_PACKAGES := $(B)/bench-packages.stamp
DEB_PACKAGES := $(B)/deb-packages.stamp
DEB_TEST_PACKAGES := $(B)/deb-test-packages.stamp

$(PACKAGES): list = $(PACKAGE_LIST)
$(LINT_PACKAGES): list = $(LINT_PACKAGE_LIST)
$(BENCH_PACKAGES): list = $(BENCH_PACKAGE_LIST)
$(DEB_PACKAGES): list = $(DEB_PACKAGE_LIST)
$(DEB_TEST_PACKAGES): list = $(DEB_TEST_PACKAGE_LIST)

# Debian's nginx and prometheus start when they are installed, nginx on port
# 80, unless policy-rc.d forbids it (invoke-rc.d(8)); a policy that the system
# has is left alone.
define INSTALL_PACKAGES
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e $$policy ]; then
    trap 'rm -f $$policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' > $$policy
    chmod 755 $$policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "$$@"
endef
export INSTALL_PACKAGES

# apt is called only when a package is missing.
$(PACKAGES) $(LINT_PACKAGES) $(BENCH_PACKAGES) $(DEB_PACKAGES) \
$(DEB_TEST_PACKAGES): Makefile
	@set -e; missing=; root=; \
	for package in $(list); do \
	    case $$(dpkg-query -W -f '$${db:Status-Status}' $$package \
	            2>/dev/null) in \
	    installed*) ;; \
	    *) missing="$$missing $$package" ;; \
	    esac; \
	done; \
	if [ -n "$$missing" ]; then \
	    echo "installing Debian packages:$$missing"; \
	    [ "$$(id -u)" = 0 ] || root=sudo; \
	    [ -z "$$root" ] || command -v sudo > /dev/null || { \
	        echo "there is no sudo: install them as root"; exit 1; }; \
	    $$root sh -c "$$INSTALL_PACKAGES" sh $$missing < /dev/null; \
	    for daemon in nginx prometheus; do \
	        case " $$missing " in *" $$daemon "*) \
	            echo "$$daemon was not started, but will be at the next" \
	                 "boot; systemctl disable $$daemon prevents that" ;; \
	        esac; \
	    done; \
	fi
	@mkdir -p $(@D) && touch $@


# What cannot work without KVM says so before anything else happens: while
# make reads this file.

define KVM_PROBLEM
if [ ! -c /dev/kvm ]; then
    echo "/dev/kvm is missing: load the kernel module (modprobe kvm_intel or
        kvm_amd), in a virtual machine have nested virtualization switched on,
        in a container pass --device /dev/kvm";
elif ! ( : <> /dev/kvm ) 2> /dev/null; then
    echo "/dev/kvm cannot be opened for reading and writing by $$(id -un): run
        make as root, or give the device to the group kvm, add yourself to it
        (usermod -a -G kvm $$(id -un)) and log in again";
fi
endef

kvm_goals := demo run test core-test picolibc-test prove bench \
             test-nginx-newest deb-test soak stress stress-asan \
             attack-long faults-long faults-asan outage-long \
             core-asan core-asan-short \
             fuzz fuzz-short fuzz-replay fuzz-vm \
             asan asan-palloc asan-palloc-short valgrind valgrind-short

ifneq ($(filter $(kvm_goals),$(MAKECMDGOALS)),)
kvm_problem := $(strip $(shell $(KVM_PROBLEM)))
ifneq ($(kvm_problem),)
$(error $(kvm_problem))
endif
endif


include core/core.mk guest/guest.mk tools/tools.mk http/http.mk
include guest/picolibc/tests/tests.mk
include t/core/core-test.mk t/bench/bench.mk t/t.mk t/soak/soak.mk
include t/stress/stress.mk
include t/nginx/nginx.mk t/fuzz/fuzz.mk pkg/pkg.mk t/asan.mk
include t/analyze/analyze.mk


demo: all
	@conf/demo.sh demo $(B) $(PORT)

run: all
	@exec conf/demo.sh run $(B) $(PORT)

# One after the other, and all: none hides or disturbs another.
test:
	@status=0; for tests in core-test picolibc-test prove; do \
	    $(MAKE) --no-print-directory $$tests || status=1; \
	done; exit $$status

# Compiles everything once more, with gcc and clang, and keeps nothing.

lint: lint-core lint-guests guest-warnings tools-warnings module-lint
	t/lint.sh .

lint-core lint-guests guest-warnings tools-warnings module-lint: \
    | $(PACKAGES) $(LINT_PACKAGES)

lint-core: sources = $(CORE_SOURCES) $(wildcard t/core/*.c t/bench/*.c \
                                t/bench/compare/*.c t/cost/*.c t/faults/*.c \
                                t/outage/*.c t/soak/*.c) \
                     $(fuzz_lint)
lint-core:
	@set -e; for cc in gcc clang; do \
	    for source in $(sources); do \
	        echo "$$cc $$source"; \
	        $$cc -std=gnu11 -O2 -Icore -It/core -It/faults -It/fuzz \
	            $(CORE_WARNINGS) -Werror -c -o /dev/null $$source; \
	    done; \
	done

lint-guests: sources = $(wildcard t/guests/*.c t/*/guests/*.c t/fuzz/arena.c)
lint-guests: sdk
	@set -e; for cc in gcc clang; do \
	    for source in $(sources); do \
	        echo "$$cc $$source"; \
	        HLCC_CC=$$cc $(HLCC) -O2 $(GUEST_WARNINGS) -Werror \
	            -I$(GUEST)/lib -c -o /dev/null $$source; \
	    done; \
	done

install: all module-install guest-install tools-install

clean:
	rm -rf -- $(B)

help:
	@echo 'make            build the module, hlcc, hlrun, example guests'
	@echo 'make demo       show it: nginx, requests by curl, their answers'
	@echo 'make run        the demo server in the foreground (PORT=8080)'
	@echo 'make test       all tests'
	@echo 'make core-asan  unit tests of core under sanitizers'
	@echo 'make asan       tests of the module under them'
	@echo 'make asan-palloc'
	@echo '                those of nginx, with all of nginx under them'
	@echo 'make test-nginx-newest'
	@echo '                those of nginx, with the newest one of Debian'
	@echo 'make bench      what a request costs on this machine; QUICK=1'
	@echo 'make soak       mixed traffic, TIME=60 seconds of it'
	@echo 'make stress     random traffic, TIME=60 seconds; stress-asan'
	@echo 'make attack-long, faults-long, outage-long'
	@echo '                what the tests of these names do, at length'
	@echo 'make fuzz       fuzz targets, TIME=600 seconds each; fuzz-short'
	@echo 'make valgrind   unit tests of core under it; valgrind-short'
	@echo 'make analyze    gcc -fanalyzer, clang-tidy, cppcheck; -j2'
	@echo 'make lint       warnings of gcc and clang, text rules'
	@echo 'make install    DESTDIR= PREFIX=/usr/local'
	@echo 'make deb        Debian packages'
	@echo 'make deb-test   try them in a clean Debian system; as root'
	@echo 'make clean      remove the build folder'
	@echo
	@echo 'B=DIR builds there, not in ./build;'
	@echo 'PICOLIBC_SRC=DIR|TARBALL takes picolibc from there;'
	@echo 'NGINX_NEWEST_SRC=DIR|TARBALL takes the newest nginx from there.'
