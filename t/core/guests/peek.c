/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * peek.c: a guest that reads, writes and runs any address that it is told,
 * and calls host functions by their number.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"
#include "hyperlight_exception.h"


#define PEEK_PAGE  4096


typedef int32_t (*peek_function_pt)(void);


static int32_t  peek_state;

static volatile int  peek_always = 1;


static hl_Vec
peek(uint64_t address, int32_t len)
{
    hl_Vec  bytes;

    bytes.len = (uintptr_t) len;
    bytes.data = malloc(bytes.len);
    memcpy(bytes.data, hl_ptr(void, address), bytes.len);

    return bytes;
}


static int32_t
poke(uint64_t address)
{
    *hl_ptr(volatile uint8_t, address) = 1;

    return 0;
}


static int32_t
run(uint64_t address)
{
    return ((peek_function_pt) (uintptr_t) address)();
}


static hl_Vec
raw_call(uint32_t id, hl_Vec in)
{
    hl_Vec                 bytes;
    hl_abi_raw_call_t     *call;
    const hl_abi_reply_t  *reply;
    const hl_abi_value_t  *value;

    call = hl_record_add(HL_REC_RAW_CALL, sizeof(hl_abi_raw_call_t) + in.len);
    call->id = id;
    call->len = (uint32_t) in.len;
    memcpy(call + 1, in.data, in.len);

    hl_leave(HL_HYPERCALL_CALL);

    reply = hl_ptr(const hl_abi_reply_t, hl_guest.params->reply);

    if (reply->error != 0) {
        hl_set_error(hl_ErrorCode_HostFunctionError,
                     (const char *) (reply + 1));
        bytes.data = NULL;
        bytes.len = 0;
        return bytes;
    }

    value = (const hl_abi_value_t *) (reply + 1);
    bytes.len = value->len;
    bytes.data = hl_value_copy(value);

    return bytes;
}


static uint64_t
counter_address(void)
{
    return (uint64_t) (uintptr_t) &hl_guest.params->counter;
}


static int32_t
set_state(int32_t n)
{
    peek_state = n;

    return n;
}


static int32_t
get_state(void)
{
    return peek_state;
}


static int32_t
spin(void)
{
    while (peek_always) { /* void */ }

    return 0;
}


/* Says something, which stays in the output area, and ends in no good way. */

static int32_t
log_and_fault(void)
{
    LOG(hl_Level_Error, "last words");

    return poke(0);
}


static int32_t
log_and_spin(void)
{
    LOG(hl_Level_Error, "last words");

    return spin();
}


/* Says something, and ends as it should. */

static int32_t
log_and_return(void)
{
    LOG(hl_Level_Error, "last words");

    return 0;
}


static volatile uint64_t  peek_address;


/* Notes what address it is told, and steps over the instruction. */

static bool
note_page_fault(hl_exception_t *e)
{
    peek_address = e->address;
    e->rip += 3;

    return true;
}


static bool
note_invalid_opcode(hl_exception_t *e)
{
    peek_address = e->address;
    e->rip += 2;

    return true;
}


static uint64_t
handled_page_fault(uint64_t address)
{
    (void) hl_set_exception_handler(hl_exception_PageFault, note_page_fault);

    /* movb $1, (%rax): three bytes */

    __asm__ volatile("movb $1, (%%rax)" : : "a" (address) : "memory");

    return peek_address;
}


static uint64_t
handled_invalid_opcode(void)
{
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    note_invalid_opcode);

    __asm__ volatile("ud2" : : : "memory");

    return peek_address;
}


/* What ends the call is not the fault. */

static int32_t
handle_and_abort(void)
{
    (void) handled_invalid_opcode();
    abort();
}


static int32_t
load_ds(uint32_t selector)
{
    __asm__ volatile("movl %0, %%ds" : : "r" (selector));

    return 0;
}


/* With this frame pointer, which nobody could go on with. */

static int32_t
fault_with_rbp(uint64_t rbp)
{
    __asm__ volatile ("movq %0, %%rbp; ud2" : : "r" (rbp) : "memory");

    return 0;
}


/* Reads a byte of each page of the heap; how many pages it has. */

static int32_t
read_heap(void)
{
    int32_t            pages;
    volatile uint8_t  *p, *end;

    p = hl_ptr(volatile uint8_t, hl_guest.params->heap);
    end = p + hl_guest.params->heap_size;

    for (pages = 0; p < end; p += PEEK_PAGE, pages++) {
        (void) *p;
    }

    return pages;
}


/* Writes to as many pages of it. */

static int32_t
write_heap(int32_t pages)
{
    int32_t            i;
    volatile uint8_t  *p;

    p = malloc((size_t) pages * PEEK_PAGE);

    for (i = 0; i < pages; i++) {
        p[(size_t) i * PEEK_PAGE] = 1;
    }

    return pages;
}


static int32_t
ask_later(int32_t n)
{
    hl_Parameter     param = { .tag = hl_ParameterType_Int,
                               .value.Int = n };
    hl_FunctionCall  call = { .function_name = "Later",
                              .parameters = &param,
                              .parameters_len = 1,
                              .return_type = hl_ReturnType_Int };

    hl_call_host_function(&call);

    return hl_get_host_return_value_as_Int() + n;
}


static int32_t
log_and_ask_later(int32_t n)
{
    LOG(hl_Level_Error, "a question");

    return ask_later(n);
}


HYPERLIGHT_WRAP_FUNCTION(peek, VecBytes, 2, ULong, Int)
HYPERLIGHT_WRAP_FUNCTION(poke, Int, 1, ULong)
HYPERLIGHT_WRAP_FUNCTION(run, Int, 1, ULong)
HYPERLIGHT_WRAP_FUNCTION(raw_call, VecBytes, 2, UInt, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(counter_address, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(set_state, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(get_state, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(spin, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(log_and_fault, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(log_and_spin, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(log_and_return, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(ask_later, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(log_and_ask_later, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(handled_page_fault, ULong, 1, ULong)
HYPERLIGHT_WRAP_FUNCTION(handled_invalid_opcode, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(handle_and_abort, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(load_ds, Int, 1, UInt)
HYPERLIGHT_WRAP_FUNCTION(read_heap, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(write_heap, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(fault_with_rbp, Int, 1, ULong)


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Peek", peek);
    HYPERLIGHT_REGISTER_FUNCTION("Poke", poke);
    HYPERLIGHT_REGISTER_FUNCTION("Run", run);
    HYPERLIGHT_REGISTER_FUNCTION("RawCall", raw_call);
    HYPERLIGHT_REGISTER_FUNCTION("CounterAddress", counter_address);
    HYPERLIGHT_REGISTER_FUNCTION("SetState", set_state);
    HYPERLIGHT_REGISTER_FUNCTION("GetState", get_state);
    HYPERLIGHT_REGISTER_FUNCTION("Spin", spin);
    HYPERLIGHT_REGISTER_FUNCTION("LogAndFault", log_and_fault);
    HYPERLIGHT_REGISTER_FUNCTION("LogAndSpin", log_and_spin);
    HYPERLIGHT_REGISTER_FUNCTION("LogAndReturn", log_and_return);
    HYPERLIGHT_REGISTER_FUNCTION("AskLater", ask_later);
    HYPERLIGHT_REGISTER_FUNCTION("LogAndAskLater", log_and_ask_later);
    HYPERLIGHT_REGISTER_FUNCTION("HandledPageFault", handled_page_fault);
    HYPERLIGHT_REGISTER_FUNCTION("HandledInvalidOpcode",
                                 handled_invalid_opcode);
    HYPERLIGHT_REGISTER_FUNCTION("HandleAndAbort", handle_and_abort);
    HYPERLIGHT_REGISTER_FUNCTION("LoadDs", load_ds);
    HYPERLIGHT_REGISTER_FUNCTION("ReadHeap", read_heap);
    HYPERLIGHT_REGISTER_FUNCTION("WriteHeap", write_heap);
    HYPERLIGHT_REGISTER_FUNCTION("FaultWithRbp", fault_with_rbp);
}
