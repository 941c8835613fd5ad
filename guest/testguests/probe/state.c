/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * state.c: what changes from call to call, or must not, and memory.
 */

#include <stdlib.h>
#include <string.h>

#include "probe.h"


#define PROBE_PAGE   4096
#define PROBE_PAGES  512


static int32_t  count;
static bool     constructed;

static uint8_t  pages[PROBE_PAGES][PROBE_PAGE]
                    __attribute__((aligned(PROBE_PAGE)));


__attribute__((constructor)) static void
construct(void)
{
    constructed = true;
}


static bool
was_constructed(void)
{
    return constructed;
}


static int32_t
next_count(void)
{
    return ++count;
}


static uint64_t
host_calls(void)
{
    return hl_guest.params->calls;
}


static uint64_t
stack_guard(void)
{
    return __stack_chk_guard;
}


static int32_t
next_random(void)
{
    return rand();
}


/* Writes one byte to each of "n" pages, at most PROBE_PAGES. */

static int32_t
dirty_pages(int32_t n)
{
    int32_t  i;

    for (i = 0; i < n && i < PROBE_PAGES; i++) {
        pages[i][0]++;
    }

    return i;
}


/* The sum of those bytes: 0 if every restore was right. */

static int32_t
sum_pages(void)
{
    int32_t  i, sum;

    sum = 0;

    for (i = 0; i < PROBE_PAGES; i++) {
        sum += pages[i][0];
    }

    return sum;
}


static int32_t
call_malloc(int32_t n)
{
    void *volatile  p;

    p = malloc((size_t) n);

    return p != NULL ? n : -1;
}


static int32_t
malloc_and_free(int32_t n)
{
    void *volatile  p;

    p = malloc((size_t) n);
    free(p);

    return n;
}


HYPERLIGHT_WRAP_FUNCTION(was_constructed, Bool, 0)
HYPERLIGHT_WRAP_FUNCTION(next_count, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(host_calls, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(stack_guard, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(next_random, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(dirty_pages, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(sum_pages, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(call_malloc, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(malloc_and_free, Int, 1, Int)


void
probe_state_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Constructed", was_constructed);
    HYPERLIGHT_REGISTER_FUNCTION("Count", next_count);
    HYPERLIGHT_REGISTER_FUNCTION("HostCalls", host_calls);
    HYPERLIGHT_REGISTER_FUNCTION("StackGuard", stack_guard);
    HYPERLIGHT_REGISTER_FUNCTION("NextRandom", next_random);
    HYPERLIGHT_REGISTER_FUNCTION("DirtyPages", dirty_pages);
    HYPERLIGHT_REGISTER_FUNCTION("SumPages", sum_pages);
    HYPERLIGHT_REGISTER_FUNCTION("CallMalloc", call_malloc);
    HYPERLIGHT_REGISTER_FUNCTION("MallocAndFree", malloc_and_free);
}
