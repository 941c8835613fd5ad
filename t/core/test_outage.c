/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_outage.c: calls for memory that fail.  A whole life of a sandbox is
 * lived again and again, and the n-th of these calls fails, for each n: the
 * life ends with an error that names what failed, leaves nothing behind, and
 * the next one is as if nothing had been.
 *
 * core's malloc(), mmap() and so on are those below: each fails in its own
 * way, wherever it is called from.  In a worker it is t/outage/fail.c, which
 * looks for the module among the callers.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "whole_life.h"


void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);


/* Counts while armed. */
static struct {
    bool         armed;
    unsigned     calls;
    unsigned     fail;
    int          errnum;                /* of what failed */
    const char  *failed;                /* NULL: nothing yet */
} outage;


/* ---- what fails -------------------------------------------------------- */

static bool
outage_now(const char *what, int errnum)
{
    if (!outage.armed || ++outage.calls != outage.fail) {
        return false;
    }

    outage.failed = what;
    outage.errnum = errnum;
    errno = errnum;

    return true;
}


void *
malloc(size_t size)
{
    return outage_now("malloc", ENOMEM) ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return outage_now("calloc", ENOMEM) ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return outage_now("realloc", ENOMEM) ? NULL : __libc_realloc(p, size);
}


/* What was at a fixed place may be gone then: POSIX, mmap(), RETURN VALUE. */
void *
mmap(void *p, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (outage_now("mmap", ENOMEM)) {
        if (flags & MAP_FIXED) {
            (void) munmap(p, len);
            errno = ENOMEM;
        }

        return MAP_FAILED;
    }

    return (void *) syscall(SYS_mmap, p, len, prot, flags, fd, offset);
}


int
madvise(void *p, size_t len, int advice)
{
    if (outage_now("madvise", ENOMEM)) {
        return -1;
    }

    return (int) syscall(SYS_madvise, p, len, advice);
}


int
memfd_create(const char *name, unsigned flags)
{
    if (outage_now("memfd_create", ENFILE)) {
        return -1;
    }

    return (int) syscall(SYS_memfd_create, name, flags);
}


int
ftruncate(int fd, off_t size)
{
    if (outage_now("ftruncate", ENOSPC)) {
        return -1;
    }

    return (int) syscall(SYS_ftruncate, fd, size);
}


/* Its pages are memory, too. */
ssize_t
pwrite(int fd, const void *p, size_t len, off_t offset)
{
    if (outage_now("pwrite", ENOSPC)) {
        return -1;
    }

    return syscall(SYS_pwrite64, fd, p, len, offset);
}


int
timer_create(clockid_t clock, struct sigevent *ev, timer_t *id)
{
    static int  (*libc_timer_create)(clockid_t, struct sigevent *,
                                     timer_t *);

    if (libc_timer_create == NULL) {
        *(void **) &libc_timer_create = dlsym(RTLD_NEXT, "timer_create");
    }

    return outage_now("timer_create", EAGAIN)
           ? -1 : libc_timer_create(clock, ev, id);
}


/* ---- each call, once --------------------------------------------------- */

static void
outage_arm(unsigned n)
{
    outage.fail = n;
    outage.calls = 0;
    outage.failed = NULL;
    outage.armed = true;
}


static void
outage_disarm(void)
{
    outage.armed = false;
}


/* Borne are two madvise() of each mapping, and what qsort() would like. */
static void
any_call_for_memory_may_fail(void **state)
{
    unsigned     n, failures, borne;
    hl_status_t  status;

    (void) state;

    assert_whole_life();

    failures = 0;
    borne = 0;

    for (n = 1; ; n++) {
        status = life_short_of(outage_arm, outage_disarm, n);

        if (outage.failed == NULL) {
            break;
        }

        if (status == HL_OK) {
            borne++;
            continue;
        }

        assert_reason(status, outage.errnum);
        failures++;
    }

    assert_ok(status);
    assert_whole_life();

    print_message("%u calls: %u are errors, %u are borne\n", n - 1, failures,
                  borne);
    assert_true(failures > 100);
    assert_true(borne < failures / 2);
}


/* ---- the initialisation of a guest ------------------------------------- */

/* It is tried again: that no memory was there is not the guest's fault. */
static void
evolve_without_memory_is_no_fault_of_the_guest(void **state)
{
    unsigned      n;
    hl_guest_t   *guest;
    hl_config_t   config;
    hl_status_t   status;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    guest = test_guest(TEST_RAW);

    for (n = 1; ; n++) {
        assert_ok(hl_sandbox_create(&sb, test_host, guest, &config,
                                    &test_err));
        outage_arm(n);
        status = hl_sandbox_evolve(sb, TEST_LONG, &test_err);
        outage_disarm();
        hl_sandbox_destroy(sb);

        if (outage.failed == NULL) {
            break;
        }

        assert_status(status, HL_ERR_SYSTEM);
    }

    assert_ok(status);
    assert_true(n > 5);
    hl_guest_destroy(guest);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(any_call_for_memory_may_fail),
        test_plain(evolve_without_memory_is_no_fault_of_the_guest)
    };

    return cmocka_run_group_tests_name("outage", tests, test_group_host,
                                       test_group_end);
}
