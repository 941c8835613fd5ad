/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * inject.c: takes the place of ioctl() and open(), and lets KVM fail, or a
 * guest leave as no guest does, when a test wants it: see inject.h.  Calls for
 * memory are t/outage/fail.c's: test_faults, which links this, counts them by
 * a malloc() of its own (blocks.c).
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject.h"


#define INJECT_DEVICE  "/dev/kvm"


int open64(const char *path, int flags, ...);


static inject_t  inject_own;

volatile inject_t  *inject = &inject_own;


__attribute__((constructor))
static void
inject_map(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("HL_FAULTS");
    fd = path != NULL ? (int) syscall(SYS_openat, AT_FDCWD, path,
                                      O_RDWR|O_CLOEXEC)
                      : -1;

    if (fd != -1) {
        p = mmap(NULL, sizeof(inject_t), PROT_READ|PROT_WRITE, MAP_SHARED,
                 fd, 0);

        if (p != MAP_FAILED) {
            inject = p;
        }

        (void) close(fd);
    }
}


/* Whether this one is to fail. */
static bool
inject_now(uint32_t request)
{
    if (inject->seen++ < inject->after || inject->done >= inject->times) {
        return false;
    }

    inject->done++;
    inject->last = request;

    return true;
}


/* ---- ioctl() ----------------------------------------------------------- */

/* The page that KVM shares with who has the vCPU. */
static struct kvm_run *
inject_page(int vcpu)
{
    void  *page;

    page = mmap(NULL, sizeof(struct kvm_run), PROT_READ|PROT_WRITE,
                MAP_SHARED, vcpu, 0);

    return page == MAP_FAILED ? NULL : page;
}


static void
inject_exit(struct kvm_run *run)
{
    run->exit_reason = inject->value;
    memset(run->padding, (int) inject->fill, sizeof(run->padding));

    if (inject->value == KVM_EXIT_IO) {
        run->io.direction = (uint8_t) inject->direction;
        run->io.size = (uint8_t) inject->size;
        run->io.port = (uint16_t) inject->port;
        run->io.count = inject->count;
    }
}


/*
 * A signal may come at any time, but KVM looks for it only after it has
 * completed what was pending: so does an EINTR that is made here.
 */
static int
inject_interrupt(int fd, struct kvm_run *run)
{
    uint8_t  was;

    was = run->immediate_exit;
    run->immediate_exit = 1;
    (void) syscall(SYS_ioctl, fd, KVM_RUN, 0);
    run->immediate_exit = was;

    errno = EINTR;

    return -1;
}


static int
inject_run(int fd)
{
    int              rc;
    struct kvm_run  *run;

    run = inject_page(fd);
    if (run == NULL) {
        return -1;
    }

    inject->pending = run->immediate_exit;
    rc = 0;

    if (inject->kind == INJECT_ERROR && inject->value == EINTR) {
        rc = inject_interrupt(fd, run);

    } else if (inject->kind == INJECT_ERROR_LATE
               || inject->kind == INJECT_EXIT)
    {
        rc = (int) syscall(SYS_ioctl, fd, KVM_RUN, 0);
    }

    if (inject->kind == INJECT_EXIT || inject->kind == INJECT_EXIT_EARLY) {
        if (rc == 0) {
            inject_exit(run);

        } else {
            inject->done--;     /* the next one, then: it was interrupted */
        }

    } else {
        errno = (int) inject->value;
        rc = -1;
    }

    (void) munmap(run, sizeof(struct kvm_run));

    return rc;
}


static bool
inject_wants(unsigned long request)
{
    uint32_t  kind;

    kind = inject->kind;

    if (kind == INJECT_NOTHING || kind == INJECT_OPEN
        || _IOC_TYPE(request) != KVMIO)
    {
        return false;
    }

    return kind == INJECT_ERROR || kind == INJECT_RESULT
           ? inject->request == 0 || inject->request == request
           : request == KVM_RUN;
}


int
ioctl(int fd, unsigned long request, ...)
{
    void     *arg;
    va_list   args;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);

    if (inject->lacks != 0 && inject->lacks == request) {
        errno = ENXIO;
        return -1;
    }

    if (!inject_wants(request) || !inject_now((uint32_t) request)) {
        return (int) syscall(SYS_ioctl, fd, request, arg);
    }

    inject->pending = 0;

    if (inject->kind == INJECT_RESULT) {
        return (int) inject->value;
    }

    if (request == KVM_RUN) {
        return inject_run(fd);
    }

    errno = (int) inject->value;

    return -1;
}


/* ---- open() ------------------------------------------------------------ */

static int
inject_open(const char *path, int flags, mode_t mode)
{
    if (inject->kind == INJECT_OPEN && strcmp(path, INJECT_DEVICE) == 0
        && inject_now(0))
    {
        errno = (int) inject->value;
        return -1;
    }

    return (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}


int
open(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);

    return inject_open(path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);

    return inject_open(path, flags, mode);
}
