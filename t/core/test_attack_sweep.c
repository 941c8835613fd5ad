/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_attack_sweep.c: attacks by number: each port, each INT n, each page,
 * each byte of the hypercall page, each model-specific register.
 *
 * With HL_ATTACK_LONG set, all there are; else those at the borders, and
 * some others.  The guest goes on behind each of its exceptions, so that one
 * call tries many: t/core/guests/attack.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hl_entry.h"
#include "hl_memory.h"
#include "hl_x86.h"
#include "test.h"


#define TEST_ATTACK      "t/core/guests/attack.elf"

#define SWEEP_MAX        4096           /* addresses of one call */
#define SWEEP_NONE       255            /* no exception */
#define SWEEP_RANDOM     1500
#define SWEEP_SEED       20477
#define SWEEP_END        0x42000000ull  /* behind all regions of the guest */

#define VECTOR_UD        6
#define VECTOR_GP        13

#define INT_HOST         26

#define PORTS            65536
#define PORTS_AT_ONCE    64

#define CODE_ADDRESS     0x10000000ull
#define CODE_SHORT       (5 * TEST_MS)


typedef enum {
    SWEEP_READ,
    SWEEP_WRITE,
    SWEEP_FETCH,
    SWEEP_LOCK
} sweep_kind_t;


static bool  sweep_long;
static bool  sweep_hardware;


static int
sweep_group(void **state)
{
    sweep_long = getenv("HL_ATTACK_LONG") != NULL;

    (void) test_group(TEST_ATTACK, NULL);

    /* as in test_attack.c: CR4.FSGSBASE is off, and holds on hardware */

    (void) test_begin(state);
    sweep_hardware = test_call_string("Attack", "rdfsbase", HL_TYPE_ULONG)
                     == HL_ERR_FAULT;
    (void) test_end(state);

    return 0;
}


/* Nothing is left: by the exactness check, and as the next call sees it. */
static void
assert_nothing_is_left(void)
{
    test_restore();
    assert_int_equal(test_call_uint(test_sb, "Witness"), 0);
    test_restore();
}


/* ---- ports ------------------------------------------------------------- */

static void
assert_ports_fault(int32_t first, int32_t n)
{
    hl_value_t  args[2];

    args[0] = test_int(first);
    args[1] = test_int(n);
    assert_ok(test_call(test_sb, "Ports", HL_TYPE_INT, args, 2));

    if (hl_call_result(test_sb)->v.i32 != 0) {
        fail_msg("of ports 0x%x to 0x%x, %d accesses did not end in #GP",
                 (unsigned) first, (unsigned) (first + n - 1),
                 hl_call_result(test_sb)->v.i32);
    }

    test_restore();
}


/* IN, OUT, INS, OUTS, REP; of 1, 2, 4 bytes: 18 accesses of each port. */
static void
every_port_but_one_faults(void **state)
{
    size_t   i;
    int32_t  port;

    /* legacy devices, PCI, debug consoles, hypervisors' own */

    static const struct {
        int32_t  first;
        int32_t  n;
    } ranges[] = {
        { 0, 0x100 }, { 0x170, 16 }, { 0x1f0, 16 }, { 0x278, 8 },
        { 0x2f8, 8 }, { 0x378, 8 }, { 0x3b0, 0x50 }, { 0x402, 2 },
        { 0x4d0, 2 }, { 0x500, 32 }, { 0x600, 16 }, { 0xb000, 32 },
        { 0xcf0, 24 }, { 0xc000, 16 }, { 0x5658, 4 }, { 0xfff8, 8 }
    };

    (void) state;

    if (sweep_long) {
        for (port = 0; port < PORTS; port += PORTS_AT_ONCE) {
            assert_ports_fault(port, PORTS_AT_ONCE);
        }

        return;
    }

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        assert_ports_fault(ranges[i].first, ranges[i].n);
    }

    for (port = 0x400; port < PORTS; port += 509) {
        assert_ports_fault(port, 10);
    }

    assert_nothing_is_left();
}


/* ---- INT n ------------------------------------------------------------- */

/*
 * Gates 3 and 4 are the guest's.  A para-virtual KVM has #UD for others, and
 * takes INT 26 itself, as if it was nothing.
 */
static void
every_interrupt_faults(void **state)
{
    size_t         n;
    const uint8_t  *vectors;

    (void) state;

    assert_ok(test_call(test_sb, "Interrupts", HL_TYPE_VECBYTES, NULL, 0));
    assert_int_equal(hl_call_result(test_sb)->v.bytes.len, 256);
    vectors = hl_call_result(test_sb)->v.bytes.data;

    for (n = 0; n < 256; n++) {

        if (n == HL_VECTOR_BREAKPOINT || n == HL_VECTOR_OVERFLOW) {
            assert_int_equal(vectors[n], n);

        } else if (vectors[n] != VECTOR_GP
                   && (sweep_hardware
                       || (vectors[n] != VECTOR_UD && n != INT_HOST)))
        {
            fail_msg("INT %zu ended with vector %u", n, vectors[n]);
        }
    }

    assert_nothing_is_left();
}


/* ---- pages ------------------------------------------------------------- */

static bool
sweep_canonical(uint64_t address)
{
    return address < HL_GVA_END || address >= 0 - HL_GVA_END;
}


static unsigned
sweep_expected(sweep_kind_t kind, uint64_t address)
{
    unsigned            needs;
    const hl_region_t  *r;

    static const unsigned  prot[] = {
        HL_PROT_USER, HL_PROT_USER|HL_PROT_WRITE, HL_PROT_USER|HL_PROT_EXEC,
        HL_PROT_USER|HL_PROT_WRITE
    };

    if (!sweep_canonical(address)) {
        return VECTOR_GP;
    }

    r = hl_layout_find(&test_sb->image->layout, address);
    needs = prot[kind];

    return r != NULL && (r->prot & needs) == needs ? SWEEP_NONE
                                                   : HL_VECTOR_PAGE_FAULT;
}


/* What can be run is not: it is code, and would do what it does. */
static void
sweep(sweep_kind_t kind, const uint64_t *addresses, size_t n)
{
    size_t          i, used;
    unsigned        expected;
    hl_value_t      args[2];
    const uint8_t  *vectors;

    static uint64_t  list[SWEEP_MAX];

    for (i = 0, used = 0; i < n; i++) {
        if (kind != SWEEP_FETCH
            || sweep_expected(kind, addresses[i]) != SWEEP_NONE)
        {
            list[used++] = addresses[i];
        }
    }

    args[0] = test_int((int32_t) kind);
    args[1] = test_bytes(list, used * sizeof(uint64_t));
    assert_ok(test_call(test_sb, "Sweep", HL_TYPE_VECBYTES, args, 2));
    assert_int_equal(hl_call_result(test_sb)->v.bytes.len, used);
    vectors = hl_call_result(test_sb)->v.bytes.data;

    for (i = 0; i < used; i++) {
        expected = sweep_expected(kind, list[i]);

        if (vectors[i] != expected) {
            fail_msg("access %d to 0x%llx ended with vector %u and not %u",
                     (int) kind, (unsigned long long) list[i], vectors[i],
                     expected);
        }
    }

    test_restore();
}


/* Both ends of each region, the pages beside, and the bytes beside. */
static size_t
sweep_borders(uint64_t *addresses)
{
    size_t              i, n;
    uint64_t            end;
    const hl_layout_t  *l;
    const hl_region_t  *r;

    l = &test_sb->image->layout;

    for (i = 0, n = 0; i < l->region_count; i++) {
        r = &l->regions[i];

        if (r->size == 0) {
            continue;
        }

        end = r->gva + r->size;
        addresses[n++] = r->gva - HL_PAGE_SIZE;
        addresses[n++] = r->gva - 1;
        addresses[n++] = r->gva;
        addresses[n++] = r->gva + r->size / 2;
        addresses[n++] = end - HL_PAGE_SIZE;
        addresses[n++] = end - 1;
        addresses[n++] = end;
        addresses[n++] = end + HL_PAGE_SIZE - 1;
    }

    return n;
}


static uint64_t
sweep_random(void)
{
    static uint64_t  x = SWEEP_SEED;

    /* xorshift */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;

    return x;
}


/* Host's, kernel's, and any; page tables lie where physical memory does. */
static size_t
sweep_elsewhere(uint64_t *addresses)
{
    size_t  i, n;

    static const uint64_t  places[] = {
        0, 1, 0xfff, 0x1000, 0xffff, 0xfffbd000, HL_GPA_RW,
        HL_GPA_RW + 0x1000, 0x7fffffffe000, 0x7ffffffff000, 0x7fffffffffff,
        0x800000000000, 0x8000000000000000, 0xffff7fffffffffff,
        0xffff800000000000, 0xffff888000000000, 0xffffc90000000000,
        0xffffea0000000000, 0xffffffff80000000, 0xffffffff81000000,
        0xffffffffff600000, 0xfffffffffffff000, 0xffffffffffffffff
    };

    memcpy(addresses, places, sizeof(places));
    n = sizeof(places) / sizeof(places[0]);

    for (i = 0; i < SWEEP_RANDOM; i++) {
        addresses[n++] = i % 2 == 0 ? sweep_random()
                                    : sweep_random() % SWEEP_END;
    }

    return n;
}


static void
every_page_is_as_the_layout_says(void **state)
{
    size_t        n;
    uint64_t      address;
    sweep_kind_t  kind;

    static uint64_t  addresses[SWEEP_MAX];

    (void) state;

    for (kind = SWEEP_READ; kind <= SWEEP_LOCK; kind++) {
        sweep(kind, addresses, sweep_borders(addresses));
        sweep(kind, addresses, sweep_elsewhere(addresses));

        n = 0;

        for (address = 0; sweep_long && address < SWEEP_END;
             address += HL_PAGE_SIZE)
        {
            addresses[n++] = address;

            if (n == SWEEP_MAX) {
                sweep(kind, addresses, n);
                n = 0;
            }
        }
    }

    assert_nothing_is_left();
}


/* ---- the hypercall page ------------------------------------------------ */

/* From each byte, the pattern in all registers: any end, but nothing left. */
static void
every_byte_of_the_hypercall_page_is_survived(void **state)
{
    unsigned    offset;
    hl_value_t  value;

    (void) state;

    for (offset = 0; offset < HL_PAGE_SIZE;
         offset += sweep_long || offset < 0x140 ? 1 : 61)
    {
        value = test_ulong(HL_GVA_HYPERCALL + offset);
        test_start(test_sb, "AttackAt", HL_TYPE_ULONG, &value, 1);
        (void) hl_sandbox_finish(test_sb, CODE_SHORT, &test_err);

        assert_nothing_is_left();
    }
}


/* ---- model-specific registers ------------------------------------------ */

/* A page of code at CODE_ADDRESS, which the guest itself never runs. */
static hl_sandbox_t *
msr_sandbox(const void *code, size_t len)
{
    int            fd;
    char           path[] = "/tmp/hl-test-XXXXXX";
    hl_config_t    config;
    hl_sandbox_t  *sb;
    hl_file_map_t  map;

    fd = mkstemp(path);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, code, len), (ssize_t) len);
    (void) close(fd);

    map.path = path;
    map.address = CODE_ADDRESS;
    map.executable = true;

    hl_config_init(&config);
    config.files = &map;
    config.file_count = 1;

    sb = test_evolved(TEST_ATTACK, &config);
    (void) unlink(path);

    return sb;
}


/* At CPL 0, where no guest ever is: the vector that the code ended with. */
static unsigned
msr_run(hl_sandbox_t *sb, uint32_t msr)
{
    int                   fd;
    hl_exit_t             exit;
    hl_fault_t            fault;
    struct kvm_regs       regs;
    struct kvm_sregs      sregs;
    const hl_platform_t  *platform;

    platform = test_host->platform;
    assert_ok(platform->settle(sb->vm, &test_err));
    fd = sb->vm->vcpu_fd;

    assert_int_equal(ioctl(fd, KVM_GET_SREGS, &sregs), 0);
    sregs.cs.selector = HL_SELECTOR_KERNEL;
    sregs.cs.dpl = 0;
    memset(&sregs.ss, 0, sizeof(sregs.ss));
    sregs.ss.unusable = 1;
    sregs.cr4 &= ~(HL_CR4_SMEP|HL_CR4_SMAP);
    assert_int_equal(ioctl(fd, KVM_SET_SREGS, &sregs), 0);

    memset(&regs, 0, sizeof(regs));
    regs.rip = CODE_ADDRESS;
    regs.rsp = sb->image->layout.regions[HL_REGION_STACK].gva + 4096;
    regs.rflags = HL_RFLAGS_FIXED;
    regs.rcx = msr;
    assert_int_equal(ioctl(fd, KVM_SET_REGS, &regs), 0);

    do {
        platform->run(sb->vm, hl_now(), hl_deadline(TEST_SECOND), &exit,
                      &test_err);
    } while (exit.kind == HL_EXIT_SIGNAL);

    assert_int_equal(exit.kind, HL_EXIT_FAULT);
    platform->fault(sb->vm, &fault);

    return (unsigned) fault.vector;
}


/* Behind it UD2: where it does not fault, that does. */
static void
assert_msrs_fault(const char *code, size_t len)
{
    size_t         i;
    hl_sandbox_t  *sb;

    /* TSC, APIC base, SYSENTER, PAT, LBR, x2APIC, EFER, SYSCALL, bases,
       TSC_AUX, KVM's own, synthetic ones of Hyper-V */

    static const uint32_t  msrs[] = {
        0x10, 0x1b, 0x3a, 0x48, 0x49, 0x174, 0x175, 0x176, 0x1d9, 0x277,
        0x6e0, 0x808, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084,
        0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010117,
        0x4b564d00, 0x4b564d01, 0x4b564d02, 0x40000000
    };

    sb = msr_sandbox(code, len);

    for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
        if (msr_run(sb, msrs[i]) != VECTOR_GP) {
            fail_msg("MSR 0x%x is not denied", msrs[i]);
        }
    }

    hl_sandbox_destroy(sb);
}


static void
every_msr_is_denied_even_at_cpl_0(void **state)
{
    (void) state;

    assert_msrs_fault("\x0f\x32\x0f\x0b", 4);   /* RDMSR */
    assert_msrs_fault("\x0f\x30\x0f\x0b", 4);   /* WRMSR */
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(every_port_but_one_faults),
        test_sandbox(every_interrupt_faults),
        test_sandbox(every_page_is_as_the_layout_says),
        test_sandbox(every_byte_of_the_hypercall_page_is_survived),
        test_plain(every_msr_is_denied_even_at_cpl_0)
    };

    return cmocka_run_group_tests_name("attack_sweep", tests, sweep_group,
                                       test_group_end);
}
