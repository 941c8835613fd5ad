/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_output.c: what a guest puts out, and what it had better not.
 *
 * Most tests need no VM: they write an output area as a guest would and
 * hand it to hl_output_take().  The area ends where a guard page begins, so
 * that reading past it is seen.  The last ones do the same in a guest.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hl_memory.h"
#include "test.h"


#define AREA_REPLY   8192u
#define AREA_OUTPUT  8192u
#define AREA_ROOM    (AREA_OUTPUT - sizeof(hl_abi_output_t))

/* No record type: it takes whatever bytes are there. */
#define HUGE         0xffffffffu


static hl_image_t    image;
static hl_sandbox_t  area;
static size_t        used;              /* of the area, its head not */

static hl_status_t   sink_answer;
static unsigned      function_calls;


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


static int
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


static int
area_end(void **state)
{
    (void) state;

    hl_unmap(area.rw, image.layout.rw_size);
    hl_functions_release(area.functions);

    return 0;
}


/* Appends bytes, without any order. */
static void
put(const void *bytes, size_t len)
{
    assert_true(len <= AREA_ROOM - used);

    memcpy(area.rw + AREA_REPLY + sizeof(hl_abi_output_t) + used, bytes, len);
    used += len;
}


static void
put_padding(void)
{
    static const char  zero[8];

    put(zero, -used & 7);
}


/* The head says "size", whatever follows. */
static void
put_head(uint32_t type, uint32_t size)
{
    hl_abi_record_t  head;

    put_padding();

    head.type = type;
    head.size = size;
    put(&head, sizeof(head));
}


/* A record of two parts with its true size. */
static void
put_record(uint32_t type, const void *a, size_t a_len, const void *b,
    size_t b_len)
{
    put_head(type, (uint32_t) (sizeof(hl_abi_record_t) + a_len + b_len));
    put(a, a_len);
    put(b, b_len);
}


static void
put_value(uint32_t type, uint32_t len, uint64_t bits, const void *bytes,
    size_t bytes_len)
{
    hl_abi_value_t  value;

    value.type = type;
    value.len = len;
    value.bits = bits;

    put_record(HL_REC_RESULT, &value, sizeof(value), bytes, bytes_len);
}


static hl_status_t
take_size(hl_phase_t phase, uint32_t hypercall, uint64_t size)
{
    area.phase = phase;
    memcpy(area.rw + AREA_REPLY, &size, sizeof(size));

    return hl_output_take(&area, hypercall, &test_err);
}


static hl_status_t
take(hl_phase_t phase, uint32_t hypercall)
{
    return take_size(phase, hypercall, used);
}


/* At the park of a typed call, of an HTTP call. */
#define take_typed()  take(HL_PHASE_TYPED, HL_HYPERCALL_PARK)
#define take_http()   take(HL_PHASE_HTTP, HL_HYPERCALL_PARK)

#define assert_malformed(status)                                              \
    assert_status(status, HL_ERR_OUTPUT)


/* ---- the list ---------------------------------------------------------- */

static void
empty_list_is_accepted(void **state)
{
    (void) state;

    assert_ok(take_typed());
}


static void
list_may_fill_the_area(void **state)
{
    char  *bytes;

    (void) state;

    bytes = calloc(1, AREA_ROOM);
    assert_non_null(bytes);

    put_record(HL_REC_BODY, bytes, AREA_ROOM - sizeof(hl_abi_record_t), "",
               0);
    assert_int_equal(used, AREA_ROOM);
    assert_ok(take_http());
    assert_int_equal(test_seen.body_len,
                     AREA_ROOM - sizeof(hl_abi_record_t));

    free(bytes);
}


static void
list_one_byte_over_the_area_is_refused(void **state)
{
    (void) state;

    assert_malformed(take_size(HL_PHASE_HTTP, HL_HYPERCALL_PARK,
                               AREA_ROOM + 1));
    assert_string_equal(test_err.text, "the guest says that its output has "
                                       "8185 bytes, the area has 8184");
}


static void
list_of_a_huge_size_is_refused(void **state)
{
    size_t  i;

    static const uint64_t  sizes[] = {
        AREA_OUTPUT, 1ull << 31, 1ull << 32, 1ull << 63, UINT64_MAX - 7,
        UINT64_MAX
    };

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_malformed(take_size(HL_PHASE_HTTP, HL_HYPERCALL_PARK,
                                   sizes[i]));
    }
}


static void
list_that_ends_in_a_head_is_refused(void **state)
{
    uint64_t  size;

    (void) state;

    put_record(HL_REC_BODY, "", 0, "", 0);

    for (size = 1; size < sizeof(hl_abi_record_t); size++) {
        assert_malformed(take_size(HL_PHASE_HTTP, HL_HYPERCALL_PARK, size));
    }
}


static void
padding_of_the_last_record_may_be_missing(void **state)
{
    (void) state;

    put_record(HL_REC_BODY, "abc", 3, "", 0);
    assert_ok(take_http());
    assert_string_equal(test_seen.body, "abc");
}


static void
records_are_taken_in_order(void **state)
{
    (void) state;

    put_record(HL_REC_BODY, "one", 3, "", 0);
    put_record(HL_REC_PRINT, "p", 1, "", 0);
    put_record(HL_REC_BODY, "two", 3, "", 0);
    assert_ok(take_http());

    assert_string_equal(test_seen.body, "onetwo");
    assert_string_equal(test_seen.print, "p");
}


static void
as_many_empty_records_as_fit_are_taken(void **state)
{
    (void) state;

    while (used < AREA_ROOM) {
        put_head(HL_REC_PRINT, sizeof(hl_abi_record_t));
    }

    assert_ok(take_http());
}


/* ---- records ----------------------------------------------------------- */

static void
record_smaller_than_its_head_is_refused(void **state)
{
    uint32_t  size;

    (void) state;

    for (size = 0; size < sizeof(hl_abi_record_t); size++) {
        used = 0;
        put_head(HL_REC_BODY, size);
        put("abcdefgh", 8);
        assert_malformed(take_http());
    }
}


static void
record_past_the_list_is_refused(void **state)
{
    (void) state;

    put_head(HL_REC_BODY, sizeof(hl_abi_record_t) + 4);
    put("abc", 3);
    assert_malformed(take_http());
    assert_int_equal(test_seen.body_len, 0);
}


static void
record_of_the_largest_size_is_refused(void **state)
{
    uint32_t  size;

    (void) state;

    for (size = HUGE; size > HUGE - 16; size--) {
        used = 0;
        put_head(HL_REC_BODY, size);
        put("abcdefgh", 8);
        assert_malformed(take_http());
    }
}


static void
record_of_no_known_type_is_refused(void **state)
{
    size_t  i;

    static const uint32_t  types[] = {
        0, HL_REC_ABORT + 1, 0x7fffffff, 0x80000000, HUGE
    };

    (void) state;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        used = 0;
        put_record(types[i], "", 0, "", 0);
        assert_malformed(take_http());
    }
}


/*
 * A whole, good record of each type: "where" it is welcome, as a set of
 * phases; the hypercall is the right one.
 */
static void
record_belongs_to_its_phases(void **state)
{
    size_t              i, phase;
    hl_status_t         status;
    hl_abi_log_t        log = { HL_LOG_ERROR, 1, 0, 0 };
    hl_abi_call_t       call = { HL_TYPE_INT, 0, 4, 0 };
    hl_abi_error_t      error = { 1, 0 };
    hl_abi_value_t      value = { HL_TYPE_INT, 0, 1 };
    hl_abi_header_t     header = { 1, 0 };
    hl_abi_function_t   function = { HL_FUNCTION_HTTP, HL_TYPE_VOID, 0,
                                     { 0 }, 1 };

    static const hl_phase_t  phases[] = {
        HL_PHASE_INIT, HL_PHASE_TYPED, HL_PHASE_HTTP
    };

    const struct {
        uint32_t     type;
        unsigned     where;
        uint32_t     hypercall;
        const void  *head;
        size_t       head_len;
        const char  *rest;
        size_t       rest_len;
        hl_status_t  answer;
    } cases[] = {
        { HL_REC_FUNCTION, HL_PHASE_INIT, HL_HYPERCALL_PARK,
          &function, sizeof(function), "f", 1, HL_OK },
        { HL_REC_LOG, HL_PHASE_INIT|HL_PHASE_TYPED|HL_PHASE_HTTP,
          HL_HYPERCALL_PARK, &log, sizeof(log), "", 0, HL_OK },
        { HL_REC_PRINT, HL_PHASE_INIT|HL_PHASE_TYPED|HL_PHASE_HTTP,
          HL_HYPERCALL_PARK, "text", 4, "", 0, HL_OK },
        { HL_REC_STATUS, HL_PHASE_HTTP, HL_HYPERCALL_PARK, "\310\0\0", 4,
          "", 0, HL_OK },
        { HL_REC_HEADER, HL_PHASE_HTTP, HL_HYPERCALL_PARK, &header,
          sizeof(header), "n\0\0", 3, HL_OK },
        { HL_REC_BODY, HL_PHASE_HTTP, HL_HYPERCALL_PARK, "body", 4, "", 0,
          HL_OK },
        { HL_REC_RESULT, HL_PHASE_TYPED, HL_HYPERCALL_PARK, &value,
          sizeof(value), "", 0, HL_OK },
        { HL_REC_ERROR, HL_PHASE_TYPED|HL_PHASE_HTTP, HL_HYPERCALL_PARK,
          &error, sizeof(error), "", 0, HL_ERR_GUEST },
        { HL_REC_CALL, HL_PHASE_INIT|HL_PHASE_TYPED|HL_PHASE_HTTP,
          HL_HYPERCALL_CALL, &call, sizeof(call), "None\0\0\0", 8, HL_OK },
        { HL_REC_ABORT, HL_PHASE_INIT|HL_PHASE_TYPED|HL_PHASE_HTTP,
          HL_HYPERCALL_ABORT, &error, sizeof(error), "", 0, HL_ERR_ABORTED }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (phase = 0; phase < 3; phase++) {
            used = 0;
            put_record(cases[i].type, cases[i].head, cases[i].head_len,
                       cases[i].rest, cases[i].rest_len);

            status = take(phases[phase], cases[i].hypercall);

            if (status != ((cases[i].where & phases[phase])
                           ? cases[i].answer : HL_ERR_OUTPUT))
            {
                fail_msg("record %u in phase %u: %d, %s", cases[i].type,
                         (unsigned) phases[phase], (int) status,
                         test_err.text);
            }
        }
    }
}


/* ---- hypercalls and their records -------------------------------------- */

static void
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


static void
call_without_its_record_is_refused(void **state)
{
    (void) state;

    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


static void
call_that_is_not_the_last_record_is_refused(void **state)
{
    (void) state;

    put_call("Refuse", 6, HL_TYPE_INT, 0);
    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
    assert_int_equal(function_calls, 0);
}


static void
two_calls_at_once_are_refused(void **state)
{
    (void) state;

    put_call("Refuse", 6, HL_TYPE_INT, 0);
    put_call("Refuse", 6, HL_TYPE_INT, 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
    assert_int_equal(function_calls, 0);
}


static void
call_in_another_hypercall_is_refused(void **state)
{
    (void) state;

    put_call("Refuse", 6, HL_TYPE_INT, 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_PARK));
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_FLUSH));
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_ABORT));
    assert_int_equal(function_calls, 0);
}


static void
abort_without_its_record_is_refused(void **state)
{
    (void) state;

    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_ABORT));

    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_ABORT));
}


static void
abort_in_another_hypercall_is_refused(void **state)
{
    hl_abi_error_t  error = { 1, 0 };

    (void) state;

    put_record(HL_REC_ABORT, &error, sizeof(error), "", 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_PARK));
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_FLUSH));
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


static void
error_that_is_not_the_last_record_is_refused(void **state)
{
    hl_abi_error_t  error = { 1, 0 };

    (void) state;

    put_record(HL_REC_ERROR, &error, sizeof(error), "", 0);
    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    assert_malformed(take_typed());
}


static void
error_before_the_park_is_refused(void **state)
{
    hl_abi_error_t  error = { 1, 0 };

    (void) state;

    put_record(HL_REC_ERROR, &error, sizeof(error), "", 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_FLUSH));
}


/* ---- log, print -------------------------------------------------------- */

static hl_status_t
take_log(uint32_t level, uint32_t source_len, uint32_t message_len)
{
    hl_abi_log_t  log;

    log.level = level;
    log.line = 7;
    log.source_len = source_len;
    log.message_len = message_len;

    used = 0;
    put_record(HL_REC_LOG, &log, sizeof(log), "a.cmessage", 10);

    return take_typed();
}


static void
log_line_is_handed_over(void **state)
{
    (void) state;

    assert_ok(take_log(HL_LOG_ERROR, 3, 7));
    assert_int_equal(test_seen.logs, 1);
    assert_int_equal(test_seen.log_level, HL_LOG_ERROR);
    assert_string_equal(test_seen.log, "message");
}


static void
log_line_below_the_level_is_dropped(void **state)
{
    (void) state;

    assert_ok(take_log(HL_LOG_TRACE, 3, 7));
    assert_int_equal(test_seen.logs, 0);

    assert_ok(take_log(HL_LOG_DEBUG, 3, 7));
    assert_int_equal(test_seen.logs, 1);
}


static void
log_level_that_does_not_exist_is_refused(void **state)
{
    (void) state;

    assert_ok(take_log(HL_LOG_CRITICAL, 3, 7));
    assert_malformed(take_log(HL_LOG_NONE, 3, 7));
    assert_malformed(take_log(HUGE, 3, 7));
    assert_int_equal(test_seen.logs, 1);
}


static void
log_texts_past_the_record_are_refused(void **state)
{
    (void) state;

    assert_malformed(take_log(HL_LOG_ERROR, 3, 8));
    assert_malformed(take_log(HL_LOG_ERROR, 11, 0));
    assert_malformed(take_log(HL_LOG_ERROR, 3, HUGE));
    assert_malformed(take_log(HL_LOG_ERROR, HUGE, 3));
    assert_malformed(take_log(HL_LOG_ERROR, HUGE, 11));
    assert_malformed(take_log(HL_LOG_ERROR, 0x80000000, 0x80000000));
    assert_int_equal(test_seen.logs, 0);
}


static void
short_log_record_is_refused(void **state)
{
    hl_abi_log_t  log = { HL_LOG_ERROR, 1, 0, 0 };

    (void) state;

    put_record(HL_REC_LOG, &log, sizeof(log) - 1, "", 0);
    assert_malformed(take_typed());
}


/* ---- HTTP response ----------------------------------------------------- */

static void
status_is_handed_over(void **state)
{
    uint32_t  status = 404;

    (void) state;

    put_record(HL_REC_STATUS, &status, sizeof(status), "", 0);
    assert_ok(take_http());
    assert_int_equal(test_seen.status, 404);
}


static void
short_status_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_STATUS, "abc", 3, "", 0);
    assert_malformed(take_http());
}


static hl_status_t
take_header(uint32_t name_len, uint32_t value_len)
{
    hl_abi_header_t  header;

    header.name_len = name_len;
    header.value_len = value_len;

    used = 0;
    put_record(HL_REC_HEADER, &header, sizeof(header), "Name\0value", 11);

    return take_http();
}


static void
header_is_handed_over(void **state)
{
    (void) state;

    assert_ok(take_header(4, 5));
    assert_int_equal(test_seen.headers, 1);
    assert_string_equal(test_seen.name, "Name");
    assert_string_equal(test_seen.value, "value");
}


static void
header_past_the_record_is_refused(void **state)
{
    (void) state;

    assert_malformed(take_header(4, 7));
    assert_malformed(take_header(11, 0));
    assert_malformed(take_header(12, 0));
    assert_malformed(take_header(HUGE, 5));
    assert_malformed(take_header(4, HUGE));
    assert_malformed(take_header(HUGE, HUGE));
    assert_malformed(take_header(HUGE - 4, 4));
    assert_int_equal(test_seen.headers, 0);
}


static void
short_header_record_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_HEADER, "\0\0\0\0\0\0\0", 7, "", 0);
    assert_malformed(take_http());
}


static hl_status_t
refuse_body(void *data, const void *bytes, size_t len, hl_error_t *err)
{
    (void) data;
    (void) bytes;
    (void) len;

    return hl_error_set(err, sink_answer, "no body");
}


static void
error_of_the_sink_ends_the_call(void **state)
{
    hl_sink_t  sink;

    (void) state;

    sink = test_sink;
    sink.body = refuse_body;
    area.bindings.sink = &sink;
    sink_answer = HL_ERR_OUTPUT;

    put_record(HL_REC_BODY, "abc", 3, "", 0);
    put_record(HL_REC_PRINT, "never", 5, "", 0);

    assert_malformed(take_http());
    assert_string_equal(test_err.text, "no body");
    assert_string_equal(test_seen.print, "");
}


static void
what_no_sink_wants_is_dropped(void **state)
{
    uint32_t         status = 200;
    hl_sink_t        none;
    hl_abi_log_t     log = { HL_LOG_ERROR, 1, 0, 0 };
    hl_abi_header_t  header = { 0, 0 };

    (void) state;

    memset(&none, 0, sizeof(none));

    put_record(HL_REC_LOG, &log, sizeof(log), "", 0);
    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    put_record(HL_REC_STATUS, &status, sizeof(status), "", 0);
    put_record(HL_REC_HEADER, &header, sizeof(header), "\0", 2);
    put_record(HL_REC_BODY, "abc", 3, "", 0);

    area.bindings.sink = &none;
    assert_ok(take_http());

    area.bindings.sink = NULL;
    assert_ok(take_http());
}


/* ---- result ------------------------------------------------------------ */

static void
result_is_kept(void **state)
{
    (void) state;

    put_value(HL_TYPE_STRING, 3, 0, "abc", 3);
    assert_ok(take_typed());

    assert_true(area.has_result);
    assert_int_equal(area.result.type, HL_TYPE_STRING);
    assert_int_equal(area.result.v.bytes.len, 3);
    assert_memory_equal(area.result.v.bytes.data, "abc", 3);
}


static void
result_of_no_known_type_is_refused(void **state)
{
    (void) state;

    put_value(HL_TYPE_LAST + 1, 0, 0, "", 0);
    assert_malformed(take_typed());

    used = 0;
    put_value(HUGE, 0, 0, "", 0);
    assert_malformed(take_typed());
    assert_false(area.has_result);
}


static void
result_past_the_record_is_refused(void **state)
{
    size_t  i;

    static const uint32_t  lens[] = { 4, 9, AREA_OUTPUT, HUGE - 8, HUGE };

    (void) state;

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        used = 0;
        put_value(HL_TYPE_VECBYTES, lens[i], 0, "abc", 3);
        put_record(HL_REC_PRINT, "behind", 6, "", 0);
        assert_malformed(take_typed());
    }

    assert_false(area.has_result);
}


static void
scalar_result_with_bytes_is_refused(void **state)
{
    (void) state;

    put_value(HL_TYPE_INT, 3, 0, "abc", 3);
    assert_malformed(take_typed());
}


static void
short_result_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_RESULT, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15, "", 0);
    assert_malformed(take_typed());
}


static void
second_result_is_refused(void **state)
{
    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    put_value(HL_TYPE_INT, 0, 2, "", 0);
    assert_malformed(take_typed());
}


static void
bool_result_is_0_or_1(void **state)
{
    (void) state;

    put_value(HL_TYPE_BOOL, 0, 2, "", 0);
    assert_ok(take_typed());
    assert_int_equal(area.result.v.boolean, 1);
}


/* ---- errors and aborts ------------------------------------------------- */

static hl_status_t
take_error(uint32_t message_len, const char *bytes, size_t len)
{
    hl_abi_error_t  error;

    error.code = 42;
    error.message_len = message_len;

    used = 0;
    put_record(HL_REC_ERROR, &error, sizeof(error), bytes, len);

    return take_typed();
}


static void
text_of_an_error_is_escaped(void **state)
{
    (void) state;

    assert_status(take_error(6, "a\n\x1b\xff\\z", 6), HL_ERR_GUEST);
    assert_string_equal(test_err.text, "Guest error occurred 42: "
                                       "a\\x0A\\x1B\\xFF\\x5Cz");
    assert_int_equal(test_err.guest_code, 42);
}


static void
text_of_an_error_is_cut(void **state)
{
    char  text[2000];

    (void) state;

    memset(text, '\n', sizeof(text));

    assert_status(take_error(sizeof(text), text, sizeof(text)),
                  HL_ERR_GUEST);
    assert_true(strlen(test_err.text) < HL_ERROR_TEXT);
}


static void
error_past_the_record_is_refused(void **state)
{
    (void) state;

    assert_malformed(take_error(4, "abc", 3));
    assert_malformed(take_error(HUGE, "abc", 3));
}


static void
abort_past_the_record_is_refused(void **state)
{
    hl_abi_error_t  error = { 1, HUGE };

    (void) state;

    put_record(HL_REC_ABORT, &error, sizeof(error), "abc", 3);
    assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_ABORT));
}


static void
abort_says_code_and_text(void **state)
{
    hl_abi_error_t  error = { 13, 3 };

    (void) state;

    put_record(HL_REC_ABORT, &error, sizeof(error), "why", 3);
    assert_status(take(HL_PHASE_HTTP, HL_HYPERCALL_ABORT), HL_ERR_ABORTED);
    assert_string_equal(test_err.text, "Guest aborted: 13 why");
    assert_int_equal(test_err.guest_code, 13);
}


/* ---- function table ---------------------------------------------------- */

static hl_abi_function_t  row;


/* "f", from Int to Int. */
static void
row_begin(void)
{
    memset(&row, 0, sizeof(row));

    row.kind = HL_FUNCTION_TYPED;
    row.result = HL_TYPE_INT;
    row.param_count = 1;
    row.params[0] = HL_TYPE_INT;
    row.name_len = 1;
}


static hl_status_t
take_row(const char *name, size_t len)
{
    used = 0;
    put_record(HL_REC_FUNCTION, &row, sizeof(row), name, len);

    return take(HL_PHASE_INIT, HL_HYPERCALL_PARK);
}


#define assert_row_refused()                                                  \
    assert_malformed(take_row("f", 1));                                       \
    assert_int_equal(area.functions->count, 0)


static void
row_is_kept(void **state)
{
    const hl_function_t  *function;

    (void) state;

    row_begin();
    assert_ok(take_row("f", 1));

    function = hl_functions_find(area.functions, "f");
    assert_non_null(function);
    assert_int_equal(function->kind, HL_FUNCTION_TYPED);
    assert_int_equal(function->result, HL_TYPE_INT);
    assert_int_equal(function->param_count, 1);
    assert_int_equal(function->params[0], HL_TYPE_INT);
}


static void
row_of_an_unknown_kind_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.kind = HL_FUNCTION_HTTP + 1;
    assert_row_refused();
}


static void
row_with_an_unknown_result_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.result = HL_TYPE_LAST + 1;
    assert_row_refused();
}


static void
row_with_twelve_parameters_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.param_count = HL_ABI_PARAMS_MAX + 1;
    assert_row_refused();

    row.param_count = 255;
    assert_row_refused();
}


static void
row_with_an_unknown_parameter_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.params[0] = HL_TYPE_LAST + 1;
    assert_row_refused();
}


static void
row_with_a_void_parameter_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.params[0] = HL_TYPE_VOID;
    assert_row_refused();
}


static void
row_without_a_name_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.name_len = 0;
    assert_row_refused();
}


static void
row_with_its_name_past_the_record_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.name_len = 2;
    assert_row_refused();

    row.name_len = UINT16_MAX;
    assert_row_refused();
}


static void
row_with_a_name_too_long_is_refused(void **state)
{
    char  name[HL_ABI_NAME_MAX + 1];

    (void) state;

    memset(name, 'n', sizeof(name));

    row_begin();
    row.name_len = HL_ABI_NAME_MAX + 1;
    assert_malformed(take_row(name, HL_ABI_NAME_MAX + 1));

    row.name_len = HL_ABI_NAME_MAX;
    assert_ok(take_row(name, HL_ABI_NAME_MAX));
}


static void
row_with_nul_in_its_name_is_refused(void **state)
{
    (void) state;

    row_begin();
    row.name_len = 3;
    assert_malformed(take_row("a\0b", 3));
}


static void
short_row_is_refused(void **state)
{
    (void) state;

    row_begin();
    put_record(HL_REC_FUNCTION, &row, sizeof(row) - 1, "", 0);
    assert_malformed(take(HL_PHASE_INIT, HL_HYPERCALL_PARK));
}


static void
second_row_of_a_name_is_refused(void **state)
{
    (void) state;

    row_begin();
    assert_ok(take_row("f", 1));
    assert_malformed(take_row("f", 1));
    assert_int_equal(area.functions->count, 1);
}


static void
table_has_1024_rows_at_most(void **state)
{
    int   i;
    char  name[8];

    (void) state;

    row_begin();
    row.name_len = 4;

    for (i = 0; i < HL_ABI_FUNCTIONS_MAX; i++) {
        (void) snprintf(name, sizeof(name), "%04d", i);
        assert_ok(take_row(name, 4));
    }

    assert_malformed(take_row("more", 4));
    assert_int_equal(area.functions->count, HL_ABI_FUNCTIONS_MAX);
}


/* ---- host calls -------------------------------------------------------- */

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


/* A result of as many bytes as were asked for. */
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


typedef struct {
    hl_abi_call_t   call;
    char            name[8];
    hl_abi_value_t  first;
    char            text[8];
    hl_abi_value_t  second;
} host_call_t;

static host_call_t  host_call;


/* Repeat("text", -3) */
static void
host_call_begin(void)
{
    memset(&host_call, 0, sizeof(host_call));

    host_call.call.result = HL_TYPE_STRING;
    host_call.call.param_count = 2;
    host_call.call.name_len = 6;
    memcpy(host_call.name, "Repeat", 6);
    host_call.first.type = HL_TYPE_STRING;
    host_call.first.len = 4;
    memcpy(host_call.text, "text", 4);
    host_call.second.type = HL_TYPE_INT;
    host_call.second.bits = (uint32_t) -3;
}


static hl_status_t
take_host_call(void)
{
    used = 0;
    put_record(HL_REC_CALL, &host_call, sizeof(host_call), "", 0);

    return take(HL_PHASE_TYPED, HL_HYPERCALL_CALL);
}


#define assert_host_call_refused()                                            \
    assert_malformed(take_host_call());                                       \
    assert_int_equal(function_calls, 0)


/* The error in the reply, its size and its NUL checked. */
static const char *
reply_error(void)
{
    hl_abi_reply_t  reply;

    memcpy(&reply, area.rw, sizeof(reply));
    assert_int_equal(reply.error, 17);
    assert_int_equal(reply.size, sizeof(reply) + reply.message_len);

    return (const char *) area.rw + sizeof(reply);
}


/* Every reply area is zero but for what the host wrote there. */
static void
reply_begin(void)
{
    memset(area.rw, 0, AREA_REPLY);
    host_call_begin();
}


static void
host_function_gets_its_arguments_and_is_answered(void **state)
{
    hl_abi_reply_t  reply;
    hl_abi_value_t  value;

    (void) state;

    reply_begin();
    assert_ok(take_host_call());
    assert_int_equal(function_calls, 1);

    memcpy(&reply, area.rw, sizeof(reply));
    memcpy(&value, area.rw + sizeof(reply), sizeof(value));

    assert_int_equal(reply.error, 0);
    assert_int_equal(reply.size, sizeof(reply) + hl_abi_value_size(4));
    assert_int_equal(value.type, HL_TYPE_STRING);
    assert_int_equal(value.len, 4);
    assert_string_equal((const char *) area.rw + sizeof(reply)
                        + sizeof(value), "text");
}


static void
error_of_a_host_function_reaches_the_guest(void **state)
{
    (void) state;

    reply_begin();
    put_call("Refuse", 6, HL_TYPE_INT, 0);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
    assert_string_equal(reply_error(), "not today");
}


static void
nothing_of_a_reply_is_in_the_next(void **state)
{
    size_t  i;

    (void) state;

    reply_begin();
    assert_ok(take_host_call());

    used = 0;
    put_call("Refuse", 6, HL_TYPE_INT, 0);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    for (i = sizeof(hl_abi_reply_t) + 9; i < AREA_REPLY; i++) {
        assert_int_equal(area.rw[i], 0);
    }
}


static void
unknown_host_function_is_an_error_for_the_guest(void **state)
{
    (void) state;

    reply_begin();
    memcpy(host_call.name, "Re\npea", 6);
    assert_ok(take_host_call());
    assert_string_equal(reply_error(),
                        "HostFunction Re\\x0Apea was not found");
}


static void
wrong_number_of_arguments_is_an_error_for_the_guest(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.param_count = 1;
    assert_ok(take_host_call());
    assert_string_equal(reply_error(), "The number of arguments to the "
                                       "function is wrong: got 1 expected 2");
    assert_int_equal(function_calls, 0);
}


static void
wrong_type_of_an_argument_is_an_error_for_the_guest(void **state)
{
    (void) state;

    reply_begin();
    host_call.first.type = HL_TYPE_VECBYTES;
    assert_ok(take_host_call());
    assert_string_equal(reply_error(), "Failed To Convert Parameter Value "
                                       "VecBytes to String");
    assert_int_equal(function_calls, 0);
}


static void
result_that_the_guest_does_not_expect_is_an_error_for_it(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.result = HL_TYPE_INT;
    assert_ok(take_host_call());
    assert_string_equal(reply_error(), "Failed To Convert Return Value "
                                       "String to Int");
}


static void
result_over_the_reply_is_an_error_for_the_guest(void **state)
{
    size_t          most;
    hl_abi_call_t   call = { HL_TYPE_VECBYTES, 1, 5, 0 };
    hl_abi_reply_t  reply;
    hl_abi_value_t  arg = { HL_TYPE_INT, 0, 0 };

    (void) state;

    most = AREA_REPLY - sizeof(reply) - sizeof(hl_abi_value_t) - 1;

    for (arg.bits = most - 8; arg.bits <= most + 8; arg.bits++) {
        char  rest[8 + sizeof(arg)] = "Large";

        memset(area.rw, 0, AREA_REPLY);
        area.reply_end = 0;
        used = 0;

        memcpy(rest + 8, &arg, sizeof(arg));
        put_record(HL_REC_CALL, &call, sizeof(call), rest, sizeof(rest));
        assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

        if (arg.bits <= most) {
            memcpy(&reply, area.rw, sizeof(reply));
            assert_int_equal(reply.error, 0);

        } else {
            assert_string_equal(reply_error(), "the result of the host "
                                "function is over the reply's room");
        }
    }
}


static void
print_by_name_is_a_print(void **state)
{
    hl_abi_value_t  value;

    (void) state;

    reply_begin();
    host_call.call.result = HL_TYPE_INT;
    host_call.call.param_count = 1;
    host_call.call.name_len = 9;

    used = 0;
    put_record(HL_REC_CALL, &host_call.call, sizeof(host_call.call),
               "HostPrint\0\0\0\0\0\0\0"
               "\6\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0hi", 35);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    memcpy(&value, area.rw + sizeof(hl_abi_reply_t), sizeof(value));
    assert_int_equal(value.bits, 2);
    assert_string_equal(test_seen.print, "hi");
}


static void
call_without_a_name_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.name_len = 0;
    assert_host_call_refused();
}


static void
call_with_a_name_too_long_is_refused(void **state)
{
    char  name[HL_ABI_NAME_MAX + 1];

    (void) state;

    memset(name, 'n', sizeof(name));

    put_call(name, HL_ABI_NAME_MAX + 1, HL_TYPE_INT, 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    used = 0;
    memset(area.rw, 0, AREA_REPLY);
    put_call(name, HL_ABI_NAME_MAX, HL_TYPE_INT, 0);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


static void
call_with_its_name_past_the_record_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.name_len = 100;
    assert_host_call_refused();

    host_call.call.name_len = HUGE;
    assert_host_call_refused();
}


static void
call_with_nul_in_its_name_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.name[2] = '\0';
    assert_host_call_refused();
}


/* They are all there, and good. */
static void
call_with_twelve_parameters_is_refused(void **state)
{
    struct {
        char            name[8];
        hl_abi_value_t  values[HL_ABI_PARAMS_MAX + 1];
    } rest;

    hl_abi_call_t  call = { HL_TYPE_INT, HL_ABI_PARAMS_MAX + 1, 4, 0 };

    (void) state;

    memset(area.rw, 0, AREA_REPLY);
    memset(&rest, 0, sizeof(rest));
    memcpy(rest.name, "None", 4);

    put_record(HL_REC_CALL, &call, sizeof(call), (const char *) &rest,
               sizeof(rest));
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));

    used = 0;
    call.param_count = HL_ABI_PARAMS_MAX;
    put_record(HL_REC_CALL, &call, sizeof(call), (const char *) &rest,
               sizeof(rest));
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


static void
call_with_fewer_values_than_it_says_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.param_count = 3;
    assert_host_call_refused();
}


static void
call_with_a_value_past_the_record_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.first.len = 100;
    assert_host_call_refused();

    host_call.first.len = HUGE;
    assert_host_call_refused();
}


static void
call_with_a_void_argument_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.second.type = HL_TYPE_VOID;
    assert_host_call_refused();
}


static void
call_that_expects_no_known_type_is_refused(void **state)
{
    (void) state;

    reply_begin();
    host_call.call.result = HL_TYPE_LAST + 1;
    assert_host_call_refused();
}


static void
short_call_record_is_refused(void **state)
{
    (void) state;

    put_record(HL_REC_CALL, &host_call, sizeof(hl_abi_call_t) - 1, "", 0);
    assert_malformed(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
}


/* ---- the same in a guest ----------------------------------------------- */

/* The list that put() made, its size before it, as a guest's argument. */
static hl_value_t
list_as_argument(void)
{
    uint64_t  size;

    size = used;
    memcpy(area.rw + AREA_REPLY, &size, sizeof(size));

    return test_bytes(area.rw + AREA_REPLY, sizeof(size) + used);
}


/* The guest leaves with that list. */
static hl_status_t
guest_leaves(uint32_t kind)
{
    hl_value_t  args[2];

    args[0] = test_uint(kind);
    args[1] = list_as_argument();

    return test_call(test_sb, "Raw", HL_TYPE_INT, args, 2);
}


/* Poisoned, without a result; then restored, and as good as new. */
static void
assert_poisoned_until_restored(void)
{
    assert_state(test_sb, HL_SANDBOX_POISONED);
    assert_null(hl_call_result(test_sb));

    test_restore();
    assert_pristine(test_sb, test_snapshot);

    used = 0;
    put_value(HL_TYPE_INT, 0, 5, "", 0);
    assert_ok(guest_leaves(HL_HYPERCALL_PARK));
    assert_int_equal(hl_call_result(test_sb)->v.i32, 5);
}


static void
malformed_list_of_a_guest_poisons(void **state)
{
    hl_value_t  args[2];

    (void) state;

    args[0] = test_uint(HL_HYPERCALL_PARK);
    args[1] = test_bytes("\377\377\377\377\377\377\377\377", 8);

    assert_malformed(test_call(test_sb, "Raw", HL_TYPE_INT, args, 2));
    assert_poisoned_until_restored();
}


static void
malformed_record_of_a_guest_poisons(void **state)
{
    (void) state;

    put_head(HL_REC_PRINT, 7);
    assert_malformed(guest_leaves(HL_HYPERCALL_FLUSH));
    assert_poisoned_until_restored();
}


static void
two_results_of_a_guest_poison(void **state)
{
    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    put_value(HL_TYPE_INT, 0, 2, "", 0);
    assert_malformed(guest_leaves(HL_HYPERCALL_PARK));
    assert_poisoned_until_restored();
}


static void
result_before_the_park_poisons(void **state)
{
    hl_value_t  args[2];

    static const uint64_t  nothing = 0;

    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    args[0] = list_as_argument();
    args[1] = test_bytes(&nothing, sizeof(nothing));

    assert_malformed(test_call(test_sb, "RawTwice", HL_TYPE_INT, args, 2));
    assert_poisoned_until_restored();
}


static void
missing_result_poisons(void **state)
{
    (void) state;

    assert_malformed(guest_leaves(HL_HYPERCALL_PARK));
    assert_string_equal(test_err.text,
                        "the function has put out neither a result nor an "
                        "error");
    assert_poisoned_until_restored();
}


static void
result_of_another_type_leaves_the_sandbox_ready(void **state)
{
    (void) state;

    put_value(HL_TYPE_STRING, 3, 0, "abc", 3);
    assert_status(guest_leaves(HL_HYPERCALL_PARK), HL_ERR_RESULT_TYPE);
    assert_string_equal(test_err.text,
                        "Failed To Convert Return Value String to Int");
    assert_null(hl_call_result(test_sb));
    assert_state(test_sb, HL_SANDBOX_READY);
}


/* Empty prints, one more than are taken at once, in a large output area. */
static void
endless_list_of_records_is_refused(void **state)
{
    size_t            i;
    hl_image_t        large;
    hl_region_t      *r;
    hl_sandbox_t      sb;
    hl_abi_output_t  *head;
    hl_abi_record_t  *record;

    enum { RECORDS = 65537, ROOM = 1 << 20 };

    (void) state;

    large = image;
    r = &large.layout.regions[HL_REGION_OUTPUT];
    r->offset = 0;
    r->size = ROOM;

    sb = area;
    sb.image = &large;
    sb.phase = HL_PHASE_HTTP;
    assert_ok(hl_map(&sb.rw, ROOM, -1, HL_MAP_WRITE, &test_err));

    head = (hl_abi_output_t *) (void *) sb.rw;
    record = (hl_abi_record_t *) (void *) (head + 1);

    for (i = 0; i < RECORDS; i++) {
        record[i].type = HL_REC_PRINT;
        record[i].size = sizeof(hl_abi_record_t);
    }

    head->size = (RECORDS - 1) * sizeof(hl_abi_record_t);
    assert_ok(hl_output_take(&sb, HL_HYPERCALL_FLUSH, &test_err));

    head->size = RECORDS * sizeof(hl_abi_record_t);
    assert_status(hl_output_take(&sb, HL_HYPERCALL_FLUSH, &test_err),
                  HL_ERR_OUTPUT);
    assert_string_equal(test_err.text, "the guest put out over 65536 records "
                                       "at once");

    hl_unmap(sb.rw, ROOM);
}


static void
function_row_after_initialisation_poisons(void **state)
{
    (void) state;

    row_begin();
    put_record(HL_REC_FUNCTION, &row, sizeof(row), "f", 1);
    assert_malformed(guest_leaves(HL_HYPERCALL_PARK));
    assert_null(hl_sandbox_function(test_sb, "f"));
    assert_poisoned_until_restored();
}


static void
unknown_hypercall_poisons(void **state)
{
    size_t  i;

    static const uint32_t  kinds[] = { 0, HL_HYPERCALL_ABORT + 1, HUGE };

    (void) state;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        used = 0;
        assert_status(guest_leaves(kinds[i]), HL_ERR_PROTOCOL);
        assert_poisoned_until_restored();
    }
}


/* With each kind that there is, the park's own too. */
static void
out_from_own_code_poisons(void **state)
{
    int32_t     kind;
    hl_value_t  value;

    (void) state;

    for (kind = 0; kind <= HL_HYPERCALL_ABORT; kind++) {
        value = test_int(kind);
        assert_status(test_call(test_sb, "OutByte", HL_TYPE_INT, &value, 1),
                      HL_ERR_PROTOCOL);
        assert_non_null(strstr(test_err.text, ", port 0x80, and not through "
                                              "the hypercall page"));
        assert_poisoned_until_restored();
    }
}


static void
string_out_from_own_code_poisons(void **state)
{
    hl_value_t  value;

    (void) state;

    value = test_bytes("\1\1\1", 3);
    assert_status(test_call(test_sb, "OutString", HL_TYPE_INT, &value, 1),
                  HL_ERR_PROTOCOL);
    assert_poisoned_until_restored();
}


static void
result_in_an_http_call_poisons(void **state)
{
    void        *room;
    hl_value_t   list;

    (void) state;

    put_value(HL_TYPE_INT, 0, 1, "", 0);
    list = list_as_argument();

    assert_ok(hl_call_http(test_sb, hl_sandbox_function(test_sb, "raw"),
                           &test_err));
    assert_ok(hl_call_http_body(test_sb, list.v.bytes.len, &room,
                                &test_err));
    memcpy(room, list.v.bytes.data, list.v.bytes.len);

    assert_malformed(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_poisoned_until_restored();
}


static void
guest_goes_on_after_a_flush(void **state)
{
    (void) state;

    put_record(HL_REC_PRINT, "abc", 3, "", 0);
    assert_ok(guest_leaves(HL_HYPERCALL_FLUSH));
    assert_string_equal(test_seen.print, "abc");
    assert_int_equal(hl_call_result(test_sb)->v.i32, 7);
}


static int
guest_begin(void **state)
{
    (void) area_begin(state);

    return test_begin(state);
}


static int
guest_end(void **state)
{
    (void) area_end(state);

    return test_end(state);
}


#define test_area(f)                                                          \
    cmocka_unit_test_setup_teardown(f, area_begin, area_end)
#define test_in_guest(f)                                                      \
    cmocka_unit_test_setup_teardown(f, guest_begin, guest_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_area(empty_list_is_accepted),
        test_area(list_may_fill_the_area),
        test_area(list_one_byte_over_the_area_is_refused),
        test_area(list_of_a_huge_size_is_refused),
        test_area(list_that_ends_in_a_head_is_refused),
        test_area(padding_of_the_last_record_may_be_missing),
        test_area(records_are_taken_in_order),
        test_area(as_many_empty_records_as_fit_are_taken),

        test_area(record_smaller_than_its_head_is_refused),
        test_area(record_past_the_list_is_refused),
        test_area(record_of_the_largest_size_is_refused),
        test_area(record_of_no_known_type_is_refused),
        test_area(record_belongs_to_its_phases),

        test_area(call_without_its_record_is_refused),
        test_area(call_that_is_not_the_last_record_is_refused),
        test_area(two_calls_at_once_are_refused),
        test_area(call_in_another_hypercall_is_refused),
        test_area(abort_without_its_record_is_refused),
        test_area(abort_in_another_hypercall_is_refused),
        test_area(error_that_is_not_the_last_record_is_refused),
        test_area(error_before_the_park_is_refused),

        test_area(log_line_is_handed_over),
        test_area(log_line_below_the_level_is_dropped),
        test_area(log_level_that_does_not_exist_is_refused),
        test_area(log_texts_past_the_record_are_refused),
        test_area(short_log_record_is_refused),

        test_area(status_is_handed_over),
        test_area(short_status_is_refused),
        test_area(header_is_handed_over),
        test_area(header_past_the_record_is_refused),
        test_area(short_header_record_is_refused),
        test_area(error_of_the_sink_ends_the_call),
        test_area(what_no_sink_wants_is_dropped),

        test_area(result_is_kept),
        test_area(result_of_no_known_type_is_refused),
        test_area(result_past_the_record_is_refused),
        test_area(scalar_result_with_bytes_is_refused),
        test_area(short_result_is_refused),
        test_area(second_result_is_refused),
        test_area(bool_result_is_0_or_1),

        test_area(text_of_an_error_is_escaped),
        test_area(text_of_an_error_is_cut),
        test_area(error_past_the_record_is_refused),
        test_area(abort_past_the_record_is_refused),
        test_area(abort_says_code_and_text),

        test_area(row_is_kept),
        test_area(row_of_an_unknown_kind_is_refused),
        test_area(row_with_an_unknown_result_is_refused),
        test_area(row_with_twelve_parameters_is_refused),
        test_area(row_with_an_unknown_parameter_is_refused),
        test_area(row_with_a_void_parameter_is_refused),
        test_area(row_without_a_name_is_refused),
        test_area(row_with_its_name_past_the_record_is_refused),
        test_area(row_with_a_name_too_long_is_refused),
        test_area(row_with_nul_in_its_name_is_refused),
        test_area(short_row_is_refused),
        test_area(second_row_of_a_name_is_refused),
        test_area(table_has_1024_rows_at_most),

        test_area(host_function_gets_its_arguments_and_is_answered),
        test_area(error_of_a_host_function_reaches_the_guest),
        test_area(nothing_of_a_reply_is_in_the_next),
        test_area(unknown_host_function_is_an_error_for_the_guest),
        test_area(wrong_number_of_arguments_is_an_error_for_the_guest),
        test_area(wrong_type_of_an_argument_is_an_error_for_the_guest),
        test_area(result_that_the_guest_does_not_expect_is_an_error_for_it),
        test_area(result_over_the_reply_is_an_error_for_the_guest),
        test_area(print_by_name_is_a_print),
        test_area(call_without_a_name_is_refused),
        test_area(call_with_a_name_too_long_is_refused),
        test_area(call_with_its_name_past_the_record_is_refused),
        test_area(call_with_nul_in_its_name_is_refused),
        test_area(call_with_twelve_parameters_is_refused),
        test_area(call_with_fewer_values_than_it_says_is_refused),
        test_area(call_with_a_value_past_the_record_is_refused),
        test_area(call_with_a_void_argument_is_refused),
        test_area(call_that_expects_no_known_type_is_refused),
        test_area(short_call_record_is_refused),

        test_in_guest(malformed_list_of_a_guest_poisons),
        test_in_guest(malformed_record_of_a_guest_poisons),
        test_in_guest(two_results_of_a_guest_poison),
        test_in_guest(result_before_the_park_poisons),
        test_in_guest(missing_result_poisons),
        test_in_guest(result_of_another_type_leaves_the_sandbox_ready),
        test_area(endless_list_of_records_is_refused),
        test_in_guest(function_row_after_initialisation_poisons),
        test_in_guest(unknown_hypercall_poisons),
        test_in_guest(out_from_own_code_poisons),
        test_in_guest(string_out_from_own_code_poisons),
        test_in_guest(result_in_an_http_call_poisons),
        test_in_guest(guest_goes_on_after_a_flush)
    };

    return cmocka_run_group_tests_name("output", tests, test_group_raw,
                                       test_group_end);
}
