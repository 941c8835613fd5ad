/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * attack_calls.h: part of t/core/guests/attack.c: the attacks that are more
 * than a few instructions.
 */


#define ATTACK_CHUNK   4096
#define ATTACK_FRAME   (1024 * 1024)
#define ATTACK_SYSTEM  0x40000800ull    /* a stub, supervisor only */
#define ATTACK_ENTRY   0x40002007ull    /* behind the park's OUT */
#define ATTACK_KERNEL  0xffffffff81000000ull
#define ATTACK_ODD     0x8000000000000000ull

/* Through volatile: the compiler is not to know what happens. */
static volatile int  attack_always = 1;


#define attack_ud2()  __asm__ volatile ("ud2" : : : "memory")


/* An exception handler without the library: entered with its frame. */

static void
attack_set_handler(uint64_t address)
{
    memcpy(hl_record_add(HL_REC_HANDLER, sizeof(address)), &address,
           sizeof(address));
    hl_leave(HL_HYPERCALL_FLUSH);
}


static void
attack_resume(uint64_t frame)
{
    ((void (*)(uint32_t, uint64_t)) (uintptr_t) attack_leave)(
        HL_HYPERCALL_RESUME, frame);
}


/* ---- no end ------------------------------------------------------------ */

static bool
attack_same_again(hl_exception_t *e)
{
    (void) e;

    return true;
}


static uint64_t
call_spin_fault(void)
{
    (void) hl_set_exception_handler(hl_exception_PageFault,
                                    attack_same_again);

    return *hl_ptr(volatile uint8_t, attack_always);
}


static bool
attack_next(hl_exception_t *e)
{
    e->rip += 2;

    return true;
}


static uint64_t
call_spin_ud2(void)
{
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode, attack_next);

    while (attack_always) {
        attack_ud2();
    }

    return 0;
}


static uint64_t
call_spin_log(void)
{
    while (attack_always) {
        LOG(hl_Level_Error, "a storm");
    }

    return 0;
}


static uint64_t
call_spin_print(void)
{
    while (attack_always) {
        hl_record_stream(HL_REC_PRINT, "a storm\n", 8);
    }

    return 0;
}


static uint64_t
call_spin_raw_call(void)
{
    uint32_t  id;

    for (id = 0; attack_always; id++) {
        (void) hl_service_number(id, id);
    }

    return 0;
}


static uint64_t
call_spin_call(void)
{
    char             text[HL_HOST_CALL_TEXT];
    hl_FunctionCall  call = { .function_name = "\x80 no such function",
                              .return_type = hl_ReturnType_Int };

    while (attack_always) {
        (void) hl_host_call(&call, text, sizeof(text));
    }

    return 0;
}


/* Each handler lets go on at the next one's fault. */

static bool
attack_back_to(hl_exception_t *e)
{
    e->rip = e->rbx;

    return true;
}


static uint64_t
call_spin_handler(void)
{
    (void) hl_set_exception_handler(hl_exception_DivideError,
                                    attack_back_to);

    __asm__ volatile ("leaq 1f(%%rip), %%rbx; 1: xorl %%ecx, %%ecx; "
                      "divl %%ecx" : : : "rax", "rbx", "rcx", "rdx");

    return 0;
}


/* ---- too much ---------------------------------------------------------- */

static __attribute__((noinline)) int
attack_recurse(int n)
{
    volatile uint8_t  frame[ATTACK_CHUNK];

    frame[0] = (uint8_t) n;

    return attack_always ? attack_recurse(n + 1) + frame[0] : n;
}


static uint64_t
call_recursion(void)
{
    return (uint64_t) attack_recurse(0);
}


static __attribute__((noinline)) uint64_t
call_frame(void)
{
    volatile uint8_t  frame[ATTACK_FRAME];

    frame[attack_always] = 1;

    return frame[attack_always];
}


static uint64_t
call_heap(void)
{
    while (attack_always) {
        memset(malloc(ATTACK_CHUNK), 1, ATTACK_CHUNK);
    }

    return 0;
}


static bool
attack_fault_again(hl_exception_t *e)
{
    (void) e;

    attack_ud2();

    return true;
}


static uint64_t
call_handler_faults(void)
{
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    attack_fault_again);
    attack_ud2();

    return 0;
}


static bool
attack_recurse_in_handler(hl_exception_t *e)
{
    e->rip += (uint64_t) attack_recurse(0);

    return true;
}


static uint64_t
call_handler_recursion(void)
{
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    attack_recurse_in_handler);
    (void) hl_set_exception_handler(hl_exception_PageFault,
                                    attack_recurse_in_handler);
    attack_ud2();

    return 0;
}


/* ---- handlers ---------------------------------------------------------- */

static bool
attack_call_in_handler(hl_exception_t *e)
{
    (void) hl_service_number(HL_RAW_ID_MIN + 1, 0);

    return attack_next(e);
}


static uint64_t
call_handler_calls(void)
{
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    attack_call_in_handler);
    attack_ud2();

    return 0;
}


static uint64_t
attack_handler_at(uint64_t address)
{
    attack_set_handler(address);
    attack_ud2();

    return 0;
}


static uint64_t
call_handler_parks(void)
{
    return attack_handler_at(attack_park);
}


static uint64_t
call_handler_nowhere(void)
{
    return attack_handler_at(0x10);
}


static uint64_t
call_handler_system(void)
{
    return attack_handler_at(ATTACK_SYSTEM);
}


static uint64_t
call_handler_odd(void)
{
    return attack_handler_at(ATTACK_ODD);
}


static uint64_t
call_handler_entry(void)
{
    return attack_handler_at(ATTACK_ENTRY);
}


/* ---- going on elsewhere ------------------------------------------------ */

static uint64_t  attack_rip;


static bool
attack_resume_at(hl_exception_t *e)
{
    e->rip = attack_rip;
    e->rflags = ~0ull;

    return true;
}


static uint64_t
attack_resumed_at(uint64_t rip)
{
    attack_rip = rip;
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    attack_resume_at);
    attack_ud2();

    return 0;
}


static bool
attack_all_flags(hl_exception_t *e)
{
    e->rflags = ~0ull;

    return attack_next(e);
}


/* TF, NT, IOPL and others are not taken; DF is. */

static uint64_t
call_resume_flags(void)
{
    uint64_t  flags;

    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    attack_all_flags);

    __asm__ volatile ("ud2; pushfq; cld; popq %0"
                      : "=r" (flags) : : "memory", "cc");

    if ((flags & ~0x200ull) != 0xcd7) {
        attack_ud2();
    }

    return 0;
}


static uint64_t
call_resume_odd(void)
{
    return attack_resumed_at(ATTACK_ODD);
}


static uint64_t
call_resume_kernel(void)
{
    return attack_resumed_at(ATTACK_KERNEL);
}


static uint64_t
call_resume_system(void)
{
    (void) hl_set_exception_handler(hl_exception_PageFault, NULL);

    return attack_resumed_at(ATTACK_SYSTEM);
}


static bool
attack_resume_early(hl_exception_t *e)
{
    (void) attack_next(e);
    attack_resume((uintptr_t) e);

    return true;
}


/* Without its handler's end; then once more, without an exception. */

static uint64_t
call_resume_twice(void)
{
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    attack_resume_early);
    attack_ud2();
    attack_ud2();

    return 0;
}


static uint64_t  attack_frame;


static bool
attack_resume_from(hl_exception_t *e)
{
    attack_resume(attack_frame);

    return attack_next(e);
}


static uint64_t
attack_resumed_from(uint64_t frame)
{
    attack_frame = frame;
    (void) hl_set_exception_handler(hl_exception_InvalidOpcode,
                                    attack_resume_from);
    attack_ud2();

    return 0;
}


static uint64_t
call_resume_nowhere(void)
{
    return attack_resumed_from(ATTACK_ODD);
}


static uint64_t
call_resume_read_only(void)
{
    return attack_resumed_from((uintptr_t) hl_guest.params);
}


/* One byte of the frame is behind the end of the heap. */

static uint64_t
call_resume_across(void)
{
    return attack_resumed_from(attack_heap_end - sizeof(hl_abi_exception_t)
                               + 1);
}
