/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * dispatch.c: entering the guest and parking it.
 *
 * A parked guest is entered anew at hl_dispatch() for each call, on an empty
 * stack: nothing ever returns from hl_park().
 */

#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"


typedef void (*hl_dispatcher_pt)(const hl_abi_params_t *params);
typedef void (*hl_park_pt)(hl_dispatcher_pt dispatcher);


uintptr_t  __stack_chk_guard;


hl_no_guard hl_noreturn void
hl_dispatch(const hl_abi_params_t *params)
{
    hl_enter(params);
    hl_call();
    hl_park();
}


/*
 * Takes what must differ from call to call, though they all start from one
 * snapshot, from the host's fresh entropy: the guard and the seed of rand();
 * random.c takes the rest when it is asked to.  A guard that starts with a
 * NUL stops overflows by string functions.
 */

hl_no_guard void
hl_enter(const hl_abi_params_t *params)
{
    uint32_t   seed;
    uintptr_t  guard;

    memcpy(&guard, params->entropy, sizeof(guard));
    memcpy(&seed, params->entropy + sizeof(guard), sizeof(seed));

    __stack_chk_guard = guard & ~(uintptr_t) 0xff;
    srand(seed);

    hl_guest.params = params;
    hl_guest.last = NULL;
    hl_guest.random_ready = false;
}


hl_no_guard hl_noreturn void
hl_park(void)
{
    ((hl_park_pt) (uintptr_t) hl_guest.params->park)(hl_dispatch);

    __builtin_unreachable();
}
