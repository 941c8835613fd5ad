# What a request costs on this machine: "make bench".

bench_programs := $(B)/bench/core-bench $(B)/bench/http-load
bench_guest := $(B)/bench/bench.elf

.PHONY: bench

# Both run, so that one that misses a target does not hide the other.
bench: all $(bench_programs) $(bench_guest) $(B)/t/guests/work.elf
	@status=0; for part in bench loop; do \
	    TEST_NGINX_BUILD=$(B) QUICK=$(QUICK) t/bench/$$part.pl \
	    || status=1; \
	done; exit $$status

$(B)/bench/core-bench: t/bench/core-bench.c t/bench/floor.c t/bench/floor.h \
                       $(B)/libhyperlight.a
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -Icore -o $@ \
	    $(filter %.c %.a,$^) -lelf

$(B)/bench/http-load: t/bench/http-load.c | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -o $@ $<

$(B)/bench/%.elf: t/bench/guests/%.c $(guest_link) $(guest_headers)
	@mkdir -p $(@D)
	$(B)/bin/hlcc -O2 -o $@ $<
