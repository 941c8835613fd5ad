/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * attack.c: a guest that tries to break out, or to leave something behind,
 * in each of the ways of t/attack/attacks.h; and Witness(), an innocent call
 * that looks for what others have left.
 *
 * The guest parks with a dispatcher of its own: it takes down all registers
 * before any other instruction of the guest has run.
 */

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"
#include "hyperlight_exception.h"
#include "hyperlight_http.h"


#define ATTACK_PATTERN     0x5ec2e75ec2e75ec3ull
#define ATTACK_KEPT        0x4b3f1c9d7a5e2086ull    /* in memory alone */
#define ATTACK_WORDS       512
#define ATTACK_RUN         8            /* words: one is no secret */
#define ATTACK_RED_ZONE    128

#define ATTACK_FLAGS       2            /* as they are at entry */
#define ATTACK_STATUS      0xad5        /* IF, and what is of no meaning */
#define ATTACK_SELECTOR    0x2b
#define ATTACK_FCW         0x037f
#define ATTACK_MXCSR       0x1f80
#define ATTACK_PKRU        0x12345674   /* what attacks leave there */

#define ATTACK_XSAVE_BV    512
#define ATTACK_XCR0_AVX    0x06
#define ATTACK_XCR0_512    0xe6

/* The registers taken down: rax to r15, flags, ds es fs gs. */
#define ATTACK_RSP         4
#define ATTACK_RDI         7
#define ATTACK_RFLAGS      16
#define ATTACK_DS          17
#define ATTACK_REGISTERS   21

/* What Witness() may find. */
enum {
    ATTACK_FOUND_GPR = 0x01,
    ATTACK_FOUND_FLAGS = 0x02,
    ATTACK_FOUND_SELECTOR = 0x04,
    ATTACK_FOUND_X87 = 0x08,
    ATTACK_FOUND_MXCSR = 0x10,
    ATTACK_FOUND_XMM = 0x20,
    ATTACK_FOUND_DATA = 0x40,
    ATTACK_FOUND_BSS = 0x80,
    ATTACK_FOUND_HEAP = 0x100,
    ATTACK_FOUND_STACK = 0x200,
    ATTACK_FOUND_OUTPUT = 0x400,
    ATTACK_FOUND_COMPONENT = 0x10000    /* shifted by its number, 2 to 9 */
};


/* What attack_code.h and the attacks name; not static, for assembly. */
void attack_run(void);
void attack_save(void);
void attack_dispatch(const hl_abi_params_t *params);
uint64_t attack_with_pattern(void);
uint32_t attack_try(const void *code, uint64_t rax, uint64_t rdx);
void attack_caught(void);

extern uint64_t  attack_registers[ATTACK_REGISTERS];
extern uint8_t   attack_xsave[8192];
extern uint8_t   attack_buffer[8192];
extern uint64_t  attack_park, attack_leave, attack_heap_end, attack_try_rsp;
extern uint64_t  attack_run_rsp;
extern uint32_t  attack_avx, attack_avx512;
extern const void  *attack_code;

uint64_t     attack_registers[ATTACK_REGISTERS];
uint8_t      attack_xsave[8192] __attribute__((aligned(4096)));
uint8_t      attack_buffer[8192] __attribute__((aligned(4096)));
uint64_t     attack_park, attack_leave, attack_heap_end, attack_try_rsp;
uint64_t     attack_run_rsp;
uint32_t     attack_avx, attack_avx512;
const void  *attack_code;

static uint64_t  attack_word = ATTACK_PATTERN;
static uint64_t  attack_data[ATTACK_WORDS] = { 1 };
static uint64_t  attack_bss[ATTACK_WORDS];

#include "../../attack/attack_code.h"
#include "../../attack/attack_calls.h"
#include "../../attack/attack_output.h"


/* ---- the table --------------------------------------------------------- */

typedef uint64_t (*attack_call_pt)(void);

#define CODE_2(name, text, hardware, here)                                    \
    __asm__(".pushsection .text; attack_code_" #name ": " text "; ret; "      \
            ".popsection");                                                   \
    extern const uint8_t  attack_code_##name[];
#define CALL(name, ends)

#include "../../attack/attacks.h"

#undef CODE_2
#undef CALL

#define CODE_2(name, text, hardware, here)                                    \
    { #name, attack_code_##name, NULL },
#define CALL(name, ends)  { #name, NULL, call_##name },

static const struct {
    const char      *name;
    const void      *code;
    attack_call_pt   call;
} attacks[] = {
#include "../../attack/attacks.h"
};


/* ---- what is left behind ----------------------------------------------- */

static void
attack_fill(void *to, size_t size)
{
    size_t              i;
    volatile uint64_t  *p;

    p = to;

    for (i = 0; i < size / sizeof(*p); i++) {
        p[i] = attack_word;
    }
}


static __attribute__((noinline)) void
attack_fill_stack(void)
{
    uint64_t  frame[2 * ATTACK_WORDS];

    attack_fill(frame, sizeof(frame));
}


static uintptr_t
attack_output_tail(void)
{
    hl_abi_output_t  *output;

    output = hl_ptr(hl_abi_output_t, hl_guest.params->output);

    return (uintptr_t) (output + 1) + output->size;
}


static uintptr_t
attack_output_end(void)
{
    return hl_guest.params->output + hl_guest.params->output_size;
}


static void
attack_soil(void)
{
    size_t     i;
    uintptr_t  tail;

    attack_fill(attack_data, sizeof(attack_data));
    attack_fill(attack_bss, sizeof(attack_bss));
    attack_fill_stack();

    for (i = 0; i < 8; i++) {
        attack_fill(malloc(ATTACK_WORDS * sizeof(uint64_t)),
                    ATTACK_WORDS * sizeof(uint64_t));
    }

    tail = attack_output_tail();
    attack_fill(hl_ptr(void, tail), attack_output_end() - tail);
}


static uint64_t
attack(const char *name)
{
    size_t  i;

    for (i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {

        if (strcmp(attacks[i].name, name) != 0) {
            continue;
        }

        attack_soil();

        if (attacks[i].call != NULL) {
            return attacks[i].call();
        }

        attack_code = attacks[i].code;

        return attack_with_pattern();
    }

    hl_set_error(hl_ErrorCode_GuestError, "there is no such attack");

    return 0;
}


/* From any address, with the pattern in all registers. */

static uint64_t
attack_at(uint64_t address)
{
    attack_soil();
    attack_code = hl_ptr(const void, address);

    return attack_with_pattern();
}


/* ---- the witness ------------------------------------------------------- */

static bool
attack_scan(uintptr_t from, uintptr_t to)
{
    size_t                    run;
    const volatile uint64_t  *p;

    run = 0;
    p = hl_ptr(const volatile uint64_t, (from + 7) & ~(uintptr_t) 7);

    for ( /* void */ ; (uintptr_t) (p + 1) <= to; p++) {
        run = *p == ATTACK_PATTERN ? run + 1 : 0;

        if (run == ATTACK_RUN) {
            return true;
        }
    }

    return false;
}


static uint32_t
attack_found_memory(void)
{
    uint32_t   found;
    uintptr_t  sp, heap;

    sp = (uintptr_t) __builtin_frame_address(0);
    heap = hl_guest.params->heap;
    found = 0;

    found |= attack_scan((uintptr_t) attack_data,
                         (uintptr_t) (attack_data + ATTACK_WORDS))
             ? ATTACK_FOUND_DATA : 0;
    found |= attack_scan((uintptr_t) attack_bss,
                         (uintptr_t) (attack_bss + ATTACK_WORDS))
             ? ATTACK_FOUND_BSS : 0;
    found |= attack_scan(heap, heap + hl_guest.params->heap_size)
             ? ATTACK_FOUND_HEAP : 0;
    found |= attack_scan(hl_guest.params->stack_bottom, sp - ATTACK_RED_ZONE)
             ? ATTACK_FOUND_STACK : 0;
    found |= attack_scan(attack_output_tail(), attack_output_end())
             ? ATTACK_FOUND_OUTPUT : 0;

    return found;
}


static bool
attack_not_zero(size_t from, size_t size)
{
    size_t  i;

    for (i = from; i < from + size && i < sizeof(attack_xsave); i++) {

        if (attack_xsave[i] != 0) {
            return true;
        }
    }

    return false;
}


/* A component whose bit is clear is initial, whatever lies in its place. */

static uint32_t
attack_found_fpu(void)
{
    uint16_t  fcw;
    uint32_t  i, found, mxcsr;
    uint64_t  bv;
    unsigned  a, b, c, d;

    memcpy(&fcw, attack_xsave, sizeof(fcw));
    memcpy(&mxcsr, attack_xsave + 24, sizeof(mxcsr));
    memcpy(&bv, attack_xsave + ATTACK_XSAVE_BV, sizeof(bv));

    found = mxcsr != ATTACK_MXCSR && (bv & 6) ? ATTACK_FOUND_MXCSR : 0;

    if ((bv & 1)
        && (fcw != ATTACK_FCW || attack_not_zero(2, 22)
            || attack_not_zero(32, 128)))
    {
        found |= ATTACK_FOUND_X87;
    }

    if ((bv & 2) && attack_not_zero(160, 256)) {
        found |= ATTACK_FOUND_XMM;
    }

    for (i = 2; i < 9; i++) {
        __cpuid_count(0xd, i, a, b, c, d);

        if ((bv & (1ull << i)) && attack_not_zero(b, a)) {
            found |= (uint32_t) ATTACK_FOUND_COMPONENT << i;
        }
    }

    return found;
}


static uint32_t
attack_found_registers(void)
{
    size_t    i;
    uint32_t  found;
    uint64_t  expected;

    found = 0;

    for (i = 0; i < ATTACK_RFLAGS; i++) {
        expected = i == ATTACK_RDI
                   ? (uint64_t) (uintptr_t) hl_guest.params
                   : i == ATTACK_RSP
                     ? hl_guest.params->stack_top - 2 * sizeof(uint64_t) : 0;

        if (attack_registers[i] != expected) {
            found |= ATTACK_FOUND_GPR;
        }
    }

    if ((attack_registers[ATTACK_RFLAGS] & ~(uint64_t) ATTACK_STATUS)
        != ATTACK_FLAGS)
    {
        found |= ATTACK_FOUND_FLAGS;
    }

    for (i = ATTACK_DS; i < ATTACK_REGISTERS; i++) {

        if ((uint16_t) attack_registers[i] != ATTACK_SELECTOR) {
            found |= ATTACK_FOUND_SELECTOR;
        }
    }

    return found;
}


static uint32_t
witness(void)
{
    return attack_found_registers() | attack_found_fpu()
           | attack_found_memory();
}


/* The same in one call with what it has to find: nothing escapes it. */

static uint32_t
blind(void)
{
    attack_soil();
    attack_code = hl_ptr(const void, attack_save);
    (void) attack_with_pattern();

    return witness();
}


/* ---- many at once: each of them faults, and goes on -------------------- */

static bool
attack_catch(hl_exception_t *e)
{
    e->rax = e->vector;
    e->rip = (uintptr_t) attack_caught;

    return true;
}


static void
attack_catch_all(void)
{
    unsigned  vector;

    for (vector = 0; vector < hl_exceptions; vector++) {
        (void) hl_set_exception_handler(vector, attack_catch);
    }
}


/* A host that does not enforce CR4.PKE: what an attack wrote is not there. */

static bool
find_pkru(void)
{
    extern const uint8_t  attack_code_rdpkru[];

    attack_catch_all();

    return attack_try(attack_code_rdpkru, 0, 0) == UINT32_MAX
           && attack_registers[0] == ATTACK_PKRU;
}


/* INT n: the vector that came of each. */

static hl_Vec
interrupts(void)
{
    size_t  n;
    hl_Vec  vectors;

    attack_catch_all();
    vectors.len = 256;
    vectors.data = malloc(vectors.len);

    for (n = 0; n < vectors.len; n++) {
        ((uint8_t *) vectors.data)[n] =
            (uint8_t) attack_try(attack_interrupts + 4 * n, 0, 0);
    }

    return vectors;
}


/*
 * IN and OUT of 1, 2 and 4 bytes, INS, OUTS, and these with REP: how many of
 * them did not end in #GP.  One byte of the port that is allowed is not
 * tried: that leaves.
 */

static int32_t
ports(int32_t first, int32_t n)
{
    size_t   i;
    int32_t  port, odd;

    attack_catch_all();
    odd = 0;

    for (port = first; port < first + n; port++) {

        for (i = 0; i < sizeof(attack_ports) / sizeof(attack_ports[0]); i++) {

            if (port == 0x80 && i % 3 == 0) {
                continue;
            }

            odd += attack_try(attack_ports[i], 0, (uint64_t) port)
                   != hl_exception_GeneralProtection;
        }
    }

    return odd;
}


/* The vector that came of each address, 255 for none. */

static hl_Vec
sweep(int32_t kind, hl_Vec addresses)
{
    size_t    i;
    hl_Vec    vectors;
    uint64_t  address;

    attack_catch_all();
    vectors.len = addresses.len / sizeof(address);
    vectors.data = malloc(vectors.len);

    for (i = 0; i < vectors.len; i++) {
        memcpy(&address, (uint8_t *) addresses.data + i * sizeof(address),
               sizeof(address));
        ((uint8_t *) vectors.data)[i] =
            (uint8_t) attack_try(attack_touches[kind & 3], address, 0);
    }

    return vectors;
}


#include "../../attack/attack_http.h"


HYPERLIGHT_WRAP_FUNCTION(attack, ULong, 1, String)
HYPERLIGHT_WRAP_FUNCTION(attack_at, ULong, 1, ULong)
HYPERLIGHT_WRAP_FUNCTION(witness, UInt, 0)
HYPERLIGHT_WRAP_FUNCTION(blind, UInt, 0)
HYPERLIGHT_WRAP_FUNCTION(find_pkru, Bool, 0)
HYPERLIGHT_WRAP_FUNCTION(interrupts, VecBytes, 0)
HYPERLIGHT_WRAP_FUNCTION(ports, Int, 2, Int, Int)
HYPERLIGHT_WRAP_FUNCTION(sweep, VecBytes, 2, Int, VecBytes)


typedef void (*attack_park_pt)(void (*dispatcher)(const hl_abi_params_t *));

void
hyperlight_main(void)
{
    unsigned  a, b, c, d;

    HYPERLIGHT_REGISTER_FUNCTION("Attack", attack);
    HYPERLIGHT_REGISTER_FUNCTION("AttackAt", attack_at);
    HYPERLIGHT_REGISTER_FUNCTION("Witness", witness);
    HYPERLIGHT_REGISTER_FUNCTION("Blind", blind);
    HYPERLIGHT_REGISTER_FUNCTION("FindPkru", find_pkru);
    HYPERLIGHT_REGISTER_FUNCTION("Interrupts", interrupts);
    HYPERLIGHT_REGISTER_FUNCTION("Ports", ports);
    HYPERLIGHT_REGISTER_FUNCTION("Sweep", sweep);

    attack_register_http();

    attack_park = hl_guest.params->park;
    attack_leave = hl_guest.params->leave;
    attack_heap_end = hl_guest.params->heap + hl_guest.params->heap_size;

    __cpuid_count(0xd, 0, a, b, c, d);
    attack_avx = (a & ATTACK_XCR0_AVX) == ATTACK_XCR0_AVX;
    attack_avx512 = (a & ATTACK_XCR0_512) == ATTACK_XCR0_512;

    hl_entry_publish();
    ((attack_park_pt) (uintptr_t) attack_park)(attack_dispatch);
}
