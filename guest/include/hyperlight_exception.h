/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hyperlight_exception.h: a guest's own handlers of CPU exceptions, which
 * Hyperlight's C API does not have.
 *
 *     static bool
 *     skip(hl_exception_t *e)
 *     {
 *         e->rip += 2;                    a ud2 is two bytes long
 *         return true;
 *     }
 *
 *     hl_set_exception_handler(hl_exception_InvalidOpcode, skip);
 *
 * An exception without a handler ends the call: the host reports vector,
 * instruction pointer, address and registers.
 */

#ifndef _HYPERLIGHT_EXCEPTION_H_INCLUDED_
#define _HYPERLIGHT_EXCEPTION_H_INCLUDED_


#include <stdbool.h>
#include <stdint.h>


#ifdef __cplusplus
extern "C" {
#endif


/* Those that a guest can cause. */
enum {
    hl_exception_DivideError = 0,
    hl_exception_Debug = 1,
    hl_exception_Breakpoint = 3,
    hl_exception_Overflow = 4,
    hl_exception_BoundRange = 5,
    hl_exception_InvalidOpcode = 6,
    hl_exception_DeviceNotAvailable = 7,
    hl_exception_InvalidTSS = 10,
    hl_exception_SegmentNotPresent = 11,
    hl_exception_StackSegmentFault = 12,
    hl_exception_GeneralProtection = 13,
    hl_exception_PageFault = 14,
    hl_exception_X87FloatingPoint = 16,
    hl_exception_AlignmentCheck = 17,
    hl_exception_SIMDFloatingPoint = 19,

    hl_exceptions = 32                  /* vectors are below this */
};


/*
 * What was interrupted.  A handler may change rip, the registers from rax
 * on, and of rflags the status flags and DF; all else is for reading.
 */
typedef struct {
    uint64_t  vector;
    uint64_t  error_code;               /* 0 for vectors that have none */
    uint64_t  address;                  /* of a page fault */
    uint64_t  rip;                      /* behind the instruction of a
                                           breakpoint, at that of a fault */
    uint64_t  rflags;
    uint64_t  reserved;

    uint64_t  rax;
    uint64_t  rcx;
    uint64_t  rdx;
    uint64_t  rbx;
    uint64_t  rsp;
    uint64_t  rbp;
    uint64_t  rsi;
    uint64_t  rdi;
    uint64_t  r8;
    uint64_t  r9;
    uint64_t  r10;
    uint64_t  r11;
    uint64_t  r12;
    uint64_t  r13;
    uint64_t  r14;
    uint64_t  r15;
} hl_exception_t;


/*
 * Handles an exception: true goes on from what *e says now, false ends the
 * call as if there were no handler.
 *
 * It runs on the stack of what it interrupts, below its red zone (128 bytes
 * under rsp are left alone), and needs about 4 KiB there: if the stack is
 * used up, or rsp points elsewhere than to memory that the guest may write
 * to, the call ends without it.  The FPU is in its initial state; that of
 * what was interrupted, SSE and AVX registers included, is put back behind
 * it, whatever the handler does.
 *
 * It interrupts anything, malloc() and the library too, which are not
 * reentrant: it may call hl_log(), the hl_abort_... functions, functions
 * that only use their arguments, as memcpy(), and others if it knows what
 * it interrupted.  It may longjmp() out.
 *
 * An exception in a handler calls the handler of its vector, the same one
 * perhaps: one that always fails ends with the stack, or with its time.
 */
typedef bool (*hl_exception_handler_pt)(hl_exception_t *e);

/*
 * Sets the handler of a vector, or removes it with NULL.  In
 * hyperlight_main() for all calls, later for the call that runs.  Returns
 * 0, or -1 and EINVAL if there is no such vector.
 */
int hl_set_exception_handler(unsigned vector,
    hl_exception_handler_pt handler);


#ifdef __cplusplus
}
#endif


#endif /* _HYPERLIGHT_EXCEPTION_H_INCLUDED_ */
