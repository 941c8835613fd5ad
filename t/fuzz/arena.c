/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * arena.c: the guest of fuzz_vm.c.  The host puts code into the page "arena",
 * which is executable and not writable here, and calls "fuzz", typed or HTTP:
 * that fills the output area with the call's bytes and runs the page.
 *
 * The code gets what it needs to do harm: RDI has the address of the output
 * area, RSI of the parameters page, RDX and RCX those of leave() and park(),
 * and RAX an address in the data, which is the fill of the other registers.
 */

#include <string.h>

#include "hl_guest.h"
#include "hyperlight_http.h"


#define ARENA_SIZE    4096
#define ARENA_ANSWER  42


__attribute__((section(".text.arena"), aligned(ARENA_SIZE)))
const uint8_t  arena[ARENA_SIZE] = { 0xc3 };

static uint8_t  arena_data[2 * ARENA_SIZE];
static int32_t  arena_calls;


static void
arena_run(const void *data, size_t len)
{
    const hl_abi_params_t  *p;

    p = hl_guest.params;

    if (len > p->output_size) {
        len = p->output_size;
    }

    memcpy(hl_ptr(void, p->output), data, len);

    __asm__ volatile(
        "movq %%rax, %%r8\n"
        "movq %%rax, %%r9\n"
        "movq %%rax, %%r10\n"
        "movq %%rax, %%r11\n"
        "call arena\n"
        :
        : "D" (p->output), "S" (p), "d" (p->leave), "c" (p->park),
          "a" (arena_data)
        : "r8", "r9", "r10", "r11", "rbx", "r12", "r13", "r14", "r15",
          "memory", "cc");
}


static int32_t
fuzz(hl_Vec output)
{
    arena_run(output.data, output.len);

    return ++arena_calls;
}


HYPERLIGHT_WRAP_FUNCTION(fuzz, Int, 1, VecBytes)


static void
fuzz_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  body;

    body = hl_http_body(req);
    arena_run(body.data, body.len);
    (void) hl_http_printf(resp, "%d", (int) ++arena_calls);
}


/* Wrong if anything is left of a call before. */
static int32_t
innocent(void)
{
    size_t   i;
    int32_t  sum;

    sum = arena_calls;

    for (i = 0; i < sizeof(arena_data); i++) {
        sum += arena_data[i];
    }

    return ARENA_ANSWER + sum;
}


HYPERLIGHT_WRAP_FUNCTION(innocent, Int, 0)


static uint64_t
where(void)
{
    return (uintptr_t) arena;
}


HYPERLIGHT_WRAP_FUNCTION(where, ULong, 0)


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("fuzz", fuzz);
    HYPERLIGHT_REGISTER_FUNCTION("innocent", innocent);
    HYPERLIGHT_REGISTER_FUNCTION("where", where);
    hl_http_register("fuzz_http", fuzz_http);
}
