# What a request costs on this machine: "make bench".

bench_programs := $(B)/bench/core-bench $(B)/bench/http-load
bench_guests := $(B)/bench/bench.elf $(B)/bench/small.elf

.PHONY: bench

# Both run, so that one that misses a target does not hide the other.
bench: all $(bench_programs) $(bench_guests) $(B)/t/guests/work.elf
	@status=0; for part in bench loop; do \
	    TEST_NGINX_BUILD=$(B) QUICK=$(QUICK) t/bench/$$part.pl \
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

$(bench_guests): t/bench/guests/bench.c t/bench/jobs.c t/bench/jobs.h \
                 $(guest_link) $(guest_headers)
	@mkdir -p $(@D)
	$(B)/bin/hlcc -O2 $(bench_pages) -o $@ $(filter t/bench/%.c,$^)

$(B)/bench/small.elf: bench_pages := -DBENCH_PAGES=256
