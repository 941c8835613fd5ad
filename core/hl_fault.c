/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_fault.c: says in words what a guest died of, and where:
 *
 *     page fault writing 0x0 (null pointer), at 0x401054 in
 *     parse+0x1c (json.elf), called by handle+0x44, hl_call+0x7b
 *     (vector 14, error code 0x6, stack 0x4016ffd0,
 *     code c6 04 25 00 00 00 00 01)
 */

#include <stdio.h>
#include <string.h>

#include "hl_error.h"
#include "hl_memory.h"
#include "hl_sandbox.h"
#include "hl_x86.h"


#define HL_FAULT_CODE  8                /* bytes of code that are shown */

/* Each part of the text has its room: none pushes another out. */
#define HL_FAULT_WHAT  112
#define HL_FAULT_WHERE 240

_Static_assert(HL_FAULT_WHAT + HL_FAULT_WHERE + 160 <= HL_ERROR_TEXT,
               "a fault's text is never cut");


static const char *hl_fault_name(uint64_t vector);
static void hl_fault_what(const hl_sandbox_t *sb, const hl_fault_t *fault,
    char *text, size_t size);
static void hl_fault_place(const hl_layout_t *layout, hl_gva_t gva,
    char *text, size_t size);
static void hl_fault_code(const hl_sandbox_t *sb, hl_gva_t rip, char *text);
static bool hl_fault_in_stack_guard(const hl_layout_t *layout, hl_gva_t gva);


hl_status_t
hl_fault_describe(hl_sandbox_t *sb, hl_error_t *err)
{
    char               what[HL_FAULT_WHAT], where[HL_FAULT_WHERE];
    char               code[sizeof(" unmapped") + HL_FAULT_CODE * 3];
    size_t             n;
    hl_frame_t         frames[HL_FRAMES_MAX];
    const hl_fault_t  *fault;

    sb->fault_last = true;
    fault = &sb->fault;

    n = hl_call_backtrace(sb, frames);

    hl_fault_what(sb, fault, what, sizeof(what));
    hl_fault_code(sb, fault->rip, code);

    return hl_error_set(err, HL_ERR_FAULT, "%s, at 0x%llx%s (vector %llu, "
                        "error code 0x%llx, stack 0x%llx, code%s)", what,
                        (unsigned long long) fault->rip,
                        hl_where_text(sb, frames, n, where, sizeof(where)),
                        (unsigned long long) fault->vector,
                        (unsigned long long) fault->error_code,
                        (unsigned long long) fault->gpr[HL_GPR_RSP], code);
}


static void
hl_fault_what(const hl_sandbox_t *sb, const hl_fault_t *fault, char *text,
    size_t size)
{
    char                place[64];
    const char         *access;
    const hl_layout_t  *layout;

    layout = &sb->image->layout;

    if (fault->vector != HL_VECTOR_PAGE_FAULT) {
        (void) snprintf(text, size, "%s", hl_fault_name(fault->vector));
        return;
    }

    if (hl_fault_in_stack_guard(layout, fault->address)) {
        (void) snprintf(text, size, "stack overflow: the stack of %zu bytes "
                        "is used up", layout->regions[HL_REGION_STACK].size);
        return;
    }

    access = (fault->error_code & HL_PF_FETCH) ? "executing"
             : (fault->error_code & HL_PF_WRITE) ? "writing" : "reading";

    hl_fault_place(layout, fault->address, place, sizeof(place));

    (void) snprintf(text, size, "page fault %s 0x%llx (%s)", access,
                    (unsigned long long) fault->address, place);
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


/*
 * What kind of place it is.  What is hit on a guard page ran over an end as
 * a rule, that of the nearest region.
 */
static void
hl_fault_place(const hl_layout_t *layout, hl_gva_t gva, char *text,
    size_t size)
{
    size_t              i;
    uint64_t            n, nearest;
    const hl_region_t  *r;

    if (gva < HL_GVA_MIN) {
        (void) snprintf(text, size, "null pointer");
        return;
    }

    r = hl_layout_find(layout, gva);

    if (r != NULL) {
        (void) snprintf(text, size, "%s", hl_layout_name(layout, r));
        return;
    }

    (void) snprintf(text, size, "unmapped");
    nearest = HL_PAGE_SIZE;

    for (i = 0; i < layout->region_count; i++) {
        r = &layout->regions[i];

        if (r->size == 0) {
            continue;
        }

        n = gva < r->gva ? r->gva - gva : gva - (r->gva + r->size);

        if (n < nearest) {
            nearest = n;
            (void) snprintf(text, size, "%llu bytes %s the %s",
                            (unsigned long long) n,
                            gva < r->gva ? "before" : "past the end of",
                            hl_layout_name(layout, r));
        }
    }
}


/* " 0f 0b ...", as far as there is memory; " unmapped" if there is none. */
static void
hl_fault_code(const hl_sandbox_t *sb, hl_gva_t rip, char *text)
{
    size_t          i, left;
    const uint8_t  *p;

    p = hl_backtrace_memory(sb, rip, &left);

    if (p == NULL) {
        (void) strcpy(text, " unmapped");
        return;
    }

    for (i = 0; i < HL_FAULT_CODE && i < left; i++) {
        (void) snprintf(text + 3 * i, 4, " %02x", p[i]);
    }
}


static bool
hl_fault_in_stack_guard(const hl_layout_t *layout, hl_gva_t gva)
{
    hl_gva_t  bottom;

    bottom = layout->regions[HL_REGION_STACK].gva;

    return gva < bottom && gva >= bottom - HL_STACK_GUARD;
}
