/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * libc.c: what picolibc gets from the guest library: time, entropy, memory,
 * descriptors, the process.
 */

#define _GNU_SOURCE                     /* COARSE clocks */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <hyperlight_guest.h>


#define LIBC_MS  1000000                /* in ns */

/* The result of a check that all is as it has to be. */
#define LIBC_OK  0

/* Returns the number of the line from a function if "e" does not hold. */
#define check(e)                                                              \
    do {                                                                      \
        if (!(e)) {                                                           \
            return __LINE__;                                                  \
        }                                                                     \
    } while (0)


/* ---- time -------------------------------------------------------------- */

/* ns, or -errno. */

static int64_t
clock_ns(int32_t id)
{
    struct timespec  ts;

    if (clock_gettime((clockid_t) id, &ts) != 0) {
        return -errno;
    }

    return (int64_t) ts.tv_sec * 1000 * LIBC_MS + ts.tv_nsec;
}


static int64_t
realtime(void)
{
    return clock_ns(CLOCK_REALTIME);
}


static int64_t
monotonic(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}


/* Reads until "ms" have gone by; how often a reading was before the last. */

static int32_t
backwards(int32_t ms)
{
    int32_t  n;
    int64_t  start, last, now;

    n = 0;
    start = last = clock_ns(CLOCK_MONOTONIC);

    do {
        now = clock_ns(CLOCK_MONOTONIC);
        n += now < last;
        last = now;
    } while (now - start < (int64_t) ms * LIBC_MS);

    return n;
}


static int32_t
clocks(void)
{
    time_t           t;
    int64_t          a, b;
    struct timeval   tv;
    struct timespec  ts;

    a = clock_ns(CLOCK_REALTIME);

    check(a > 0);
    b = clock_ns(CLOCK_REALTIME_COARSE) - a;
    check(b >= 0 && b < 1000 * (int64_t) LIBC_MS);

    a = clock_ns(CLOCK_MONOTONIC);

    check(a > 0);
    b = clock_ns(CLOCK_MONOTONIC_COARSE) - a;
    check(b >= 0 && b < 1000 * (int64_t) LIBC_MS);
    b = clock_ns(CLOCK_BOOTTIME) - a;
    check(b >= 0 && b < 1000 * (int64_t) LIBC_MS);

    check(clock_ns(CLOCK_PROCESS_CPUTIME_ID) == -EINVAL);
    check(clock_ns(CLOCK_THREAD_CPUTIME_ID) == -EINVAL);
    check(clock_ns(77) == -EINVAL);

    errno = 0;
    check(clock_gettime(CLOCK_REALTIME, NULL) == -1 && errno == EINVAL);

    check(clock_getres(CLOCK_MONOTONIC, &ts) == 0);
    check(ts.tv_sec == 0 && ts.tv_nsec == 1);
    check(clock_getres(CLOCK_MONOTONIC, NULL) == 0);
    check(clock_getres(CLOCK_THREAD_CPUTIME_ID, &ts) == -1);

    errno = 0;
    check(gettimeofday(NULL, NULL) == -1 && errno == EINVAL);
    check(gettimeofday(&tv, NULL) == 0);
    check(tv.tv_usec >= 0 && tv.tv_usec < 1000000);

    check(time(&t) == t);
    check(t >= tv.tv_sec && t <= tv.tv_sec + 1);
    check(clock() == (clock_t) -1);

    return LIBC_OK;
}


/* Of a guest that is given no clock. */

static int32_t
no_clocks(void)
{
    struct timeval   tv;
    struct timespec  ts;

    check(clock_ns(CLOCK_REALTIME) == -EINVAL);
    check(clock_ns(CLOCK_MONOTONIC) == -EINVAL);

    errno = 0;
    check(clock_getres(CLOCK_REALTIME, &ts) == -1 && errno == EINVAL);

    errno = 0;
    check(gettimeofday(&tv, NULL) == -1 && errno == EINVAL);
    check(time(NULL) == (time_t) -1);

    return LIBC_OK;
}


/* With TSD set, a general protection exception. */

static uint64_t
rdtsc(void)
{
    return __builtin_ia32_rdtsc();
}


/* ---- random ------------------------------------------------------------ */

static uint8_t  libc_random[256];


static hl_Vec
entropy(int32_t n)
{
    hl_Vec  vec = { libc_random, (uintptr_t) n };

    if (getentropy(libc_random, (size_t) n) != 0) {
        vec.len = 0;
    }

    return vec;
}


static int32_t
entropy_errors(void)
{
    uint8_t  a[257], b[32];

    errno = 0;
    check(getentropy(a, 257) == -1 && errno == EIO);

    errno = 0;
    check(getentropy(NULL, 1) == -1 && errno == EINVAL);
    check(getentropy(NULL, 0) == 0);

    check(getentropy(a, 32) == 0 && getentropy(b, 32) == 0);
    check(memcmp(a, b, 32) != 0);

    return LIBC_OK;
}


static uint32_t
arc4(void)
{
    return arc4random();
}


static int32_t
arc4_uniform(int32_t bound)
{
    int32_t   i;
    uint32_t  value;

    for (i = 0; i < 1000; i++) {
        value = arc4random_uniform((uint32_t) bound);

        if (value >= (uint32_t) bound) {
            return (int32_t) value;
        }
    }

    return -1;
}


static int32_t
next_random(void)
{
    return rand();
}


/* ---- memory ------------------------------------------------------------ */

/* Compilers know malloc() well, and leave it out where they can. */
static void *(*volatile  libc_malloc)(size_t size) = malloc;
static void *(*volatile  libc_calloc)(size_t n, size_t size) = calloc;
static void *(*volatile  libc_aligned_alloc)(size_t alignment, size_t size)
    = aligned_alloc;


static int32_t
memory(void)
{
    void     *aligned;
    size_t    i;
    uint8_t  *p, *q;

    errno = 0;
    check(libc_malloc(0) == NULL && libc_calloc(0, 8) == NULL);
    check(libc_aligned_alloc(64, 0) == NULL && errno == 0);
    free(NULL);

    errno = 0;
    check(libc_aligned_alloc(0, 64) == NULL && errno == EINVAL);

    errno = 0;
    check(libc_aligned_alloc(48, 64) == NULL && errno == EINVAL);

    p = libc_aligned_alloc(4096, 100);
    check(p != NULL && (uintptr_t) p % 4096 == 0);
    free(p);

    aligned = &aligned;
    check(posix_memalign(&aligned, 64, 0) == 0 && aligned == NULL);
    check(posix_memalign(&aligned, 64, 100) == 0);
    check(aligned != NULL && (uintptr_t) aligned % 64 == 0);
    free(aligned);

    aligned = NULL;
    check(posix_memalign(&aligned, 48, 100) == EINVAL);
    check(posix_memalign(&aligned, 4, 100) == EINVAL && aligned == NULL);

    p = libc_malloc(100);
    memset(p, 0xff, 100);
    free(p);

    p = libc_calloc(25, 4);

    for (i = 0; i < 100; i++) {
        check(p[i] == 0);
        p[i] = (uint8_t) i;
    }

    q = realloc(p, 100000);

    for (i = 0; i < 100; i++) {
        check(q[i] == i);
    }

    check(realloc(q, 0) == NULL);

    p = realloc(NULL, 10);
    check(p != NULL && (uintptr_t) p % 16 == 0);
    free(p);

    return LIBC_OK;
}


/* Each of them aborts; they must not change the break backwards either. */

static void
exhaust(char *how)
{
    void             *p;
    volatile size_t   huge;

    huge = SIZE_MAX - 100;

    if (strcmp(how, "malloc") == 0) {
        p = libc_malloc(huge);

    } else if (strcmp(how, "malloc-64") == 0) {     /* below 0 */
        p = libc_malloc(huge + 36);

    } else if (strcmp(how, "calloc") == 0) {
        p = libc_calloc(huge, 16);

    } else if (strcmp(how, "calloc-plain") == 0) {
        p = libc_calloc(1, 1u << 30);

    } else if (strcmp(how, "realloc") == 0) {
        p = realloc(libc_malloc(10), 1u << 30);

    } else if (strcmp(how, "realloc-huge") == 0) {
        p = realloc(libc_malloc(10), huge);

    } else if (strcmp(how, "aligned_alloc") == 0) {
        p = libc_aligned_alloc(64, huge);

    } else {
        do {
            p = libc_malloc(4096);
        } while (p != NULL);
    }

    free(p);
}


static int32_t
sbrk_bounds(void)
{
    char  *start;

    start = sbrk(0);

    check(start != (char *) -1);

    errno = 0;
    check(sbrk(1l << 40) == (char *) -1 && errno == ENOMEM);

    errno = 0;
    check(sbrk(-(1l << 40)) == (char *) -1 && errno == ENOMEM);
    check(sbrk(0) == start);

    return LIBC_OK;
}


/* ---- formats ----------------------------------------------------------- */

/* A long double is no double, and what follows it is where it has to be. */

static int32_t
formats(void)
{
    char         text[128];
    long double  value;

    (void) snprintf(text, sizeof(text), "%.2Lf %s %d %d %d %d %s", 3.25L,
                    "a", 1, 2, 3, 4, "b");
    check(strcmp(text, "3.25 a 1 2 3 4 b") == 0);

    (void) snprintf(text, sizeof(text), "%.19Lg %.3g", 1.0L / 3, 1.0 / 3);
    check(strcmp(text, "0.3333333333333333333 0.333") == 0);

    check(sscanf("2.5 7", "%Lf", &value) == 1 && value == 2.5L);

    return LIBC_OK;
}


/* ---- descriptors, process ---------------------------------------------- */

static int32_t
descriptors(void)
{
    char          c;
    struct stat   st;

    check(read(0, &c, 1) == 0);
    errno = 0;
    check(read(0, NULL, 1) == -1 && errno == EINVAL);
    errno = 0;
    check(read(1, &c, 1) == -1 && errno == EBADF);

    check(write(1, "out ", 4) == 4 && write(2, "err\n", 4) == 4);
    errno = 0;
    check(write(1, NULL, 1) == -1 && errno == EINVAL);
    errno = 0;
    check(write(3, "x", 1) == -1 && errno == EBADF);

    errno = 0;
    check(lseek(0, 0, SEEK_SET) == -1 && errno == ENOSYS);
    check(close(1) == 0);

    check(fstat(1, &st) == 0 && S_ISCHR(st.st_mode));
    errno = 0;
    check(fstat(3, &st) == -1 && errno == EBADF);

    errno = 0;
    check(isatty(1) == 0 && errno == ENOTTY);

    check(getpid() > 0);
    check(kill(getpid(), 0) == 0);
    errno = 0;
    check(kill(getpid() + 1, SIGTERM) == -1 && errno == ESRCH);

    return LIBC_OK;
}


/* Does not come back. */

static void
end(char *how, int32_t code)
{
    if (strcmp(how, "_exit") == 0) {
        _exit(code);

    } else if (strcmp(how, "exit") == 0) {
        exit(code);

    } else if (strcmp(how, "abort") == 0) {
        abort();

    } else if (strcmp(how, "kill") == 0) {
        kill(getpid(), code);
    }
}


HYPERLIGHT_WRAP_FUNCTION(clock_ns, Long, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(realtime, Long, 0)
HYPERLIGHT_WRAP_FUNCTION(monotonic, Long, 0)
HYPERLIGHT_WRAP_FUNCTION(backwards, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(clocks, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(no_clocks, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(rdtsc, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(entropy, VecBytes, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(entropy_errors, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(arc4, UInt, 0)
HYPERLIGHT_WRAP_FUNCTION(arc4_uniform, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(next_random, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(memory, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(exhaust, Void, 1, String)
HYPERLIGHT_WRAP_FUNCTION(sbrk_bounds, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(formats, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(descriptors, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(end, Void, 2, String, Int)


void
hyperlight_main(void)
{
    /* generators that are in use when the snapshot is taken */
    (void) rand();
    (void) arc4random();
    (void) getentropy(libc_random, 1);

    HYPERLIGHT_REGISTER_FUNCTION("ClockNs", clock_ns);
    HYPERLIGHT_REGISTER_FUNCTION("Realtime", realtime);
    HYPERLIGHT_REGISTER_FUNCTION("Monotonic", monotonic);
    HYPERLIGHT_REGISTER_FUNCTION("Backwards", backwards);
    HYPERLIGHT_REGISTER_FUNCTION("Clocks", clocks);
    HYPERLIGHT_REGISTER_FUNCTION("NoClocks", no_clocks);
    HYPERLIGHT_REGISTER_FUNCTION("Rdtsc", rdtsc);
    HYPERLIGHT_REGISTER_FUNCTION("Entropy", entropy);
    HYPERLIGHT_REGISTER_FUNCTION("EntropyErrors", entropy_errors);
    HYPERLIGHT_REGISTER_FUNCTION("Arc4", arc4);
    HYPERLIGHT_REGISTER_FUNCTION("Arc4Uniform", arc4_uniform);
    HYPERLIGHT_REGISTER_FUNCTION("NextRandom", next_random);
    HYPERLIGHT_REGISTER_FUNCTION("Memory", memory);
    HYPERLIGHT_REGISTER_FUNCTION("Exhaust", exhaust);
    HYPERLIGHT_REGISTER_FUNCTION("SbrkBounds", sbrk_bounds);
    HYPERLIGHT_REGISTER_FUNCTION("Formats", formats);
    HYPERLIGHT_REGISTER_FUNCTION("Descriptors", descriptors);
    HYPERLIGHT_REGISTER_FUNCTION("End", end);
}
