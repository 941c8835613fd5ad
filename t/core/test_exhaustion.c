/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_exhaustion.c: limits of the process that are reached: descriptors,
 * address space, mappings.  A life with none to spare, then with some, and so
 * on until it has enough: see whole_life.h.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hl_memory.h"
#include "whole_life.h"


#define LIMIT_STEP      65536           /* of address space */
#define LIMIT_MAPPINGS  5               /* a step */
#define LIMIT_ROOM      (1ull << 30)    /* of pages for mappings */


static struct rlimit  limit_old;
static uint8_t       *mappings;


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
    limit_set(RLIMIT_AS, address_space() + (rlim_t) n * LIMIT_STEP);
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


/* As many mappings as there may be, but n: vm.max_map_count. */
static void
limit_mappings(unsigned n)
{
    size_t  i;

    mappings = (uint8_t *) mmap(NULL, LIMIT_ROOM, PROT_NONE,
                                MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1,
                                0);
    assert_true(mappings != MAP_FAILED);

    /* each second page by another right is a mapping, and makes one */

    for (i = HL_PAGE_SIZE; i < LIMIT_ROOM; i += 2 * HL_PAGE_SIZE) {
        if (mprotect(mappings + i, HL_PAGE_SIZE, PROT_READ) == -1) {
            break;
        }
    }

    if (i >= LIMIT_ROOM) {
        skip();                         /* more than the room has pages */
    }

    /* it stays its own: what a life maps is to be elsewhere */

    assert_int_equal(mprotect(mappings, 2 * n * HL_PAGE_SIZE, PROT_NONE), 0);
}


static void
unlimit_mappings(void)
{
    assert_int_equal(munmap(mappings, LIMIT_ROOM), 0);
}


static void
mappings_may_run_out(void **state)
{
    unsigned     n;
    hl_status_t  status;

    (void) state;

    assert_whole_life();

    for (n = 1; ; n += LIMIT_MAPPINGS) {
        status = life_short_of(limit_mappings, unlimit_mappings, n);

        if (status == HL_OK) {
            break;
        }

        assert_reason(status, ENOMEM);
    }

    assert_true(n > 5);
    assert_whole_life();
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(descriptors_may_run_out),
        test_plain(address_space_may_run_out),
        test_plain(mappings_may_run_out)
    };

    return cmocka_run_group_tests_name("exhaustion", tests, NULL, NULL);
}
