/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fault.c: Fault("how"): ways of a guest to fail.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"


#define PROBE_RET            0xc3       /* the instruction */
#define PROBE_FRAME          (1024 * 1024)
#define PROBE_CHUNK          4096
#define PROBE_OVERRUN        64         /* of a buffer of 16 */
#define PROBE_NOT_CANONICAL  0x8000000000000000ull


typedef void (*probe_fault_pt)(void);


/* Through volatile: the compiler is not to know what happens. */
static volatile int      zero = 0;
static volatile int      always = 1;
static volatile uint8_t  data[] = { PROBE_RET };

static const char  constant[] = "in read-only memory";


static void
fault_write(volatile const void *address)
{
    *(volatile uint8_t *) (uintptr_t) address = 1;
}


static void
fault_null(void)
{
    fault_write((const void *) (uintptr_t) zero);
}


static void
fault_read_null(void)
{
    (void) *(volatile uint8_t *) (uintptr_t) zero;
}


static void
fault_call_null(void)
{
    ((probe_fault_pt) (uintptr_t) zero)();
}


static void
fault_exec_data(void)
{
    ((probe_fault_pt) (uintptr_t) data)();
}


static void
fault_exec_stack(void)
{
    volatile uint8_t  code[] = { PROBE_RET };

    ((probe_fault_pt) (uintptr_t) code)();
}


static void
fault_exec_heap(void)
{
    volatile uint8_t  *code;

    code = malloc(sizeof(*code));
    *code = PROBE_RET;

    ((probe_fault_pt) (uintptr_t) code)();
}


static void
fault_write_text(void)
{
    fault_write((const void *) (uintptr_t) fault_write_text);
}


static void
fault_write_constant(void)
{
    fault_write(constant);
}


static void
fault_write_input(void)
{
    fault_write(hl_ptr(void, hl_guest.params->input));
}


static void
fault_write_params(void)
{
    fault_write(hl_guest.params);
}


static void
fault_write_hypercall(void)
{
    fault_write(hl_ptr(void, hl_guest.params->leave));
}


static void
fault_stack_guard(void)
{
    fault_write(hl_ptr(uint8_t, hl_guest.params->stack_bottom) - 1);
}


static void
fault_above_stack(void)
{
    fault_write(hl_ptr(void, hl_guest.params->stack_top));
}


static void
fault_above_heap(void)
{
    fault_write(hl_ptr(uint8_t, hl_guest.params->heap)
                + hl_guest.params->heap_size);
}


static void
fault_not_canonical(void)
{
    fault_write((const void *) PROBE_NOT_CANONICAL);
}


static void
fault_divide(void)
{
    zero = PROBE_CHUNK / zero;
}


static void
fault_undefined(void)
{
    __asm__ volatile ("ud2");
}


static void
fault_breakpoint(void)
{
    __asm__ volatile ("int3");
}


static void
fault_trap_flag(void)
{
    __asm__ volatile ("pushfq; orl $0x100, (%%rsp); popfq; nop"
                      : : : "memory", "cc");
}


static void
fault_int80(void)
{
    __asm__ volatile ("int $0x80" : : : "memory");
}


static void
fault_syscall(void)
{
    __asm__ volatile ("syscall" : : : "rcx", "r11", "memory");
}


static void
fault_hlt(void)
{
    __asm__ volatile ("hlt");
}


static void
fault_cli(void)
{
    __asm__ volatile ("cli");
}


static void
fault_cr3(void)
{
    uintptr_t  value;

    __asm__ volatile ("mov %%cr3, %0" : "=r" (value));
}


static void
fault_x87(void)
{
    static const uint16_t  unmasked = 0x0300;
    volatile double        one = 1.0;
    double                 quotient;

    __asm__ volatile ("fldcw %1; fldl %2; fldz; fdivrp; fwait; fstpl %0"
                      : "=m" (quotient) : "m" (unmasked), "m" (one));
}


static void
fault_simd(void)
{
    static const uint32_t  unmasked = 0;
    volatile double        none = zero;

    __asm__ volatile ("ldmxcsr %0" : : "m" (unmasked));

    none = 1.0 / none;
}


static probe_noinline int
recurse(int n)
{
    volatile uint8_t  frame[PROBE_CHUNK];

    frame[0] = (uint8_t) n;

    return always ? recurse(n + 1) + frame[0] : n;
}


static void
fault_recursion(void)
{
    zero = recurse(0);
}


/* A frame larger than the guard page and much else. */

static probe_noinline void
fault_frame(void)
{
    volatile uint8_t  frame[PROBE_FRAME];

    frame[zero] = 1;
    (void) frame[zero];
}


static void
fault_heap(void)
{
    while (always) {
        memset(malloc(PROBE_CHUNK), 1, PROBE_CHUNK);
    }
}


static probe_noinline void
fault_smash(void)
{
    char  buffer[16];

    memset(buffer, 'x', (size_t) (always * PROBE_OVERRUN));

    __asm__ volatile ("" : : "r" (buffer) : "memory");
}


static void
fault_assert(void)
{
    assert(always == 0);
}


static void
fault_exit(void)
{
    exit(3);
}


static void
fault_loop(void)
{
    while (always) {
        /* void */
    }
}


static const struct {
    const char      *how;
    probe_fault_pt   fault;
} faults[] = {
    { "null", fault_null },
    { "read-null", fault_read_null },
    { "call-null", fault_call_null },
    { "exec-data", fault_exec_data },
    { "exec-stack", fault_exec_stack },
    { "exec-heap", fault_exec_heap },
    { "write-text", fault_write_text },
    { "write-constant", fault_write_constant },
    { "write-input", fault_write_input },
    { "write-params", fault_write_params },
    { "write-hypercall", fault_write_hypercall },
    { "stack-guard", fault_stack_guard },
    { "above-stack", fault_above_stack },
    { "above-heap", fault_above_heap },
    { "not-canonical", fault_not_canonical },
    { "divide", fault_divide },
    { "undefined", fault_undefined },
    { "breakpoint", fault_breakpoint },
    { "trap-flag", fault_trap_flag },
    { "int80", fault_int80 },
    { "syscall", fault_syscall },
    { "hlt", fault_hlt },
    { "cli", fault_cli },
    { "cr3", fault_cr3 },
    { "x87", fault_x87 },
    { "simd", fault_simd },
    { "recursion", fault_recursion },
    { "frame", fault_frame },
    { "heap", fault_heap },
    { "smash", fault_smash },
    { "assert", fault_assert },
    { "abort", abort },
    { "exit", fault_exit },
    { "loop", fault_loop }
};


void
probe_fault(const char *how)
{
    size_t  i;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {

        if (strcmp(faults[i].how, how) == 0) {
            faults[i].fault();
        }
    }
}


/* 0 if the fault is unknown or was survived. */

static int32_t
fault(char *how)
{
    probe_fault(how);

    return 0;
}


static int32_t
abort_with_code(int32_t code)
{
    hl_abort_with_code(code);
}


static int32_t
abort_with_message(int32_t code, char *message)
{
    hl_abort_with_code_and_message(code, message);
}


HYPERLIGHT_WRAP_FUNCTION(fault, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(abort_with_code, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(abort_with_message, Int, 2, Int, String)


void
probe_fault_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Fault", fault);
    HYPERLIGHT_REGISTER_FUNCTION("GuestAbortWithCode", abort_with_code);
    HYPERLIGHT_REGISTER_FUNCTION("GuestAbortWithMessage", abort_with_message);
}
