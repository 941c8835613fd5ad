/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * life.c: the steps of life.h, of the guest t/core/guests/peek.c.
 */

#define _GNU_SOURCE

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "life.h"


life_t       life = { .kvm = -1 };
hl_guest_t  *life_guest;
bool         life_checks;
uint64_t     life_patience = TEST_LONG;


static enum {
    ANSWER_NOW,
    ANSWER_LATER,
    ANSWER_KILL
} answer;


static hl_status_t
host_later(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    if (answer == ANSWER_KILL) {
        assert_false(hl_interrupt_kill(life.interrupt));
    }

    result->v.i32 = 22;

    return answer == ANSWER_LATER ? HL_AGAIN : HL_OK;
}


static const hl_host_function_t  functions[] = {
    { "Later", HL_TYPE_INT, 1, { HL_TYPE_INT }, host_later }
};


void
life_configure(hl_config_t *config)
{
    config->sink = &test_sink;
    config->functions = functions;
    config->function_count = 1;
}


static hl_status_t
begin(hl_sandbox_t *sb, const char *name, hl_type_t result,
    const hl_value_t *arg)
{
    return hl_call_typed(sb, hl_sandbox_function(sb, name), name, result,
                         arg, arg != NULL, NULL, &test_err);
}


static hl_status_t
call(hl_sandbox_t *sb, const char *name, hl_type_t result,
    const hl_value_t *arg)
{
    if (begin(sb, name, result, arg) != HL_OK) {
        return test_err.status;
    }

    return hl_sandbox_finish(sb, life_patience, &test_err);
}


/* Answers as it always does, if it answers. */
static hl_status_t
call_int(hl_sandbox_t *sb, const char *name, int32_t arg, int32_t expected)
{
    hl_value_t  value;

    value = test_int(arg);

    if (call(sb, name, HL_TYPE_INT, strcmp(name, "GetState") == 0 ? NULL
                                                                  : &value)
        != HL_OK)
    {
        return test_err.status;
    }

    assert_int_equal(hl_call_result(sb)->v.i32, expected);

    return HL_OK;
}


hl_status_t
life_restore(hl_sandbox_t *sb, hl_snapshot_t *snapshot)
{
    if (hl_sandbox_restore(sb, snapshot, &test_err) != HL_OK) {
        assert_state(sb, HL_SANDBOX_UNRECOVERABLE);
        return test_err.status;
    }

    assert_state(sb, HL_SANDBOX_READY);
    assert_pristine(sb, snapshot);

    return HL_OK;
}


static hl_status_t
step_device(void)
{
    hl_status_t  status;

    status = hl_kvm_open(&life.kvm, HL_KVM_DEVICE, &test_err);

    if (status != HL_OK) {
        life.kvm = -1;
    }

    return status;
}


static hl_status_t
step_host(void)
{
    return hl_host_create(&life.host, life.kvm, SIGRTMIN + 1, &test_err);
}


static hl_status_t
step_evolve(void)
{
    hl_config_t  config;

    if (life.first != NULL) {
        return HL_OK;
    }

    hl_config_init(&config);
    life_configure(&config);
    config.check_restore = life_checks;

    assert_ok(hl_sandbox_create(&life.first, life.host, life_guest, &config,
                                &test_err));

    if (hl_sandbox_evolve(life.first, life_patience, &test_err) != HL_OK) {
        assert_state(life.first, HL_SANDBOX_UNRECOVERABLE);
        return test_err.status;
    }

    return HL_OK;
}


static hl_status_t
step_snapshot(void)
{
    if (step_evolve() != HL_OK) {
        return test_err.status;
    }

    return hl_snapshot_create(&life.snapshot, life.first, &test_err);
}


static hl_status_t
step_second_snapshot(void)
{
    if (life.first == NULL
        && hl_sandbox_from_snapshot(&life.first, life.host, life.snapshot,
                                    &test_err)
           != HL_OK)
    {
        life.first = NULL;
        return test_err.status;
    }

    if (call_int(life.first, "SetState", STATE_SECOND, STATE_SECOND)
        != HL_OK)
    {
        return test_err.status;
    }

    return hl_snapshot_create(&life.second, life.first, &test_err);
}


static hl_status_t
step_thaw(void)
{
    if (life.sb != NULL) {
        return HL_OK;
    }

    if (hl_sandbox_from_snapshot(&life.sb, life.host, life.snapshot,
                                 &test_err)
        != HL_OK)
    {
        life.sb = NULL;
        return test_err.status;
    }

    hl_interrupt_release(life.interrupt);
    assert_ok(hl_interrupt_create(&life.interrupt, life.sb, &test_err));
    assert_pristine(life.sb, life.snapshot);

    return HL_OK;
}


/* A call, and back. */
static hl_status_t
call_and_restore(const char *name, int32_t arg, int32_t expected)
{
    if (step_thaw() != HL_OK
        || call_int(life.sb, name, arg, expected) != HL_OK)
    {
        return test_err.status;
    }

    return life_restore(life.sb, life.snapshot);
}


static hl_status_t
step_call(void)
{
    if (call_and_restore("SetState", 7, 7) != HL_OK) {
        return test_err.status;
    }

    return call_int(life.sb, "GetState", 0, STATE_FIRST);
}


static hl_status_t
step_host_call(void)
{
    return call_and_restore("AskLater", 20, 42);
}


/* Suspended, answered, and run on. */
static hl_status_t
step_late_answer(void)
{
    hl_stop_t   stop;
    hl_value_t  value;

    value = test_int(20);

    if (step_thaw() != HL_OK
        || begin(life.sb, "AskLater", HL_TYPE_INT, &value) != HL_OK)
    {
        return test_err.status;
    }

    answer = ANSWER_LATER;
    stop = hl_sandbox_run(life.sb, life_patience, &test_err);
    answer = ANSWER_NOW;

    if (stop == HL_STOP_SLICE) {
        hl_call_cancel(life.sb);
        return hl_error_set(&test_err, HL_ERR_TIMEOUT, "no host call");
    }

    if (stop == HL_STOP_FAILED) {
        return test_err.status;
    }

    assert_int_equal(stop, HL_STOP_HOST_CALL);

    value = test_int(22);
    assert_ok(hl_call_answer(life.sb, HL_OK, &value, NULL, &test_err));

    if (hl_sandbox_finish(life.sb, life_patience, &test_err) != HL_OK) {
        return test_err.status;
    }

    assert_int_equal(hl_call_result(life.sb)->v.i32, 42);

    return life_restore(life.sb, life.snapshot);
}


/* The guest handles it, so that the vCPU is settled in between. */
static hl_status_t
step_exception(void)
{
    if (step_thaw() != HL_OK
        || call(life.sb, "HandledInvalidOpcode", HL_TYPE_ULONG, NULL)
           != HL_OK)
    {
        return test_err.status;
    }

    assert_int_equal(hl_call_result(life.sb)->v.u64, 0);

    return life_restore(life.sb, life.snapshot);
}


static hl_status_t
step_fault(void)
{
    hl_value_t  value;

    value = test_ulong(0);

    if (step_thaw() != HL_OK) {
        return test_err.status;
    }

    if (call(life.sb, "Poke", HL_TYPE_INT, &value) != HL_ERR_FAULT) {
        assert_int_not_equal(test_err.status, HL_OK);
        return test_err.status;
    }

    return life_restore(life.sb, life.snapshot);
}


/* More pages than may be hot: the log is cleared. */
static hl_status_t
step_many_pages(void)
{
    return call_and_restore("WriteHeap", 150, 150);
}


static hl_status_t
step_slices(void)
{
    int        i;
    hl_stop_t  stop;

    if (step_thaw() != HL_OK
        || begin(life.sb, "Spin", HL_TYPE_INT, NULL) != HL_OK)
    {
        return test_err.status;
    }

    for (i = 0; i < 2; i++) {
        stop = hl_sandbox_run(life.sb, TEST_MS / 4, &test_err);

        if (stop != HL_STOP_SLICE) {
            assert_int_equal(stop, HL_STOP_FAILED);
            return test_err.status;
        }
    }

    hl_call_cancel(life.sb);

    return life_restore(life.sb, life.snapshot);
}


static hl_status_t
step_interrupt(void)
{
    hl_value_t   value;
    hl_status_t  status;

    value = test_int(20);

    if (step_thaw() != HL_OK) {
        return test_err.status;
    }

    answer = ANSWER_KILL;
    status = call(life.sb, "AskLater", HL_TYPE_INT, &value);
    answer = ANSWER_NOW;

    if (status != HL_ERR_CANCELLED) {
        assert_int_not_equal(status, HL_OK);
        return status;
    }

    return life_restore(life.sb, life.snapshot);
}


/* To another snapshot, and back. */
static hl_status_t
move_and_restore(hl_snapshot_t *snapshot, int32_t expected)
{
    if (step_thaw() != HL_OK || life_restore(life.sb, snapshot) != HL_OK) {
        return test_err.status;
    }

    return call_and_restore("GetState", 0, expected);
}


static hl_status_t
step_rebase(void)
{
    return move_and_restore(life.second, STATE_SECOND);
}


/* To an image of its own: the VM is made anew. */
static hl_status_t
step_rebind(void)
{
    return move_and_restore(test_snapshot, STATE_FIRST);
}


void
life_end(void)
{
    hl_interrupt_release(life.interrupt);
    hl_sandbox_destroy(life.sb);
    hl_sandbox_destroy(life.first);
    hl_snapshot_release(life.second);
    hl_snapshot_release(life.snapshot);
    hl_host_destroy(life.host);

    if (life.kvm != -1) {
        (void) close(life.kvm);
    }

    memset(&life, 0, sizeof(life));
    life.kvm = -1;
}


const life_step_t  life_steps[LIFE_STEPS] = {
    { "device", step_device },
    { "host", step_host },
    { "evolve", step_evolve },
    { "snapshot", step_snapshot },
    { "second snapshot", step_second_snapshot },
    { "from a snapshot", step_thaw },
    { "call", step_call },
    { "host call", step_host_call },
    { "late answer", step_late_answer },
    { "exception", step_exception },
    { "fault", step_fault },
    { "many pages", step_many_pages },
    { "slices", step_slices },
    { "interrupt", step_interrupt },
    { "rebase", step_rebase },
    { "rebind", step_rebind }
};
