/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * start.c: where a guest begins, and the note that makes it one.
 *
 * The host jumps to _start() with the stack as if it had been called.  It
 * initialises the guest and parks it; _start() never runs again.
 */

#include "hl_guest.h"


typedef void (*hl_constructor_pt)(void);

typedef struct {
    uint32_t  owner_size;
    uint32_t  desc_size;
    uint32_t  type;
    char      owner[8];                 /* padded to a multiple of 4 */
    uint32_t  version;
} hl_note_t;

_Static_assert(sizeof(HL_ABI_NOTE_OWNER) <= 8, "ABI note: owner");


/* From the linker script. */
extern const hl_constructor_pt  __init_array_start[];
extern const hl_constructor_pt  __init_array_end[];


static void hl_init(void);


__attribute__((section(".note.hyperlight"), used, aligned(4)))
static const hl_note_t  hl_note = {
    sizeof(HL_ABI_NOTE_OWNER),
    sizeof(uint32_t),
    HL_ABI_NOTE_TYPE,
    HL_ABI_NOTE_OWNER,
    HL_ABI_VERSION
};


hl_guest_t  hl_guest;


hl_no_guard hl_noreturn void
_start(const hl_abi_params_t *params)
{
    hl_enter(params);
    hl_init();
    hl_park();
}


static __attribute__((noinline)) void
hl_init(void)
{
    const hl_constructor_pt  *constructor;

    for (constructor = __init_array_start;
         constructor < __init_array_end;
         constructor++)
    {
        (*constructor)();
    }

    hyperlight_main();

    hl_stdio_flush();
    hl_entry_publish();
}
