/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * exit.c: leaving the guest in ways that the library never would.
 */

#include "probe.h"


typedef void (*probe_park_pt)(uintptr_t dispatcher);


/* Writes to a port from own code, whether it is the host's or not. */

static int32_t
out_port(int32_t port, int32_t value)
{
    __asm__ volatile ("outl %0, %w1" : : "a" (value), "Nd" (port)
                                     : "memory");

    return 0;
}


static int32_t
in_port(int32_t port)
{
    int32_t  value;

    __asm__ volatile ("inl %w1, %0" : "=a" (value) : "Nd" (port)
                                    : "memory");

    return value;
}


/* Sets bits of RFLAGS, then parks: TF 0x100, DF 0x400, AC 0x40000, ... */

static int32_t
park_with_flags(int32_t flags)
{
    __asm__ volatile ("movq %0, %%rax\n\t"
                      "movq %1, %%rdi\n\t"
                      "pushfq\n\t"
                      "orl %2, (%%rsp)\n\t"
                      "popfq\n\t"
                      "jmp *%%rax"
                      : : "r" (hl_guest.params->park),
                          "r" ((uintptr_t) hl_dispatch), "r" (flags)
                      : "rax", "rdi", "memory", "cc");

    return 0;
}


/* Asks for another dispatcher than that of the first park. */

static int32_t
park_at(int64_t dispatcher)
{
    ((probe_park_pt) (uintptr_t) hl_guest.params->park)(
        (uintptr_t) dispatcher);

    return 0;
}


/* Loads a base that a parked guest has to have as 0. */

static int32_t
park_with_fs_base(int64_t base)
{
    __asm__ volatile ("wrfsbase %0" : : "r" (base) : "memory");

    hl_park();
}


/* Leaves with any kind, known or not, and no record for it. */

static int32_t
leave_with(int32_t kind)
{
    hl_leave((hl_abi_hypercall_t) kind);

    return kind;
}


/* Jumps into the middle of the hypercall page. */

static int32_t
jump_to_hypercall(int32_t offset)
{
    uintptr_t  address;

    address = hl_guest.params->park + (uintptr_t) offset;

    ((void (*)(void)) address)();

    return 0;
}


HYPERLIGHT_WRAP_FUNCTION(out_port, Int, 2, Int, Int)
HYPERLIGHT_WRAP_FUNCTION(in_port, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(park_with_flags, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(park_at, Int, 1, Long)
HYPERLIGHT_WRAP_FUNCTION(park_with_fs_base, Int, 1, Long)
HYPERLIGHT_WRAP_FUNCTION(leave_with, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(jump_to_hypercall, Int, 1, Int)


void
probe_exit_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("OutPort", out_port);
    HYPERLIGHT_REGISTER_FUNCTION("InPort", in_port);
    HYPERLIGHT_REGISTER_FUNCTION("ParkWithFlags", park_with_flags);
    HYPERLIGHT_REGISTER_FUNCTION("ParkAt", park_at);
    HYPERLIGHT_REGISTER_FUNCTION("ParkWithFsBase", park_with_fs_base);
    HYPERLIGHT_REGISTER_FUNCTION("LeaveWith", leave_with);
    HYPERLIGHT_REGISTER_FUNCTION("JumpToHypercall", jump_to_hypercall);
}
