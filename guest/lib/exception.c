/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * exception.c: hl_set_exception_handler(), and what is between the host and
 * a handler.
 *
 * The host enters hl_exception_entry() for all exceptions, from the first
 * registration until the last handler is removed.
 */

#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "hl_guest.h"
#include "hyperlight_exception.h"


#define HL_CPUID_XSAVE  0xd             /* SDM volume 1, 13.2 */
#define HL_XSAVE_ALIGN  64u

#define HL_STRING(x)    #x
#define HL_EXPAND(x)    HL_STRING(x)

/* What the code below knows of structures. */
#define HL_PARAMS_LEAVE  32

_Static_assert(offsetof(hl_guest_t, params) == 0, "of hl_guest, below");
_Static_assert(offsetof(hl_abi_params_t, leave) == HL_PARAMS_LEAVE,
               "of the parameters page, below");

_Static_assert(sizeof(hl_exception_t) == sizeof(hl_abi_exception_t)
               && offsetof(hl_exception_t, rip)
                  == offsetof(hl_abi_exception_t, rip)
               && offsetof(hl_exception_t, rax)
                  == offsetof(hl_abi_exception_t, gpr),
               "the public structure is the ABI's");


static size_t hl_exception_fpu(void);

/* By the code below alone, hence not static. */
void hl_exception_entry(void);
hl_abi_hypercall_t hl_exception_handle(hl_exception_t *e);

extern size_t  hl_exception_fpu_size;


static hl_exception_handler_pt  hl_exception_handlers[hl_exceptions];

/* Bytes that XSAVE takes; 0: none was ever registered. */
size_t  hl_exception_fpu_size;


int
hl_set_exception_handler(unsigned vector, hl_exception_handler_pt handler)
{
    size_t     i;
    uint64_t   entry;

    if (vector >= hl_exceptions) {
        errno = EINVAL;
        return -1;
    }

    if (hl_exception_fpu_size == 0) {
        hl_exception_fpu_size = hl_exception_fpu();
    }

    hl_exception_handlers[vector] = handler;

    entry = 0;

    for (i = 0; i < hl_exceptions; i++) {

        if (hl_exception_handlers[i] != NULL) {
            entry = (uint64_t) (uintptr_t) hl_exception_entry;
        }
    }

    memcpy(hl_record_add(HL_REC_HANDLER, sizeof(entry)), &entry,
           sizeof(entry));
    hl_leave(HL_HYPERCALL_FLUSH);

    return 0;
}


/* All components that the host has enabled, in standard form. */

static size_t
hl_exception_fpu(void)
{
    unsigned  a, b, c, d;

    __cpuid_count(HL_CPUID_XSAVE, 0, a, b, c, d);

    return ((size_t) b + HL_XSAVE_ALIGN - 1) & ~(size_t) (HL_XSAVE_ALIGN - 1);
}


hl_abi_hypercall_t
hl_exception_handle(hl_exception_t *e)
{
    hl_exception_handler_pt  handler;

    handler = e->vector < hl_exceptions ? hl_exception_handlers[e->vector]
                                        : NULL;

    if (handler == NULL) {
        return HL_HYPERCALL_FAULT;
    }

    return handler(e) ? HL_HYPERCALL_RESUME : HL_HYPERCALL_FAULT;
}


/*
 * void hl_exception_entry(hl_abi_exception_t *frame)
 *
 * The frame has all general registers, so that none must be kept.  The FPU
 * is saved under it: XSAVE wants 64-byte alignment and leaves most of its
 * header (offset 512) as it is, where XRSTOR wants zeros (SDM volume 1,
 * 13.4.2, 13.7, 13.8).  Neither it nor FNINIT waits for an x87 exception
 * that may be the one to handle.
 */
__asm__(
"    .pushsection .text.hl_exception_entry, \"ax\", @progbits \n"
"    .globl   hl_exception_entry                              \n"
"    .type    hl_exception_entry, @function                   \n"
"hl_exception_entry:                                          \n"
"    pushq    $2                                              \n"
"    popfq                                                    \n"
"    movq     %rdi, %rbx                                      \n"
"    andq     $-64, %rsp                                      \n"
"    subq     hl_exception_fpu_size(%rip), %rsp               \n"
"    xorl     %eax, %eax                                      \n"
"    movq     %rax, 512(%rsp)                                 \n"
"    movq     %rax, 520(%rsp)                                 \n"
"    movq     %rax, 528(%rsp)                                 \n"
"    movq     %rax, 536(%rsp)                                 \n"
"    movq     %rax, 544(%rsp)                                 \n"
"    movq     %rax, 552(%rsp)                                 \n"
"    movq     %rax, 560(%rsp)                                 \n"
"    movq     %rax, 568(%rsp)                                 \n"
"    movl     $-1, %eax                                       \n"
"    movl     $-1, %edx                                       \n"
"    xsave64  (%rsp)                                          \n"
"    fninit                                                   \n"
"    ldmxcsr  hl_exception_mxcsr(%rip)                        \n"
"    xorl     %ebp, %ebp                                      \n"
"    movq     %rbx, %rdi                                      \n"
"    call     hl_exception_handle                             \n"
"    movl     %eax, %edi                                      \n"
"    movl     $-1, %eax                                       \n"
"    movl     $-1, %edx                                       \n"
"    xrstor64 (%rsp)                                          \n"
"    movq     %rbx, %rsi                                      \n"
"    movq     hl_guest(%rip), %rax                            \n"
"    call     *" HL_EXPAND(HL_PARAMS_LEAVE) "(%rax)           \n"
"    ud2                                                      \n"
"    .size    hl_exception_entry, . - hl_exception_entry      \n"
"                                                             \n"
"    .balign  4                                               \n"
"hl_exception_mxcsr:                                          \n"
"    .long    0x1f80                                          \n"
"    .popsection                                              \n"
);
