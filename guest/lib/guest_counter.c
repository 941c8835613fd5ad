/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * guest_counter.c: hl_guest_counter().
 */

#include "hl_guest.h"


/* The host changes it while the guest is out. */

uint64_t
hl_guest_counter(void)
{
    return *(const volatile uint64_t *) &hl_guest.params->counter;
}
