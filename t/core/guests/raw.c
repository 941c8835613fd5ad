/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * raw.c: a guest whose output is whatever a test wants, that writes to as
 * many pages as it is told, and works as long as it is told.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"
#include "hyperlight_http.h"


#define RAW_PAGE  4096
#define RAW_REST  (256 * 1024)          /* of the heap, for malloc() */


static uint8_t   *pages;
static int32_t    page_count;
static uint64_t   worked;

static volatile int  always = 1;


/* Never comes back if "kind" is the park. */

static void
raw_leave(uint32_t kind, const void *area, size_t len)
{
    memcpy(hl_ptr(void, hl_guest.params->output), area, len);

    if (kind == HL_HYPERCALL_PARK) {
        hl_park();
    }

    hl_leave((hl_abi_hypercall_t) kind);
}


/* The output area begins with these bytes, its size included. */

static int32_t
raw(uint32_t kind, hl_Vec area)
{
    raw_leave(kind, area.data, area.len);

    return 7;
}


/* The same in two exits: a flush, then a park. */

static int32_t
raw_twice(hl_Vec first, hl_Vec second)
{
    raw_leave(HL_HYPERCALL_FLUSH, first.data, first.len);
    raw_leave(HL_HYPERCALL_PARK, second.data, second.len);

    return 7;
}


static void
raw_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  body;

    (void) resp;

    body = hl_http_body(req);
    raw_leave(HL_HYPERCALL_PARK, body.data, body.len);
}


/* Leaves by the port that it may write to, but from here. */

static int32_t
out_byte(int32_t value)
{
    __asm__ volatile ("outb %b0, $0x80" : : "a" (value) : "memory");

    return 0;
}


static int32_t
out_string(hl_Vec bytes)
{
    __asm__ volatile ("rep outsb"
                      : "+S" (bytes.data), "+c" (bytes.len)
                      : "d" (0x80) : "memory");

    return 0;
}


/* Says how many pages it could write to. */

static int32_t
touch(int32_t first, int32_t n)
{
    int32_t  i;

    for (i = first; i < first + n && i < page_count; i++) {
        pages[(size_t) i * RAW_PAGE]++;
        pages[(size_t) i * RAW_PAGE + RAW_PAGE - 1]++;
    }

    return i - first;
}


static int32_t
touch_and_crash(int32_t first, int32_t n)
{
    (void) touch(first, n);

    __asm__ volatile ("ud2");

    return 0;
}


/* Pages that are not as they were. */

static int32_t
touched(void)
{
    int32_t  i, n;

    n = 0;

    for (i = 0; i < page_count; i++) {
        n += pages[(size_t) i * RAW_PAGE] != 0
             || pages[(size_t) i * RAW_PAGE + RAW_PAGE - 1] != 0;
    }

    return n;
}


/* The sum of 1 to n, in as many steps. */

static uint64_t
work(uint64_t n)
{
    uint64_t            i;
    volatile uint64_t  *sum = &worked;

    for (i = 1; i <= n; i++) {
        *sum += i;
    }

    return *sum;
}


/* ---- registers, and ends of a call that leave them as they are --------- */

#define RAW_PATTERN  0x5ec2e75ec2e75ec3ull


static void
smear(void)
{
    __asm__ volatile (
        "movq %0, %%xmm5; movq %0, %%xmm15; movq %0, %%mm1"
        : : "r" (RAW_PATTERN) : "xmm5", "xmm15");
}


static int32_t
smear_and_crash(void)
{
    smear();
    __asm__ volatile ("ud2");

    return 0;
}


static int32_t
smear_and_spin(void)
{
    smear();

    while (always) {
        /* void */
    }

    return 0;
}


/* A bit for each place where the pattern is. */

static int32_t
find_smear(void)
{
    uint64_t  xmm5, xmm15, mm1;

    __asm__ volatile ("movq %%xmm5, %0; movq %%xmm15, %1; movq %%mm1, %2; "
                      "emms"
                      : "=r" (xmm5), "=r" (xmm15), "=r" (mm1));

    return (xmm5 == RAW_PATTERN) + 2 * (xmm15 == RAW_PATTERN)
           + 4 * (mm1 == RAW_PATTERN);
}


static int32_t
smear_and_find(void)
{
    smear();

    return find_smear();
}


HYPERLIGHT_WRAP_FUNCTION(raw, Int, 2, UInt, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(raw_twice, Int, 2, VecBytes, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(out_byte, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(out_string, Int, 1, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(touch, Int, 2, Int, Int)
HYPERLIGHT_WRAP_FUNCTION(touch_and_crash, Int, 2, Int, Int)
HYPERLIGHT_WRAP_FUNCTION(touched, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(work, ULong, 1, ULong)
HYPERLIGHT_WRAP_FUNCTION(smear_and_crash, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(smear_and_spin, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(smear_and_find, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(find_smear, Int, 0)


void
hyperlight_main(void)
{
    uint8_t  *block;
    size_t    size;

    size = hl_guest.params->heap_size - RAW_REST;
    block = malloc(size);

    pages = hl_ptr(uint8_t, ((uintptr_t) block + RAW_PAGE - 1)
                            & ~(uintptr_t) (RAW_PAGE - 1));
    page_count = (int32_t) (size / RAW_PAGE) - 2;

    HYPERLIGHT_REGISTER_FUNCTION("Raw", raw);
    HYPERLIGHT_REGISTER_FUNCTION("RawTwice", raw_twice);
    HYPERLIGHT_REGISTER_FUNCTION("OutByte", out_byte);
    HYPERLIGHT_REGISTER_FUNCTION("OutString", out_string);
    HYPERLIGHT_REGISTER_FUNCTION("Touch", touch);
    HYPERLIGHT_REGISTER_FUNCTION("TouchAndCrash", touch_and_crash);
    HYPERLIGHT_REGISTER_FUNCTION("Touched", touched);
    HYPERLIGHT_REGISTER_FUNCTION("Work", work);
    HYPERLIGHT_REGISTER_FUNCTION("SmearAndCrash", smear_and_crash);
    HYPERLIGHT_REGISTER_FUNCTION("SmearAndSpin", smear_and_spin);
    HYPERLIGHT_REGISTER_FUNCTION("SmearAndFind", smear_and_find);
    HYPERLIGHT_REGISTER_FUNCTION("FindSmear", find_smear);

    hl_http_register("raw", raw_http);
}
