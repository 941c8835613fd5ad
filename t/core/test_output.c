/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_output.c: what a guest puts out as a list of records: the list, the
 * heads of its records, and which record belongs to which hypercall.
 */

#include <stdlib.h>
#include <string.h>

#include "area.h"
#include "hl_memory.h"


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


/* A large area with a list of logs, one more than are taken at once. */
typedef struct {
    hl_abi_record_t  head;
    hl_abi_log_t     log;
} endless_record_t;

enum { ENDLESS_RECORDS = 65537, ENDLESS_ROOM = 1 << 21 };

static hl_image_t    endless_image;
static hl_sandbox_t  endless;


static void
endless_list(size_t records)
{
    hl_abi_output_t  head;

    head.size = records * sizeof(endless_record_t);
    memcpy(endless.rw, &head, sizeof(head));
}


static void
endless_begin(void)
{
    size_t            i;
    uint8_t          *p;
    hl_region_t      *r;
    endless_record_t  record;

    endless_image = image;
    r = &endless_image.layout.regions[HL_REGION_OUTPUT];
    r->offset = 0;
    r->size = ENDLESS_ROOM;

    endless = area;
    endless.image = &endless_image;
    endless.phase = HL_PHASE_HTTP;
    assert_ok(hl_map(&endless.rw, ENDLESS_ROOM, -1, HL_MAP_WRITE,
                     &test_err));

    memset(&record, 0, sizeof(record));
    record.head.type = HL_REC_LOG;
    record.head.size = sizeof(record);
    record.log.level = HL_LOG_ERROR;

    p = endless.rw + sizeof(hl_abi_output_t);

    for (i = 0; i < ENDLESS_RECORDS; i++, p += sizeof(record)) {
        memcpy(p, &record, sizeof(record));
    }
}


static void
endless_list_of_records_is_refused(void **state)
{
    (void) state;

    endless_begin();

    endless_list(ENDLESS_RECORDS - 1);
    assert_ok(hl_output_take(&endless, HL_HYPERCALL_FLUSH, &test_err));

    endless_list(ENDLESS_RECORDS);
    assert_status(hl_output_take(&endless, HL_HYPERCALL_FLUSH, &test_err),
                  HL_ERR_OUTPUT);
    assert_string_equal(test_err.text, "the guest put out over 65536 records "
                                       "at once");

    hl_unmap(endless.rw, ENDLESS_ROOM);
}


/* Of a call that has failed, too, no more are taken at once. */
static void
endless_list_is_not_salvaged_to_its_end(void **state)
{
    (void) state;

    endless_begin();

    endless_list(ENDLESS_RECORDS);
    hl_output_salvage(&endless);
    assert_int_equal(test_seen.logs, ENDLESS_RECORDS - 1);

    hl_unmap(endless.rw, ENDLESS_ROOM);
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
        { HL_REC_REMOVE_HEADER, HL_PHASE_HTTP, HL_HYPERCALL_PARK, "name", 4,
          "", 0, HL_OK },
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
        test_area(endless_list_of_records_is_refused),
        test_area(endless_list_is_not_salvaged_to_its_end),

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
        test_area(error_before_the_park_is_refused)
    };

    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
