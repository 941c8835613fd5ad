/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * output.c: RawOutput(case): output that no host should accept.  The guest
 * parks with it; the library has no part in what is in the area.
 */

#include <stdlib.h>
#include <string.h>

#include "probe.h"


#define PROBE_UNKNOWN   0x7fffffffu
#define PROBE_ALL_ONES  0xffffffffu


typedef void (*probe_output_pt)(hl_abi_output_t *output);


/* The place behind the list. */

static void *
output_end(hl_abi_output_t *output)
{
    return (uint8_t *) (output + 1) + output->size;
}


/* Appends a record that says it has "size" bytes, whatever "len" is. */

static void
output_record(hl_abi_output_t *output, uint32_t type, uint32_t size,
    const void *payload, size_t len)
{
    hl_abi_record_t  *record;

    record = output_end(output);
    record->type = type;
    record->size = size;

    if (len > 0) {
        memcpy(record + 1, payload, len);
    }

    output->size += hl_abi_padded(sizeof(hl_abi_record_t) + len);
}


/* Appends one with its true size. */

static void
output_good(hl_abi_output_t *output, uint32_t type, const void *payload,
    size_t len)
{
    output_record(output, type, (uint32_t) (sizeof(hl_abi_record_t) + len),
                  payload, len);
}


static void
output_value(hl_abi_output_t *output, uint32_t type, uint32_t len,
    uint64_t bits)
{
    hl_abi_value_t  value = { type, len, bits };

    output_good(output, HL_REC_RESULT, &value, sizeof(value));
}


static void
list_past_area(hl_abi_output_t *output)
{
    output->size = hl_guest.params->output_size;
}


static void
list_all_ones(hl_abi_output_t *output)
{
    output->size = UINT64_MAX;
}


static void
list_ends_in_head(hl_abi_output_t *output)
{
    output_good(output, HL_REC_BODY, "abc", 3);
    output->size = sizeof(hl_abi_record_t) / 2;
}


static void
list_empty(hl_abi_output_t *output)
{
    output->size = 0;
}


static void
record_unknown(hl_abi_output_t *output)
{
    output_good(output, PROBE_UNKNOWN, "abc", 3);
}


static void
record_type_zero(hl_abi_output_t *output)
{
    output_good(output, 0, "abc", 3);
}


static void
record_size_zero(hl_abi_output_t *output)
{
    output_record(output, HL_REC_BODY, 0, "abc", 3);
}


static void
record_size_below_head(hl_abi_output_t *output)
{
    output_record(output, HL_REC_BODY, sizeof(hl_abi_record_t) - 1, "abc", 3);
}


static void
record_past_list(hl_abi_output_t *output)
{
    output_record(output, HL_REC_BODY, 4096, "abc", 3);
}


static void
record_size_all_ones(hl_abi_output_t *output)
{
    output_record(output, HL_REC_BODY, PROBE_ALL_ONES, "abc", 3);
}


static void
result_type_unknown(hl_abi_output_t *output)
{
    output_value(output, PROBE_UNKNOWN, 0, 0);
}


static void
result_past_record(hl_abi_output_t *output)
{
    output_value(output, HL_TYPE_VECBYTES, 4096, 0);
}


static void
result_all_ones(hl_abi_output_t *output)
{
    output_value(output, HL_TYPE_VECBYTES, PROBE_ALL_ONES, 0);
}


static void
result_short(hl_abi_output_t *output)
{
    output_good(output, HL_REC_RESULT, "abc", 3);
}


static void
result_twice(hl_abi_output_t *output)
{
    output_value(output, HL_TYPE_INT, 0, 1);
    output_value(output, HL_TYPE_INT, 0, 2);
}


static void
error_past_record(hl_abi_output_t *output)
{
    hl_abi_error_t  error = { 1, PROBE_ALL_ONES };

    output_good(output, HL_REC_ERROR, &error, sizeof(error));
}


static void
log_past_record(hl_abi_output_t *output)
{
    hl_abi_log_t  log = { HL_LOG_ERROR, 1, PROBE_ALL_ONES, 2 };

    output_good(output, HL_REC_LOG, &log, sizeof(log));
}


static void
log_level_unknown(hl_abi_output_t *output)
{
    hl_abi_log_t  log = { PROBE_UNKNOWN, 1, 0, 0 };

    output_good(output, HL_REC_LOG, &log, sizeof(log));
}


static void
header_past_record(hl_abi_output_t *output)
{
    hl_abi_header_t  header = { PROBE_ALL_ONES, 2 };

    output_good(output, HL_REC_HEADER, &header, sizeof(header));
}


static void
status_short(hl_abi_output_t *output)
{
    output_good(output, HL_REC_STATUS, "ab", 2);
}


static void
status_zero(hl_abi_output_t *output)
{
    uint32_t  status = 0;

    output_good(output, HL_REC_STATUS, &status, sizeof(status));
}


static void
function_late(hl_abi_output_t *output)
{
    struct {
        hl_abi_function_t  function;
        char               name[4];
    } late;

    memset(&late, 0, sizeof(late));
    late.function.name_len = sizeof(late.name);
    memcpy(late.name, "late", sizeof(late.name));

    output_good(output, HL_REC_FUNCTION, &late, sizeof(late));
}


static void
call_at_park(hl_abi_output_t *output)
{
    hl_abi_call_t  call = { HL_TYPE_INT, 0, 0, 0 };

    output_good(output, HL_REC_CALL, &call, sizeof(call));
}


static void
abort_at_park(hl_abi_output_t *output)
{
    hl_abi_error_t  error = { 1, 0 };

    output_good(output, HL_REC_ABORT, &error, sizeof(error));
}


/* Fills the area with as many empty records as there is room for. */

static void
records_many(hl_abi_output_t *output)
{
    size_t  room;

    room = hl_guest.params->output_size - sizeof(hl_abi_output_t);

    while (output->size + sizeof(hl_abi_record_t) <= room) {
        output_good(output, HL_REC_PRINT, NULL, 0);
    }
}


/* A test gives the index. */

static const probe_output_pt  outputs[] = {
    list_past_area,                     /* 0 */
    list_all_ones,
    list_ends_in_head,
    list_empty,
    record_unknown,
    record_type_zero,                   /* 5 */
    record_size_zero,
    record_size_below_head,
    record_past_list,
    record_size_all_ones,
    result_type_unknown,                /* 10 */
    result_past_record,
    result_all_ones,
    result_short,
    result_twice,
    error_past_record,                  /* 15 */
    log_past_record,
    log_level_unknown,
    header_past_record,
    status_short,
    status_zero,                        /* 20 */
    function_late,
    call_at_park,
    abort_at_park,
    records_many
};


/* Comes back only if there is no such case. */

static void
output_park(int32_t n)
{
    hl_abi_output_t  *output;

    if (n < 0 || (size_t) n >= sizeof(outputs) / sizeof(outputs[0])) {
        return;
    }

    output = hl_ptr(hl_abi_output_t, hl_guest.params->output);
    output->size = 0;

    outputs[n](output);

    hl_park();
}


static int32_t
raw_output(int32_t n)
{
    output_park(n);

    return -1;
}


/* The same in an HTTP call; the case is in the arguments. */

static void
raw_output_http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    output_park(atoi(hl_http_args(req).data));

    hl_http_printf(resp, "no such case\n");
}


/* A host call whose record has a parameter of "len" bytes that it has not. */

static int32_t
raw_call(int32_t len)
{
    hl_abi_output_t  *output;

    struct {
        hl_abi_call_t   call;
        char            name[8];
        hl_abi_value_t  value;
    } raw;

    memset(&raw, 0, sizeof(raw));

    raw.call.result = HL_TYPE_STRING;
    raw.call.param_count = 1;
    raw.call.name_len = 4;
    memcpy(raw.name, "Echo", 4);
    raw.value.type = HL_TYPE_STRING;
    raw.value.len = (uint32_t) len;

    output = hl_ptr(hl_abi_output_t, hl_guest.params->output);
    output->size = 0;

    output_good(output, HL_REC_CALL, &raw, sizeof(raw));
    hl_leave(HL_HYPERCALL_CALL);

    return 0;
}


HYPERLIGHT_WRAP_FUNCTION(raw_output, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(raw_call, Int, 1, Int)


void
probe_output_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("RawOutput", raw_output);
    HYPERLIGHT_REGISTER_FUNCTION("RawCall", raw_call);

    hl_http_register("raw", raw_output_http);
}
