/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_service.c: what the guest library calls by number: which services are
 * there when, and what reaches the embedder.  With a guest:
 * test_service_guest.c.
 */

#include <string.h>

#include "area.h"


#define ROOM                                                                  \
    (AREA_REPLY - sizeof(hl_abi_reply_t) - sizeof(hl_abi_value_t) - 1)


/* What the embedder was asked for, and what it answers. */
static struct {
    unsigned         calls;
    uint64_t         ns;
    size_t           max;
    hl_subrequest_t  sub;
    hl_status_t      answer;
    const char      *bytes;
} service;


static hl_status_t
answer(hl_value_t *value, hl_error_t *err)
{
    service.calls++;

    if (value != NULL && service.bytes != NULL) {
        value->v.bytes.data = service.bytes;
        value->v.bytes.len = strlen(service.bytes);
    }

    return service.answer == HL_OK
           ? HL_OK : hl_error_set(err, service.answer, "no service today");
}


static hl_status_t
service_sleep(void *data, uint64_t ns, hl_error_t *err)
{
    (void) data;

    service.ns = ns;

    return answer(NULL, err);
}


static hl_status_t
service_plain(void *data, hl_error_t *err)
{
    (void) data;

    return answer(NULL, err);
}


static hl_status_t
service_read(void *data, size_t max, hl_value_t *piece, hl_error_t *err)
{
    (void) data;

    service.max = max;

    return answer(piece, err);
}


static hl_status_t
service_subrequest(void *data, const hl_subrequest_t *sub, size_t max,
    hl_value_t *head, hl_error_t *err)
{
    (void) data;

    service.sub = *sub;
    service.max = max;

    return answer(head, err);
}


static const hl_services_t  services = {
    .sleep = service_sleep,
    .flush = service_plain,
    .read_body = service_read,
    .subrequest = service_subrequest,
    .subrequest_read = service_read,
    .subrequest_close = service_plain
};


static void
begin(const hl_services_t *s)
{
    memset(&service, 0, sizeof(service));
    memset(area.rw, 0, AREA_REPLY);
    area.reply_end = 0;
    area.state = HL_SANDBOX_CALLING;
    area.suspended = false;
    area.bindings.services = s;
}


/* The guest calls "id" with these bytes. */
static hl_status_t
call(hl_phase_t phase, uint32_t id, const void *in, size_t len)
{
    hl_abi_raw_call_t  head;

    used = 0;
    head.id = id;
    head.len = (uint32_t) len;
    put_record(HL_REC_RAW_CALL, &head, sizeof(head), in, len);

    return take(phase, HL_HYPERCALL_CALL);
}


static const char *
reply_error(void)
{
    hl_abi_reply_t  reply;

    memcpy(&reply, area.rw, sizeof(reply));

    return reply.error == 0 ? NULL
                            : (const char *) area.rw + sizeof(reply);
}


static void
assert_reply(const char *bytes)
{
    hl_abi_value_t  value;

    assert_null(reply_error());

    memcpy(&value, area.rw + sizeof(hl_abi_reply_t), sizeof(value));
    assert_int_equal(value.type, HL_TYPE_VECBYTES);
    assert_int_equal(value.len, strlen(bytes));
    assert_memory_equal(area.rw + sizeof(hl_abi_reply_t) + sizeof(value),
                        bytes, value.len);
}


static const uint64_t  n = 1234;


/* ---- which, and when --------------------------------------------------- */

static void
services_that_are_not_there_are_errors_of_the_guest(void **state)
{
    uint32_t  id;

    static const hl_services_t  none;

    (void) state;

    for (id = 0; id <= HL_RAW_VARIABLE + 1; id++) {
        begin(NULL);
        assert_ok(call(HL_PHASE_HTTP, id, &n, sizeof(n)));
        assert_non_null(strstr(reply_error(), "was not found"));

        begin(&none);
        assert_ok(call(HL_PHASE_HTTP, id, &n, sizeof(n)));
        assert_non_null(reply_error());
    }

    begin(&services);
    assert_ok(call(HL_PHASE_HTTP, HL_RAW_VARIABLE + 1, &n,
                   sizeof(n)));
    assert_string_equal(reply_error(), "HostFunction 8 was not found");
    assert_int_equal(service.calls, 0);
}


static void
services_are_for_the_calls_that_they_serve(void **state)
{
    uint32_t  id;
    unsigned  want;

    (void) state;

    for (id = HL_RAW_SLEEP; id <= HL_RAW_SUBREQUEST_CLOSE; id++) {
        if (id == HL_RAW_SUBREQUEST) {
            continue;
        }

        begin(&services);
        assert_ok(call(HL_PHASE_HTTP, id, &n, sizeof(n)));
        assert_int_equal(service.calls, 1);

        want = id != HL_RAW_FLUSH && id != HL_RAW_READ_BODY;

        begin(&services);
        assert_ok(call(HL_PHASE_TYPED, id, &n, sizeof(n)));
        assert_int_equal(service.calls, want);

        begin(&services);
        assert_ok(call(HL_PHASE_INIT, id, &n, sizeof(n)));
        assert_int_equal(service.calls, id == HL_RAW_SLEEP);
    }
}


static void
service_without_its_number_is_an_error(void **state)
{
    size_t    len;
    uint32_t  id;

    (void) state;

    for (len = 0; len < sizeof(n); len++) {
        for (id = HL_RAW_SLEEP; id <= HL_RAW_SUBREQUEST_READ; id++) {
            if (id == HL_RAW_FLUSH) {
                continue;
            }

            begin(&services);
            assert_ok(call(HL_PHASE_HTTP, id, &n, len));
            assert_non_null(reply_error());
            assert_int_equal(service.calls, 0);
        }
    }
}


/* ---- what they get, and say -------------------------------------------- */

static void
sleep_gets_its_time(void **state)
{
    (void) state;

    begin(&services);
    assert_ok(call(HL_PHASE_HTTP, HL_RAW_SLEEP, &n, sizeof(n)));
    assert_int_equal(service.ns, n);
    assert_reply("");
}


static void
piece_fits_into_the_reply(void **state)
{
    uint64_t  wanted;

    (void) state;

    begin(&services);
    service.bytes = "a piece";
    assert_ok(call(HL_PHASE_HTTP, HL_RAW_READ_BODY, &n, sizeof(n)));
    assert_int_equal(service.max, n);
    assert_reply("a piece");

    wanted = UINT64_MAX;
    begin(&services);
    assert_ok(call(HL_PHASE_HTTP, HL_RAW_READ_BODY, &wanted, sizeof(wanted)));
    assert_int_equal(service.max, ROOM);
    assert_reply("");
}


/* ROOM is what hl_hostfn_reply() takes, and no byte less. */
static void
largest_piece_is_answered(void **state)
{
    static char  most[AREA_REPLY];

    (void) state;

    memset(most, 'x', ROOM);
    most[ROOM] = '\0';

    begin(&services);
    service.bytes = most;
    assert_ok(call(HL_PHASE_HTTP, HL_RAW_SUBREQUEST_READ, &n, sizeof(n)));
    assert_reply(most);

    most[ROOM] = 'x';
    begin(&services);
    service.bytes = most;
    assert_ok(call(HL_PHASE_HTTP, HL_RAW_SUBREQUEST_READ, &n, sizeof(n)));
    assert_non_null(reply_error());
    assert_non_null(strstr(reply_error(), "over the reply's room"));
}


static void
error_of_a_service_reaches_the_guest(void **state)
{
    (void) state;

    begin(&services);
    service.answer = HL_ERR_GUEST;
    assert_ok(call(HL_PHASE_HTTP, HL_RAW_FLUSH, "", 0));
    assert_string_equal(reply_error(), "no service today");
}


static void
service_may_answer_later(void **state)
{
    (void) state;

    begin(&services);
    service.answer = HL_AGAIN;
    assert_status(call(HL_PHASE_HTTP, HL_RAW_READ_BODY, &n, sizeof(n)),
                  HL_AGAIN);
    assert_true(area.suspended);

    assert_ok(hl_call_answer(&area, HL_OK, NULL, NULL, &test_err));
    assert_reply("");
    assert_status(hl_call_answer(&area, HL_OK, NULL, NULL, &test_err),
                  HL_ERR_ARGUMENT);
}


/* ---- sub-requests ------------------------------------------------------ */

static struct {
    hl_abi_subrequest_t  head;
    char                 text[64];
} asked;


static hl_status_t
ask(size_t cut)
{
    return call(HL_PHASE_HTTP, HL_RAW_SUBREQUEST, &asked,
                sizeof(asked.head) + strlen(asked.text) - cut);
}


static void
ask_begin(void)
{
    begin(&services);

    asked.head.method_len = 4;
    asked.head.uri_len = 6;
    asked.head.type_len = 10;
    asked.head.body_len = 3;
    strcpy(asked.text, "POST/a?b=ctext/plainxyz");
}


static void
subrequest_is_told_in_its_parts(void **state)
{
    const hl_subrequest_t  *sub;

    (void) state;

    ask_begin();
    assert_ok(ask(0));
    assert_int_equal(service.calls, 1);
    assert_int_equal(service.max, ROOM);

    sub = &service.sub;
    assert_int_equal(sub->method_len, 4);
    assert_memory_equal(sub->method, "POST", 4);
    assert_int_equal(sub->uri_len, 6);
    assert_memory_equal(sub->uri, "/a?b=c", 6);
    assert_int_equal(sub->type_len, 10);
    assert_memory_equal(sub->type, "text/plain", 10);
    assert_int_equal(sub->body_len, 3);
    assert_memory_equal(sub->body, "xyz", 3);
}


static void
subrequest_that_is_cut_is_an_error(void **state)
{
    size_t  cut, all;

    (void) state;

    ask_begin();
    all = sizeof(asked.head) + strlen(asked.text);

    for (cut = 1; cut <= all; cut++) {
        ask_begin();
        assert_ok(ask(cut));
        assert_string_equal(reply_error(), "a malformed sub-request");
        assert_int_equal(service.calls, 0);
    }
}


static void
lengths_of_a_subrequest_are_checked_one_by_one(void **state)
{
    size_t     i;
    uint32_t  *lengths[4] = {
        &asked.head.method_len, &asked.head.uri_len, &asked.head.type_len,
        &asked.head.body_len
    };

    (void) state;

    for (i = 0; i < 4; i++) {
        ask_begin();
        *lengths[i] = HUGE;
        assert_ok(ask(0));
        assert_non_null(reply_error());
        assert_int_equal(service.calls, 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_area(services_that_are_not_there_are_errors_of_the_guest),
        test_area(services_are_for_the_calls_that_they_serve),
        test_area(service_without_its_number_is_an_error),
        test_area(sleep_gets_its_time),
        test_area(piece_fits_into_the_reply),
        test_area(largest_piece_is_answered),
        test_area(error_of_a_service_reaches_the_guest),
        test_area(service_may_answer_later),
        test_area(subrequest_is_told_in_its_parts),
        test_area(subrequest_that_is_cut_is_an_error),
        test_area(lengths_of_a_subrequest_are_checked_one_by_one)
    };

    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
