# Copyright (C) the Hyperlight for nginx authors
#
# soak.mk: mixed traffic for a given time, each answer compared with the one
# that is due; t/soak.t is what runs, and says what is judged.
#
#     make soak               60 seconds
#     make soak TIME=1800     so many
#     make soak COUNT=1000000         so many requests, in at most a day
#     make soak SEED=7        the requests of an earlier run, once more
#     make soak CHECK=1       with hyperlight_check_restore

# TIME is fuzz.mk's, too, which has another default.
soak_time := $(if $(filter command environment,$(origin TIME)),$(TIME), \
                $(if $(COUNT),86400,60))

.PHONY: soak

soak: all t-guests
	@TEST_NGINX_BUILD=$(B) SOAK_TIME=$(strip $(soak_time)) \
	SOAK_COUNT=$(COUNT) SOAK_SEED=$(or $(SEED),$$(date +%s)) \
	SOAK_CHECK=$(or $(CHECK),0) t/soak.t

soak_sources := $(wildcard t/soak/*.c)

$(B)/soak/soak-load: $(soak_sources) t/soak/soak.h t/soak/sum.h | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -o $@ $(soak_sources) \
	    -lnghttp2

$(B)/t/guests/soak.elf: t/soak/sum.h
