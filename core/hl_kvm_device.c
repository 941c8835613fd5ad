/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_kvm_device.c: /dev/kvm: opens it, checks what this KVM can do, and what
 * the kernel says of VMSCAPE, learns what its guests are offered, makes VMs.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hl_error.h"
#include "hl_kvm.h"
#include "hl_x86.h"


/* Tries, of one that is interrupted. */
#define HL_KVM_CREATES  1000


static const struct {
    long         cap;
    int          bits;          /* that its value must have; 0: any */
    const char  *name;
} hl_kvm_capabilities[] = {
    { KVM_CAP_USER_MEMORY, 0, "KVM_CAP_USER_MEMORY" },
    { KVM_CAP_READONLY_MEM, 0, "KVM_CAP_READONLY_MEM" },
    { KVM_CAP_IMMEDIATE_EXIT, 0, "KVM_CAP_IMMEDIATE_EXIT" },
    { KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS|KVM_SYNC_X86_SREGS,
      "KVM_CAP_SYNC_REGS" },
    { KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
      "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2" },
    { KVM_CAP_X86_MSR_FILTER, 0, "KVM_CAP_X86_MSR_FILTER" },
    { KVM_CAP_XSAVE, 0, "KVM_CAP_XSAVE" },
    { KVM_CAP_XCRS, 0, "KVM_CAP_XCRS" },
    { KVM_CAP_VCPU_EVENTS, 0, "KVM_CAP_VCPU_EVENTS" },
    { KVM_CAP_DEBUGREGS, 0, "KVM_CAP_DEBUGREGS" },
    { KVM_CAP_GET_TSC_KHZ, 0, "KVM_CAP_GET_TSC_KHZ" },
    { KVM_CAP_EXT_CPUID, 0, "KVM_CAP_EXT_CPUID" }
};


static hl_status_t hl_kvm_open_failed(int errnum, const char *path,
    hl_error_t *err);
static hl_status_t hl_kvm_capable(int fd, hl_error_t *err);


hl_status_t
hl_kvm_open(int *fd, const char *path, hl_error_t *err)
{
    int  f, version;

    f = open(path, O_RDWR|O_CLOEXEC);
    if (f == -1) {
        return hl_kvm_open_failed(errno, path, err);
    }

    version = ioctl(f, KVM_GET_API_VERSION, 0);

    if (version == -1) {
        (void) hl_error_set(err, HL_ERR_NO_KVM, "\"%s\" is not KVM: "
                            "ioctl(KVM_GET_API_VERSION): %s", path,
                            strerror(errno));
        goto failed;
    }

    if (version != KVM_API_VERSION) {
        (void) hl_error_set(err, HL_ERR_NO_KVM, "\"%s\" has KVM's API "
                            "version %d and not %d", path, version,
                            KVM_API_VERSION);
        goto failed;
    }

    if (hl_kvm_capable(f, err) != HL_OK) {
        goto failed;
    }

    *fd = f;

    return HL_OK;

failed:

    (void) close(f);

    return err->status;
}


static hl_status_t
hl_kvm_open_failed(int errnum, const char *path, hl_error_t *err)
{
    switch (errnum) {

    case ENOENT:
        return hl_error_set(err, HL_ERR_NO_KVM, "\"%s\" is missing (%s): load "
                            "the module kvm_intel or kvm_amd, or let the "
                            "container or virtual machine have the device",
                            path, strerror(errnum));

    case EACCES:
    case EPERM:
        return hl_error_set(err, HL_ERR_NO_KVM, "\"%s\" cannot be opened "
                            "(%s): run as root, or as a member of the group "
                            "that owns the device", path, strerror(errnum));

    default:
        return hl_error_set(err, HL_ERR_NO_KVM, "\"%s\" cannot be opened: %s",
                            path, strerror(errnum));
    }
}


static hl_status_t
hl_kvm_capable(int fd, hl_error_t *err)
{
    int     value;
    size_t  i;

    for (i = 0;
         i < sizeof(hl_kvm_capabilities) / sizeof(hl_kvm_capabilities[0]);
         i++)
    {
        value = ioctl(fd, KVM_CHECK_EXTENSION, hl_kvm_capabilities[i].cap);

        if (value == -1) {
            return hl_error_set(err, HL_ERR_NO_KVM,
                                "ioctl(KVM_CHECK_EXTENSION, %s): %s",
                                hl_kvm_capabilities[i].name,
                                strerror(errno));
        }

        if (value == 0
            || (value & hl_kvm_capabilities[i].bits)
               != hl_kvm_capabilities[i].bits)
        {
            return hl_error_set(err, HL_ERR_NO_KVM,
                                "this kernel's KVM lacks %s: Linux 5.10 or "
                                "newer is needed",
                                hl_kvm_capabilities[i].name);
        }
    }

    return HL_OK;
}


/* What the kernel can say: "Not affected", "Mitigation: ...", "Vulnerable",
 * the last with more behind it, perhaps. */
bool
hl_kvm_vmscape(const char *path, char *text, size_t size)
{
    int      fd;
    char     line[128];
    ssize_t  n;

    text[0] = '\0';

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return false;
    }

    n = read(fd, line, sizeof(line));
    (void) close(fd);

    if (n <= 0) {
        return false;
    }

    if (line[n - 1] == '\n') {
        n--;
    }

    (void) hl_error_escape(text, size, line, (size_t) n);

    return strncmp(text, "Vulnerable", strlen("Vulnerable")) == 0;
}


hl_status_t
hl_kvm_init(hl_kvm_t *kvm, int fd, hl_error_t *err)
{
    int                             size;
    const struct kvm_cpuid_entry2  *row;

    kvm->fd = fd;

    size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);

    if (size < (int) sizeof(struct kvm_run)) {
        return hl_error_ioctl(err, size, "KVM_GET_VCPU_MMAP_SIZE");
    }

    kvm->run_size = (size_t) size;

    kvm->cpuid = calloc(1, sizeof(struct kvm_cpuid2)
                           + HL_KVM_CPUID_MAX
                             * sizeof(struct kvm_cpuid_entry2));
    if (kvm->cpuid == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    kvm->cpuid->nent = HL_KVM_CPUID_MAX;

    if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, kvm->cpuid) == -1) {
        (void) hl_error_system(err, errno, "ioctl(KVM_GET_SUPPORTED_CPUID)");
        hl_kvm_free(kvm);
        return err->status;
    }

    row = hl_cpuid_find(kvm->cpuid, 0xd, 0);
    kvm->xcr0 = row == NULL ? 0
                : ((uint64_t) row->edx << 32 | row->eax) & HL_XCR0_OFFERED;

    if (kvm->xcr0 == 0) {
        hl_kvm_free(kvm);
        return hl_error_set(err, HL_ERR_NO_KVM, "this CPU, or its KVM, lacks "
                            "XSAVE");
    }

    hl_cpuid_filter(kvm->cpuid, kvm->xcr0);

    kvm->cr4 = HL_CR4_PAE|HL_CR4_OSFXSR|HL_CR4_OSXMMEXCPT|HL_CR4_OSXSAVE;

    row = hl_cpuid_find(kvm->cpuid, 7, 0);

    if (row != NULL) {
        kvm->cr4 |= ((row->ebx & (1u << 7)) ? HL_CR4_SMEP : 0)
                    | ((row->ebx & (1u << 20)) ? HL_CR4_SMAP : 0)
                    | ((row->ecx & (1u << 2)) ? HL_CR4_UMIP : 0);
    }

    return HL_OK;
}


/*
 * The kernel looks for a signal at each mapping of the process, and starts
 * from nothing after one.  With many mappings and many signals it would never
 * come to its end: they have to wait.
 */
hl_status_t
hl_kvm_create_vm(const hl_kvm_t *kvm, int *fd, hl_error_t *err)
{
    int       f, errnum, tries;
    sigset_t  all, old;

    tries = HL_KVM_CREATES;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    do {
        f = ioctl(kvm->fd, KVM_CREATE_VM, 0);
        errnum = errno;
    } while (f == -1 && errnum == EINTR && --tries > 0);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (f == -1) {
        return hl_error_system(err, errnum, "ioctl(KVM_CREATE_VM)");
    }

    *fd = f;

    return HL_OK;
}


void
hl_kvm_free(hl_kvm_t *kvm)
{
    free(kvm->cpuid);
    kvm->cpuid = NULL;
}
