/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_run.c: a call as a computation that can be resumed.
 *
 *   READY --call--> CALLING --park--> READY          HL_STOP_DONE
 *                      |  ^
 *                      |  |--- slice over, run again HL_STOP_SLICE
 *                      |  '--- suspended, answer it  HL_STOP_HOST_CALL
 *                      |
 *                      '--- fault, abort, violation, malformed output,
 *                           cancel --> POISONED      HL_STOP_FAILED
 */

#include "hl_error.h"
#include "hl_sandbox.h"


/* ns, by which the end of a slice may be late: measured, 25 to 50 us. */
#define HL_RUN_LATE   200000u

/* What hl_run_exit() answers when the guest goes on. */
#define HL_STOP_NONE  ((hl_stop_t) -1)


static uint64_t hl_run_time(uint64_t before, uint64_t now,
    uint64_t deadline);
static hl_stop_t hl_run_exit(hl_sandbox_t *sb, const hl_exit_t *exit,
    hl_error_t *err);
static hl_stop_t hl_run_fault(hl_sandbox_t *sb, hl_error_t *err);
static hl_stop_t hl_run_hypercall(hl_sandbox_t *sb, const hl_exit_t *exit,
    hl_error_t *err);
static hl_stop_t hl_run_cancelled(hl_sandbox_t *sb, hl_error_t *err);
static hl_stop_t hl_run_parked(hl_sandbox_t *sb, const hl_exit_t *exit,
    hl_error_t *err);
static hl_status_t hl_run_start(hl_sandbox_t *sb, hl_error_t *err);
static hl_stop_t hl_run_failed(hl_sandbox_t *sb);


hl_stop_t
hl_sandbox_run(hl_sandbox_t *sb, uint64_t slice_ns, hl_error_t *err)
{
    if (sb->state != HL_SANDBOX_CALLING) {
        (void) hl_sandbox_refuse(sb, "no call was begun", err);
        return HL_STOP_FAILED;
    }

    if (sb->serving) {
        (void) hl_sandbox_refuse(sb, "the guest waits for the function that "
                                 "it has called", err);
        return HL_STOP_FAILED;
    }

    if (sb->suspended) {
        (void) hl_error_set(err, HL_ERR_ARGUMENT, "the guest waits for the "
                            "answer of a host function");
        return HL_STOP_FAILED;
    }

    if (!sb->started && hl_run_start(sb, err) != HL_OK) {
        return hl_run_failed(sb);
    }

    return hl_run(sb, hl_deadline(slice_ns), err);
}


hl_status_t
hl_sandbox_finish(hl_sandbox_t *sb, uint64_t timeout_ns, hl_error_t *err)
{
    uint64_t   deadline;
    hl_stop_t  stop;

    deadline = hl_deadline(timeout_ns);
    stop = hl_sandbox_run(sb, timeout_ns, err);

    while (stop == HL_STOP_SLICE && sb->yields) {
        stop = hl_run(sb, deadline, err);
    }

    switch (stop) {

    case HL_STOP_DONE:
        return HL_OK;

    case HL_STOP_SLICE:
        hl_call_cancel(sb);
        (void) hl_error_set(err, HL_ERR_TIMEOUT, "Execution was cancelled by "
                            "the host.");
        hl_where_append(sb, err);
        return HL_ERR_TIMEOUT;

    case HL_STOP_HOST_CALL:
        hl_call_cancel(sb);
        return hl_error_set(err, HL_ERR_ARGUMENT, "a host function cannot "
                            "answer later here");

    default: /* HL_STOP_FAILED */
        return err->status;
    }
}


hl_stop_t
hl_run(hl_sandbox_t *sb, uint64_t deadline, hl_error_t *err)
{
    uint64_t   now, before;
    hl_exit_t  exit;
    hl_stop_t  stop;

    now = hl_now();
    sb->yields = false;

    do {
        if (!hl_interrupt_enter(sb->interrupt)) {
            return hl_run_cancelled(sb, err);
        }

        before = now;
        sb->clean = false;
        sb->fault_last = false;

        hl_clock_publish(sb, now);
        sb->host->platform->run(sb->vm, now, deadline, &exit, err);

        hl_clock_leave(sb);
        hl_interrupt_leave(sb->interrupt);

        now = hl_now();
        sb->stats.runs++;
        sb->stats.guest_ns += hl_run_time(before, now, deadline);

        sb->serving = true;
        stop = hl_run_exit(sb, &exit, err);
        sb->serving = false;

        if (sb->given_up) {
            return hl_run_cancelled(sb, err);
        }

    } while (stop == HL_STOP_NONE && !sb->yields && now < deadline);

    return stop == HL_STOP_NONE ? HL_STOP_SLICE : stop;
}


/*
 * A signal comes a little late.  What is long behind the deadline is not the
 * guest's: its thread had no CPU then.
 */
static uint64_t
hl_run_time(uint64_t before, uint64_t now, uint64_t deadline)
{
    uint64_t  last;

    last = (deadline > before ? deadline : before);

    if (now > last && now - last > HL_RUN_LATE) {
        now = last + HL_RUN_LATE;
    }

    return now - before;
}


static hl_stop_t
hl_run_exit(hl_sandbox_t *sb, const hl_exit_t *exit, hl_error_t *err)
{
    if (exit->kind == HL_EXIT_SIGNAL) {

        /* the slice's end, a cancellation, or nobody's: the loop knows */

        return HL_STOP_NONE;
    }

    sb->stats.exits++;

    switch (exit->kind) {

    case HL_EXIT_PARK:
        return hl_run_parked(sb, exit, err);

    case HL_EXIT_HYPERCALL:
        return hl_run_hypercall(sb, exit, err);

    case HL_EXIT_FAULT:
        sb->host->platform->fault(sb->vm, &sb->fault);
        sb->has_fault = true;

        return hl_run_fault(sb, err);

    default: /* HL_EXIT_VIOLATION, HL_EXIT_BROKEN */
        if (err->status == HL_ERR_PROTOCOL) {
            hl_where_append(sb, err);
        }

        return hl_run_failed(sb);
    }
}


static hl_stop_t
hl_run_fault(hl_sandbox_t *sb, hl_error_t *err)
{
    switch (hl_exception_deliver(sb, err)) {

    case HL_OK:
        return HL_STOP_NONE;

    case HL_ERR_FAULT:
        (void) hl_fault_describe(sb, err);
        break;

    default: /* HL_ERR_SYSTEM: the guest may not be to blame */
        break;
    }

    hl_output_salvage(sb);

    return hl_run_failed(sb);
}


static hl_stop_t
hl_run_hypercall(hl_sandbox_t *sb, const hl_exit_t *exit, hl_error_t *err)
{
    switch (exit->hypercall) {

    case HL_HYPERCALL_FLUSH:
    case HL_HYPERCALL_CALL:
    case HL_HYPERCALL_ABORT:
        switch (hl_output_take(sb, exit->hypercall, err)) {

        case HL_OK:
            return HL_STOP_NONE;

        case HL_AGAIN:
            return HL_STOP_HOST_CALL;

        case HL_ERR_ABORTED:
            hl_where_append(sb, err);
            return hl_run_failed(sb);

        default:
            return hl_run_failed(sb);
        }

    case HL_HYPERCALL_RESUME:
        if (hl_exception_resume(sb, exit->argument, err) == HL_OK) {
            return HL_STOP_NONE;
        }

        break;

    case HL_HYPERCALL_FAULT:
        if (sb->has_fault) {
            (void) hl_fault_describe(sb, err);
            hl_output_salvage(sb);
            break;
        }

        /* fall through */

    default:
        (void) hl_error_set(err, HL_ERR_PROTOCOL, "the guest made the "
                            "unknown hypercall %u", exit->hypercall);
        hl_where_append(sb, err);
        break;
    }

    return hl_run_failed(sb);
}


static hl_stop_t
hl_run_parked(hl_sandbox_t *sb, const hl_exit_t *exit, hl_error_t *err)
{
    hl_status_t  status;

    sb->clean = true;

    status = hl_output_take(sb, HL_HYPERCALL_PARK, err);

    if (sb->phase == HL_PHASE_INIT) {
        if (status != HL_OK) {
            return hl_run_failed(sb);
        }

        sb->entry = exit->argument;
        return HL_STOP_DONE;
    }

    if (status != HL_OK && status != HL_ERR_GUEST) {
        return hl_run_failed(sb);
    }

    if (status == HL_OK && sb->phase == HL_PHASE_TYPED && !sb->has_result) {
        (void) hl_error_set(err, HL_ERR_OUTPUT, "the function has put out "
                            "neither a result nor an error");
        return hl_run_failed(sb);
    }

    sb->state = HL_SANDBOX_READY;

    if (status == HL_OK && sb->phase == HL_PHASE_TYPED
        && sb->result.type != sb->expected)
    {
        status = hl_error_set(err, HL_ERR_RESULT_TYPE,
                              "Failed To Convert Return Value %s to %s",
                              hl_type_name(sb->result.type),
                              hl_type_name(sb->expected));
    }

    if (status != HL_OK) {
        sb->has_result = false;
        return HL_STOP_FAILED;
    }

    return HL_STOP_DONE;
}


static hl_status_t
hl_run_start(hl_sandbox_t *sb, hl_error_t *err)
{
    hl_abi_params_t  *params;

    params = hl_sandbox_params(sb);
    params->calls++;

    params->log_level = sb->bindings.log_level;

    sb->started = true;
    sb->stats.calls++;

    return hl_host_entropy(sb->host, params->entropy, HL_ABI_ENTROPY, err);
}


static hl_stop_t
hl_run_cancelled(hl_sandbox_t *sb, hl_error_t *err)
{
    (void) hl_error_set(err, HL_ERR_CANCELLED,
                        "Execution was cancelled by the host.");
    hl_where_append(sb, err);
    hl_output_salvage(sb);

    return hl_run_failed(sb);
}


static hl_stop_t
hl_run_failed(hl_sandbox_t *sb)
{
    sb->has_result = false;

    if (sb->phase != HL_PHASE_INIT) {
        sb->state = HL_SANDBOX_POISONED;
    }

    return HL_STOP_FAILED;
}
