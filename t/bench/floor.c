/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * floor.c: the smallest VM whose user mode can leave: one page of code at
 * CPL 3, identity-mapped in a 2 MiB page, an I/O bitmap that admits port
 * 0x80, no IDT.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "floor.h"


#define FLOOR_MEMORY  (2ul << 20)
#define FLOOR_PML4    0x1000
#define FLOOR_PDPT    0x2000
#define FLOOR_PD      0x3000
#define FLOOR_TSS     0x4000
#define FLOOR_CODE    0x10000
#define FLOOR_PORT    0x80

#define FLOOR_TABLE   0x27              /* accessed, user, write, present */
#define FLOOR_LEAF    0xe7              /* 2 MiB, dirty as well */


static int              floor_vcpu;
static struct kvm_run  *floor_run;


static void
floor_check(int failed, const char *what)
{
    if (failed) {
        (void) fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}


static uint8_t *
floor_memory(void)
{
    uint8_t   *mem;
    uint16_t   io_base;

    /* nop; again: out %al, $0x80; jmp again */
    static const uint8_t  code[] = { 0x90, 0xe6, FLOOR_PORT, 0xeb, 0xfc };

    mem = mmap(NULL, FLOOR_MEMORY, PROT_READ|PROT_WRITE,
               MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    floor_check(mem == MAP_FAILED, "mmap()");

    *(uint64_t *) (void *) (mem + FLOOR_PML4) = FLOOR_PDPT | FLOOR_TABLE;
    *(uint64_t *) (void *) (mem + FLOOR_PDPT) = FLOOR_PD | FLOOR_TABLE;
    *(uint64_t *) (void *) (mem + FLOOR_PD) = FLOOR_LEAF;

    io_base = 104;
    memcpy(mem + FLOOR_TSS + 102, &io_base, sizeof(io_base));
    memset(mem + FLOOR_TSS + 104, 0xff, 18);
    mem[FLOOR_TSS + 104 + FLOOR_PORT / 8] = 0xfe;

    memcpy(mem + FLOOR_CODE, code, sizeof(code));

    return mem;
}


static void
floor_registers(void)
{
    struct kvm_regs     regs;
    struct kvm_sregs    sregs;
    struct kvm_segment  code, data;

    floor_check(ioctl(floor_vcpu, KVM_GET_SREGS, &sregs) == -1,
                "ioctl(KVM_GET_SREGS)");

    memset(&code, 0, sizeof(code));
    code.limit = 0xffffffff;
    code.selector = 0x33;
    code.type = 11;
    code.present = 1;
    code.dpl = 3;
    code.s = 1;
    code.l = 1;
    code.g = 1;

    data = code;
    data.selector = 0x2b;
    data.type = 3;
    data.l = 0;
    data.db = 1;

    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;

    memset(&sregs.tr, 0, sizeof(sregs.tr));
    sregs.tr.base = FLOOR_TSS;
    sregs.tr.limit = 104 + 17;
    sregs.tr.selector = 0x40;
    sregs.tr.type = 11;
    sregs.tr.present = 1;

    sregs.cr0 = 0x80050033;             /* PG AM WP NE ET MP PE */
    sregs.cr3 = FLOOR_PML4;
    sregs.cr4 = 1 << 5;                 /* PAE */
    sregs.efer = 1 << 8 | 1 << 10;      /* LME LMA */

    floor_check(ioctl(floor_vcpu, KVM_SET_SREGS, &sregs) == -1,
                "ioctl(KVM_SET_SREGS)");

    memset(&regs, 0, sizeof(regs));
    regs.rip = FLOOR_CODE;
    regs.rflags = 2;

    floor_check(ioctl(floor_vcpu, KVM_SET_REGS, &regs) == -1,
                "ioctl(KVM_SET_REGS)");
}


void
floor_open(void)
{
    int                                 kvm, vm, size;
    struct kvm_userspace_memory_region  slot;

    kvm = open("/dev/kvm", O_RDWR|O_CLOEXEC);
    floor_check(kvm == -1, "/dev/kvm");

    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    floor_check(vm == -1, "ioctl(KVM_CREATE_VM)");

    memset(&slot, 0, sizeof(slot));
    slot.memory_size = FLOOR_MEMORY;
    slot.userspace_addr = (uintptr_t) floor_memory();
    floor_check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) == -1,
                "ioctl(KVM_SET_USER_MEMORY_REGION)");

    floor_vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    floor_check(floor_vcpu == -1, "ioctl(KVM_CREATE_VCPU)");

    size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    floor_run = mmap(NULL, (size_t) size, PROT_READ|PROT_WRITE, MAP_SHARED,
                     floor_vcpu, 0);
    floor_check(floor_run == MAP_FAILED, "mmap() of a vCPU");

    floor_registers();
}


void
floor_trip(void)
{
    floor_check(ioctl(floor_vcpu, KVM_RUN, 0) == -1, "ioctl(KVM_RUN)");

    if (floor_run->exit_reason != KVM_EXIT_IO
        || floor_run->io.port != FLOOR_PORT)
    {
        (void) fprintf(stderr, "floor: unexpected exit %u\n",
                       floor_run->exit_reason);
        exit(1);
    }
}
