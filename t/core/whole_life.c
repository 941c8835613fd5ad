/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * whole_life.c: the life that whole_life.h describes.
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hl_host.h"
#include "hl_sandbox.h"
#include "whole_life.h"


#define LIFE_HEAP   (1u << 20)
#define LIFE_PAGES  100                 /* over what may be hot */


typedef struct {
    int             kvm;
    hl_host_t      *host;
    hl_guest_t     *guest;
    hl_sandbox_t   *first;
    hl_sandbox_t   *second;
    hl_snapshot_t  *snapshot;
    hl_snapshot_t  *later;
    hl_counter_t   *counter;            /* of the first */
} life_t;


static hl_status_t
life_begin(life_t *l)
{
    char         path[4096];
    hl_config_t  config;

    hl_config_init(&config);
    config.heap = LIFE_HEAP;
    config.sink = &test_sink;
    config.check_restore = true;

    test_path(path, sizeof(path), TEST_RAW);

    if (hl_kvm_open(&l->kvm, HL_KVM_DEVICE, &test_err) != HL_OK
        || hl_host_create(&l->host, l->kvm, SIGRTMIN + 1, &test_err) != HL_OK
        || hl_guest_open(&l->guest, path, &test_err) != HL_OK
        || hl_sandbox_create(&l->first, l->host, l->guest, &config,
                             &test_err) != HL_OK
        || hl_counter_create(&l->counter, l->first, &test_err) != HL_OK
        || hl_sandbox_evolve(l->first, TEST_LONG, &test_err) != HL_OK)
    {
        return test_err.status;
    }

    return hl_snapshot_create(&l->snapshot, l->first, &test_err);
}


/* More pages than may be hot, so that a restore gives some back. */
static hl_status_t
life_write(hl_sandbox_t *sb, const char *function)
{
    hl_value_t  args[2];

    args[0] = test_int(0);
    args[1] = test_int(LIFE_PAGES);

    return test_call(sb, function, HL_TYPE_INT, args, 2);
}


static hl_status_t
life_touch(hl_sandbox_t *sb)
{
    if (life_write(sb, "Touch") != HL_OK) {
        return test_err.status;
    }

    assert_int_equal(hl_call_result(sb)->v.i32, LIFE_PAGES);

    return HL_OK;
}


static hl_status_t
life_crash(hl_sandbox_t *sb)
{
    return life_write(sb, "TouchAndCrash") == HL_ERR_FAULT ? HL_OK
                                                           : test_err.status;
}


static hl_status_t
life_untouched(hl_sandbox_t *sb, int32_t pages)
{
    if (test_call(sb, "Touched", HL_TYPE_INT, NULL, 0) != HL_OK) {
        return test_err.status;
    }

    assert_int_equal(hl_call_result(sb)->v.i32, pages);

    return HL_OK;
}


static hl_status_t
life_of_first(life_t *l)
{
    hl_interrupt_t  *interrupt;

    if (hl_interrupt_create(&interrupt, l->first, &test_err) != HL_OK) {
        return test_err.status;
    }

    hl_interrupt_release(interrupt);

    if (life_touch(l->first) != HL_OK
        || hl_sandbox_restore(l->first, l->snapshot, &test_err) != HL_OK
        || life_untouched(l->first, 0) != HL_OK
        || life_crash(l->first) != HL_OK
        || hl_sandbox_restore(l->first, l->snapshot, &test_err) != HL_OK)
    {
        return test_err.status;
    }

    return life_untouched(l->first, 0);
}


/* Of another snapshot, which the first one is put to, with a new VM. */
static hl_status_t
life_of_second(life_t *l)
{
    if (hl_sandbox_from_snapshot(&l->second, l->host, l->snapshot, &test_err)
        != HL_OK
        || life_touch(l->second) != HL_OK
        || hl_snapshot_create(&l->later, l->second, &test_err) != HL_OK
        || life_crash(l->first) != HL_OK)
    {
        return test_err.status;
    }

    l->first->vm->broken = true;

    if (hl_sandbox_restore(l->first, l->later, &test_err) != HL_OK) {
        return test_err.status;
    }

    return life_untouched(l->first, LIFE_PAGES);
}


/* Whatever has become of it, what did not fail goes on. */
static void
life_end(life_t *l, hl_status_t status)
{
    char        where[HL_WHERE_TEXT];
    hl_frame_t  frames[HL_FRAMES_MAX];

    if (l->first != NULL) {
        (void) hl_call_backtrace(l->first, frames);
        (void) hl_call_where(l->first, where, sizeof(where));
        assert_ok(hl_counter_increment(l->counter, &test_err));
        assert_int_equal(hl_counter_value(l->counter), 1);
        if (hl_sandbox_state(l->first) == HL_SANDBOX_READY) {
            assert_ok(test_call(l->first, "Touched", HL_TYPE_INT, NULL, 0));

        } else {
            assert_int_not_equal(status, HL_OK);
            assert_int_not_equal(test_call(l->first, "Touched", HL_TYPE_INT,
                                           NULL, 0), HL_OK);
        }
    }

    hl_snapshot_release(l->snapshot);
    hl_sandbox_destroy(l->second);
    hl_sandbox_destroy(l->first);
    hl_snapshot_release(l->later);
    hl_guest_destroy(l->guest);
    hl_host_destroy(l->host);

    if (l->kvm != -1) {
        (void) close(l->kvm);
    }
}


static hl_status_t
life(life_t *l)
{
    memset(l, 0, sizeof(life_t));
    l->kvm = -1;

    if (life_begin(l) != HL_OK || life_of_first(l) != HL_OK) {
        return test_err.status;
    }

    return life_of_second(l);
}


void
assert_whole_life(void)
{
    life_t  l;

    assert_ok(life(&l));
    life_end(&l, HL_OK);
}


hl_status_t
life_short_of(void (*begin)(unsigned), void (*end)(void), unsigned n)
{
    life_t       l;
    size_t       descriptors, mappings;
    hl_error_t   why;
    hl_status_t  status;

    descriptors = test_descriptors();
    mappings = test_mappings();

    begin(n);
    status = life(&l);
    end();

    why = test_err;
    life_end(&l, status);
    test_err = why;

    assert_int_equal(test_descriptors(), descriptors);
    assert_int_equal(test_mappings(), mappings);

    return status;
}


void
assert_reason(hl_status_t status, int errnum)
{
    if (status == HL_ERR_SYSTEM
        && strstr(test_err.text, strerror(errnum)) != NULL)
    {
        return;
    }

    if (status == HL_ERR_GUEST_FILE
        && (strstr(test_err.text, "out of memory") != NULL
            || strstr(test_err.text, strerror(errnum)) != NULL))
    {
        return;
    }

    fail_msg("status %d, \"%s\", for want of: %s", (int) status,
             test_err.text, strerror(errnum));
}
