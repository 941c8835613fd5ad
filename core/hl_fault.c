/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_fault.c: says in words what a guest died of.
 */

#include "hl_error.h"
#include "hl_sandbox.h"
#include "hl_x86.h"


static const char *hl_fault_name(uint64_t vector);
static hl_status_t hl_fault_page(const hl_sandbox_t *sb,
    const hl_fault_t *fault, hl_error_t *err);
static bool hl_fault_in_stack_guard(const hl_sandbox_t *sb, hl_gva_t gva);


hl_status_t
hl_fault_describe(const hl_sandbox_t *sb, const hl_fault_t *fault,
    hl_error_t *err)
{
    if (fault->vector == HL_VECTOR_PAGE_FAULT) {
        return hl_fault_page(sb, fault, err);
    }

    return hl_error_set(err, HL_ERR_FAULT,
                        "%s (vector %llu, error code 0x%llx) at 0x%llx",
                        hl_fault_name(fault->vector),
                        (unsigned long long) fault->vector,
                        (unsigned long long) fault->error_code,
                        (unsigned long long) fault->rip);
}


static const char *
hl_fault_name(uint64_t vector)
{
    static const char *const  names[] = {
        "division error", "debug exception", "NMI", "breakpoint", "overflow",
        "bound range exceeded", "invalid opcode", "device not available",
        "double fault", "coprocessor overrun", "invalid TSS",
        "segment not present", "stack segment fault", "general protection",
        "page fault", "reserved exception", "x87 error", "alignment check",
        "machine check", "SIMD error", "virtualization exception",
        "control protection"
    };

    return vector < sizeof(names) / sizeof(names[0]) ? names[vector]
                                                     : "exception";
}


static hl_status_t
hl_fault_page(const hl_sandbox_t *sb, const hl_fault_t *fault,
    hl_error_t *err)
{
    const char  *access;

    if (hl_fault_in_stack_guard(sb, fault->address)) {
        return hl_error_set(err, HL_ERR_FAULT, "stack overflow: the stack of "
                            "%zu bytes is used up, at 0x%llx",
                            sb->image->config.stack,
                            (unsigned long long) fault->rip);
    }

    access = (fault->error_code & HL_PF_FETCH) ? "executing"
             : (fault->error_code & HL_PF_WRITE) ? "writing" : "reading";

    return hl_error_set(err, HL_ERR_FAULT, "page fault %s 0x%llx, at 0x%llx",
                        access, (unsigned long long) fault->address,
                        (unsigned long long) fault->rip);
}


static bool
hl_fault_in_stack_guard(const hl_sandbox_t *sb, hl_gva_t gva)
{
    hl_gva_t  bottom;

    bottom = sb->image->layout.regions[HL_REGION_STACK].gva;

    return gva < bottom && gva >= bottom - HL_STACK_GUARD;
}
