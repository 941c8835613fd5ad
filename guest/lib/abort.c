/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * abort.c: ways to give up, from which the host never comes back.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hl_guest.h"


#define HL_ABORT_TEXT  256


void
hl_abort_with_code(int32_t err)
{
    hl_abort_with_code_and_message(err, "");
}


void
hl_abort_with_code_and_message(int32_t err, const char *message)
{
    hl_record_error(HL_REC_ABORT, (uint8_t) err,
                    message != NULL ? message : "");
    hl_leave(HL_HYPERCALL_ABORT);

    __builtin_trap();
}


/* Takes no memory from the heap: there may be none. */

void
hl_abort_fmt(hl_ErrorCode err, const char *fmt, ...)
{
    char     message[HL_ABORT_TEXT];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);

    hl_abort_with_code_and_message((int32_t) err, message);
}


void
abort(void)
{
    hl_abort_with_code(0);
}


void
__stack_chk_fail(void)
{
    hl_abort_with_code_and_message(hl_ErrorCode_GsCheckFailed,
                                   "stack smashing detected");
}
