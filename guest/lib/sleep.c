/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sleep.c: lets time go by outside of the guest.
 */

#include <errno.h>
#include <string.h>

#include "hl_guest.h"


#define HL_NS_PER_MS  1000000u


int
hl_sleep(uint32_t milliseconds)
{
    uint64_t            ns;
    hl_abi_raw_call_t  *call;

    ns = (uint64_t) milliseconds * HL_NS_PER_MS;

    call = hl_record_add(HL_REC_RAW_CALL, sizeof(hl_abi_raw_call_t)
                                          + sizeof(ns));
    call->id = HL_RAW_SLEEP;
    call->len = sizeof(ns);
    memcpy(call + 1, &ns, sizeof(ns));

    hl_leave(HL_HYPERCALL_CALL);

    if (hl_host_reply()->error != 0) {
        errno = ENOSYS;
        return -1;
    }

    return 0;
}
