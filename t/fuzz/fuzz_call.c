/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz_call.c: the record of a host function call, by name or by number.
 *
 *     input   kind and phase (1), flags (1), the record behind its head
 */

#include "fuzz.h"


#define FUZZ_HEAD  2


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hl_error_t     err;
    hl_value_t     answer;
    hl_status_t    status;
    hl_cursor_t    record;
    hl_sandbox_t  *sb;

    static const hl_phase_t  phases[] = {
        HL_PHASE_INIT, HL_PHASE_TYPED, HL_PHASE_HTTP, HL_PHASE_TYPED
    };

    if (size < FUZZ_HEAD) {
        return 0;
    }

    sb = fuzz_sandbox(data + FUZZ_HEAD, size - FUZZ_HEAD,
                      phases[data[0] >> 1 & 3], data[1]);

    record.pos = hl_sandbox_region(sb, HL_REGION_OUTPUT);
    record.left = size - FUZZ_HEAD;

    status = data[0] & 1 ? hl_hostfn_raw_call(sb, &record, &err)
                         : hl_hostfn_call(sb, &record, &err);

    fuzz_check(status == HL_OK || status == err.status);
    fuzz_check((status == HL_AGAIN) == sb->suspended);

    if (status == HL_OK) {
        fuzz_check(sb->reply_end > 0);

    } else {
        fuzz_touch_error(&err);
        fuzz_check(status == HL_AGAIN || status == HL_ERR_OUTPUT);
    }

    if (sb->suspended) {
        answer.type = HL_TYPE_STRING;
        answer.v.bytes.data = data;
        answer.v.bytes.len = size;

        fuzz_check(hl_call_answer(sb, HL_OK, &answer, NULL, &err) == HL_OK);
        fuzz_check(!sb->suspended);
    }

    fuzz_check_reply(sb);
    fuzz_sandbox_free(sb);

    return 0;
}
