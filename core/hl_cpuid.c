/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_cpuid.c: which CPU features a guest is offered: an allow-list, so that
 * a feature that a new kernel brings is not handed on unseen.  Left out:
 * all that is privileged, virtualisation, x2APIC, performance counters,
 * TSX, MPX, CET, PKU, AMX (state that would have to be reset), RDPID and
 * RDTSCP (they show TSC_AUX), KVM's own leaves.  Sources: Intel SDM volume
 * 2A, CPUID; AMD APM volume 3, appendix E.
 */

#include <string.h>

#include "hl_kvm.h"


#define HL_ALL  0xffffffffu

#define hl_bit(n)  (1u << (n))


typedef struct {
    uint32_t  function;
    uint32_t  index;
    uint32_t  eax, ebx, ecx, edx;       /* masks */
} hl_cpuid_rule_t;


static const hl_cpuid_rule_t  hl_cpuid_rules[] = {

    { 0, 0, HL_ALL, HL_ALL, HL_ALL, HL_ALL },

    { 1, 0, HL_ALL,
      0x0000ff00u,                              /* CLFLUSH's line */
      hl_bit(0) | hl_bit(1) | hl_bit(9)         /* SSE3 PCLMUL SSSE3 */
      | hl_bit(12) | hl_bit(13)                 /* FMA CX16 */
      | hl_bit(19) | hl_bit(20)                 /* SSE4.1 SSE4.2 */
      | hl_bit(22) | hl_bit(23)                 /* MOVBE POPCNT */
      | hl_bit(25) | hl_bit(26) | hl_bit(27)    /* AES XSAVE OSXSAVE */
      | hl_bit(28) | hl_bit(29) | hl_bit(30)    /* AVX F16C RDRAND */
      | hl_bit(31),                             /* under a hypervisor */
      hl_bit(0) | hl_bit(2) | hl_bit(3)         /* FPU DE PSE */
      | hl_bit(4) | hl_bit(5) | hl_bit(6)       /* TSC MSR PAE */
      | hl_bit(8) | hl_bit(12) | hl_bit(13)     /* CX8 MTRR PGE */
      | hl_bit(15) | hl_bit(16) | hl_bit(17)    /* CMOV PAT PSE36 */
      | hl_bit(19) | hl_bit(23) | hl_bit(24)    /* CLFSH MMX FXSR */
      | hl_bit(25) | hl_bit(26) },              /* SSE SSE2 */

    { 7, 0, HL_ALL,                             /* cut below */
      hl_bit(3) | hl_bit(5) | hl_bit(7)         /* BMI1 AVX2 SMEP */
      | hl_bit(8) | hl_bit(9) | hl_bit(16)      /* BMI2 ERMS AVX512F */
      | hl_bit(17) | hl_bit(18) | hl_bit(19)    /* DQ RDSEED ADX */
      | hl_bit(20) | hl_bit(21) | hl_bit(23)    /* SMAP IFMA CLFLUSHOPT */
      | hl_bit(24) | hl_bit(28) | hl_bit(29)    /* CLWB CD SHA */
      | hl_bit(30) | hl_bit(31),                /* BW VL */
      hl_bit(1) | hl_bit(2) | hl_bit(6)         /* VBMI UMIP VBMI2 */
      | hl_bit(8) | hl_bit(9) | hl_bit(10)      /* GFNI VAES VPCLMUL */
      | hl_bit(11) | hl_bit(12) | hl_bit(14),   /* VNNI BITALG VPOPCNT */
      hl_bit(4) | hl_bit(8) | hl_bit(23) },     /* FSRM VP2INT FP16 */

    { 7, 1, hl_bit(4) | hl_bit(5), 0, 0, 0 },   /* AVX-VNNI BF16 */

    { 0xd, 1, hl_bit(0) | hl_bit(1) | hl_bit(2), 0, 0, 0 },
    { 0xd, 2, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0xd, 5, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0xd, 6, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0xd, 7, HL_ALL, HL_ALL, HL_ALL, HL_ALL },

    { 0x15, 0, HL_ALL, HL_ALL, HL_ALL, 0 },     /* TSC frequency */
    { 0x16, 0, HL_ALL, HL_ALL, HL_ALL, 0 },

    { 0x80000000u, 0, HL_ALL, HL_ALL, HL_ALL, HL_ALL },

    { 0x80000001u, 0, HL_ALL, 0,
      hl_bit(0) | hl_bit(5) | hl_bit(6)         /* LAHF LZCNT SSE4A */
      | hl_bit(7) | hl_bit(8),                  /* MISALIGN PREFETCHW */
      hl_bit(20) | hl_bit(26) | hl_bit(29) },   /* NX 1GB LM */

    { 0x80000002u, 0, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0x80000003u, 0, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0x80000004u, 0, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0x80000005u, 0, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0x80000006u, 0, HL_ALL, HL_ALL, HL_ALL, HL_ALL },
    { 0x80000007u, 0, 0, 0, 0, hl_bit(8) },     /* invariant TSC */
    { 0x80000008u, 0, HL_ALL, 0, 0, 0 }         /* address sizes */
};


static bool hl_cpuid_xsave(const struct kvm_cpuid2 *cpuid,
    struct kvm_cpuid_entry2 *e, uint64_t xcr0);
static bool hl_cpuid_mask(struct kvm_cpuid_entry2 *e);


void
hl_cpuid_filter(struct kvm_cpuid2 *cpuid, uint64_t xcr0)
{
    uint32_t                  i, n;
    struct kvm_cpuid_entry2  *e;

    for (i = 0, n = 0; i < cpuid->nent; i++) {
        e = &cpuid->entries[i];

        if (e->function == 0xd && e->index == 0) {
            if (!hl_cpuid_xsave(cpuid, e, xcr0)) {
                continue;
            }

        } else if (!hl_cpuid_mask(e)
                   || (e->function == 0xd && e->index > 1
                       && !(xcr0 & (1ull << e->index))))
        {
            continue;
        }

        /* entries before "i" were read already: n never passes i */

        cpuid->entries[n++] = *e;
    }

    cpuid->nent = n;
}


const struct kvm_cpuid_entry2 *
hl_cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function,
    uint32_t index)
{
    uint32_t                        i;
    const struct kvm_cpuid_entry2  *e;

    for (i = 0; i < cpuid->nent; i++) {
        e = &cpuid->entries[i];

        if (e->function == function && e->index == index) {
            return e;
        }
    }

    return NULL;
}


/* Leaf 0xd: the components, and the size of an area that holds them. */
static bool
hl_cpuid_xsave(const struct kvm_cpuid2 *cpuid, struct kvm_cpuid_entry2 *e,
    uint64_t xcr0)
{
    uint32_t                        i, size;
    const struct kvm_cpuid_entry2  *row;

    size = 512 + 64;

    for (i = 2; i < 63; i++) {
        row = (xcr0 & (1ull << i)) ? hl_cpuid_find(cpuid, 0xd, i) : NULL;

        if (row != NULL && row->eax + row->ebx > size) {
            size = row->eax + row->ebx;
        }
    }

    e->eax = (uint32_t) xcr0;
    e->edx = (uint32_t) (xcr0 >> 32);
    e->ebx = size;
    e->ecx = size;

    return xcr0 != 0;
}


static bool
hl_cpuid_mask(struct kvm_cpuid_entry2 *e)
{
    size_t                  i;
    const hl_cpuid_rule_t  *rule;

    for (i = 0; i < sizeof(hl_cpuid_rules) / sizeof(hl_cpuid_rules[0]); i++)
    {
        rule = &hl_cpuid_rules[i];

        if (rule->function == e->function && rule->index == e->index) {
            e->eax &= rule->eax;
            e->ebx &= rule->ebx;
            e->ecx &= rule->ecx;
            e->edx &= rule->edx;

            if (e->function == 7 && e->index == 0 && e->eax > 1) {
                e->eax = 1;             /* the last row there is */
            }

            return true;
        }
    }

    return false;
}
