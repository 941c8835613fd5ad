# Copyright (C) the Hyperlight for nginx authors
#
# t.mk: the tests of t/: a real nginx for each file, see t/lib/HL/Nginx.pm.
#
#     make prove                      all of them
#     make prove T=t/body.t           one
#     make prove PROVE='prove -v -j2'

PROVE ?= prove
T ?= -r t

# Guests that only these tests want; t-guests builds whatever they want.
t_guests := $(patsubst %.c,$(B)/%.elf,$(wildcard t/guests/*.c)) \
            $(B)/t/core/guests/attack.elf

.PHONY: prove t-guests
prove: all t-guests
	TEST_NGINX_BUILD=$(B) $(PROVE) $(T)

t-guests: $(t_guests) $(B)/t/cost/count.so

# What t/cost.t counts with; its memcpy() is to be no call of memcpy().
$(B)/t/cost/count.so: t/cost/count.c | $(PACKAGES)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CORE_WARNINGS) -O2 -g -fPIC -shared -fno-builtin \
	    -o $@ $<

$(B)/t/guests/%.elf: t/guests/%.c $(guest_link) $(guest_headers)
	@mkdir -p $(@D)
	$(B)/bin/hlcc -O2 -o $@ $<
