/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * service.c: a host function of the guest library, called by its number.
 */

#include <string.h>

#include "hl_guest.h"


void *
hl_service_begin(uint32_t id, size_t len)
{
    hl_abi_raw_call_t  *call;

    call = hl_record_add(HL_REC_RAW_CALL, sizeof(hl_abi_raw_call_t) + len);

    if (call == NULL) {
        return NULL;
    }

    call->id = id;
    call->len = (uint32_t) len;

    return call + 1;
}


const hl_abi_value_t *
hl_service_call(void)
{
    const hl_abi_reply_t  *reply;

    hl_set_host_error(NULL);

    hl_leave(HL_HYPERCALL_CALL);

    /* what another call left there for a getter is gone */
    hl_guest.reply_ready = false;

    reply = hl_host_reply();

    if (reply->error != 0) {
        hl_set_host_error((const char *) (reply + 1));
        return NULL;
    }

    return (const hl_abi_value_t *) (reply + 1);
}


const hl_abi_value_t *
hl_service_number(uint32_t id, uint64_t n)
{
    memcpy(hl_service_begin(id, sizeof(n)), &n, sizeof(n));

    return hl_service_call();
}
