/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * area.c: the output area that area.h describes.
 */

#include <string.h>

#include "area.h"
#include "hl_memory.h"


hl_sandbox_t       area;
hl_image_t         image;
size_t             used;
unsigned           function_calls;
hl_abi_function_t  row;


static hl_status_t host_repeat(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err);
static hl_status_t host_refuse(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err);
static hl_status_t host_large(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err);


static const hl_host_function_t  functions[] = {
    { "Repeat", HL_TYPE_STRING, 2, { HL_TYPE_STRING, HL_TYPE_INT },
      host_repeat },
    { "Refuse", HL_TYPE_INT, 0, { HL_TYPE_INT }, host_refuse },
    { "Large", HL_TYPE_VECBYTES, 1, { HL_TYPE_INT }, host_large }
};


int
area_begin(void **state)
{
    hl_region_t  *r;

    (void) state;

    memset(&test_seen, 0, sizeof(test_seen));
    memset(&area, 0, sizeof(area));
    memset(&image, 0, sizeof(image));

    r = image.layout.regions;
    r[HL_REGION_REPLY].size = AREA_REPLY;
    r[HL_REGION_OUTPUT].offset = AREA_REPLY;
    r[HL_REGION_OUTPUT].size = AREA_OUTPUT;
    image.layout.rw_size = AREA_REPLY + AREA_OUTPUT;

    area.bindings.log_level = HL_LOG_DEBUG;
    area.bindings.sink = &test_sink;
    area.bindings.functions = functions;
    area.bindings.function_count = sizeof(functions) / sizeof(functions[0]);

    area.image = &image;
    area.functions = hl_functions_create();
    assert_non_null(area.functions);
    assert_ok(hl_map(&area.rw, image.layout.rw_size, -1, HL_MAP_WRITE,
                     &test_err));

    /* an area is not clean when it is parsed */

    memset(area.rw, 0xff, image.layout.rw_size);
    used = 0;
    function_calls = 0;

    return 0;
}


int
area_end(void **state)
{
    (void) state;

    hl_unmap(area.rw, image.layout.rw_size);
    hl_functions_release(area.functions);

    return 0;
}


/* ---- a guest's list ---------------------------------------------------- */

void
put(const void *bytes, size_t len)
{
    assert_true(len <= AREA_ROOM - used);

    memcpy(area.rw + AREA_REPLY + sizeof(hl_abi_output_t) + used, bytes, len);
    used += len;
}


void
put_padding(void)
{
    static const char  zero[8];

    put(zero, -used & 7);
}


void
put_head(uint32_t type, uint32_t size)
{
    hl_abi_record_t  head;

    put_padding();

    head.type = type;
    head.size = size;
    put(&head, sizeof(head));
}


void
put_record(uint32_t type, const void *a, size_t a_len, const void *b,
    size_t b_len)
{
    put_head(type, (uint32_t) (sizeof(hl_abi_record_t) + a_len + b_len));
    put(a, a_len);
    put(b, b_len);
}


void
put_value(uint32_t type, uint32_t len, uint64_t bits, const void *bytes,
    size_t bytes_len)
{
    hl_abi_value_t  value;

    value.type = type;
    value.len = len;
    value.bits = bits;

    put_record(HL_REC_RESULT, &value, sizeof(value), bytes, bytes_len);
}


void
put_call(const char *name, uint32_t name_len, uint32_t result,
    uint32_t params)
{
    hl_abi_call_t  call;

    call.result = result;
    call.param_count = params;
    call.name_len = name_len;
    call.reserved = 0;

    put_record(HL_REC_CALL, &call, sizeof(call), name, name_len);
}


void
row_begin(void)
{
    memset(&row, 0, sizeof(row));

    row.kind = HL_FUNCTION_TYPED;
    row.result = HL_TYPE_INT;
    row.param_count = 1;
    row.params[0] = HL_TYPE_INT;
    row.name_len = 1;
}


hl_status_t
take_size(hl_phase_t phase, uint32_t hypercall, uint64_t size)
{
    area.phase = phase;
    memcpy(area.rw + AREA_REPLY, &size, sizeof(size));

    return hl_output_take(&area, hypercall, &test_err);
}


hl_status_t
take(hl_phase_t phase, uint32_t hypercall)
{
    return take_size(phase, hypercall, used);
}


/* ---- host functions ---------------------------------------------------- */

static hl_status_t
host_repeat(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) err;

    function_calls++;

    assert_int_equal(n, 2);
    assert_int_equal(args[0].type, HL_TYPE_STRING);
    assert_int_equal(args[1].type, HL_TYPE_INT);
    assert_int_equal(args[1].v.i32, -3);

    result->v.bytes = args[0].v.bytes;

    return HL_OK;
}


static hl_status_t
host_refuse(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) result;

    function_calls++;

    return hl_error_set(err, HL_ERR_GUEST, "not today");
}


static hl_status_t
host_large(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) n;
    (void) err;

    static const char  bytes[AREA_REPLY];

    function_calls++;

    result->v.bytes.data = bytes;
    result->v.bytes.len = (size_t) args[0].v.i32;

    return HL_OK;
}
