# Copyright (C) the Hyperlight for nginx authors
#
# t.mk: the tests of t/: a real nginx for each file, see t/lib/HL/Nginx.pm.
#
#     make prove                      all of them
#     make prove T=t/body.t           one
#     make prove PROVE='prove -v -j2'
#     make outage-long                storms, kills, reloads: a minute each

PROVE ?= prove
T ?= -r t

# Guests that only these tests want; t-guests builds whatever they want.
t_guests := $(patsubst %.c,$(B)/%.elf,$(wildcard t/guests/*.c)) \
            $(B)/t/core/guests/attack.elf

.PHONY: prove t-guests outage-long
prove: all t-guests
	TEST_NGINX_BUILD=$(B) $(PROVE) $(T)

outage-long: export HL_STORM_SECONDS = 60
outage-long: export HL_OUTAGE_SECONDS = 60
outage-long: all t-guests core-test-storm
	TEST_NGINX_BUILD=$(B) prove -v t/outage-kill.t t/outage-reload.t \
	    t/outage-storm.t

# Libraries that tests put between nginx and the system.
t_preloads := $(B)/t/cost/count.so \
              $(B)/t/outage/fail.so $(B)/t/outage/clock.so \
              $(B)/t/faults/inject.so

t-guests: $(t_guests) $(t_preloads) $(B)/t/outage/storm \
          $(B)/soak/soak-load

# They have a malloc() and a memcpy() of their own, which the compiler is not
# to make of their loops.
$(t_preloads): $(B)/%.so: %.c | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -fPIC -shared -fno-builtin \
	    -o $@ $<

$(B)/t/faults/inject.so: t/faults/inject.h

$(B)/t/outage/storm: t/outage/storm.c | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -o $@ $<

$(B)/t/guests/%.elf: t/guests/%.c $(guest_link) $(guest_headers)
	@mkdir -p $(@D)
	$(B)/bin/hlcc -O2 -o $@ $<
