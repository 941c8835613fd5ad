/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * register.c: SSE and AVX registers, x87 and SSE control words, which have to
 * be the same after the guest was stopped: by an exit of its own, and by the
 * end of its time slice.
 *
 * KeepSse(turns) and KeepAvx(turns) fill all of them, leave once, go round an
 * empty loop, and return how many have changed: 0, or UINT32_MAX if the
 * processor has no AVX.
 */

#include <cpuid.h>
#include <string.h>

#include "conformance.h"


#define REGISTERS   16
#define RED_ZONE    128                 /* below the stack pointer, not ours */

#define FCW         0x037f              /* at entry */
#define FCW_SET     0x0f7f              /* rounding to zero */
#define MXCSR       0x1f80
#define MXCSR_SET   0x7f80

/* Intel SDM vol. 1, 13.3: XCR0. */
#define XCR0_AVX    0x06


typedef struct {
    uint8_t   in[REGISTERS][32];
    uint8_t   out[REGISTERS][32];
    uint32_t  mxcsr;
    uint16_t  fcw;
} registers_t;

static registers_t  registers;


/* "move" is movups or vmovups, "name" xmm or ymm. */
#define KEEP(move, name)                                                      \
    __asm__ volatile (                                                        \
        "subq %[red_zone], %%rsp\n\t"                                         \
        "ldmxcsr %[mxcsr]\n\t"                                                \
        "fldcw %[fcw]\n\t"                                                    \
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"                    \
        #move " 32*\\n(%[in]), %%" #name "\\n\n\t"                            \
        ".endr\n\t"                                                           \
        "movl %[flush], %%edi\n\t"                                            \
        "xorl %%esi, %%esi\n\t"                                               \
        "call *%[leave]\n\t"                                                  \
        "testq %[turns], %[turns]\n\t"                                        \
        "jz 2f\n"                                                             \
        "1:\n\t"                                                              \
        "decq %[turns]\n\t"                                                   \
        "jnz 1b\n"                                                            \
        "2:\n\t"                                                              \
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"                    \
        #move " %%" #name "\\n, 32*\\n(%[out])\n\t"                           \
        ".endr\n\t"                                                           \
        "stmxcsr %[mxcsr]\n\t"                                                \
        "fnstcw %[fcw]\n\t"                                                   \
        "addq %[red_zone], %%rsp"                                             \
        : [turns] "+r" (turns), [mxcsr] "+m" (registers.mxcsr),               \
          [fcw] "+m" (registers.fcw)                                          \
        : [in] "r" (registers.in), [out] "r" (registers.out),                 \
          [leave] "r" (hl_guest.params->leave),                               \
          [flush] "i" (HL_HYPERCALL_FLUSH), [red_zone] "i" (RED_ZONE)         \
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",        \
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",     \
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",        \
          "xmm15", "memory", "cc")


static void
fill(void)
{
    size_t   i;
    uint8_t  *p;

    p = &registers.in[0][0];

    for (i = 0; i < sizeof(registers.in); i++) {
        p[i] = (uint8_t) (i * 7 + 1);
    }

    memset(registers.out, 0, sizeof(registers.out));
    registers.mxcsr = MXCSR_SET;
    registers.fcw = FCW_SET;
}


/* Compares the first "size" bytes of each; C goes on with its own modes. */

static uint32_t
changed(size_t size)
{
    size_t                 i;
    uint32_t               n;
    static const uint16_t  fcw = FCW;
    static const uint32_t  mxcsr = MXCSR;

    __asm__ volatile ("fldcw %0; ldmxcsr %1" : : "m" (fcw), "m" (mxcsr));

    n = registers.mxcsr != MXCSR_SET;
    n += registers.fcw != FCW_SET;

    for (i = 0; i < REGISTERS; i++) {
        n += memcmp(registers.in[i], registers.out[i], size) != 0;
    }

    return n;
}


static void
keep_sse_registers(uint64_t turns)
{
    KEEP(movups, xmm);
}


static void
keep_avx_registers(uint64_t turns)
{
    KEEP(vmovups, ymm);
    __asm__ volatile ("vzeroupper");
}


static bool
has_avx(void)
{
    unsigned  a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
        return false;
    }

    __asm__ volatile ("xgetbv" : "=a" (a), "=d" (d) : "c" (0));

    return (a & XCR0_AVX) == XCR0_AVX;
}


static uint32_t
keep_sse(uint64_t turns)
{
    fill();
    keep_sse_registers(turns);

    return changed(16);
}


static uint32_t
keep_avx(uint64_t turns)
{
    if (!has_avx()) {
        return UINT32_MAX;
    }

    fill();
    keep_avx_registers(turns);

    return changed(32);
}


HYPERLIGHT_WRAP_FUNCTION(keep_sse, UInt, 1, ULong)
HYPERLIGHT_WRAP_FUNCTION(keep_avx, UInt, 1, ULong)


void
conformance_register_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("KeepSse", keep_sse);
    HYPERLIGHT_REGISTER_FUNCTION("KeepAvx", keep_avx);
}
