/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * exception.c: handlers of exceptions.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <hyperlight_exception.h>
#include <hyperlight_guest.h>


#define EXCEPTION_BAD  0x10             /* nothing is there */


static jmp_buf         exception_jump;
static hl_exception_t  exception_last;
static int32_t         exception_count;


static bool
skip(hl_exception_t *e)
{
    exception_last = *e;
    exception_count++;
    e->rip += 2;

    return true;
}


static bool
jump(hl_exception_t *e)
{
    exception_last = *e;
    exception_count++;

    longjmp(exception_jump, 1);
}


static bool
decline(hl_exception_t *e)
{
    (void) e;

    LOG(hl_Level_Error, "declined");

    return false;
}


/* Uses the FPU's registers, all that the compiler finds. */

static bool
dirty(hl_exception_t *e)
{
    __asm__ volatile ("pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm1;"
                      "movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm15;"
                      "fldpi; fldpi"
                      : : : "xmm0", "xmm1", "xmm7", "xmm15", "st", "st(1)");

    return skip(e);
}


/* ud2 is two bytes long. */

static int32_t
ud2(void)
{
    exception_count = 0;
    hl_set_exception_handler(hl_exception_InvalidOpcode, skip);
    __asm__ volatile ("ud2");

    return exception_count == 1 && exception_last.vector == 6 ? 0 : -1;
}


/* Registered in hyperlight_main(). */

static int32_t
inherited(void)
{
    exception_count = 0;
    __asm__ volatile ("int3");

    return exception_count;
}


/* What the handler sees, and what it leaves alone. */

static int32_t
registers(void)
{
    uint64_t  sum;

    hl_set_exception_handler(hl_exception_InvalidOpcode, skip);

    __asm__ volatile (
        "movq $1, %%rax; movq $2, %%rcx; movq $3, %%rdx; movq $4, %%rsi;"
        "movq $5, %%rdi; movq $6, %%r8; movq $7, %%r9; movq $8, %%r10;"
        "movq $9, %%r11; movq $10, %%r12; movq $11, %%r13; movq $12, %%r14;"
        "movq $13, %%r15; stc; ud2; adcq %%rcx, %%rax; addq %%rdx, %%rax;"
        "addq %%rsi, %%rax; addq %%rdi, %%rax; addq %%r8, %%rax;"
        "addq %%r9, %%rax; addq %%r10, %%rax; addq %%r11, %%rax;"
        "addq %%r12, %%rax; addq %%r13, %%rax; addq %%r14, %%rax;"
        "addq %%r15, %%rax"
        : "=a" (sum) : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
        "r11", "r12", "r13", "r14", "r15", "cc", "memory");

    /* 1 to 13, and the carry */
    return sum == 92 && exception_last.rax == 1 && exception_last.r15 == 13
           && (exception_last.rflags & 1) != 0 ? 0 : (int32_t) sum;
}


/* A handler's registers are taken over. */

static bool
answer(hl_exception_t *e)
{
    e->rax = 0x1122334455667788;
    e->r9 = 99;
    e->rflags ^= 1;                     /* CF */
    e->rip += 2;

    return true;
}


static int32_t
change(void)
{
    uint8_t            carry;
    uint64_t           a;
    register uint64_t  r9 __asm__("r9") = 0;

    hl_set_exception_handler(hl_exception_InvalidOpcode, answer);

    __asm__ volatile ("clc; ud2; setc %1"
                      : "=a" (a), "=r" (carry), "+r" (r9) : : "cc");

    return a == 0x1122334455667788 && r9 == 99 && carry == 1 ? 0 : -1;
}


/* The red zone of a leaf function, and the FPU. */

static int32_t
red_zone(void)
{
    uint64_t  a, b;

    hl_set_exception_handler(hl_exception_InvalidOpcode, skip);

    __asm__ volatile ("movq $0x1111, -8(%%rsp); movq $0x2222, -128(%%rsp);"
                      "ud2; movq -8(%%rsp), %0; movq -128(%%rsp), %1"
                      : "=&r" (a), "=&r" (b) : : "memory");

    return a == 0x1111 && b == 0x2222 ? 0 : -1;
}


static int32_t
fpu(void)
{
    float     f;
    uint32_t  xmm, xmm15, mxcsr, changed;

    hl_set_exception_handler(hl_exception_InvalidOpcode, dirty);

    /* round down: not the initial state */
    changed = 0x3f80;

    __asm__ volatile ("movl $0x1234, %%eax; movd %%eax, %%xmm1;"
                      "movl $0x5678, %%eax; movd %%eax, %%xmm15;"
                      "ldmxcsr %5; fld1; ud2; fstps %0;"
                      "movd %%xmm1, %1; movd %%xmm15, %2; stmxcsr %3"
                      : "=m" (f), "=&r" (xmm), "=&r" (xmm15), "=m" (mxcsr),
                        "+m" (changed)
                      : "m" (changed)
                      : "eax", "xmm1", "xmm15", "memory");

    return f == 1.0f && xmm == 0x1234 && xmm15 == 0x5678
           && (mxcsr & 0xffc0) == 0x3f80 ? 0 : -1;
}


/* With AVX: the upper half of a register. */

static int32_t
avx(void)
{
    uint32_t  a[8], b[8];

    if (!__builtin_cpu_supports("avx")) {
        return 1;
    }

    memset(a, 0x77, sizeof(a));
    memset(b, 0, sizeof(b));

    hl_set_exception_handler(hl_exception_InvalidOpcode, dirty);

    __asm__ volatile ("vmovups (%0), %%ymm9; ud2; vmovups %%ymm9, (%1);"
                      "vzeroupper"
                      : : "r" (a), "r" (b) : "xmm9", "memory");

    return memcmp(a, b, sizeof(a)) == 0 ? 0 : -1;
}


/* An x87 exception that is pending when the state is saved. */

static int32_t
x87(void)
{
    uint16_t  cw;

    cw = 0x037b;                        /* division by zero unmasked */
    exception_count = 0;

    hl_set_exception_handler(hl_exception_X87FloatingPoint, jump);

    if (setjmp(exception_jump) == 0) {
        __asm__ volatile ("fldcw %0; fldz; fld1; fdivp; fwait" : : "m" (cw));
        return -1;
    }

    return exception_count == 1 && exception_last.vector == 16 ? 0 : -2;
}


static int32_t
divide(void)
{
    volatile int  zero;

    zero = 0;
    exception_count = 0;

    hl_set_exception_handler(hl_exception_DivideError, jump);

    if (setjmp(exception_jump) == 0) {
        zero = 1000 / zero;
        return -1;
    }

    return exception_count == 1 && exception_last.vector == 0 ? 0 : -2;
}


/* Of a page fault: address, and the error code's user and write bits. */

static int32_t
page_fault(void)
{
    volatile char *volatile  p;

    p = (volatile char *) EXCEPTION_BAD;

    hl_set_exception_handler(hl_exception_PageFault, jump);

    if (setjmp(exception_jump) == 0) {
        *p = 1;
        return -1;
    }

    return exception_last.address == EXCEPTION_BAD
           && exception_last.error_code == 6 ? 0 : -2;
}


/* Again and again: the handler is not used up by longjmp(). */

static int32_t
many(int32_t n)
{
    int32_t  sum;

    for (sum = 0; sum < n; sum++) {

        if (page_fault() != 0) {
            break;
        }
    }

    return sum;
}


/* A handler that itself needs one. */

static bool
nested_outer(hl_exception_t *e)
{
    __asm__ volatile ("int3");          /* its handler counts */

    e->rip += 2;
    exception_count += 10;

    return true;
}


static int32_t
nested(void)
{
    exception_count = 0;

    hl_set_exception_handler(hl_exception_InvalidOpcode, nested_outer);
    __asm__ volatile ("ud2");

    return exception_count;
}


/* Fails each time, until there is no stack left. */

static bool
endless_handler(hl_exception_t *e)
{
    (void) e;

    __asm__ volatile ("ud2");

    return true;
}


static void
endless(void)
{
    hl_set_exception_handler(hl_exception_InvalidOpcode, endless_handler);
    __asm__ volatile ("ud2");
}


static void
declined(void)
{
    hl_set_exception_handler(hl_exception_InvalidOpcode, decline);
    __asm__ volatile ("ud2");
}


/* The library reads from a bad pointer, in the middle of a host call. */

static void
declined_in_call(void)
{
    hl_Parameter     param = { .tag = hl_ParameterType_VecBytes,
                               .value.VecBytes = {
                                   (uint8_t *) EXCEPTION_BAD, 8 } };
    hl_FunctionCall  call = { .function_name = "Tick",
                              .parameters = &param,
                              .parameters_len = 1,
                              .return_type = hl_ReturnType_Void };

    hl_set_exception_handler(hl_exception_PageFault, decline);
    hl_call_host_function(&call);
}


static void
unhandled(void)
{
    __asm__ volatile ("ud2");
}


static void
removed(void)
{
    hl_set_exception_handler(hl_exception_InvalidOpcode, skip);
    hl_set_exception_handler(hl_exception_InvalidOpcode, NULL);
    __asm__ volatile ("ud2");
}


static int32_t
bad_vector(void)
{
    errno = 0;

    return hl_set_exception_handler(32, skip) == -1 ? errno : 0;
}


/* The library reads from a bad pointer, in the middle of a print. */

static bool
log_and_jump(hl_exception_t *e)
{
    LOG(hl_Level_Error, "from a handler");

    return jump(e);
}


static int32_t
in_library(void)
{
    static const char *volatile  bad = (const char *) EXCEPTION_BAD;

    hl_set_exception_handler(hl_exception_PageFault, log_and_jump);

    fputs("before", stdout);
    fflush(stdout);

    if (setjmp(exception_jump) == 0) {
        fputs(bad, stdout);
        return -1;
    }

    fputs("after", stdout);

    return 0;
}


static bool
after_breakpoint(hl_exception_t *e)
{
    exception_last = *e;
    exception_count++;

    return true;
}


HYPERLIGHT_WRAP_FUNCTION(ud2, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(inherited, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(registers, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(change, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(red_zone, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(fpu, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(avx, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(x87, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(divide, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(page_fault, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(many, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(nested, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(endless, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(declined, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(declined_in_call, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(unhandled, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(removed, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(bad_vector, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(in_library, Int, 0)


void
hyperlight_main(void)
{
    hl_set_exception_handler(hl_exception_Breakpoint, after_breakpoint);

    HYPERLIGHT_REGISTER_FUNCTION("Ud2", ud2);
    HYPERLIGHT_REGISTER_FUNCTION("Inherited", inherited);
    HYPERLIGHT_REGISTER_FUNCTION("Registers", registers);
    HYPERLIGHT_REGISTER_FUNCTION("Change", change);
    HYPERLIGHT_REGISTER_FUNCTION("RedZone", red_zone);
    HYPERLIGHT_REGISTER_FUNCTION("Fpu", fpu);
    HYPERLIGHT_REGISTER_FUNCTION("Avx", avx);
    HYPERLIGHT_REGISTER_FUNCTION("X87", x87);
    HYPERLIGHT_REGISTER_FUNCTION("Divide", divide);
    HYPERLIGHT_REGISTER_FUNCTION("PageFault", page_fault);
    HYPERLIGHT_REGISTER_FUNCTION("Many", many);
    HYPERLIGHT_REGISTER_FUNCTION("Nested", nested);
    HYPERLIGHT_REGISTER_FUNCTION("Endless", endless);
    HYPERLIGHT_REGISTER_FUNCTION("Declined", declined);
    HYPERLIGHT_REGISTER_FUNCTION("DeclinedInCall", declined_in_call);
    HYPERLIGHT_REGISTER_FUNCTION("Unhandled", unhandled);
    HYPERLIGHT_REGISTER_FUNCTION("Removed", removed);
    HYPERLIGHT_REGISTER_FUNCTION("BadVector", bad_vector);
    HYPERLIGHT_REGISTER_FUNCTION("InLibrary", in_library);
}
