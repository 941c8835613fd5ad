/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * secret.c: one call leaves a pattern wherever a guest can leave anything,
 * another looks for it in all of these places.  Both answer with a bit for
 * each place: a host that resets everything finds 0 in the second call.
 *
 * In memory a run of the pattern counts, so that the copies of it that the
 * search itself makes do not.
 */

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"


#define PROBE_PATTERN    0x5ec2e75ec2e75ec3ull
#define PROBE_RUN        16             /* words */
#define PROBE_WORDS      256
#define PROBE_HEAP       (64 * 1024)    /* bytes */

#define PROBE_RED_ZONE   128            /* bytes below the stack pointer */
#define PROBE_FLAT_DATA  0x2b           /* the selector at entry */
#define PROBE_NULL_RPL3  3              /* a null selector, told by its RPL */
#define PROBE_FCW        0x037f         /* at entry: x87 control word, */
#define PROBE_MXCSR      0x1f80         /* and MXCSR */
#define PROBE_FCW_SET    0x0f7f         /* the same, rounding to zero */
#define PROBE_MXCSR_SET  0x7f80

/* Intel SDM vol. 1, 13.3: XCR0. */
#define PROBE_XCR0_AVX     0x06
#define PROBE_XCR0_AVX512  0xe6

enum {
    PROBE_SECRET_DATA = 0x001,
    PROBE_SECRET_BSS = 0x002,
    PROBE_SECRET_HEAP = 0x004,
    PROBE_SECRET_STACK = 0x008,
    PROBE_SECRET_OUTPUT = 0x010,
    PROBE_SECRET_XMM = 0x020,
    PROBE_SECRET_YMM = 0x040,
    PROBE_SECRET_ZMM = 0x080,
    PROBE_SECRET_MASK = 0x100,          /* AVX-512 k registers */
    PROBE_SECRET_SELECTOR = 0x200,      /* ds, es, fs, gs */
    PROBE_SECRET_X87 = 0x400,           /* control word, ST(0) */
    PROBE_SECRET_MXCSR = 0x800
};


static uint64_t  in_data[PROBE_WORDS] = { 1 };
static uint64_t  in_bss[PROBE_WORDS];


/* ---- memory ------------------------------------------------------------ */

static void
fill(void *to, size_t size)
{
    volatile uint64_t  *p = to;
    size_t              i;

    for (i = 0; i < size / sizeof(*p); i++) {
        p[i] = PROBE_PATTERN;
    }
}


static bool
scan(uintptr_t from, uintptr_t to)
{
    size_t                    run;
    volatile const uint64_t  *p;

    run = 0;
    from = (from + sizeof(*p) - 1) & ~(uintptr_t) (sizeof(*p) - 1);

    for (p = hl_ptr(const uint64_t, from); (uintptr_t) (p + 1) <= to; p++) {
        run = *p == PROBE_PATTERN ? run + 1 : 0;

        if (run == PROBE_RUN) {
            return true;
        }
    }

    return false;
}


static probe_noinline void
fill_stack(void)
{
    uint64_t  frame[2 * PROBE_WORDS];

    fill(frame, sizeof(frame));
}


/* The unused rest of the area; what is in use is about to be sent. */

static uintptr_t
output_tail(void)
{
    hl_abi_output_t  *output;

    output = hl_ptr(hl_abi_output_t, hl_guest.params->output);

    return (uintptr_t) (output + 1) + output->size;
}


static uintptr_t
output_end(void)
{
    return hl_guest.params->output + hl_guest.params->output_size;
}


static uint32_t
memory_set(void)
{
    uintptr_t  tail;

    fill(in_data, sizeof(in_data));
    fill(in_bss, sizeof(in_bss));
    fill(malloc(PROBE_HEAP), PROBE_HEAP);
    fill_stack();

    tail = output_tail();
    fill(hl_ptr(void, tail), output_end() - tail);

    return PROBE_SECRET_DATA | PROBE_SECRET_BSS | PROBE_SECRET_HEAP
           | PROBE_SECRET_STACK | PROBE_SECRET_OUTPUT;
}


static probe_noinline uint32_t
memory_find(void)
{
    uint32_t    found;
    uintptr_t   sp, heap;

    found = 0;
    sp = (uintptr_t) __builtin_frame_address(0);
    heap = hl_guest.params->heap;

    if (scan((uintptr_t) in_data, (uintptr_t) (in_data + PROBE_WORDS))) {
        found |= PROBE_SECRET_DATA;
    }

    if (scan((uintptr_t) in_bss, (uintptr_t) (in_bss + PROBE_WORDS))) {
        found |= PROBE_SECRET_BSS;
    }

    if (scan(heap, heap + hl_guest.params->heap_size)) {
        found |= PROBE_SECRET_HEAP;
    }

    if (scan(hl_guest.params->stack_bottom, sp - PROBE_RED_ZONE)) {
        found |= PROBE_SECRET_STACK;
    }

    if (scan(output_tail(), output_end())) {
        found |= PROBE_SECRET_OUTPUT;
    }

    return found;
}


/* ---- registers --------------------------------------------------------- */

static bool
cpu_has(uint32_t xcr0_bits, uint32_t leaf, uint32_t ebx_bit)
{
    unsigned  a, b, c, d, xcr0, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0) {
        return false;
    }

    __asm__ volatile ("xgetbv" : "=a" (xcr0), "=d" (high) : "c" (0));

    if ((xcr0 & xcr0_bits) != xcr0_bits) {
        return false;
    }

    if (leaf == 1) {
        return (c & bit_AVX) != 0;
    }

    return __get_cpuid_count(leaf, 0, &a, &b, &c, &d) && (b & ebx_bit) != 0;
}


static bool
has_avx(void)
{
    return cpu_has(PROBE_XCR0_AVX, 1, 0);
}


static bool
has_avx512(void)
{
    return cpu_has(PROBE_XCR0_AVX512, 7, bit_AVX512F);
}


#define PROBE_EACH_16(op)                                                     \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)                           \
    op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)

#define PROBE_EACH_16_31(op)                                                  \
    op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23)                   \
    op(24) op(25) op(26) op(27) op(28) op(29) op(30) op(31)

#define PROBE_XMM_SET(n)                                                      \
    __asm__ volatile ("movq %0, %%xmm" #n "\n\t"                              \
                      "punpcklqdq %%xmm" #n ", %%xmm" #n                      \
                      : : "r" (PROBE_PATTERN) : "xmm" #n);

#define PROBE_XMM_GET(n)                                                      \
    __asm__ volatile ("movdqu %%xmm" #n ", %0" : "=m" (value));               \
    found = found || seen(value, 2);

#define PROBE_YMM_SET(n)                                                      \
    __asm__ volatile ("vinsertf128 $1, %%xmm" #n ", %%ymm" #n ", %%ymm" #n    \
                      : : : "xmm" #n);

#define PROBE_YMM_GET(n)                                                      \
    __asm__ volatile ("vmovdqu %%ymm" #n ", %0" : "=m" (value));              \
    found = found || seen(value, 4);

#define PROBE_ZMM_SET(n)                                                      \
    __asm__ volatile ("vpbroadcastq %0, %%zmm" #n                             \
                      : : "r" (PROBE_PATTERN));

#define PROBE_ZMM_GET(n)                                                      \
    __asm__ volatile ("vmovdqu64 %%zmm" #n ", %0" : "=m" (value));            \
    found = found || seen(value, 8);

#define PROBE_MASK_SET(n)                                                     \
    __asm__ volatile ("kmovw %0, %%k" #n                                      \
                      : : "r" ((uint32_t) PROBE_PATTERN));

#define PROBE_MASK_GET(n)                                                     \
    __asm__ volatile ("kmovw %%k" #n ", %0" : "=r" (mask));                   \
    found = found || (uint16_t) mask == (uint16_t) PROBE_PATTERN;


/* In any of the "n" words; the low ones may have been used since. */

static bool
seen(const uint64_t *value, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (value[i] == PROBE_PATTERN) {
            return true;
        }
    }

    return false;
}


static bool
xmm_find(void)
{
    bool      found = false;
    uint64_t  value[2];

    PROBE_EACH_16(PROBE_XMM_GET)

    return found;
}


static bool
ymm_find(void)
{
    bool      found = false;
    uint64_t  value[4];

    PROBE_EACH_16(PROBE_YMM_GET)

    return found;
}


static bool
zmm_find(void)
{
    bool      found = false;
    uint64_t  value[8];

    PROBE_EACH_16(PROBE_ZMM_GET)
    PROBE_EACH_16_31(PROBE_ZMM_GET)

    return found;
}


static bool
mask_find(void)
{
    bool      found = false;
    uint32_t  mask;

    PROBE_MASK_GET(1) PROBE_MASK_GET(2) PROBE_MASK_GET(3) PROBE_MASK_GET(4)
    PROBE_MASK_GET(5) PROBE_MASK_GET(6) PROBE_MASK_GET(7)

    return found;
}


static bool
selector_find(void)
{
    uint16_t  ds, es, fs, gs;

    __asm__ volatile ("movw %%ds, %0; movw %%es, %1; "
                      "movw %%fs, %2; movw %%gs, %3"
                      : "=r" (ds), "=r" (es), "=r" (fs), "=r" (gs));

    return ds != PROBE_FLAT_DATA || es != PROBE_FLAT_DATA
           || fs != PROBE_FLAT_DATA || gs != PROBE_FLAT_DATA;
}


static bool
x87_find(void)
{
    uint16_t  fcw;
    uint64_t  mm[8] = { 0 };

    __asm__ volatile ("fnstcw %0" : "=m" (fcw));

    /* MMX registers are the significands of the x87's. */
    __asm__ volatile ("movq %%mm0, %0; movq %%mm7, %1; emms"
                      : "=m" (mm[0]), "=m" (mm[7]));

    return fcw != PROBE_FCW || seen(mm, 8);
}


static bool
mxcsr_find(void)
{
    uint32_t  mxcsr;

    __asm__ volatile ("stmxcsr %0" : "=m" (mxcsr));

    return mxcsr != PROBE_MXCSR;
}


/* Leaves the x87 in MMX state with another control word: nobody uses it. */

static void
control_set(void)
{
    static const uint16_t  fcw = PROBE_FCW_SET;
    static const uint32_t  mxcsr = PROBE_MXCSR_SET;

    __asm__ volatile ("fldcw %0; ldmxcsr %1; movq %2, %%mm0; movq %2, %%mm7"
                      : : "m" (fcw), "m" (mxcsr), "r" (PROBE_PATTERN));
    __asm__ volatile ("movw %w0, %%ds; movw %w0, %%es; "
                      "movw %w0, %%fs; movw %w0, %%gs"
                      : : "r" (PROBE_NULL_RPL3));
}


static uint32_t
registers_set(void)
{
    uint32_t  set;

    set = PROBE_SECRET_XMM | PROBE_SECRET_SELECTOR | PROBE_SECRET_X87
          | PROBE_SECRET_MXCSR;

    if (has_avx512()) {
        set |= PROBE_SECRET_ZMM | PROBE_SECRET_MASK;
        PROBE_EACH_16_31(PROBE_ZMM_SET)
        PROBE_MASK_SET(1) PROBE_MASK_SET(2) PROBE_MASK_SET(3)
        PROBE_MASK_SET(4) PROBE_MASK_SET(5) PROBE_MASK_SET(6)
        PROBE_MASK_SET(7)
    }

    PROBE_EACH_16(PROBE_XMM_SET)

    if (has_avx()) {
        set |= PROBE_SECRET_YMM;
        PROBE_EACH_16(PROBE_YMM_SET)
    }

    control_set();

    return set;
}


/* First of all, before the search of memory uses any of them. */

static uint32_t
registers_find(void)
{
    uint32_t  found;

    found = xmm_find() ? PROBE_SECRET_XMM : 0;

    if (has_avx()) {
        found |= ymm_find() ? PROBE_SECRET_YMM : 0;
    }

    if (has_avx512()) {
        found |= zmm_find() ? PROBE_SECRET_ZMM : 0;
        found |= mask_find() ? PROBE_SECRET_MASK : 0;
    }

    found |= selector_find() ? PROBE_SECRET_SELECTOR : 0;
    found |= x87_find() ? PROBE_SECRET_X87 : 0;
    found |= mxcsr_find() ? PROBE_SECRET_MXCSR : 0;

    return found;
}


uint32_t
probe_secret_set(void)
{
    uint32_t  set;

    set = memory_set();

    return set | registers_set();
}


uint32_t
probe_secret_find(void)
{
    uint32_t  found;

    found = registers_find();

    return found | memory_find();
}


/* ---- guest functions --------------------------------------------------- */

static uint32_t
set_secret(void)
{
    return probe_secret_set();
}


static uint32_t
find_secret(void)
{
    return probe_secret_find();
}


/* Both in one call: finds what SetSecret set, or the search is blind. */

static uint32_t
set_and_find_secret(void)
{
    (void) probe_secret_set();

    return probe_secret_find();
}


/* Printed before it is done: to print may use the registers. */

static void
set_secret_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_printf(resp, "set\n");
    (void) probe_secret_set();
}


static void
find_secret_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_printf(resp, "%x\n", (unsigned) probe_secret_find());
}


HYPERLIGHT_WRAP_FUNCTION(set_secret, UInt, 0)
HYPERLIGHT_WRAP_FUNCTION(find_secret, UInt, 0)
HYPERLIGHT_WRAP_FUNCTION(set_and_find_secret, UInt, 0)


void
probe_secret_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("SetSecret", set_secret);
    HYPERLIGHT_REGISTER_FUNCTION("FindSecret", find_secret);
    HYPERLIGHT_REGISTER_FUNCTION("SetAndFindSecret", set_and_find_secret);

    hl_http_register("set_secret", set_secret_http);
    hl_http_register("find_secret", find_secret_http);
}
