/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_entry.c: the pages that the host puts into a guest.
 *
 * A call begins where the one before parked: behind the park's OUT stands
 * the entry code, which resets all state that CPL 3 can change and the host
 * does not see for free: selectors, flags, x87 to AVX-512, registers.  No
 * guest can write it, so none can keep anything past it.
 */

#include <string.h>

#include "hl_entry.h"
#include "hl_memory.h"
#include "hl_x86.h"


#define HL_STRING(x)   #x
#define HL_EXPAND(x)   HL_STRING(x)

/* Distances from the hypercall page, and members of the parameters page. */
#define HL_ENTRY_FPU     0x1000
#define HL_ENTRY_PARAMS  0x2000
#define HL_ENTRY_ENTRY   16
#define HL_ENTRY_STACK   48

_Static_assert(HL_GVA_FPU - HL_GVA_HYPERCALL == HL_ENTRY_FPU, "FPU page");
_Static_assert(HL_GVA_PARAMS - HL_GVA_HYPERCALL == HL_ENTRY_PARAMS,
               "parameters page");
_Static_assert(offsetof(hl_abi_params_t, entry) == HL_ENTRY_ENTRY, "entry");
_Static_assert(offsetof(hl_abi_params_t, stack_top) == HL_ENTRY_STACK,
               "stack_top");
_Static_assert(HL_HYPERCALL_PARK == 1, "the park's code below");
_Static_assert(HL_GVA_LEAVE - HL_GVA_PARK == 0x100, "the .org below");


/*
 * Position independent, since it refers to its neighbour pages only.  The
 * null selector would not do for the data segments: some AMD CPUs keep the
 * old base then.  XRSTOR from an image with XSTATE_BV 0 and a mask of ones
 * puts every enabled component into its initial state (SDM volume 1, 13.8);
 * FNINIT before it is for old AMD CPUs, on which that leaves x87 pointers.
 */
__asm__(
"    .pushsection .rodata.hl_entry, \"a\", @progbits         \n"
"    .balign 4096                                            \n"
"hl_entry_code:                                              \n"
"hl_entry_park:                                              \n"
"    movl     $1, %eax                                       \n"
"    outb     %al, $" HL_EXPAND(HL_PORT_LEAVE) "             \n"
"                                                            \n"
"    movq     hl_entry_code + " HL_EXPAND(HL_ENTRY_PARAMS)
              " + " HL_EXPAND(HL_ENTRY_STACK) "(%rip), %rsp  \n"
"    pushq    $2                                             \n"
"    popfq                                                   \n"
"    movl     $" HL_EXPAND(HL_SELECTOR_DATA) ", %eax         \n"
"    movl     %eax, %ds                                      \n"
"    movl     %eax, %es                                      \n"
"    movl     %eax, %fs                                      \n"
"    movl     %eax, %gs                                      \n"
"    fninit                                                  \n"
"    movl     $-1, %eax                                      \n"
"    movl     $-1, %edx                                      \n"
"    xrstor64 hl_entry_code + " HL_EXPAND(HL_ENTRY_FPU)
              "(%rip)                                        \n"
"    pushq    $0                                             \n"
"    xorl     %eax, %eax                                     \n"
"    xorl     %ebx, %ebx                                     \n"
"    xorl     %ecx, %ecx                                     \n"
"    xorl     %edx, %edx                                     \n"
"    xorl     %esi, %esi                                     \n"
"    xorl     %ebp, %ebp                                     \n"
"    xorl     %r8d, %r8d                                     \n"
"    xorl     %r9d, %r9d                                     \n"
"    xorl     %r10d, %r10d                                   \n"
"    xorl     %r11d, %r11d                                   \n"
"    xorl     %r12d, %r12d                                   \n"
"    xorl     %r13d, %r13d                                   \n"
"    xorl     %r14d, %r14d                                   \n"
"    xorl     %r15d, %r15d                                   \n"
"    leaq     hl_entry_code + " HL_EXPAND(HL_ENTRY_PARAMS)
              "(%rip), %rdi                                  \n"
"    jmpq     *hl_entry_code + " HL_EXPAND(HL_ENTRY_PARAMS)
              " + " HL_EXPAND(HL_ENTRY_ENTRY) "(%rip)        \n"
"                                                            \n"
"    .org     hl_entry_code + 0x100, 0xcc                    \n"
"    movl     %edi, %eax                                     \n"
"    outb     %al, $" HL_EXPAND(HL_PORT_LEAVE) "             \n"
"    ret                                                     \n"
"hl_entry_end:                                               \n"
"    .popsection                                             \n"
);

extern const uint8_t  hl_entry_code[] __attribute__((visibility("hidden")));
extern const uint8_t  hl_entry_end[] __attribute__((visibility("hidden")));


/* The 64-bit TSS: SDM volume 3, 8.7. */
#define HL_TSS_IST1       36
#define HL_TSS_IO_BASE    102
#define HL_TSS_IO_BITMAP  104

#define HL_STUB_SIZE    16
#define HL_STUBS        0x800           /* in the system page */
#define HL_GATE_DPL0    0x8e
#define HL_GATE_DPL3    0xee


static void hl_entry_tss(uint8_t *tss);
static void hl_entry_idt(uint8_t *page);
static void hl_entry_stub(uint8_t *stub, unsigned vector);


void
hl_entry_hypercall_page(uint8_t *page)
{
    memset(page, 0xcc, HL_PAGE_SIZE);
    memcpy(page, hl_entry_code, (size_t) (hl_entry_end - hl_entry_code));
}


void
hl_entry_fpu_page(uint8_t *page)
{
    uint16_t  fcw;
    uint32_t  mxcsr;

    fcw = HL_FCW_INITIAL;
    mxcsr = HL_MXCSR_INITIAL;

    memcpy(page + HL_XSAVE_FCW, &fcw, sizeof(fcw));
    memcpy(page + HL_XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
}


void
hl_entry_system_page(uint8_t *page)
{
    uint64_t  *gdt, tss;

    gdt = (uint64_t *) (void *) (page + (HL_GVA_GDT - HL_GVA_SYSTEM));
    tss = HL_GVA_TSS;

    gdt[HL_SELECTOR_KERNEL >> 3] = HL_DESC_KERNEL_CODE;
    gdt[HL_SELECTOR_DATA >> 3] = HL_DESC_USER_DATA;
    gdt[HL_SELECTOR_CODE >> 3] = HL_DESC_USER_CODE;
    gdt[HL_SELECTOR_TSS >> 3] = HL_TSS_LIMIT | (tss & 0xffffff) << 16
                                | HL_DESC_TSS_BUSY | (tss >> 24 & 0xff) << 56;
    gdt[(HL_SELECTOR_TSS >> 3) + 1] = tss >> 32;

    hl_entry_tss(page + (HL_GVA_TSS - HL_GVA_SYSTEM));
    hl_entry_idt(page);
}


/*
 * The I/O permission bitmap ends with the port that is allowed and a byte of
 * ones (SDM volume 1, 19.5.2); ports behind the TSS's limit are denied.
 */
static void
hl_entry_tss(uint8_t *tss)
{
    uint16_t  io_base;
    uint64_t  ist1;

    ist1 = HL_GVA_EXCEPTIONS + HL_PAGE_SIZE;
    io_base = HL_TSS_IO_BITMAP;

    memcpy(tss + HL_TSS_IST1, &ist1, sizeof(ist1));
    memcpy(tss + HL_TSS_IO_BASE, &io_base, sizeof(io_base));

    memset(tss + HL_TSS_IO_BITMAP, 0xff, HL_TSS_LIMIT + 1 - HL_TSS_IO_BITMAP);

    tss[HL_TSS_IO_BITMAP + HL_PORT_LEAVE / 8] =
                                (uint8_t) ~(1u << (HL_PORT_LEAVE % 8));
}


static void
hl_entry_idt(uint8_t *page)
{
    unsigned   vector;
    uint64_t  *gate, stub, type;

    gate = (uint64_t *) (void *) (page + (HL_GVA_IDT - HL_GVA_SYSTEM));

    for (vector = 0; vector < HL_VECTORS; vector++) {
        hl_entry_stub(page + HL_STUBS + vector * HL_STUB_SIZE, vector);

        stub = HL_GVA_SYSTEM + HL_STUBS + vector * HL_STUB_SIZE;
        type = vector == HL_VECTOR_BREAKPOINT || vector == HL_VECTOR_OVERFLOW
               ? HL_GATE_DPL3 : HL_GATE_DPL0;

        gate[2 * vector] = (stub & 0xffff)
                           | (uint64_t) HL_SELECTOR_KERNEL << 16
                           | 1ull << 32                 /* IST1 */
                           | type << 40
                           | (stub >> 16 & 0xffff) << 48;
        gate[2 * vector + 1] = stub >> 32;
    }
}


/* [push $0;] push $vector; out %al, $port; hlt (which is never reached) */
static void
hl_entry_stub(uint8_t *stub, unsigned vector)
{
    if (!(HL_VECTORS_ERROR & (1u << vector))) {
        *stub++ = 0x6a;
        *stub++ = 0;
    }

    *stub++ = 0x6a;
    *stub++ = (uint8_t) vector;
    *stub++ = 0xe6;
    *stub++ = HL_PORT_FAULT;
    *stub = 0xf4;
}
