/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_exception.c: hands an exception to the guest's own handler, and goes on
 * from where the handler says.
 *
 * Handler and frame are the guest's to choose: they decide where it goes on
 * at CPL 3, in its own memory, and nothing else.
 */

#include <string.h>

#include "hl_error.h"
#include "hl_sandbox.h"
#include "hl_x86.h"


#define HL_RED_ZONE     128             /* System V AMD64 ABI, 3.2.2 */


static uint8_t *hl_exception_at(const hl_sandbox_t *sb, hl_gva_t gva,
    size_t len);


hl_status_t
hl_exception_deliver(hl_sandbox_t *sb, hl_error_t *err)
{
    uint8_t             *p;
    hl_gva_t             rsp, frame;
    hl_abi_exception_t   e;

    if (sb->handler == 0) {
        return HL_ERR_FAULT;
    }

    memset(&e, 0, sizeof(e));
    e.vector = sb->fault.vector;
    e.error_code = sb->fault.error_code;
    e.address = sb->fault.address;
    e.rip = sb->fault.rip;
    e.rflags = sb->fault.rflags;
    memcpy(e.gpr, sb->fault.gpr, sizeof(e.gpr));

    /* aligned as a called function expects it: 16, less the return address */

    frame = ((e.gpr[HL_GPR_RSP] - HL_RED_ZONE - sizeof(e)) & ~15ull);
    rsp = frame - sizeof(uint64_t);

    p = hl_exception_at(sb, rsp, sizeof(uint64_t) + sizeof(e));

    if (p == NULL) {
        return HL_ERR_FAULT;    /* no stack to handle it on */
    }

    memset(p, 0, sizeof(uint64_t));
    memcpy(p + sizeof(uint64_t), &e, sizeof(e));

    /* KVM's log does not see what the host writes */

    hl_sandbox_touched(sb, p, sizeof(uint64_t) + sizeof(e));

    e.gpr[HL_GPR_RSP] = rsp;
    e.gpr[HL_GPR_RDI] = frame;

    return sb->host->platform->jump(sb->vm, sb->handler, 0, e.gpr, err);
}


hl_status_t
hl_exception_resume(hl_sandbox_t *sb, hl_gva_t frame, hl_error_t *err)
{
    const uint8_t       *p;
    hl_abi_exception_t   e;

    p = hl_exception_at(sb, frame, sizeof(e));

    if (!sb->has_fault || p == NULL) {
        return hl_error_set(err, HL_ERR_PROTOCOL, "the guest resumes an "
                            "exception that it does not have");
    }

    memcpy(&e, p, sizeof(e));

    if (e.rip >= HL_GVA_END) {
        return hl_error_set(err, HL_ERR_PROTOCOL, "the guest resumes at "
                            "0x%llx", (unsigned long long) e.rip);
    }

    return sb->host->platform->jump(sb->vm, e.rip,
                                    e.rflags
                                    & (HL_RFLAGS_STATUS|HL_RFLAGS_DF),
                                    e.gpr, err);
}


/* Memory that the guest could write itself; NULL if it is not all that. */
static uint8_t *
hl_exception_at(const hl_sandbox_t *sb, hl_gva_t gva, size_t len)
{
    const hl_region_t  *r;

    r = hl_layout_find(&sb->image->layout, gva);

    if (r == NULL || r->slot != HL_SLOT_RW
        || (r->prot & (HL_PROT_USER|HL_PROT_WRITE))
           != (HL_PROT_USER|HL_PROT_WRITE)
        || len > r->size - (gva - r->gva))
    {
        return NULL;
    }

    return sb->rw + r->offset + (gva - r->gva);
}
