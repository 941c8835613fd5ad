/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm.c: the KVM platform, and its VM: one vCPU, two memslots, made, made
 * anew, and closed.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hl_error.h"
#include "hl_host.h"
#include "hl_memory.h"


#define HL_KVM_SLOT_RO   0
#define HL_KVM_SLOT_RW   1

/* Three pages that old Intel CPUs need; below 4 GiB, away from the slots. */
#define HL_KVM_TSS_ADDR  0xfffbd000ul


static hl_status_t hl_kvm_create(hl_vm_t **vm, hl_host_t *host,
    const hl_image_t *image, uint8_t *rw, hl_error_t *err);
static hl_status_t hl_kvm_open_vm(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_open_vcpu(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_confine(hl_vm_t *vm, hl_error_t *err);
static hl_status_t hl_kvm_slots(hl_vm_t *vm, hl_error_t *err);
static void hl_kvm_close(hl_vm_t *vm);
static void hl_kvm_destroy(hl_vm_t *vm);
static hl_status_t hl_kvm_reset(hl_vm_t *vm, const hl_vcpu_state_t *state,
    bool *rebuilt, hl_error_t *err);
static void hl_kvm_rebind(hl_vm_t *vm, const hl_image_t *image);
static const hl_tsc_t *hl_kvm_tsc(hl_vm_t *vm);
static hl_status_t hl_kvm_get_log(hl_vm_t *vm, uint64_t *bitmap,
    hl_error_t *err);
static hl_status_t hl_kvm_clear_log(hl_vm_t *vm, const uint64_t *bitmap,
    hl_error_t *err);


const hl_platform_t  hl_kvm_platform = {
    hl_kvm_create,
    hl_kvm_destroy,
    hl_kvm_run,
    hl_kvm_fault,
    hl_kvm_place,
    hl_kvm_jump,
    hl_kvm_settle,
    hl_kvm_state_save,
    hl_kvm_reset,
    hl_kvm_check,
    hl_kvm_rebind,
    hl_kvm_tsc,
    hl_kvm_get_log,
    hl_kvm_clear_log
};


static hl_status_t
hl_kvm_create(hl_vm_t **vm, hl_host_t *host, const hl_image_t *image,
    uint8_t *rw, hl_error_t *err)
{
    hl_vm_t  *v;

    v = calloc(1, sizeof(hl_vm_t));
    if (v == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    v->host = host;
    v->image = image;
    v->rw = rw;
    v->vm_fd = -1;
    v->vcpu_fd = -1;
    v->out_offset = -1;

    if (hl_kvm_open_vm(v, err) != HL_OK) {
        hl_kvm_destroy(v);
        return err->status;
    }

    *vm = v;

    return HL_OK;
}


static hl_status_t
hl_kvm_open_vm(hl_vm_t *vm, hl_error_t *err)
{
    if (hl_kvm_create_vm(&vm->host->kvm, &vm->vm_fd, err) != HL_OK
        || hl_kvm_confine(vm, err) != HL_OK
        || hl_kvm_slots(vm, err) != HL_OK
        || hl_kvm_open_vcpu(vm, err) != HL_OK)
    {
        return err->status;
    }

    vm->broken = false;

    if (hl_kvm_tsc_init(vm, err) != HL_OK) {
        return err->status;
    }

    return hl_kvm_state_initial(vm, err);
}


/* KVM's descriptors are close-on-exec from birth (anon_inode_getfd). */
static hl_status_t
hl_kvm_open_vcpu(hl_vm_t *vm, hl_error_t *err)
{
    void            *run;
    const hl_kvm_t  *kvm;

    kvm = &vm->host->kvm;

    vm->vcpu_fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, 0);
    if (vm->vcpu_fd == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_CREATE_VCPU)");
    }

    run = mmap(NULL, kvm->run_size, PROT_READ|PROT_WRITE, MAP_SHARED,
               vm->vcpu_fd, 0);
    if (run == MAP_FAILED) {
        return hl_error_system(err, errno, "mmap() of a vCPU");
    }

    vm->run = run;
    vm->run->kvm_valid_regs = KVM_SYNC_X86_REGS|KVM_SYNC_X86_SREGS;

    /* a guest's registers are as secret as its memory: hl_map() */

    if (madvise(run, kvm->run_size, MADV_DONTFORK) == -1
        || madvise(run, kvm->run_size, MADV_DONTDUMP) == -1)
    {
        return hl_error_system(err, errno, "madvise() of a vCPU");
    }

    if (ioctl(vm->vcpu_fd, KVM_SET_CPUID2, kvm->cpuid) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_SET_CPUID2)");
    }

    return HL_OK;
}


static hl_status_t
hl_kvm_confine(hl_vm_t *vm, hl_error_t *err)
{
    int                    tss;
    uint64_t               nothing;     /* read in whole words */
    struct kvm_enable_cap  cap;
    struct kvm_msr_filter  filter;

    /* all denied; KVM wants one range at least: one MSR, not allowed */

    nothing = 0;
    memset(&filter, 0, sizeof(filter));
    filter.flags = KVM_MSR_FILTER_DEFAULT_DENY;
    filter.ranges[0].flags = KVM_MSR_FILTER_READ|KVM_MSR_FILTER_WRITE;
    filter.ranges[0].nmsrs = 1;
    filter.ranges[0].bitmap = (uint8_t *) &nothing;

    if (ioctl(vm->vm_fd, KVM_X86_SET_MSR_FILTER, &filter) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_X86_SET_MSR_FILTER)");
    }

    memset(&cap, 0, sizeof(cap));
    cap.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
    cap.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

    if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_ENABLE_CAP, "
                               "MANUAL_DIRTY_LOG_PROTECT2)");
    }

    /* for Intel CPUs without unrestricted guests; others need no TSS */

    tss = ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_TSS_ADDR);

    if (tss == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_CHECK_EXTENSION, "
                               "KVM_CAP_SET_TSS_ADDR)");
    }

    if (tss != 0
        && ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, HL_KVM_TSS_ADDR) == -1)
    {
        return hl_error_system(err, errno, "ioctl(KVM_SET_TSS_ADDR)");
    }

    return HL_OK;
}


static hl_status_t
hl_kvm_slots(hl_vm_t *vm, hl_error_t *err)
{
    struct kvm_userspace_memory_region  ro, rw;

    memset(&ro, 0, sizeof(ro));
    ro.slot = HL_KVM_SLOT_RO;
    ro.flags = KVM_MEM_READONLY;
    ro.guest_phys_addr = HL_GPA_RO;
    ro.memory_size = vm->image->layout.ro_size;
    ro.userspace_addr = (uintptr_t) vm->image->ro;

    memset(&rw, 0, sizeof(rw));
    rw.slot = HL_KVM_SLOT_RW;
    rw.flags = KVM_MEM_LOG_DIRTY_PAGES;
    rw.guest_phys_addr = HL_GPA_RW;
    rw.memory_size = vm->image->layout.rw_size;
    rw.userspace_addr = (uintptr_t) vm->rw;

    if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &ro) == -1
        || ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &rw) == -1)
    {
        return hl_error_system(err, errno,
                               "ioctl(KVM_SET_USER_MEMORY_REGION)");
    }

    return HL_OK;
}


static void
hl_kvm_close(hl_vm_t *vm)
{
    if (vm->run != NULL) {
        (void) munmap(vm->run, vm->host->kvm.run_size);
        vm->run = NULL;
    }

    if (vm->vcpu_fd != -1) {
        (void) close(vm->vcpu_fd);
        vm->vcpu_fd = -1;
    }

    if (vm->vm_fd != -1) {
        (void) close(vm->vm_fd);
        vm->vm_fd = -1;
    }
}


static void
hl_kvm_destroy(hl_vm_t *vm)
{
    hl_kvm_close(vm);
    free(vm);
}


static hl_status_t
hl_kvm_reset(hl_vm_t *vm, const hl_vcpu_state_t *state, bool *rebuilt,
    hl_error_t *err)
{
    *rebuilt = vm->broken;

    if (vm->broken) {
        hl_kvm_close(vm);

        if (hl_kvm_open_vm(vm, err) != HL_OK) {
            vm->broken = true;
            return err->status;
        }
    }

    return hl_kvm_state_load(vm, state, err);
}


static void
hl_kvm_rebind(hl_vm_t *vm, const hl_image_t *image)
{
    vm->image = image;
    vm->broken = true;          /* its slot is the old image's */
}


static const hl_tsc_t *
hl_kvm_tsc(hl_vm_t *vm)
{
    return &vm->tsc;
}


static hl_status_t
hl_kvm_get_log(hl_vm_t *vm, uint64_t *bitmap, hl_error_t *err)
{
    struct kvm_dirty_log  log;

    memset(&log, 0, sizeof(log));
    log.slot = HL_KVM_SLOT_RW;
    log.dirty_bitmap = bitmap;

    if (ioctl(vm->vm_fd, KVM_GET_DIRTY_LOG, &log) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_GET_DIRTY_LOG)");
    }

    return HL_OK;
}


static hl_status_t
hl_kvm_clear_log(hl_vm_t *vm, const uint64_t *bitmap, hl_error_t *err)
{
    struct kvm_clear_dirty_log  log;

    memset(&log, 0, sizeof(log));
    log.slot = HL_KVM_SLOT_RW;
    log.first_page = 0;
    log.num_pages = (uint32_t) (vm->image->layout.rw_size >> HL_PAGE_SHIFT);
    log.dirty_bitmap = (void *) (uintptr_t) bitmap;

    if (ioctl(vm->vm_fd, KVM_CLEAR_DIRTY_LOG, &log) == -1) {
        return hl_error_system(err, errno, "ioctl(KVM_CLEAR_DIRTY_LOG)");
    }

    return HL_OK;
}
