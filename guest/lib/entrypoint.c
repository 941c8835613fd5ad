/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * entrypoint.c: where Hyperlight's guests begin, for those that are linked
 * with "--entry entrypoint".
 */

#include "hl_guest.h"


/* Nothing but the parameters page is in a register at the start. */

hl_no_guard void
entrypoint(uint64_t peb_address, uint64_t seed, uint64_t ops,
    uint64_t max_log_level)
{
    (void) seed;
    (void) ops;
    (void) max_log_level;

    _start(hl_ptr(const hl_abi_params_t, peb_address));
}
