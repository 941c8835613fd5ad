/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_fault.c: says in words what a guest died of, and where:
 *
 *     page fault writing 0x0, at 0x401054 (vector 14, error code 0x6,
 *     stack 0x4016ffd0, code c6 04 25 00 00 00 00 01)
 */

#include <stdio.h>
#include <string.h>

#include "hl_error.h"
#include "hl_sandbox.h"
#include "hl_x86.h"


#define HL_FAULT_CODE  8                /* bytes of code that are shown */
#define HL_GPR_RSP     4


static const char *hl_fault_name(uint64_t vector);
static void hl_fault_what(const hl_sandbox_t *sb, const hl_fault_t *fault,
    char *text, size_t size);
static void hl_fault_code(const hl_sandbox_t *sb, hl_gva_t rip, char *text);
static bool hl_fault_in_stack_guard(const hl_sandbox_t *sb, hl_gva_t gva);


hl_status_t
hl_fault_describe(const hl_sandbox_t *sb, const hl_fault_t *fault,
    hl_error_t *err)
{
    char  what[128], code[HL_FAULT_CODE * 3 + 1];

    hl_fault_what(sb, fault, what, sizeof(what));
    hl_fault_code(sb, fault->rip, code);

    return hl_error_set(err, HL_ERR_FAULT, "%s, at 0x%llx (vector %llu, "
                        "error code 0x%llx, stack 0x%llx, code%s)", what,
                        (unsigned long long) fault->rip,
                        (unsigned long long) fault->vector,
                        (unsigned long long) fault->error_code,
                        (unsigned long long) fault->gpr[HL_GPR_RSP], code);
}


static void
hl_fault_what(const hl_sandbox_t *sb, const hl_fault_t *fault, char *text,
    size_t size)
{
    const char  *access;

    if (fault->vector != HL_VECTOR_PAGE_FAULT) {
        (void) snprintf(text, size, "%s", hl_fault_name(fault->vector));
        return;
    }

    if (hl_fault_in_stack_guard(sb, fault->address)) {
        (void) snprintf(text, size, "stack overflow: the stack of %zu bytes "
                        "is used up",
                        sb->image->layout.regions[HL_REGION_STACK].size);
        return;
    }

    access = (fault->error_code & HL_PF_FETCH) ? "executing"
             : (fault->error_code & HL_PF_WRITE) ? "writing" : "reading";

    (void) snprintf(text, size, "page fault %s 0x%llx", access,
                    (unsigned long long) fault->address);
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


/* " 0f 0b ...", as far as there is memory; " unmapped" if there is none. */
static void
hl_fault_code(const hl_sandbox_t *sb, hl_gva_t rip, char *text)
{
    size_t              i, left;
    const uint8_t      *p;
    const hl_region_t  *r;

    r = hl_layout_find(&sb->image->layout, rip);

    if (r == NULL) {
        (void) strcpy(text, " unmapped");
        return;
    }

    p = (r->slot == HL_SLOT_RO ? sb->image->ro : sb->rw) + r->offset
        + (rip - r->gva);
    left = r->size - (rip - r->gva);

    for (i = 0; i < HL_FAULT_CODE && i < left; i++) {
        (void) snprintf(text + 3 * i, 4, " %02x", p[i]);
    }
}


static bool
hl_fault_in_stack_guard(const hl_sandbox_t *sb, hl_gva_t gva)
{
    hl_gva_t  bottom;

    bottom = sb->image->layout.regions[HL_REGION_STACK].gva;

    return gva < bottom && gva >= bottom - HL_STACK_GUARD;
}
