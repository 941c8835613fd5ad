/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fail.c: a library for LD_PRELOAD that has one call for memory, or to write
 * to a file, fail in a worker: the n-th that the module makes, itself or by
 * what it calls of nginx and of libraries.  t/lib/HL/Outage.pm orders it by a
 * file, which all processes that come from the first one share.
 *
 * With each new round a worker draws an n of its own, so that workers can
 * work through many n side by side.
 *
 * What KVM is asked for fails by t/faults/inject.c, which tests of core link.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>


#define FAIL_MODULE  "ngx_http_hyperlight_module"
#define FAIL_FRAMES  64
#define FAIL_ROWS    4096


/* Kinds of calls, bits. */
enum {
    FAIL_MALLOC = 1,
    FAIL_MAP = 2,                       /* mmap, mremap */
    FAIL_ADVISE = 4,
    FAIL_MEMFD = 8,                     /* memfd_create, ftruncate, pwrite */
    FAIL_WRITE = 16                     /* to other files, by whomever */
};


typedef struct {
    uint64_t  round;                    /* 0: nothing fails */
    uint64_t  kinds;
    uint64_t  errnum;
    uint64_t  next;                     /* n of the next worker */
    uint64_t  all;                      /* those behind the n-th, too */
    uint64_t  young;                    /* only in workers of this round */
    uint64_t  failed;                   /* calls */
    uint64_t  rows[FAIL_ROWS];          /* by n: pid, kind << 32 */
} fail_order_t;


void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);


static fail_order_t  *fail_order;
static pid_t          fail_master;

/* Of this process. */
static uint64_t       fail_birth;           /* the round then */
static uint64_t       fail_round;
static uint64_t       fail_n;
static uint64_t       fail_calls;
static bool           fail_busy;
static uintptr_t      fail_start;
static uintptr_t      fail_end;


static void
fail_born(void)
{
    fail_birth = fail_order->round;
}


__attribute__((constructor))
static void
fail_open(void)
{
    int          fd;
    void        *p, *frame;
    const char  *path;

    path = getenv("HL_OUTAGE");
    fd = path != NULL ? open(path, O_RDWR|O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    p = (void *) syscall(SYS_mmap, NULL, sizeof(fail_order_t),
                         PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0L);
    (void) close(fd);

    if (p != MAP_FAILED) {

        /* what it allocates at its first call is allocated now */

        (void) backtrace(&frame, 1);

        fail_master = getpid();
        fail_order = p;

        (void) pthread_atfork(NULL, NULL, fail_born);
    }
}


static int
fail_find(struct dl_phdr_info *info, size_t size, void *data)
{
    int                i;
    uintptr_t          end;
    const ElfW(Phdr)  *phdr;

    (void) size;
    (void) data;

    if (strstr(info->dlpi_name, FAIL_MODULE) == NULL) {
        return 0;
    }

    fail_start = info->dlpi_addr;

    for (i = 0; i < info->dlpi_phnum; i++) {
        phdr = &info->dlpi_phdr[i];
        end = info->dlpi_addr + phdr->p_vaddr + phdr->p_memsz;

        if (phdr->p_type == PT_LOAD && end > fail_end) {
            fail_end = end;
        }
    }

    return 1;
}


static bool
fail_is_of_module(void)
{
    int    i, n;
    void  *frames[FAIL_FRAMES];

    if (fail_end == 0) {
        (void) dl_iterate_phdr(fail_find, NULL);
    }

    n = backtrace(frames, FAIL_FRAMES);

    for (i = 0; i < n; i++) {
        if ((uintptr_t) frames[i] >= fail_start
            && (uintptr_t) frames[i] < fail_end)
        {
            return true;
        }
    }

    return false;
}


static bool
fail_counts(uint64_t kind)
{
    fail_order_t  *o;

    o = fail_order;

    if (o == NULL || o->round == 0 || !(o->kinds & kind)
        || (o->young && fail_birth != o->round) || getpid() == fail_master)
    {
        return false;
    }

    if (kind != FAIL_WRITE && !fail_is_of_module()) {
        return false;
    }

    if (fail_round != o->round) {
        fail_round = o->round;
        fail_calls = 0;
        fail_n = __atomic_fetch_add(&o->next, 1, __ATOMIC_RELAXED);
    }

    fail_calls++;

    return fail_calls == fail_n || (o->all && fail_calls > fail_n);
}


static bool
fail(uint64_t kind)
{
    int   errnum;
    bool  fails;

    if (fail_busy) {
        return false;
    }

    errnum = errno;

    fail_busy = true;
    fails = fail_counts(kind);
    fail_busy = false;

    if (!fails) {
        errno = errnum;
        return false;
    }

    (void) __atomic_fetch_add(&fail_order->failed, 1, __ATOMIC_RELAXED);

    if (fail_n < FAIL_ROWS) {
        fail_order->rows[fail_n] = (uint64_t) getpid() | kind << 32;
    }

    errno = (int) fail_order->errnum;

    return true;
}


/* ---- memory ------------------------------------------------------------ */

void *
malloc(size_t size)
{
    return fail(FAIL_MALLOC) ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return fail(FAIL_MALLOC) ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return fail(FAIL_MALLOC) ? NULL : __libc_realloc(p, size);
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    if (fail(FAIL_MALLOC)) {
        return ENOMEM;
    }

    *p = __libc_memalign(alignment, size);

    return *p != NULL ? 0 : ENOMEM;
}


void *
mmap(void *p, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (fail(FAIL_MAP)) {
        return MAP_FAILED;
    }

    return (void *) syscall(SYS_mmap, p, len, protection, flags, fd, offset);
}


void *
mmap64(void *p, size_t len, int protection, int flags, int fd, off64_t offset)
{
    return mmap(p, len, protection, flags, fd, offset);
}


void *
mremap(void *p, size_t old, size_t new, int flags, ...)
{
    void     *to;
    va_list   args;

    va_start(args, flags);
    to = va_arg(args, void *);
    va_end(args);

    if (fail(FAIL_MAP)) {
        return MAP_FAILED;
    }

    return (void *) syscall(SYS_mremap, p, old, new, flags, to);
}


int
madvise(void *p, size_t len, int advice)
{
    return fail(FAIL_ADVISE) ? -1
                             : (int) syscall(SYS_madvise, p, len, advice);
}


/* ---- files ------------------------------------------------------------- */

int
memfd_create(const char *name, unsigned flags)
{
    return fail(FAIL_MEMFD) ? -1
                            : (int) syscall(SYS_memfd_create, name, flags);
}


int
ftruncate(int fd, off_t size)
{
    return fail(FAIL_MEMFD) ? -1 : (int) syscall(SYS_ftruncate, fd, size);
}


static uint64_t
fail_kind_of(int fd)
{
    return fcntl(fd, F_GET_SEALS) != -1 ? FAIL_MEMFD : FAIL_WRITE;
}


ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return fail(fail_kind_of(fd))
           ? -1 : syscall(SYS_pwrite64, fd, data, len, offset);
}


ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    return pwrite(fd, data, len, offset);
}


ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    return fail(fail_kind_of(fd))
           ? -1 : syscall(SYS_pwritev, fd, iov, (long) n, offset, 0L);
}


ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off64_t offset)
{
    return pwritev(fd, iov, n, offset);
}
