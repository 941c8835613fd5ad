/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_outage.c: memory and descriptors that run out.  A whole life of a
 * sandbox is lived again and again: the n-th time it asks the system for
 * memory it gets none, for each n; or there is room for n descriptors, or for
 * so much address space, less than it needs.  Each such life ends with an
 * error that names what failed, leaves nothing behind, and the next one, in
 * the same process, is as if nothing had been.
 *
 * core's malloc(), mmap() and so on are those below.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hl_host.h"
#include "hl_sandbox.h"
#include "test.h"


#define OUTAGE_HEAP    (1u << 20)
#define OUTAGE_PAGES   100              /* over what may be hot */
#define OUTAGE_STEP    65536            /* of address space */


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


void *
mmap(void *p, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (outage_now("mmap", ENOMEM)) {
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


/* ---- a life ------------------------------------------------------------ */

typedef struct {
    int             kvm;
    hl_host_t      *host;
    hl_guest_t     *guest;
    hl_sandbox_t   *first;
    hl_sandbox_t   *second;
    hl_snapshot_t  *snapshot;
    hl_snapshot_t  *later;
} life_t;


static hl_status_t
life_begin(life_t *l)
{
    char         path[4096];
    hl_config_t  config;

    hl_config_init(&config);
    config.heap = OUTAGE_HEAP;
    config.sink = &test_sink;
    config.check_restore = true;

    test_path(path, sizeof(path), TEST_RAW);

    if (hl_kvm_open(&l->kvm, HL_KVM_DEVICE, &test_err) != HL_OK
        || hl_host_create(&l->host, l->kvm, SIGRTMIN + 1, &test_err) != HL_OK
        || hl_guest_open(&l->guest, path, &test_err) != HL_OK
        || hl_sandbox_create(&l->first, l->host, l->guest, &config,
                             &test_err) != HL_OK
        || hl_sandbox_evolve(l->first, TEST_LONG, &test_err) != HL_OK)
    {
        return test_err.status;
    }

    return hl_snapshot_create(&l->snapshot, l->first, &test_err);
}


/* More pages than may be hot, so that a restore gives some back. */
static hl_status_t
life_touch(hl_sandbox_t *sb)
{
    hl_value_t  args[2];

    args[0] = test_int(0);
    args[1] = test_int(OUTAGE_PAGES);

    if (test_call(sb, "Touch", HL_TYPE_INT, args, 2) != HL_OK) {
        return test_err.status;
    }

    assert_int_equal(hl_call_result(sb)->v.i32, OUTAGE_PAGES);

    return HL_OK;
}


static hl_status_t
life_crash(hl_sandbox_t *sb)
{
    hl_value_t  args[2];

    args[0] = test_int(0);
    args[1] = test_int(OUTAGE_PAGES);

    return test_call(sb, "TouchAndCrash", HL_TYPE_INT, args, 2)
           == HL_ERR_FAULT ? HL_OK : test_err.status;
}


static hl_status_t
life_untouched(hl_sandbox_t *sb, int32_t pages)
{
    if (test_call(sb, "Touched", HL_TYPE_INT, NULL, 0) != HL_OK) {
        return test_err.status;
    }

    assert_int_equal(hl_call_result(sb)->v.i32, pages);

    return HL_OK;
}


static hl_status_t
life_of_first(life_t *l)
{
    hl_interrupt_t  *interrupt;

    if (hl_interrupt_create(&interrupt, l->first, &test_err) != HL_OK) {
        return test_err.status;
    }

    hl_interrupt_release(interrupt);

    if (life_touch(l->first) != HL_OK
        || hl_sandbox_restore(l->first, l->snapshot, &test_err) != HL_OK
        || life_untouched(l->first, 0) != HL_OK
        || life_crash(l->first) != HL_OK
        || hl_sandbox_restore(l->first, l->snapshot, &test_err) != HL_OK)
    {
        return test_err.status;
    }

    return life_untouched(l->first, 0);
}


/* Of another snapshot, which the first one is put to, with a new VM. */
static hl_status_t
life_of_second(life_t *l)
{
    if (hl_sandbox_from_snapshot(&l->second, l->host, l->snapshot, &test_err)
        != HL_OK
        || life_touch(l->second) != HL_OK
        || hl_snapshot_create(&l->later, l->second, &test_err) != HL_OK
        || life_crash(l->first) != HL_OK)
    {
        return test_err.status;
    }

    l->first->vm->broken = true;

    if (hl_sandbox_restore(l->first, l->later, &test_err) != HL_OK) {
        return test_err.status;
    }

    return life_untouched(l->first, OUTAGE_PAGES);
}


/* Whatever has become of it, what did not fail goes on. */
static void
life_end(life_t *l, hl_status_t status)
{
    outage.armed = false;

    if (l->first != NULL) {
        if (hl_sandbox_state(l->first) == HL_SANDBOX_READY) {
            assert_ok(test_call(l->first, "Touched", HL_TYPE_INT, NULL, 0));

        } else {
            assert_int_not_equal(status, HL_OK);
            assert_int_not_equal(test_call(l->first, "Touched", HL_TYPE_INT,
                                           NULL, 0), HL_OK);
        }
    }

    hl_snapshot_release(l->snapshot);
    hl_sandbox_destroy(l->second);
    hl_sandbox_destroy(l->first);
    hl_snapshot_release(l->later);
    hl_guest_destroy(l->guest);
    hl_host_destroy(l->host);

    if (l->kvm != -1) {
        (void) close(l->kvm);
    }
}


static hl_status_t
life(life_t *l)
{
    memset(l, 0, sizeof(life_t));
    l->kvm = -1;

    if (life_begin(l) != HL_OK || life_of_first(l) != HL_OK) {
        return test_err.status;
    }

    return life_of_second(l);
}


static void
assert_whole_life(void)
{
    life_t  l;

    assert_ok(life(&l));
    life_end(&l, HL_OK);
}


/* One life that may fail, and what is left of it. */
static hl_status_t
life_short_of(void (*begin)(unsigned), void (*end)(void), unsigned n)
{
    life_t       l;
    size_t       descriptors, mappings;
    hl_error_t   why;
    hl_status_t  status;

    descriptors = test_descriptors();
    mappings = test_mappings();

    begin(n);
    status = life(&l);
    end();

    why = test_err;
    life_end(&l, status);
    test_err = why;

    assert_int_equal(test_descriptors(), descriptors);
    assert_int_equal(test_mappings(), mappings);

    return status;
}


/* The error says why, in the words of libc or of libelf. */
static void
assert_reason(hl_status_t status, int errnum)
{
    if (status == HL_ERR_SYSTEM
        && strstr(test_err.text, strerror(errnum)) != NULL)
    {
        return;
    }

    if (status == HL_ERR_GUEST_FILE
        && (strstr(test_err.text, "out of memory") != NULL
            || strstr(test_err.text, strerror(errnum)) != NULL))
    {
        return;
    }

    fail_msg("status %d, \"%s\", for want of: %s", (int) status,
             test_err.text, strerror(errnum));
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


/* ---- limits of the process --------------------------------------------- */

static struct rlimit  limit_old;


static void
limit_set(__rlimit_resource_t resource, rlim_t soft)
{
    struct rlimit  limit;

    assert_int_equal(getrlimit(resource, &limit_old), 0);

    limit = limit_old;
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(resource, &limit), 0);
}


/* The lowest descriptor that is free; all below are taken. */
static void
limit_descriptors(unsigned n)
{
    int  fd;

    fd = dup(STDERR_FILENO);
    assert_int_not_equal(fd, -1);
    assert_int_equal(close(fd), 0);

    limit_set(RLIMIT_NOFILE, (rlim_t) fd + n);
}


static void
unlimit_descriptors(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit_old), 0);
}


static void
descriptors_may_run_out(void **state)
{
    unsigned     n;
    hl_status_t  status;

    (void) state;

    assert_whole_life();

    for (n = 0; ; n++) {
        status = life_short_of(limit_descriptors, unlimit_descriptors, n);

        if (status == HL_OK) {
            break;
        }

        if (n == 0) {
            assert_status(status, HL_ERR_NO_KVM);
            assert_non_null(strstr(test_err.text, strerror(EMFILE)));

        } else {
            assert_reason(status, EMFILE);
        }
    }

    assert_true(n > 5);
    assert_whole_life();
}


static rlim_t
address_space(void)
{
    FILE           *statm;
    unsigned long   pages;

    statm = fopen("/proc/self/statm", "r");
    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%lu", &pages), 1);
    (void) fclose(statm);

    return (rlim_t) pages * (rlim_t) sysconf(_SC_PAGESIZE);
}


static void
limit_memory(unsigned n)
{
    limit_set(RLIMIT_AS, address_space() + (rlim_t) n * OUTAGE_STEP);
}


static void
unlimit_memory(void)
{
    assert_int_equal(setrlimit(RLIMIT_AS, &limit_old), 0);
}


static void
address_space_may_run_out(void **state)
{
    unsigned     n;
    hl_status_t  status;

    (void) state;

    assert_whole_life();

    for (n = 0; ; n++) {
        status = life_short_of(limit_memory, unlimit_memory, n);

        if (status == HL_OK) {
            break;
        }

        assert_reason(status, ENOMEM);
    }

    assert_true(n > 5);
    assert_whole_life();
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
        test_plain(descriptors_may_run_out),
        test_plain(address_space_may_run_out),
        test_plain(evolve_without_memory_is_no_fault_of_the_guest)
    };

    return cmocka_run_group_tests_name("outage", tests, test_group_host,
                                       test_group_end);
}
