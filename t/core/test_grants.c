/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_grants.c: what an embedder can refuse a guest, and what goes with it:
 * the hook before host functions, variables, metrics, what the parameters
 * page says, how much memory a sandbox takes, what the system says of the CPU.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "area.h"


/* What the embedder was asked, and what it says. */
static struct {
    unsigned          admits;
    unsigned          metrics;
    unsigned          variables;
    hl_status_t       answer;
    char              name[128];
    uint32_t          id;
    hl_metric_kind_t  kind;
    uint64_t          value;
} seen;


static hl_status_t
admit(void *data, const char *name, uint32_t id, hl_error_t *err)
{
    (void) data;

    seen.admits++;
    seen.id = id;
    (void) snprintf(seen.name, sizeof(seen.name), "%s",
                    name != NULL ? name : "(none)");

    return seen.answer == HL_OK ? HL_OK
           : hl_error_set(err, seen.answer, "not today");
}


static hl_status_t
metric(void *data, hl_metric_kind_t kind, const char *name, size_t name_len,
    uint64_t value, hl_error_t *err)
{
    (void) data;

    seen.metrics++;
    seen.kind = kind;
    seen.value = value;
    (void) snprintf(seen.name, sizeof(seen.name), "%.*s", (int) name_len,
                    name);

    return seen.answer == HL_OK ? HL_OK
           : hl_error_set(err, seen.answer, "no metric");
}


static hl_status_t
variable(void *data, const char *name, size_t name_len, hl_value_t *value,
    hl_error_t *err)
{
    (void) data;
    (void) err;

    seen.variables++;
    (void) snprintf(seen.name, sizeof(seen.name), "%.*s", (int) name_len,
                    name);

    value->v.bytes.data = "value";
    value->v.bytes.len = sizeof("value");

    return HL_OK;
}


static hl_sink_t            sink;
static const hl_services_t  services = { .variable = variable };


static void
begin(void)
{
    memset(&seen, 0, sizeof(seen));
    memset(area.rw, 0, AREA_REPLY);
    area.reply_end = 0;
    used = 0;

    sink = test_sink;
    sink.admit = admit;
    sink.metric = metric;

    area.bindings.sink = &sink;
    area.bindings.services = &services;
}


/* NULL: it was answered without one. */
static const char *
reply_error(void)
{
    hl_abi_reply_t  reply;

    memcpy(&reply, area.rw, sizeof(reply));

    return reply.error == 0 ? NULL
                            : (const char *) area.rw + sizeof(reply);
}


static hl_status_t
call_refuse(hl_phase_t phase)
{
    put_call("Refuse", 6, HL_TYPE_VOID, 0);

    return take(phase, HL_HYPERCALL_CALL);
}


static hl_status_t
call_raw(hl_phase_t phase, uint32_t id, const char *in)
{
    hl_abi_raw_call_t  head;

    head.id = id;
    head.len = (uint32_t) strlen(in);
    put_record(HL_REC_RAW_CALL, &head, sizeof(head), in, strlen(in));

    return take(phase, HL_HYPERCALL_CALL);
}


static void
put_metric(uint32_t kind, uint32_t len, const char *name)
{
    hl_abi_metric_t  head;

    head.kind = kind;
    head.name_len = len;
    head.value = UINT64_MAX;
    put_record(HL_REC_METRIC, &head, sizeof(head), name, strlen(name));
}


/* ---- the hook ---------------------------------------------------------- */

static void
embedder_is_asked_before_every_host_function(void **state)
{
    (void) state;

    begin();
    function_calls = 0;
    assert_ok(call_refuse(HL_PHASE_HTTP));
    assert_int_equal(seen.admits, 1);
    assert_string_equal(seen.name, "Refuse");
    assert_int_equal(function_calls, 1);

    begin();
    put_call("Nobody", 6, HL_TYPE_VOID, 0);
    assert_ok(take(HL_PHASE_TYPED, HL_HYPERCALL_CALL));
    assert_int_equal(seen.admits, 1);
    assert_string_equal(seen.name, "Nobody");

    begin();
    assert_ok(call_raw(HL_PHASE_INIT, HL_RAW_SLEEP, "12345678"));
    assert_int_equal(seen.admits, 1);
    assert_string_equal(seen.name, "(none)");
    assert_int_equal(seen.id, HL_RAW_SLEEP);

    begin();
    assert_ok(call_raw(HL_PHASE_HTTP, UINT32_MAX, ""));
    assert_int_equal(seen.id, UINT32_MAX);
}


static void
refused_function_is_an_error_of_the_guest(void **state)
{
    (void) state;

    begin();
    function_calls = 0;
    seen.answer = HL_ERR_GUEST;
    assert_ok(call_refuse(HL_PHASE_HTTP));
    assert_string_equal(reply_error(), "not today");
    assert_int_equal(function_calls, 0);

    begin();
    seen.answer = HL_ERR_GUEST;
    assert_ok(call_raw(HL_PHASE_HTTP, HL_RAW_VARIABLE, "x"));
    assert_string_equal(reply_error(), "not today");
    assert_int_equal(seen.variables, 0);
}


static void
embedder_can_end_the_call(void **state)
{
    (void) state;

    begin();
    function_calls = 0;
    seen.answer = HL_ERR_LIMIT;
    assert_status(call_refuse(HL_PHASE_HTTP), HL_ERR_LIMIT);
    assert_string_equal(test_err.text, "not today");
    assert_int_equal(function_calls, 0);

    begin();
    seen.answer = HL_ERR_LIMIT;
    assert_status(call_raw(HL_PHASE_HTTP, HL_RAW_VARIABLE, "x"),
                  HL_ERR_LIMIT);
    assert_int_equal(seen.variables, 0);
}


static void
malformed_call_asks_nobody(void **state)
{
    (void) state;

    begin();
    put_call("Refuse", 6, HL_TYPE_VOID, HL_ABI_PARAMS_MAX + 1);
    assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_CALL));
    assert_int_equal(seen.admits, 0);
}


/* ---- variables --------------------------------------------------------- */

static void
variable_is_answered_with_its_bytes(void **state)
{
    hl_abi_value_t  value;

    (void) state;

    begin();
    assert_ok(call_raw(HL_PHASE_TYPED, HL_RAW_VARIABLE, "host"));
    assert_null(reply_error());
    assert_string_equal(seen.name, "host");

    memcpy(&value, area.rw + sizeof(hl_abi_reply_t), sizeof(value));
    assert_int_equal(value.len, sizeof("value"));
    assert_memory_equal(area.rw + sizeof(hl_abi_reply_t) + sizeof(value),
                        "value", sizeof("value"));

    begin();
    assert_ok(call_raw(HL_PHASE_INIT, HL_RAW_VARIABLE, "host"));
    assert_non_null(reply_error());
    assert_int_equal(seen.variables, 0);
}


/* ---- metrics ----------------------------------------------------------- */

static void
metric_reaches_the_sink(void **state)
{
    size_t  i;

    static const hl_phase_t  phases[] = {
        HL_PHASE_INIT, HL_PHASE_TYPED, HL_PHASE_HTTP
    };

    (void) state;

    for (i = 0; i < 3; i++) {
        begin();
        put_metric(HL_METRIC_HISTOGRAM, 4, "rows");
        assert_ok(take(phases[i], HL_HYPERCALL_FLUSH));
        assert_int_equal(seen.metrics, 1);
        assert_int_equal(seen.kind, HL_METRIC_HISTOGRAM);
        assert_string_equal(seen.name, "rows");
        assert_true(seen.value == UINT64_MAX);
    }

    begin();
    sink.metric = NULL;
    put_metric(HL_METRIC_COUNTER, 4, "rows");
    assert_ok(take(HL_PHASE_HTTP, HL_HYPERCALL_FLUSH));

    begin();
    seen.answer = HL_ERR_OUTPUT;
    put_metric(HL_METRIC_COUNTER, 4, "rows");
    assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_FLUSH));
    assert_string_equal(test_err.text, "no metric");
}


static void
malformed_metric_is_refused(void **state)
{
    size_t  len;

    static const hl_abi_metric_t  head;

    (void) state;

    begin();
    put_metric(HL_METRIC_HISTOGRAM + 1, 4, "rows");
    assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_FLUSH));

    begin();
    put_metric(HL_METRIC_COUNTER, 5, "rows");
    assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_FLUSH));

    begin();
    put_metric(HL_METRIC_COUNTER, HUGE, "rows");
    assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_FLUSH));

    for (len = 0; len < sizeof(head); len++) {
        begin();
        put_record(HL_REC_METRIC, &head, len, "", 0);
        assert_malformed(take(HL_PHASE_HTTP, HL_HYPERCALL_FLUSH));
    }

    assert_int_equal(seen.metrics, 0);
}


/* ---- the parameters page, memory --------------------------------------- */

static void
guest_can_see_what_is_denied(void **state)
{
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    config.denied = HL_ABI_DENY_METRIC;

    guest = test_guest(TEST_PROBE);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_int_equal(hl_sandbox_params(sb)->denied, HL_ABI_DENY_METRIC);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


static void
memory_is_known_without_a_sandbox(void **state)
{
    size_t         own, shared, ro;
    hl_guest_t    *guest;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    (void) state;

    hl_config_init(&config);
    config.heap = 3 << 20;

    guest = test_guest(TEST_PROBE);
    assert_ok(hl_guest_memory(guest, &config, &own, &shared, &test_err));
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));
    assert_int_equal(hl_sandbox_memory(sb, &ro), own);
    assert_int_equal(ro, shared);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


/* ---- VMSCAPE ----------------------------------------------------------- */

static bool
vmscape(const char *text, char *said, size_t size)
{
    int   fd;
    bool  vulnerable;
    char  path[] = "/tmp/hl-vmscape-XXXXXX";

    fd = mkstemp(path);
    assert_true(fd != -1);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void) close(fd);

    vulnerable = hl_kvm_vmscape(path, said, size);
    (void) unlink(path);

    return vulnerable;
}


static void
system_says_whether_it_is_vulnerable(void **state)
{
    char  said[64], large[4096];

    (void) state;

    assert_true(vmscape("Vulnerable\n", said, sizeof(said)));
    assert_string_equal(said, "Vulnerable");
    assert_true(vmscape("Vulnerable: a\x1b[b\n", said, sizeof(said)));
    assert_string_equal(said, "Vulnerable: a\\x1B[b");

    assert_false(vmscape("Not affected\n", said, sizeof(said)));
    assert_false(vmscape("Mitigation: IBPB before exit to userspace\n", said,
                         sizeof(said)));
    assert_false(vmscape("", said, sizeof(said)));
    assert_false(hl_kvm_vmscape("/nowhere", said, sizeof(said)));
    assert_false(hl_kvm_vmscape("/", said, sizeof(said)));

    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    assert_false(vmscape(large, said, sizeof(said)));
    assert_true(strlen(said) < sizeof(said));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_area(embedder_is_asked_before_every_host_function),
        test_area(refused_function_is_an_error_of_the_guest),
        test_area(embedder_can_end_the_call),
        test_area(malformed_call_asks_nobody),
        test_area(variable_is_answered_with_its_bytes),
        test_area(metric_reaches_the_sink),
        test_area(malformed_metric_is_refused),
        test_plain(guest_can_see_what_is_denied),
        test_plain(memory_is_known_without_a_sandbox),
        test_plain(system_says_whether_it_is_vulnerable)
    };

    return cmocka_run_group_tests_name("grants", tests, test_group_host,
                                       test_group_end);
}
