/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_cpuid.c: the CPU that a guest is given: what KVM was told, since not
 * every host enforces all of it (DESIGN, "What was measured here").
 */

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hl_entry.h"
#include "hl_x86.h"
#include "test.h"


/* Of CR4 and EFER, what core does not set has no name in hl_x86.h. */
#define CR4_VME       (1ull << 0)
#define CR4_PCE       (1ull << 8)
#define CR4_VMXE      (1ull << 13)
#define CR4_FSGSBASE  (1ull << 16)
#define CR4_PKE       (1ull << 22)
#define CR4_CET       (1ull << 23)
#define EFER_SCE      (1ull << 0)

#define XCR0_PKRU     (1ull << 9)
#define XCR0_AMX      (3ull << 17)

#define KVM_LEAVES    0x40000000u
#define KVM_LAST      0x4fffffffu


static struct kvm_cpuid2  *told;        /* what core told KVM */
static struct kvm_cpuid2  *cpuid;       /* what KVM made of it */
static struct kvm_cpuid2  *supported;   /* what KVM could offer */
static struct kvm_sregs    sregs;


static struct kvm_cpuid2 *
cpuid_alloc(void)
{
    struct kvm_cpuid2  *table;

    table = calloc(1, sizeof(struct kvm_cpuid2)
                      + HL_KVM_CPUID_MAX * sizeof(struct kvm_cpuid_entry2));
    assert_non_null(table);
    table->nent = HL_KVM_CPUID_MAX;

    return table;
}


static int
cpuid_begin(void **state)
{
    int  fd;

    (void) test_begin(state);

    fd = test_sb->vm->vcpu_fd;
    told = test_host->kvm.cpuid;
    cpuid = cpuid_alloc();
    supported = cpuid_alloc();

    assert_int_equal(ioctl(fd, KVM_GET_CPUID2, cpuid), 0);
    assert_int_equal(ioctl(test_host->kvm.fd, KVM_GET_SUPPORTED_CPUID,
                           supported), 0);
    assert_int_equal(ioctl(fd, KVM_GET_SREGS, &sregs), 0);

    return 0;
}


static int
cpuid_end(void **state)
{
    free(cpuid);
    free(supported);

    return test_end(state);
}


typedef enum {
    EAX,
    EBX,
    ECX,
    EDX
} cpuid_register_t;


static uint32_t
cpuid_value(const struct kvm_cpuid2 *table, uint32_t function,
    uint32_t index, cpuid_register_t reg)
{
    const struct kvm_cpuid_entry2  *row;

    row = hl_cpuid_find(table, function, index);

    if (row == NULL) {
        return 0;
    }

    switch (reg) {
    case EAX:
        return row->eax;

    case EBX:
        return row->ebx;

    case ECX:
        return row->ecx;

    default:
        return row->edx;
    }
}


static void
assert_untold(uint32_t function, uint32_t index, cpuid_register_t reg,
    unsigned bit)
{
    assert_int_equal(cpuid_value(told, function, index, reg) >> bit & 1, 0);
}


/*
 * Neither told nor there.  A para-virtual KVM shows more than it was told
 * (FSGSBASE, RDPID): of that only assert_untold() can be asked.
 */
static void
assert_hidden(uint32_t function, uint32_t index, cpuid_register_t reg,
    unsigned bit)
{
    assert_untold(function, index, reg, bit);
    assert_int_equal(cpuid_value(cpuid, function, index, reg) >> bit & 1, 0);
}


static void
assert_no_leaf(uint32_t function)
{
    assert_null(hl_cpuid_find(told, function, 0));
    assert_null(hl_cpuid_find(cpuid, function, 0));
}


/* ---- hidden ------------------------------------------------------------ */

static void
virtualisation_is_hidden(void **state)
{
    (void) state;

    assert_hidden(1, 0, ECX, 5);                /* VMX */
    assert_hidden(0x80000001, 0, ECX, 2);       /* SVM */
    assert_no_leaf(0x8000000a);
}


static void
x2apic_and_its_timer_are_hidden(void **state)
{
    (void) state;

    assert_hidden(1, 0, ECX, 21);               /* x2APIC */
    assert_hidden(1, 0, ECX, 24);               /* TSC deadline */
    assert_untold(1, 0, EDX, 9);                /* APIC */
}


static void
protection_keys_are_hidden(void **state)
{
    (void) state;

    assert_hidden(7, 0, ECX, 3);                /* PKU */
    assert_hidden(7, 0, ECX, 4);                /* OSPKE */
    assert_hidden(7, 0, ECX, 31);               /* PKS */
}


static void
amx_is_hidden(void **state)
{
    (void) state;

    assert_hidden(7, 0, EDX, 22);               /* BF16 */
    assert_hidden(7, 0, EDX, 24);               /* TILE */
    assert_hidden(7, 0, EDX, 25);               /* INT8 */
    assert_no_leaf(0x1d);
    assert_no_leaf(0x1e);
}


static void
control_flow_enforcement_is_hidden(void **state)
{
    (void) state;

    assert_hidden(7, 0, ECX, 7);                /* SHSTK */
    assert_hidden(7, 0, EDX, 20);               /* IBT */
}


static void
performance_counters_are_hidden(void **state)
{
    (void) state;

    assert_int_equal(cpuid_value(cpuid, 0xa, 0, EAX), 0);
    assert_hidden(1, 0, ECX, 15);               /* PDCM */
    assert_hidden(0x80000001, 0, ECX, 23);      /* PerfCtrCore */
    assert_hidden(0x80000001, 0, ECX, 28);      /* PerfCtrLLC */
    assert_no_leaf(0x80000022);
}


static void
transactions_and_bounds_are_hidden(void **state)
{
    (void) state;

    assert_untold(7, 0, EBX, 4);                /* HLE */
    assert_untold(7, 0, EBX, 11);               /* RTM */
    assert_untold(7, 0, EBX, 14);               /* MPX */
}


static void
tsc_aux_is_hidden(void **state)
{
    (void) state;

    assert_untold(7, 0, ECX, 22);               /* RDPID */
    assert_untold(0x80000001, 0, EDX, 27);      /* RDTSCP */
}


static void
fsgsbase_and_syscall_are_hidden(void **state)
{
    (void) state;

    assert_untold(7, 0, EBX, 0);                /* FSGSBASE */
    assert_untold(0x80000001, 0, EDX, 11);      /* SYSCALL */
}


static void
leaves_of_kvm_are_hidden(void **state)
{
    uint32_t  i;

    (void) state;

    for (i = 0; i < cpuid->nent; i++) {
        assert_false(cpuid->entries[i].function >= KVM_LEAVES
                     && cpuid->entries[i].function <= KVM_LAST);
    }
}


/* A new feature of a new kernel is not handed on unseen. */
static void
leaf_that_nobody_knows_is_hidden(void **state)
{
    struct kvm_cpuid2  *table;

    (void) state;

    table = cpuid_alloc();
    table->nent = 3;
    table->entries[0].function = 0;
    table->entries[1].function = 0x7fffffff;
    table->entries[2].function = 7;
    table->entries[2].index = 2;

    hl_cpuid_filter(table, 7);
    assert_int_equal(table->nent, 1);
    assert_int_equal(table->entries[0].function, 0);

    free(table);
}


static void
bit_that_nobody_knows_is_hidden(void **state)
{
    struct kvm_cpuid2  *table;

    (void) state;

    table = cpuid_alloc();
    table->nent = 1;
    table->entries[0].function = 7;
    table->entries[0].eax = 2;
    table->entries[0].ebx = UINT32_MAX;
    table->entries[0].ecx = UINT32_MAX;
    table->entries[0].edx = UINT32_MAX;

    hl_cpuid_filter(table, 7);

    assert_int_equal(table->entries[0].eax, 1);
    assert_int_equal(table->entries[0].ebx & (1u << 0 | 1u << 2), 0);
    assert_int_equal(table->entries[0].ecx & (1u << 3 | 1u << 16), 0);
    assert_int_equal(table->entries[0].edx & (1u << 22 | 1u << 20), 0);
    assert_int_not_equal(table->entries[0].ebx & 1u << 5, 0);   /* AVX2 */

    free(table);
}


/* ---- offered ----------------------------------------------------------- */

/* If KVM has it. */
static void
assert_offered(uint32_t function, cpuid_register_t reg, unsigned bit)
{
    assert_int_equal(cpuid_value(told, function, 0, reg) >> bit & 1,
                     cpuid_value(supported, function, 0, reg) >> bit & 1);
}


static void
what_compilers_use_is_offered(void **state)
{
    (void) state;

    assert_offered(1, EDX, 26);                 /* SSE2 */
    assert_offered(1, ECX, 20);                 /* SSE4.2 */
    assert_offered(1, ECX, 26);                 /* XSAVE */
    assert_offered(1, ECX, 28);                 /* AVX */
    assert_offered(7, EBX, 5);                  /* AVX2 */
    assert_offered(7, EBX, 8);                  /* BMI2 */
    assert_offered(7, EBX, 16);                 /* AVX512F */
    assert_offered(0x80000001, EDX, 29);        /* long mode */

    /* at least, whatever KVM says */

    assert_int_equal(cpuid_value(told, 1, 0, EDX) >> 26 & 1, 1);
}


static void
nothing_is_offered_that_kvm_does_not_have(void **state)
{
    uint32_t                        i;
    const struct kvm_cpuid_entry2  *e;

    (void) state;

    for (i = 0; i < told->nent; i++) {
        e = &told->entries[i];

        /* the rest is numbers, not features */

        if (e->function == 7 || e->function == 0x80000001) {
            assert_int_equal(e->ebx & ~cpuid_value(supported, e->function,
                                                   e->index, EBX), 0);
            assert_int_equal(e->ecx & ~cpuid_value(supported, e->function,
                                                   e->index, ECX), 0);
            assert_int_equal(e->edx & ~cpuid_value(supported, e->function,
                                                   e->index, EDX), 0);
        }
    }
}


static void
state_components_are_those_that_are_reset(void **state)
{
    uint64_t         xcr0;
    struct kvm_xcrs  xcrs;

    (void) state;

    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_GET_XCRS, &xcrs), 0);
    assert_int_equal(xcrs.xcrs[0].xcr, 0);
    xcr0 = xcrs.xcrs[0].value;

    assert_int_equal(xcr0 & ~HL_XCR0_OFFERED, 0);
    assert_int_equal(xcr0 & (XCR0_PKRU|XCR0_AMX), 0);
    assert_int_equal(xcr0 & 3, 3);

    assert_int_equal(cpuid_value(cpuid, 0xd, 0, EAX), (uint32_t) xcr0);
    assert_int_equal(cpuid_value(cpuid, 0xd, 0, EDX), xcr0 >> 32);
}


/* ---- control registers ------------------------------------------------- */

/* A bit of CR4 is set if the CPU has the feature. */
static void
assert_cr4_follows(uint64_t bit, cpuid_register_t reg, unsigned feature)
{
    assert_int_equal((sregs.cr4 & bit) != 0,
                     cpuid_value(supported, 7, 0, reg) >> feature & 1);
}


static void
umip_smep_smap_are_on_where_there_are_any(void **state)
{
    (void) state;

    assert_cr4_follows(HL_CR4_SMEP, EBX, 7);
    assert_cr4_follows(HL_CR4_SMAP, EBX, 20);
    assert_cr4_follows(HL_CR4_UMIP, ECX, 2);
}


static void
fsgsbase_pce_pke_are_off(void **state)
{
    (void) state;

    assert_int_equal(sregs.cr4 & (CR4_FSGSBASE|CR4_PCE|CR4_PKE|CR4_CET
                                  |CR4_VMXE|CR4_VME), 0);
}


static void
syscall_is_off_and_no_execute_is_on(void **state)
{
    (void) state;

    assert_int_equal(sregs.efer & EFER_SCE, 0);
    assert_int_equal(sregs.efer & (HL_EFER_LMA|HL_EFER_NXE),
                     HL_EFER_LMA|HL_EFER_NXE);
}


static void
paging_and_write_protection_are_on(void **state)
{
    (void) state;

    assert_int_equal(sregs.cr0 & (HL_CR0_PE|HL_CR0_PG|HL_CR0_WP),
                     HL_CR0_PE|HL_CR0_PG|HL_CR0_WP);
    assert_int_equal(sregs.cr3, HL_GPA_RW + test_sb->image->layout.tables);
}


static void
guest_is_at_cpl_3(void **state)
{
    (void) state;

    assert_int_equal(sregs.cs.selector, HL_SELECTOR_CODE);
    assert_int_equal(sregs.ss.selector, HL_SELECTOR_DATA);
    assert_int_equal(sregs.cs.dpl, 3);
    assert_int_equal(sregs.ss.dpl, 3);
    assert_int_equal(sregs.cs.l, 1);
    assert_int_equal(sregs.ldt.unusable || !sregs.ldt.present
                     || sregs.ldt.limit <= 0xffff, 1);
}


static void
iopl_is_0(void **state)
{
    struct kvm_regs  regs;

    (void) state;

    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_GET_REGS, &regs), 0);
    assert_int_equal(regs.rflags & HL_RFLAGS_IOPL, 0);
    assert_int_equal(regs.rip, HL_GVA_ENTRY);
}


/* All ports but one, up to the last that the TSS has a bit for. */
static void
one_port_is_the_guests(void **state)
{
    unsigned        port, base;
    const uint8_t  *tss;

    (void) state;

    assert_int_equal(sregs.tr.base, HL_GVA_TSS);
    assert_int_equal(sregs.tr.limit, HL_TSS_LIMIT);

    tss = test_sb->image->ro
          + test_sb->image->layout.regions[HL_REGION_SYSTEM].offset
          + (HL_GVA_TSS - HL_GVA_SYSTEM);
    base = tss[102] | (unsigned) tss[103] << 8;

    for (port = 0; base + port / 8 <= HL_TSS_LIMIT; port++) {
        assert_int_equal(tss[base + port / 8] >> (port % 8) & 1,
                         port != HL_PORT_LEAVE);
    }
}


/* The same after a VM was put back by force. */
static void
control_registers_are_the_same_after_a_slow_reset(void **state)
{
    struct kvm_sregs  after;

    (void) state;

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    test_restore();
    assert_int_equal(ioctl(test_sb->vm->vcpu_fd, KVM_GET_SREGS, &after), 0);

    assert_int_equal(after.cr0, sregs.cr0);
    assert_int_equal(after.cr2, sregs.cr2);
    assert_int_equal(after.cr3, sregs.cr3);
    assert_int_equal(after.cr4, sregs.cr4);
    assert_int_equal(after.cr8, sregs.cr8);
    assert_int_equal(after.efer, sregs.efer);
    assert_memory_equal(&after.cs, &sregs.cs, sizeof(after.cs));
    assert_memory_equal(&after.ss, &sregs.ss, sizeof(after.ss));
    assert_memory_equal(&after.tr, &sregs.tr, sizeof(after.tr));
    assert_memory_equal(&after.idt, &sregs.idt, sizeof(after.idt));
    assert_memory_equal(&after.gdt, &sregs.gdt, sizeof(after.gdt));
}


/* ---- pages of the host's own ------------------------------------------- */

/* CPUs would write what is not preset, into pages that are read-only. */
static void
descriptors_and_page_tables_are_accessed_and_dirty_already(void **state)
{
    size_t          i, tables, size;
    uint64_t        entry;
    const uint64_t  *gdt;

    (void) state;

    gdt = (const void *) (test_sb->image->ro
              + test_sb->image->layout.regions[HL_REGION_SYSTEM].offset);

    assert_int_equal(gdt[HL_SELECTOR_KERNEL >> 3] >> 40 & 1, 1);
    assert_int_equal(gdt[HL_SELECTOR_DATA >> 3] >> 40 & 1, 1);
    assert_int_equal(gdt[HL_SELECTOR_CODE >> 3] >> 40 & 1, 1);
    assert_int_equal(gdt[HL_SELECTOR_TSS >> 3] >> 41 & 1, 1);   /* busy */

    tables = test_sb->image->layout.tables;
    size = test_sb->image->layout.tables_size;

    for (i = tables; i < tables + size; i += sizeof(entry)) {
        memcpy(&entry, test_sb->rw + i, sizeof(entry));
        assert_true(entry == 0 || (entry & 1 << 5));
    }
}


#define test_cpuid(f)                                                         \
    cmocka_unit_test_setup_teardown(f, cpuid_begin, cpuid_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_cpuid(virtualisation_is_hidden),
        test_cpuid(x2apic_and_its_timer_are_hidden),
        test_cpuid(protection_keys_are_hidden),
        test_cpuid(amx_is_hidden),
        test_cpuid(control_flow_enforcement_is_hidden),
        test_cpuid(performance_counters_are_hidden),
        test_cpuid(transactions_and_bounds_are_hidden),
        test_cpuid(tsc_aux_is_hidden),
        test_cpuid(fsgsbase_and_syscall_are_hidden),
        test_cpuid(leaves_of_kvm_are_hidden),
        test_plain(leaf_that_nobody_knows_is_hidden),
        test_plain(bit_that_nobody_knows_is_hidden),

        test_cpuid(what_compilers_use_is_offered),
        test_cpuid(nothing_is_offered_that_kvm_does_not_have),
        test_cpuid(state_components_are_those_that_are_reset),

        test_cpuid(umip_smep_smap_are_on_where_there_are_any),
        test_cpuid(fsgsbase_pce_pke_are_off),
        test_cpuid(syscall_is_off_and_no_execute_is_on),
        test_cpuid(paging_and_write_protection_are_on),
        test_cpuid(guest_is_at_cpl_3),
        test_cpuid(iopl_is_0),
        test_cpuid(one_port_is_the_guests),
        test_cpuid(control_registers_are_the_same_after_a_slow_reset),
        test_cpuid(descriptors_and_page_tables_are_accessed_and_dirty_already)
    };

    return cmocka_run_group_tests_name("cpuid", tests, test_group_probe,
                                       test_group_end);
}
