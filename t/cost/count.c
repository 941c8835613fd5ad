/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * count.c: a library for LD_PRELOAD that counts what t/cost.t asserts.  The
 * numbers are in the file that HL_COST names, shared by all processes that
 * come from the first one, as uint64_t in the order below.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>


#define COUNT_LARGE  1024               /* bytes: copies from there on */


enum {
    COUNT_ALLOCATIONS,
    COUNT_ALLOCATED,                    /* bytes */
    COUNT_RUNS,                         /* KVM_RUN */
    COUNT_LOGS,                         /* KVM_GET_DIRTY_LOG */
    COUNT_IOCTLS,                       /* all others of KVM */
    COUNT_COPIES,                       /* large ones */
    COUNT_COPIED,                       /* bytes */
    COUNT_MAPPINGS,                     /* munmap, madvise, mprotect */
    COUNT_N
};


void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *__memcpy_chk(void *dst, const void *src, size_t len, size_t size);
void *__memmove_chk(void *dst, const void *src, size_t len, size_t size);


static uint64_t   count_nothing[COUNT_N];
static uint64_t  *count_numbers = count_nothing;


static void
count(int what, uint64_t n)
{
    (void) __atomic_fetch_add(&count_numbers[what], n, __ATOMIC_RELAXED);
}


__attribute__((constructor))
static void
count_open(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("HL_COST");
    fd = path != NULL ? open(path, O_RDWR|O_CLOEXEC) : -1;

    if (fd != -1) {
        p = mmap(NULL, sizeof(count_nothing), PROT_READ|PROT_WRITE,
                 MAP_SHARED, fd, 0);

        if (p != MAP_FAILED) {
            count_numbers = p;
        }

        (void) close(fd);
    }
}


/* ---- memory ------------------------------------------------------------ */

static void
count_allocation(size_t size)
{
    count(COUNT_ALLOCATIONS, 1);
    count(COUNT_ALLOCATED, size);
}


void *
malloc(size_t size)
{
    count_allocation(size);

    return __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    count_allocation(n * size);

    return __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    count_allocation(size);

    return __libc_realloc(p, size);
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    count_allocation(size);
    *p = __libc_memalign(alignment, size);

    return *p != NULL ? 0 : ENOMEM;
}


void *
memalign(size_t alignment, size_t size)
{
    count_allocation(size);

    return __libc_memalign(alignment, size);
}


/* ---- copies ------------------------------------------------------------ */

static void *
count_copy(void *dst, const void *src, size_t len)
{
    void        *to;
    const void  *from;

    if (len >= COUNT_LARGE) {
        count(COUNT_COPIES, 1);
        count(COUNT_COPIED, len);
    }

    to = dst;
    from = src;

    if ((uintptr_t) dst - (uintptr_t) src >= len) {
        __asm__ volatile ("rep movsb" : "+D" (to), "+S" (from), "+c" (len)
                          : : "memory");
        return dst;
    }

    to = (char *) dst + len - 1;
    from = (const char *) src + len - 1;

    __asm__ volatile ("std; rep movsb; cld" : "+D" (to), "+S" (from),
                      "+c" (len) : : "memory");

    return dst;
}


void *
memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    return count_copy(dst, src, len);
}


void *
memmove(void *dst, const void *src, size_t len)
{
    return count_copy(dst, src, len);
}


void *
__memcpy_chk(void *dst, const void *src, size_t len, size_t size)
{
    if (len > size) {
        abort();
    }

    return count_copy(dst, src, len);
}


void *
__memmove_chk(void *dst, const void *src, size_t len, size_t size)
{
    return __memcpy_chk(dst, src, len, size);
}


/* ---- the kernel -------------------------------------------------------- */

int
ioctl(int fd, unsigned long request, ...)
{
    va_list   ap;
    uint64_t  arg;

    va_start(ap, request);
    arg = va_arg(ap, uint64_t);
    va_end(ap);

    if (_IOC_TYPE(request) == KVMIO) {
        count(request == KVM_RUN ? COUNT_RUNS
              : request == KVM_GET_DIRTY_LOG ? COUNT_LOGS : COUNT_IOCTLS, 1);
    }

    return (int) syscall(SYS_ioctl, fd, request, arg);
}


int
madvise(void *p, size_t len, int advice)
{
    count(COUNT_MAPPINGS, 1);

    return (int) syscall(SYS_madvise, p, len, advice);
}


int
mprotect(void *p, size_t len, int protection)
{
    count(COUNT_MAPPINGS, 1);

    return (int) syscall(SYS_mprotect, p, len, protection);
}


int
munmap(void *p, size_t len)
{
    count(COUNT_MAPPINGS, 1);

    return (int) syscall(SYS_munmap, p, len);
}
