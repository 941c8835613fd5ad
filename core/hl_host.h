/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_host.h: what all sandboxes of a thread share.
 */

#ifndef _HL_HOST_H_INCLUDED_
#define _HL_HOST_H_INCLUDED_


#include "hl_kvm.h"
#include "hl_platform.h"
#include "hl_time.h"


#define HL_ENTROPY_POOL  256    /* bytes that one getrandom() always gives */


struct hl_host_s {
    const hl_platform_t  *platform;
    hl_kvm_t              kvm;
    hl_timer_t            timer;
    size_t                entropy_left;
    uint8_t               entropy[HL_ENTROPY_POOL];
};


/* Fresh random bytes; each is handed out once. */
hl_status_t hl_host_entropy(hl_host_t *host, uint8_t *dst, size_t len,
    hl_error_t *err);


#endif /* _HL_HOST_H_INCLUDED_ */
