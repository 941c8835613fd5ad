/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_any_order.c: an embedder that calls core's functions in any order,
 * also from host functions and the sink: each does what it says or is
 * refused, by the state that the sandbox is in, and each restore is exact.
 */

#include "test.h"


#define SEED        88172645463325252ull
#define STEPS       30000
#define SANDBOXES   3
#define SNAPSHOTS   3
#define RAW_ID      0x10001
#define SLICE       (TEST_MS / 5)

#define count_of(a)  (sizeof(a) / sizeof((a)[0]))


static uint64_t        any_state = SEED;
static hl_sandbox_t   *sandboxes[SANDBOXES];
static hl_snapshot_t  *snapshots[SNAPSHOTS];
static hl_sandbox_t   *sb;              /* of the step */
static hl_stop_t       stop;            /* of any_run() */


/* Marsaglia's xorshift. */
static unsigned
any(unsigned n)
{
    any_state ^= any_state << 13;
    any_state ^= any_state >> 7;
    any_state ^= any_state << 17;

    return (unsigned) (any_state >> 11) % n;
}


/* ---- what the guest calls ---------------------------------------------- */

static void
meddle(void)
{
    hl_error_t      err;
    hl_snapshot_t  *snapshot;

    switch (any(12)) {

    case 0:
        hl_call_cancel(sb);
        break;

    case 1:
        assert_int_equal(hl_sandbox_run(sb, SLICE, &err), HL_STOP_FAILED);
        break;

    case 2:
        assert_status(hl_sandbox_restore(sb, snapshots[0], &err),
                      HL_ERR_ARGUMENT);
        break;

    case 3:
        assert_status(hl_snapshot_create(&snapshot, sb, &err),
                      HL_ERR_ARGUMENT);
        break;

    default:
        break;
    }
}


static hl_status_t
host_function(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;

    meddle();

    switch (any(5)) {

    case 0:
        return HL_AGAIN;

    case 1:
        return hl_error_set(err, HL_ERR_GUEST, "refused");

    case 2:
        return HL_ERR_GUEST;

    case 3:
        result->type = (hl_type_t) any(HL_TYPE_LAST + 1);
        break;

    default:
        result->v.i32 = 37;
        break;
    }

    return HL_OK;
}


/* Its answer is the guest's own bytes. */
static hl_status_t
raw_function(void *data, const void *in, size_t len, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) err;

    meddle();

    result->v.bytes.data = in;
    result->v.bytes.len = len;

    return any(4) == 0 ? HL_AGAIN : HL_OK;
}


static hl_status_t
sink_log(void *data, hl_log_level_t level, const char *source,
    size_t source_len, uint32_t line, const char *message,
    size_t message_len, hl_error_t *err)
{
    static const hl_status_t  says[8] = { HL_ERR_LIMIT, HL_AGAIN };

    (void) data;
    (void) level;
    (void) source;
    (void) source_len;
    (void) line;
    (void) message;
    (void) message_len;
    (void) err;

    meddle();

    return says[any(count_of(says))];
}


static const hl_host_function_t  functions[] = {
    { "Later", HL_TYPE_INT, 1, { HL_TYPE_INT }, host_function }
};

static const hl_raw_host_function_t  raw_functions[] = {
    { RAW_ID, raw_function }
};

static const hl_sink_t  sink = { .log = sink_log };


/* ---- steps ------------------------------------------------------------- */

static hl_status_t
any_call(void)
{
    const char  *name;
    hl_value_t   args[2];

    static const struct {
        const char  *name;
        size_t       n;
        hl_type_t    type;              /* of the first */
    } calls[] = {
        { "GetState", 0, HL_TYPE_VOID },
        { "SetState", 1, HL_TYPE_INT },
        { "Spin", 0, HL_TYPE_VOID },
        { "LogAndFault", 0, HL_TYPE_VOID },
        { "LogAndSpin", 0, HL_TYPE_VOID },
        { "LogAndReturn", 0, HL_TYPE_VOID },
        { "AskLater", 1, HL_TYPE_INT },
        { "LogAndAskLater", 1, HL_TYPE_INT },
        { "RawCall", 2, HL_TYPE_UINT },
        { "HandleAndAbort", 0, HL_TYPE_VOID },
        { "HandledPageFault", 1, HL_TYPE_ULONG },
        { "Poke", 1, HL_TYPE_ULONG },
        { "Nobody", 1, HL_TYPE_STRING }
    };
    unsigned  i = any(count_of(calls));

    name = calls[i].name;

    args[0] = test_ulong(RAW_ID);
    args[1] = test_bytes("abc", 3);

    if (calls[i].type == HL_TYPE_STRING) {
        args[0] = test_string("abc");

    } else {
        args[0].type = calls[i].type;
    }

    return hl_call_typed(sb, hl_sandbox_function(sb, name), name,
                         (hl_type_t) any(HL_TYPE_LAST + 1), args, calls[i].n,
                         NULL, &test_err);
}


static hl_status_t
any_http(void)
{
    void  *room;

    switch (any(3)) {

    case 0:
        return hl_call_http_field(sb, HL_HTTP_URI, "/", 1, &test_err);

    case 1:
        return hl_call_http_header(sb, "A", 1, "b", 1, &test_err);

    default:
        return hl_call_http_body(sb, 10, &room, &test_err);
    }
}


static hl_status_t
any_run(void)
{
    stop = hl_sandbox_run(sb, any(4) == 0 ? 0 : SLICE, &test_err);

    return stop == HL_STOP_FAILED ? test_err.status : HL_OK;
}


static hl_status_t
any_answer(void)
{
    hl_error_t  why;
    hl_value_t  value;

    value = any(2) == 0 ? test_int(37) : test_bytes("abc", 3);
    (void) hl_error_set(&why, HL_ERR_GUEST, "refused");

    return hl_call_answer(sb, any(3) == 0 ? HL_ERR_GUEST : HL_OK,
                          any(4) == 0 ? NULL : &value, &why, &test_err);
}


static hl_status_t
any_cancel(void)
{
    hl_call_cancel(sb);

    return HL_OK;
}


static hl_status_t
any_restore(void)
{
    assert_ok(hl_sandbox_restore(sb, snapshots[any(SNAPSHOTS)], &test_err));
    assert_state(sb, HL_SANDBOX_READY);

    return HL_OK;
}


static hl_status_t
any_freeze(void)
{
    hl_status_t      status;
    hl_snapshot_t   *snapshot, **old;

    if (any(20) != 0) {
        return HL_OK;
    }

    status = hl_snapshot_create(&snapshot, sb, &test_err);

    if (status == HL_OK) {
        old = &snapshots[any(SNAPSHOTS)];
        hl_snapshot_release(*old);
        *old = snapshot;
    }

    return status;
}


static hl_status_t
any_look(void)
{
    char        text[HL_WHERE_TEXT];
    hl_frame_t  frames[HL_FRAMES_MAX];

    (void) hl_call_result(sb);
    (void) hl_call_fault(sb);
    (void) hl_call_backtrace(sb, frames);
    (void) hl_call_where(sb, text, 1 + any(sizeof(text)));

    return HL_OK;
}


/* ---- each does what it says -------------------------------------------- */

static void
assert_stop(hl_status_t status, hl_sandbox_state_t before,
    hl_sandbox_state_t after)
{
    bool  ready;

    if (before != HL_SANDBOX_CALLING) {
        assert_int_equal(stop, HL_STOP_FAILED);
        assert_int_equal(after, before);
        return;
    }

    switch (stop) {

    case HL_STOP_DONE:
        assert_int_equal(after, HL_SANDBOX_READY);
        break;

    case HL_STOP_FAILED:
        ready = status == HL_ERR_GUEST || status == HL_ERR_RESULT_TYPE;

        if (status != HL_ERR_ARGUMENT || after != HL_SANDBOX_CALLING) {
            assert_int_equal(after, ready ? HL_SANDBOX_READY
                                          : HL_SANDBOX_POISONED);
        }

        break;

    default:
        assert_int_equal(after, HL_SANDBOX_CALLING);
        break;
    }
}


static void
functions_in_any_order_do_what_they_say(void **state)
{
    unsigned            i;
    hl_status_t         status;
    hl_sandbox_state_t  before, after;

    static hl_status_t  (*const steps[])(void) = {
        any_call, any_call, any_http, any_run, any_run, any_run, any_answer,
        any_cancel, any_restore, any_freeze, any_look
    };
    hl_status_t         (*step)(void);

    (void) state;

    for (i = 0; i < STEPS; i++) {
        step = steps[any(count_of(steps))];
        sb = sandboxes[any(SANDBOXES)];
        before = hl_sandbox_state(sb);

        status = step();
        after = hl_sandbox_state(sb);

        assert_int_not_equal(after, HL_SANDBOX_UNRECOVERABLE);

        if (step == any_run) {
            assert_stop(status, before, after);

        } else if (status != HL_OK) {
            assert_int_equal(after, before);
        }

        if (status != HL_OK) {
            assert_int_equal(status == HL_ERR_POISONED,
                             before == HL_SANDBOX_POISONED);
        }
    }
}


static int
group_peek(void **state)
{
    size_t       i;
    hl_config_t  config;

    (void) test_group_host(state);

    hl_config_init(&config);
    config.functions = functions;
    config.function_count = count_of(functions);
    config.raw_functions = raw_functions;
    config.raw_function_count = count_of(raw_functions);
    config.sink = &sink;

    for (i = 0; i < SANDBOXES; i++) {
        sandboxes[i] = test_evolved(TEST_PEEK, &config);
        snapshots[i] = test_freeze(sandboxes[i]);
    }

    return 0;
}


static int
group_end(void **state)
{
    size_t  i;

    for (i = 0; i < SANDBOXES; i++) {
        hl_sandbox_destroy(sandboxes[i]);
        hl_snapshot_release(snapshots[i]);
    }

    return test_group_end(state);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(functions_in_any_order_do_what_they_say)
    };

    return cmocka_run_group_tests_name("any_order", tests, group_peek,
                                       group_end);
}
