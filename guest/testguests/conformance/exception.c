/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * exception.c: Raise("name"): each exception that CPL 3 can cause, and each
 * instruction that it must not have.
 *
 * Exceptions() lists them: a line "name vector[,vector]" for each, the second
 * vector where some hosts have another one than the manuals (a KVM without
 * hardware virtualisation, for one).  Raise() returns 1 if nothing happened.
 * #NM, #DF, #TS, #NP, #MC, #VE, #CP cannot be caused here, nor can #AC, since
 * CR0.AM is off.
 */

#include <stdio.h>
#include <string.h>

#include "conformance.h"


/* Intel SDM vol. 3, table 6-1. */
#define DE  0
#define DB  1
#define BP  3
#define OF  4
#define UD  6
#define SS  12
#define GP  13
#define PF  14
#define MF  16
#define XM  19

#define LIST_ROOM  2048


/* Name, vector, another one that is seen, the code. */
#define EXCEPTIONS(X)                                                         \
    X(divide, DE, DE, "xorl %%ecx, %%ecx; xorl %%edx, %%edx; divl %%ecx")     \
    X(divide_overflow, DE, DE, "movl $1, %%ecx; movl %%ecx, %%edx; "          \
      "divl %%ecx")                                                           \
    X(trap_flag, DB, DB, "pushfq; orl $0x100, (%%rsp); popfq; nop")           \
    X(int1, DB, DB, ".byte 0xf1")                                             \
    X(breakpoint, BP, BP, "int3")                                             \
    X(int_3, BP, BP, ".byte 0xcd, 3")                                         \
    X(int_4, OF, OF, "int $4")                                                \
    X(undefined, UD, UD, "ud2")                                               \
    X(lock, UD, UD, ".byte 0xf0, 0x90")                                       \
    X(into, UD, UD, ".byte 0xce")                                             \
    X(stack, SS, SS, "movq %%rbp, %%rcx; movabsq $1 << 63, %%rbp; "           \
      "movq (%%rbp), %%rax; movq %%rcx, %%rbp")                               \
    X(not_canonical, GP, GP, "movabsq $1 << 63, %%rcx; movq (%%rcx), %%rax")  \
    X(unaligned_sse, GP, GP, "leaq 1(%%rsp), %%rcx; movaps (%%rcx), %%xmm0")  \
    X(page_read, PF, PF, "xorl %%ecx, %%ecx; movq (%%rcx), %%rax")            \
    X(page_write, PF, PF, "xorl %%ecx, %%ecx; movq %%rax, (%%rcx)")           \
    X(page_execute, PF, PF, "xorl %%ecx, %%ecx; call *%%rcx")                 \
    X(page_kernel, PF, PF, "movq $-4096, %%rcx; movq (%%rcx), %%rax")         \
    X(x87, MF, MF, "pushq $0x300; fldcw (%%rsp); fld1; fldz; fdivrp; "        \
      "fwait; popq %%rcx")                                                    \
    X(simd, XM, XM, "pushq $0; ldmxcsr (%%rsp); popq %%rcx; "                 \
      "movl $1, %%ecx; cvtsi2sd %%ecx, %%xmm0; xorpd %%xmm1, %%xmm1; "        \
      "divsd %%xmm1, %%xmm0")                                                 \
                                                                              \
    X(int_0, GP, UD, "int $0")                                                \
    X(int_8, GP, UD, "int $8")                                                \
    X(int_14, GP, UD, "int $14")                                              \
    X(int_32, GP, UD, "int $32")                                              \
    X(int_128, GP, UD, "int $128")                                            \
    X(int_255, GP, UD, "int $255")                                            \
    X(syscall, UD, PF, "syscall")                                             \
    X(sysenter, GP, UD, "sysenter")                                           \
    X(sysret, UD, GP, "sysretq")                                              \
    X(iret, GP, GP, "pushq $0; pushq $0; pushq $2; pushq $8; "                \
      "pushq $0x10000; iretq")                                                \
    X(far_return, GP, GP, "pushq $8; pushq $0x10000; lretq")                  \
    X(load_ds, GP, GP, "movl $0x10, %%ecx; movl %%ecx, %%ds")                 \
    X(load_no_segment, GP, GP, "movl $0xfffb, %%ecx; movl %%ecx, %%es")       \
    X(hlt, GP, GP, "hlt")                                                     \
    X(cli, GP, GP, "cli")                                                     \
    X(sti, GP, GP, "sti")                                                     \
    X(in, GP, GP, "movw $0x60, %%dx; inb %%dx, %%al")                         \
    X(out, GP, GP, "movw $0x60, %%dx; outb %%al, %%dx")                       \
    X(ins, GP, GP, "pushq %%rdi; movw $0x60, %%dx; leaq -64(%%rsp), %%rdi; "  \
      "insb; popq %%rdi")                                                     \
    X(read_cr0, GP, GP, "movq %%cr0, %%rcx")                                  \
    X(read_cr3, GP, GP, "movq %%cr3, %%rcx")                                  \
    X(read_cr8, GP, GP, "movq %%cr8, %%rcx")                                  \
    X(write_cr4, GP, GP, "movq %%rcx, %%cr4")                                 \
    X(read_dr7, GP, GP, "movq %%dr7, %%rcx")                                  \
    X(write_dr0, GP, GP, "movq %%rcx, %%dr0")                                 \
    X(clts, GP, GP, "clts")                                                   \
    X(lmsw, GP, GP, "lmsw %%cx")                                              \
    X(lgdt, GP, GP, "lgdt (%%rsp)")                                           \
    X(lidt, GP, GP, "lidt (%%rsp)")                                           \
    X(lldt, GP, GP, "xorl %%ecx, %%ecx; lldt %%cx")                           \
    X(ltr, GP, GP, "xorl %%ecx, %%ecx; ltr %%cx")                             \
    X(sgdt, GP, GP, "sgdt -64(%%rsp)")                                        \
    X(sidt, GP, GP, "sidt -64(%%rsp)")                                        \
    X(sldt, GP, GP, "sldt %%cx")                                              \
    X(str, GP, GP, "str %%cx")                                                \
    X(smsw, GP, GP, "smsw %%cx")                                              \
    X(rdmsr, GP, GP, "movl $0xc0000080, %%ecx; rdmsr")                        \
    X(wrmsr, GP, GP, "movl $0x10, %%ecx; xorl %%eax, %%eax; "                 \
      "xorl %%edx, %%edx; wrmsr")                                             \
    X(rdpmc, GP, GP, "xorl %%ecx, %%ecx; rdpmc")                              \
    X(xsetbv, GP, GP, "xorl %%ecx, %%ecx; movl $1, %%eax; "                   \
      "xorl %%edx, %%edx; xsetbv")                                            \
    X(swapgs, GP, GP, "swapgs")                                               \
    X(invd, GP, GP, "invd")                                                   \
    X(wbinvd, GP, GP, "wbinvd")                                               \
    X(invlpg, GP, GP, "invlpg (%%rsp)")                                       \
    X(monitor, UD, GP, "leaq (%%rsp), %%rax; xorl %%ecx, %%ecx; "             \
      "xorl %%edx, %%edx; monitor")                                           \
    X(rsm, UD, UD, "rsm")


#define DEFINE(name, vector, other, code)                                     \
    static void                                                               \
    raise_##name(void)                                                        \
    {                                                                         \
        __asm__ volatile (code : : : "rax", "rcx", "rdx", "xmm0", "xmm1",     \
                                     "memory", "cc");                         \
    }

EXCEPTIONS(DEFINE)


#define ROW(name, vector, other, code)                                        \
    { #name, vector, other, raise_##name },

static const struct {
    const char   *name;
    unsigned      vector;
    unsigned      other;
    void        (*raise)(void);
} exceptions[] = {
    EXCEPTIONS(ROW)
};

#define COUNT  (sizeof(exceptions) / sizeof(exceptions[0]))


static const char *
list(void)
{
    char         *p;
    size_t        i;
    static char   text[LIST_ROOM];

    p = text;

    for (i = 0; i < COUNT; i++) {
        p += snprintf(p, (size_t) (text + LIST_ROOM - p), "%s %u",
                      exceptions[i].name, exceptions[i].vector);

        if (exceptions[i].other != exceptions[i].vector) {
            p += snprintf(p, (size_t) (text + LIST_ROOM - p), ",%u",
                          exceptions[i].other);
        }

        *p++ = '\n';
    }

    *p = '\0';

    return text;
}


static int32_t
raise_by_name(char *name)
{
    size_t  i;

    for (i = 0; i < COUNT; i++) {

        if (strcmp(exceptions[i].name, name) == 0) {
            exceptions[i].raise();
            return 1;
        }
    }

    hl_set_error(hl_ErrorCode_GuestError, "no exception of this name");

    return 0;
}


HYPERLIGHT_WRAP_FUNCTION(list, String, 0)
HYPERLIGHT_WRAP_FUNCTION(raise_by_name, Int, 1, String)


void
conformance_exception_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Exceptions", list);
    HYPERLIGHT_REGISTER_FUNCTION("Raise", raise_by_name);
}
