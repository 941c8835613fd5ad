/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_isolation.c: a call leaves a secret in every place that a guest can
 * write to; the next one finds none of it.  The same search without a
 * restore, or within one call, finds it: the tests are not blind.
 */

#include <string.h>

#include "hl_memory.h"
#include "test.h"


/* As in guest/testguests/probe/secret.c. */
#define SECRET_DATA      0x001u
#define SECRET_BSS       0x002u
#define SECRET_HEAP      0x004u
#define SECRET_STACK     0x008u
#define SECRET_OUTPUT    0x010u
#define SECRET_XMM       0x020u
#define SECRET_YMM       0x040u         /* where the CPU has them, and */
#define SECRET_ZMM       0x080u
#define SECRET_MASK      0x100u
#define SECRET_SELECTOR  0x200u
#define SECRET_X87       0x400u
#define SECRET_MXCSR     0x800u

#define SECRET_MEMORY                                                         \
    (SECRET_DATA|SECRET_BSS|SECRET_HEAP|SECRET_STACK|SECRET_OUTPUT)
#define SECRET_EVERY_CPU                                                      \
    (SECRET_XMM|SECRET_SELECTOR|SECRET_X87|SECRET_MXCSR)


static const char  pattern[] = "isolation-secret";


/* ---- the search is not blind ------------------------------------------- */

static void
secret_is_found_in_the_same_call(void **state)
{
    uint32_t  set, found;

    (void) state;

    set = test_call_uint(test_sb, "SetSecret");
    test_restore();
    found = test_call_uint(test_sb, "SetAndFindSecret");

    assert_int_equal(found & set, set);
    assert_int_equal(set & (SECRET_MEMORY|SECRET_EVERY_CPU),
                     SECRET_MEMORY|SECRET_EVERY_CPU);
}


static void
secret_in_memory_is_found_without_restore(void **state)
{
    (void) state;

    (void) test_call_uint(test_sb, "SetSecret");
    assert_int_equal(test_call_uint(test_sb, "FindSecret") & SECRET_MEMORY,
                     SECRET_MEMORY);
}


static void
difference_is_found_without_restore(void **state)
{
    size_t  offset;

    (void) state;

    assert_int_equal(hl_check_differences(test_sb, test_snapshot, &offset), 0);
    (void) test_call_uint(test_sb, "SetSecret");
    assert_true(hl_check_differences(test_sb, test_snapshot, &offset)
                > 100000);
}


/* ---- no secret is found ------------------------------------------------ */

static void
secret_is_not_found_after_restore(void **state)
{
    (void) state;

    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
    test_restore();
    assert_int_equal(test_call_uint(test_sb, "FindSecret"), 0);
}


/* Not even of the one before the last. */
static void
secrets_of_a_hundred_calls_are_not_found(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 100; i++) {
        assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
        test_restore();
        assert_int_equal(test_call_uint(test_sb, "FindSecret"), 0);
        test_restore();
    }
}


/* The entry code resets registers whether memory is restored or not. */
static void
secret_in_registers_is_not_found_even_without_restore(void **state)
{
    (void) state;

    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
    assert_int_equal(test_call_uint(test_sb, "FindSecret") & ~SECRET_MEMORY,
                     0);
}


/* FS and GS base, DF and the like: what the park checks, other tests do. */
static void
selectors_are_flat_again(void **state)
{
    (void) state;

    assert_int_equal(test_call_uint(test_sb, "SetAndFindSecret")
                     & SECRET_SELECTOR, SECRET_SELECTOR);
    assert_int_equal(test_call_uint(test_sb, "FindSecret") & SECRET_SELECTOR,
                     0);
}


/* Slots, images and text are shared; nothing else may be. */
static void
secret_is_not_found_in_another_sandbox(void **state)
{
    hl_sandbox_t  *other;

    (void) state;

    other = test_thaw(test_snapshot);

    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
    assert_pristine(other, test_snapshot);
    assert_int_equal(test_call_uint(other, "FindSecret"), 0);

    hl_sandbox_destroy(other);
}


static void
secret_is_not_found_in_a_sandbox_made_after_it(void **state)
{
    hl_sandbox_t  *other;

    (void) state;

    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
    other = test_thaw(test_snapshot);
    assert_int_equal(test_call_uint(other, "FindSecret"), 0);

    hl_sandbox_destroy(other);
}


/* ---- nor by the host --------------------------------------------------- */

/* After each kind of call the whole slot is the snapshot's again. */
static void
assert_restored(void)
{
    test_restore();
    assert_pristine(test_sb, test_snapshot);
}


static void
typed_call_leaves_nothing_in_memory(void **state)
{
    char        bytes[90000];
    hl_value_t  value;

    (void) state;

    memset(bytes, 's', sizeof(bytes));
    value = test_bytes(bytes, sizeof(bytes));

    assert_ok(test_call(test_sb, "EchoBytes", HL_TYPE_VECBYTES, &value, 1));
    assert_restored();

    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
    assert_restored();
}


/* "body" bytes of it, and as many in headers as there is room for. */
static void
http_call(const char *name, size_t body)
{
    void  *room;
    char   value[1000];

    memset(value, 's', sizeof(value));

    assert_ok(hl_call_http(test_sb, hl_sandbox_function(test_sb, name),
                           &test_err));
    assert_ok(hl_call_http_field(test_sb, HL_HTTP_URI, pattern,
                                 sizeof(pattern), &test_err));

    while (hl_call_http_header(test_sb, pattern, sizeof(pattern), value,
                               sizeof(value), &test_err)
           == HL_OK)
    {
        /* void */
    }

    assert_int_equal(test_err.status, HL_ERR_METADATA_TOO_LARGE);
    assert_ok(hl_call_http_body(test_sb, body, &room, &test_err));
    memset(room, 's', body);
}


static void
http_call_leaves_nothing_in_memory(void **state)
{
    (void) state;

    http_call("echo", 98304);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
    assert_restored();
}


/* Each size of a body, around pages' ends. */
static void
body_of_any_size_leaves_nothing_in_memory(void **state)
{
    size_t  size;

    (void) state;

    for (size = 1; size <= 98304; size = size * 3 + size % 7) {
        http_call("nothing", size);
        assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
        assert_restored();
    }
}


static void
call_that_was_never_run_leaves_nothing_in_memory(void **state)
{
    (void) state;

    http_call("echo", 98304);
    hl_call_cancel(test_sb);
    assert_restored();
}


/* The second's wipe does not forget what the first left. */
static void
two_calls_before_a_restore_leave_nothing_in_memory(void **state)
{
    (void) state;

    http_call("nothing", 98304);
    assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    assert_restored();
}


static void
failed_call_leaves_nothing_in_memory(void **state)
{
    size_t  i;

    static const char *const  ways[] = {
        "null", "call-null", "divide", "recursion", "heap", "abort",
        "undefined", "smash", "syscall"
    };

    (void) state;

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);
        assert_int_not_equal(test_fault(test_sb, ways[i]), HL_OK);
        assert_restored();
        assert_int_equal(test_call_uint(test_sb, "FindSecret"), 0);
        assert_restored();
    }
}


static void
call_that_was_cancelled_leaves_nothing_in_memory(void **state)
{
    hl_value_t  value;

    (void) state;

    assert_int_not_equal(test_call_uint(test_sb, "SetSecret"), 0);

    value = test_string("loop");
    test_start(test_sb, "Fault", HL_TYPE_INT, &value, 1);
    assert_int_equal(hl_sandbox_run(test_sb, TEST_MS, &test_err),
                     HL_STOP_SLICE);
    assert_restored();
    assert_int_equal(test_call_uint(test_sb, "FindSecret"), 0);
}


static hl_status_t
host_secret(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    result->v.bytes.data = pattern;
    result->v.bytes.len = sizeof(pattern) - 1;

    return HL_OK;
}


static void
answer_of_a_host_function_is_not_left_in_memory(void **state)
{
    hl_value_t       args[2];
    hl_config_t      config;
    hl_sandbox_t    *sb;
    hl_snapshot_t   *snapshot;
    const uint8_t   *reply;

    static const hl_host_function_t  function = {
        "Secret", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, host_secret
    };

    (void) state;

    hl_config_init(&config);
    config.functions = &function;
    config.function_count = 1;

    sb = test_evolved(TEST_PROBE, &config);
    snapshot = test_freeze(sb);

    args[0] = test_string("Secret");
    args[1] = test_string("x");
    assert_ok(test_call(sb, "CallHost", HL_TYPE_STRING, args, 2));
    assert_memory_equal(hl_call_result(sb)->v.bytes.data, pattern,
                        sizeof(pattern) - 1);

    reply = hl_sandbox_region(sb, HL_REGION_REPLY);
    assert_memory_equal(reply + sizeof(hl_abi_reply_t)
                        + sizeof(hl_abi_value_t), pattern, sizeof(pattern));

    assert_ok(hl_sandbox_restore(sb, snapshot, &test_err));
    assert_pristine(sb, snapshot);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(sb);
}


static void
entropy_is_not_left_in_memory(void **state)
{
    size_t                  i;
    const hl_abi_params_t  *params;

    (void) state;

    params = hl_sandbox_params(test_sb);

    assert_int_equal(test_call_int(test_sb, "Count"), 1);
    test_restore();

    for (i = 0; i < HL_ABI_ENTROPY; i++) {
        assert_int_equal(params->entropy[i], 0);
    }
}


/* ---- registers after a call that did not park -------------------------- */

static void
registers_are_clean_after_a_fault(void **state)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    sb = test_evolved(TEST_RAW, NULL);
    snapshot = test_freeze(sb);

    assert_int_equal(test_call_int(sb, "SmearAndFind"), 7);
    assert_ok(hl_sandbox_restore(sb, snapshot, &test_err));

    assert_status(test_call(sb, "SmearAndCrash", HL_TYPE_INT, NULL, 0),
                  HL_ERR_FAULT);
    assert_ok(hl_sandbox_restore(sb, snapshot, &test_err));
    assert_int_equal(test_call_int(sb, "FindSmear"), 0);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(sb);
}


static void
registers_are_clean_after_a_timeout(void **state)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    sb = test_evolved(TEST_RAW, NULL);
    snapshot = test_freeze(sb);

    test_start(sb, "SmearAndSpin", HL_TYPE_INT, NULL, 0);
    assert_status(hl_sandbox_finish(sb, TEST_MS, &test_err), HL_ERR_TIMEOUT);
    assert_ok(hl_sandbox_restore(sb, snapshot, &test_err));
    assert_int_equal(test_call_int(sb, "FindSmear"), 0);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(sb);
}


/* ---- what a guest cannot even write ------------------------------------ */

static void
guest_memory_is_mapped_as_the_layout_says(void **state)
{
    size_t              i;
    const hl_region_t  *r;

    (void) state;

    r = test_sb->image->layout.regions;

    for (i = 0; i < test_sb->image->layout.region_count; i++) {
        bool  host, system;

        if (r[i].size == 0) {
            continue;           /* no init_data, no files */
        }

        host = i == HL_REGION_PARAMS || i == HL_REGION_INPUT
               || i == HL_REGION_REPLY || i == HL_REGION_FPU
               || i == HL_REGION_HYPERCALL || i == HL_REGION_USER_DATA;
        system = i == HL_REGION_SYSTEM || i == HL_REGION_EXCEPTIONS;

        /* W^X; the host's own not writable; the system's not the guest's */

        assert_false((r[i].prot & HL_PROT_WRITE)
                     && (r[i].prot & HL_PROT_EXEC));
        assert_false(host && (r[i].prot & HL_PROT_WRITE));
        assert_int_equal((r[i].prot & HL_PROT_USER) == 0, system);

        /* all that is writable is in the slot that is restored */

        assert_true(r[i].slot == HL_SLOT_RW
                    || !(r[i].prot & HL_PROT_WRITE));
    }
}


static void
stack_has_guards_on_both_sides(void **state)
{
    hl_gva_t            gva;
    const hl_layout_t  *l;
    const hl_region_t  *stack;

    (void) state;

    l = &test_sb->image->layout;
    stack = &l->regions[HL_REGION_STACK];

    assert_null(hl_layout_find(l, stack->gva + stack->size));

    for (gva = stack->gva - HL_STACK_GUARD; gva < stack->gva;
         gva += HL_PAGE_SIZE)
    {
        assert_null(hl_layout_find(l, gva));
    }
}


static void
page_zero_is_in_no_region(void **state)
{
    hl_gva_t  gva;

    (void) state;

    for (gva = 0; gva < HL_IMAGE_MIN; gva += HL_PAGE_SIZE) {
        assert_null(hl_layout_find(&test_sb->image->layout, gva));
    }
}


/* One at the address 0 would be as good as the page 0 is unmapped. */
static void
there_is_no_local_descriptor_table(void **state)
{
    hl_value_t     selector = test_uint(0x0f);
    hl_sandbox_t  *sb;

    (void) state;

    sb = test_evolved("t/core/guests/peek.elf", NULL);

    assert_status(test_call(sb, "LoadDs", HL_TYPE_INT, &selector, 1),
                  HL_ERR_FAULT);
    assert_int_equal(hl_call_fault(sb)->vector, 13);

    hl_sandbox_destroy(sb);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(secret_is_found_in_the_same_call),
        test_sandbox(secret_in_memory_is_found_without_restore),
        test_sandbox(difference_is_found_without_restore),

        test_sandbox(secret_is_not_found_after_restore),
        test_sandbox(secrets_of_a_hundred_calls_are_not_found),
        test_sandbox(secret_in_registers_is_not_found_even_without_restore),
        test_sandbox(selectors_are_flat_again),
        test_sandbox(secret_is_not_found_in_another_sandbox),
        test_sandbox(secret_is_not_found_in_a_sandbox_made_after_it),

        test_sandbox(typed_call_leaves_nothing_in_memory),
        test_sandbox(http_call_leaves_nothing_in_memory),
        test_sandbox(body_of_any_size_leaves_nothing_in_memory),
        test_sandbox(call_that_was_never_run_leaves_nothing_in_memory),
        test_sandbox(two_calls_before_a_restore_leave_nothing_in_memory),
        test_sandbox(failed_call_leaves_nothing_in_memory),
        test_sandbox(call_that_was_cancelled_leaves_nothing_in_memory),
        test_plain(answer_of_a_host_function_is_not_left_in_memory),
        test_sandbox(entropy_is_not_left_in_memory),

        test_plain(registers_are_clean_after_a_fault),
        test_plain(registers_are_clean_after_a_timeout),

        test_plain(there_is_no_local_descriptor_table),
        test_sandbox(guest_memory_is_mapped_as_the_layout_says),
        test_sandbox(stack_has_guards_on_both_sides),
        test_sandbox(page_zero_is_in_no_region)
    };

    return cmocka_run_group_tests_name("isolation", tests, test_group_probe,
                                       test_group_end);
}
