# Copyright (C) the Hyperlight for nginx authors
#
# bench.mk: what a request costs on this machine: "make bench".

bench_programs := $(addprefix $(B)/bench/,core-bench http-load cgi)
bench_guests := $(B)/bench/large.elf $(B)/bench/small.elf

BENCH_PARTS ?= core compare scale loop

.PHONY: bench

# All of them run, so that one that fails does not hide the others.  The
# summary fails if a target is missed, unless QUICK=1.
bench: all $(bench_programs) $(bench_guests) $(B)/t/guests/work.elf \
       | $(BENCH_PACKAGES)
	@status=0; for part in $(BENCH_PARTS) summary; do \
	    TEST_NGINX_BUILD=$(B) QUICK=$(QUICK) PASTE=$(PASTE) \
	        t/bench/$$part.pl \
	    || status=1; \
	done; exit $$status

$(B)/bench/core-bench: t/bench/core-bench.c t/bench/core-calls.c \
                       t/bench/core-life.c t/bench/floor.c t/bench/jobs.c \
                       t/bench/bench.h t/bench/floor.h t/bench/jobs.h \
                       $(B)/libhyperlight.a
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -Icore -o $@ \
	    $(filter %.c %.a,$^) -lelf -pthread

$(B)/bench/http-load: t/bench/http-load.c | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -o $@ $<

$(B)/bench/cgi: t/bench/compare/cgi.c t/bench/jobs.c t/bench/jobs.h \
                | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -o $@ $(filter %.c,$^)

$(bench_guests): t/bench/guests/bench.c t/bench/jobs.c t/bench/jobs.h \
                 $(guest_link) $(guest_headers)
	@mkdir -p $(@D)
	$(B)/bin/hlcc -O2 $(bench_pages) -o $@ $(filter t/bench/%.c,$^)

$(B)/bench/small.elf: bench_pages := -DBENCH_PAGES=256
