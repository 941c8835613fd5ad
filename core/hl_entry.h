/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_entry.h: the hypercall page and the system page: all the code that
 * runs in a guest and is not the guest's.
 */

#ifndef _HL_ENTRY_H_INCLUDED_
#define _HL_ENTRY_H_INCLUDED_


#include "hl_layout.h"


/* The one port that CPL 3 may write, and the stubs' own. */
#define HL_PORT_LEAVE   0x80
#define HL_PORT_FAULT   0x81

#define HL_OUT_SIZE     2       /* bytes of "out %al, $imm8" */


/* Addresses in the guest. */
#define HL_GVA_PARK     HL_GVA_HYPERCALL
#define HL_GVA_LEAVE    (HL_GVA_HYPERCALL + 0x100)

/* Of the two OUTs; the entry code follows the first. */
#define HL_GVA_PARK_OUT   (HL_GVA_PARK + 5)
#define HL_GVA_LEAVE_OUT  (HL_GVA_LEAVE + 2)
#define HL_GVA_ENTRY      (HL_GVA_PARK_OUT + HL_OUT_SIZE)

/* In the system page. */
#define HL_GVA_GDT      HL_GVA_SYSTEM
#define HL_GVA_TSS      (HL_GVA_SYSTEM + 0x100)
#define HL_TSS_LIMIT    0x79
#define HL_GVA_IDT      (HL_GVA_SYSTEM + 0x400)
#define HL_IDT_LIMIT    (HL_VECTORS * 16 - 1)


/*
 * What an exception stub leaves at the end of the exceptions region: the
 * CPU's frame (SDM volume 3, 6.14.2), the error code or 0, the vector.
 */
typedef struct {
    uint64_t  vector;
    uint64_t  error_code;
    uint64_t  rip;
    uint64_t  cs;
    uint64_t  rflags;
    uint64_t  rsp;
    uint64_t  ss;
} hl_exception_frame_t;

_Static_assert(sizeof(hl_exception_frame_t) == 56, "exception frame");


/* Fill zeroed pages. */
void hl_entry_hypercall_page(uint8_t *page);
void hl_entry_fpu_page(uint8_t *page);
void hl_entry_system_page(uint8_t *page);


#endif /* _HL_ENTRY_H_INCLUDED_ */
