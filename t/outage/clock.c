/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * clock.c: a library for LD_PRELOAD with which the clocks of a process jump:
 * by as many ns as the file says that HL_CLOCK names, for CLOCK_REALTIME and
 * for CLOCK_MONOTONIC, and their likes.  Timers of the kernel go by its own
 * clock: what sets one to a time is translated.  One that is set already goes
 * off when it would have without the jump, so at most a slice later.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


#define CLOCK_NS  1000000000


enum {
    JUMP_REAL,
    JUMP_MONOTONIC,
    JUMP_N
};


static int64_t           jump_nothing[JUMP_N];
static volatile int64_t  *jump_ns = jump_nothing;


__attribute__((constructor))
static void
jump_open(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("HL_CLOCK");
    fd = path != NULL ? open(path, O_RDONLY|O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(jump_nothing), PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);

    if (p != MAP_FAILED) {
        jump_ns = p;
    }
}


static void
jump_add(struct timespec *ts, int64_t ns)
{
    int64_t  sum;

    sum = ts->tv_nsec + ns % CLOCK_NS;

    ts->tv_sec += ns / CLOCK_NS + (sum >= CLOCK_NS) - (sum < 0);
    ts->tv_nsec = (sum + CLOCK_NS) % CLOCK_NS;
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (rc == -1) {
        return -1;
    }

    switch (id) {

    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        jump_add(ts, jump_ns[JUMP_REAL]);
        break;

    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        jump_add(ts, jump_ns[JUMP_MONOTONIC]);
        break;

    default:
        break;
    }

    return 0;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec  ts;

    (void) zone;
    (void) clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *seconds)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    if (seconds != NULL) {
        *seconds = ts.tv_sec;
    }

    return ts.tv_sec;
}


/* Those of core are all of CLOCK_MONOTONIC. */

int
timer_settime(timer_t id, int flags, const struct itimerspec *value,
    struct itimerspec *old)
{
    struct itimerspec  its;

    static int  (*libc_timer_settime)(timer_t, int,
                                      const struct itimerspec *,
                                      struct itimerspec *);

    if (libc_timer_settime == NULL) {
        *(void **) &libc_timer_settime = dlsym(RTLD_NEXT, "timer_settime");
    }

    its = *value;

    if ((flags & TIMER_ABSTIME)
        && (its.it_value.tv_sec != 0 || its.it_value.tv_nsec != 0))
    {
        jump_add(&its.it_value, -jump_ns[JUMP_MONOTONIC]);
    }

    return libc_timer_settime(id, flags, &its, old);
}
