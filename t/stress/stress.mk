# Copyright (C) the Hyperlight for nginx authors
#
# stress.mk: random requests for a given time, to locations where the module
# meets what nginx does besides; t/stress/stress.pl is what runs, and says what
# is judged.
#
#     make stress             60 seconds
#     make stress TIME=600    so many
#     make stress SEED=7      the requests of an earlier run, once more
#     make stress CLIENTS=6   by so many clients
#     make stress CHECK=1     with hyperlight_check_restore
#     make stress-asan        with sanitizers in all of nginx: see asan.mk
#
# Part of the Makefile above, before t/asan.mk.

# TIME is fuzz.mk's, too, which has another default.
stress_time := $(if $(filter command environment,$(origin TIME)),$(TIME),60)

stress_run = TEST_NGINX_BUILD=$(B) STRESS_TIME=$(stress_time) \
    STRESS_SEED=$(or $(SEED),$$(date +%s)) \
    STRESS_CLIENTS=$(or $(CLIENTS),24) STRESS_CHECK=$(or $(CHECK),0)

.PHONY: stress stress-asan

stress: all t-guests
	@$(stress_run) t/stress/stress.pl

stress-asan: all t-guests asan-palloc-nginx
	@$(stress_run) $(palloc_run) t/stress/stress.pl
