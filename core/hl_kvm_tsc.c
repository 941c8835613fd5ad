/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm_tsc.c: how a guest's time-stamp counter relates to the host's.
 *
 * A VM's counter starts where its KVM pleases; since nobody sets it
 * afterwards, one offset holds for the VM's life.  Linux 5.16 and newer tell
 * it (KVM API, KVM_VCPU_TSC_OFFSET); for older ones the counter is read
 * between two readings of the host's, and the tightest of a few counts.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hl_error.h"
#include "hl_host.h"
#include "hl_time.h"


#define HL_MSR_TSC    0x10              /* Intel SDM volume 4, 2.1 */
#define HL_TSC_TRIES  5


static bool hl_kvm_tsc_ask(const hl_vm_t *vm, uint64_t *offset);
static hl_status_t hl_kvm_tsc_measure(const hl_vm_t *vm, uint64_t *offset,
    hl_error_t *err);


hl_status_t
hl_kvm_tsc_init(hl_vm_t *vm, hl_error_t *err)
{
    int  khz;

    khz = ioctl(vm->vcpu_fd, KVM_GET_TSC_KHZ, 0);

    if (khz <= 0) {
        return hl_error_ioctl(err, khz, "KVM_GET_TSC_KHZ");
    }

    vm->tsc.khz = (uint64_t) khz;

    if (hl_kvm_tsc_ask(vm, &vm->tsc.offset)) {
        return HL_OK;
    }

    return hl_kvm_tsc_measure(vm, &vm->tsc.offset, err);
}


static bool
hl_kvm_tsc_ask(const hl_vm_t *vm, uint64_t *offset)
{
#ifdef KVM_VCPU_TSC_OFFSET
    struct kvm_device_attr  attr;

    memset(&attr, 0, sizeof(attr));
    attr.group = KVM_VCPU_TSC_CTRL;
    attr.attr = KVM_VCPU_TSC_OFFSET;
    attr.addr = (uintptr_t) offset;

    return ioctl(vm->vcpu_fd, KVM_GET_DEVICE_ATTR, &attr) == 0;
#else
    return false;
#endif
}


static hl_status_t
hl_kvm_tsc_measure(const hl_vm_t *vm, uint64_t *offset, hl_error_t *err)
{
    int               i, n;
    uint64_t          before, after, best;
    struct kvm_msrs  *msrs;

    msrs = calloc(1, sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry));
    if (msrs == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    msrs->nmsrs = 1;
    msrs->entries[0].index = HL_MSR_TSC;
    best = UINT64_MAX;

    for (i = 0; i < HL_TSC_TRIES; i++) {
        before = hl_tsc();

        n = ioctl(vm->vcpu_fd, KVM_GET_MSRS, msrs);

        if (n != 1) {
            (void) hl_error_ioctl(err, n, "KVM_GET_MSRS");
            free(msrs);
            return err->status;
        }

        after = hl_tsc();

        if (after - before < best) {
            best = after - before;
            *offset = msrs->entries[0].data - (before + best / 2);
        }
    }

    free(msrs);

    return HL_OK;
}
