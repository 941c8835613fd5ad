/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_restore.c: restore by the hot set: exact for any number of pages, and
 * at the cost that DESIGN allows.  core's ioctl() is the one below: it counts,
 * and has the log name more pages when a test wants it to.
 */

#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hl_memory.h"
#include "pages.h"


/* hl_restore.c */
#define HOT_FREE   64
#define HOT_MAX    4096
#define HOT_LEARN  1024

/* Pages that any call of the guest writes: stack, output, data. */
#define CALL_PAGES  16


static unsigned       ioctls;           /* all of core's */
static unsigned       runs;             /* of these, KVM_RUN */
static unsigned       logs;             /* and KVM_GET_DIRTY_LOG */

/* Pages of the slot's start that the log always names, written or not. */
static size_t         log_pages;


static void
trick_log(struct kvm_dirty_log *log)
{
    size_t     i;
    uint64_t  *bitmap;

    bitmap = log->dirty_bitmap;

    for (i = 0; i < log_pages; i++) {
        bitmap[i / 64] |= 1ull << (i % 64);
    }
}


/* Takes the place of libc's, in all of core. */
int
ioctl(int fd, unsigned long request, ...)
{
    int       rc;
    void     *arg;
    va_list   args;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);

    ioctls++;
    runs += request == KVM_RUN;
    logs += request == KVM_GET_DIRTY_LOG;

    rc = (int) syscall(SYS_ioctl, fd, request, arg);

    if (request == KVM_GET_DIRTY_LOG && rc == 0) {
        trick_log(arg);
    }

    return rc;
}


static int
restore_begin(void **state)
{
    log_pages = 0;

    return test_begin(state);
}


/* What the check costs is not counted. */
static int
cost_begin(void **state)
{
    (void) restore_begin(state);
    test_sb->bindings.check_restore = false;

    return 0;
}


static int
restore_end(void **state)
{
    log_pages = 0;

    return test_end(state);
}


/* ---- exact ------------------------------------------------------------- */

static const int32_t  counts[] = { 0, 1, 63, 64, 65, 200, 4096, 5000 };

#define COUNTS  (sizeof(counts) / sizeof(counts[0]))


static void
memory_is_exact_after_any_number_of_pages(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < COUNTS; i++) {
        touch_and_restore(0, counts[i]);
        assert_good_as_new();
    }
}


/* The second time the hot set decides otherwise, the third as well. */
static void
memory_is_exact_when_calls_repeat(void **state)
{
    int     turn;
    size_t  i;

    (void) state;

    for (i = 0; i < COUNTS; i++) {
        for (turn = 0; turn < 4; turn++) {
            touch_and_restore(0, counts[i]);
            assert_pristine(test_sb, test_snapshot);
        }
    }

    assert_good_as_new();
}


/* Sets that overlap in part, in an order that is always the same. */
static void
memory_is_exact_when_calls_differ(void **state)
{
    int       i;
    uint32_t  seed;

    (void) state;

    seed = 1;

    for (i = 0; i < 300; i++) {
        seed = seed * 1103515245u + 12345u;
        touch_and_restore((int32_t) (seed >> 16) % 1000,
                          (int32_t) (seed >> 8) % 150);
        assert_pristine(test_sb, test_snapshot);
    }

    assert_good_as_new();
}


static void
memory_is_exact_after_failed_calls(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < COUNTS; i++) {
        touch_and_crash(0, counts[i]);
        test_restore();
        assert_good_as_new();
    }
}


static void
memory_is_exact_after_several_calls(void **state)
{
    (void) state;

    assert_int_equal(touch(0, 100), 100);
    assert_int_equal(touch(50, 100), 100);
    assert_int_equal(touch(1000, 1), 1);
    assert_int_equal(test_call_int(test_sb, "Touched"), 151);

    test_restore();
    assert_good_as_new();
}


/*
 * KVM's log may name more than was written.  With EPT or NPT a page that
 * the guest only read is named if the host could have written it: the
 * parameters page, the input (kernel: hva_to_pfn_slow(), make_spte()).
 */
static void
memory_is_exact_when_the_log_names_what_only_the_host_wrote(void **state)
{
    int  i;

    (void) state;

    log_pages = test_sb->image->layout.host_size >> HL_PAGE_SHIFT;

    for (i = 0; i < 3; i++) {
        touch_and_restore(0, 10);
        assert_good_as_new();
    }
}


static void
memory_is_exact_when_the_log_names_every_page(void **state)
{
    int  i;

    (void) state;

    log_pages = test_sb->image->layout.rw_size >> HL_PAGE_SHIFT;

    for (i = 0; i < 3; i++) {
        touch_and_restore(0, 10);
        assert_good_as_new();
    }
}


static void
snapshot_is_good_when_the_log_names_every_page(void **state)
{
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    log_pages = test_sb->image->layout.rw_size >> HL_PAGE_SHIFT;

    assert_int_equal(touch(0, 10), 10);
    snapshot = test_freeze(test_sb);
    sb = test_thaw(snapshot);

    assert_pristine(test_sb, snapshot);
    assert_pristine(sb, snapshot);
    assert_int_equal(test_call_int(sb, "Touched"), 10);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(sb);
}


/* ---- the hot set ------------------------------------------------------- */

static void
small_set_is_copied_back_and_never_dropped(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 50; i++) {
        touch_and_restore(0, 30);

        assert_true(stats()->restored_pages >= 30);
        assert_true(stats()->restored_pages <= 30 + CALL_PAGES);
        assert_int_equal(stats()->dropped_pages, 0);
    }
}


/* What was written once stays hot, for as long as that is little. */
static void
small_set_stays_hot(void **state)
{
    (void) state;

    touch_and_restore(0, 30);
    touch_and_restore(0, 0);
    assert_true(stats()->restored_pages >= 30);
    assert_int_equal(stats()->dropped_pages, 0);
}


static void
large_set_is_dropped_after_one_call(void **state)
{
    (void) state;

    touch_and_restore(0, 500);
    assert_true(stats()->dropped_pages >= 500);
    assert_true(stats()->restored_pages <= CALL_PAGES);
}


static void
large_call_does_not_tax_the_ones_after_it(void **state)
{
    (void) state;

    touch_and_restore(0, 0);
    touch_and_restore(0, 500);

    touch_and_restore(0, 0);
    assert_true(stats()->restored_pages <= CALL_PAGES);
    assert_int_equal(stats()->dropped_pages, 0);
}


static void
large_set_of_two_calls_in_a_row_is_kept(void **state)
{
    int  i;

    (void) state;

    touch_and_restore(0, 500);

    for (i = 0; i < 5; i++) {
        touch_and_restore(0, 500);
        assert_true(stats()->restored_pages >= 500);
        assert_true(stats()->dropped_pages <= CALL_PAGES);
    }
}


static void
pages_of_the_second_call_only_are_dropped(void **state)
{
    (void) state;

    touch_and_restore(0, 300);
    touch_and_restore(0, 500);

    assert_true(stats()->restored_pages >= 300);
    assert_true(stats()->restored_pages <= 300 + CALL_PAGES);
    assert_true(stats()->dropped_pages >= 200);
    assert_true(stats()->dropped_pages <= 200 + CALL_PAGES);
}


static void
hot_set_has_a_largest_size(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 4; i++) {
        touch_and_restore(0, 5000);
        assert_true(stats()->restored_pages <= HOT_MAX);
        assert_true(stats()->dropped_pages >= 5000 - HOT_MAX);
    }

    assert_true(stats()->restored_pages > HOT_MAX - HOT_FREE);
}


static void
hot_set_is_learnt_anew(void **state)
{
    int  i;

    (void) state;

    touch_and_restore(0, 500);
    touch_and_restore(0, 500);

    for (i = 2; i < HOT_LEARN - 1; i++) {
        touch_and_restore(0, 0);
        assert_true(stats()->restored_pages >= 500);
    }

    touch_and_restore(0, 0);
    assert_true(stats()->dropped_pages >= 500);
    assert_int_equal(stats()->restored_pages, 0);

    touch_and_restore(0, 0);
    assert_true(stats()->restored_pages <= CALL_PAGES);
    assert_good_as_new();
}


static void
another_snapshot_has_a_hot_set_of_its_own(void **state)
{
    hl_snapshot_t  *later;

    (void) state;

    assert_int_equal(touch(0, 50), 50);
    later = test_freeze(test_sb);

    assert_int_equal(test_call_int(test_sb, "Touched"), 50);
    assert_ok(hl_sandbox_restore(test_sb, later, &test_err));
    assert_true(stats()->restored_pages <= CALL_PAGES);

    hl_snapshot_release(later);
}


/* ---- what it costs ----------------------------------------------------- */

static void
assert_cost(unsigned calls)
{
    assert_int_equal(runs, calls);
    assert_int_equal(logs, calls);
    assert_int_equal(ioctls, 2 * calls);
}


static void
call_and_restore_are_two_ioctls(void **state)
{
    int  i;

    (void) state;

    touch_and_restore(0, 32);
    ioctls = runs = logs = 0;

    for (i = 0; i < 100; i++) {
        touch_and_restore(0, 32);
    }

    assert_cost(100);
}


static void
http_call_and_restore_are_two_ioctls(void **state)
{
    int                   i;
    void                 *room;
    const hl_function_t  *raw;

    (void) state;

    raw = hl_sandbox_function(test_sb, "raw");
    touch_and_restore(0, 0);
    ioctls = runs = logs = 0;

    for (i = 0; i < 100; i++) {
        assert_ok(hl_call_http(test_sb, raw, &test_err));
        assert_ok(hl_call_http_header(test_sb, "Name", 4, "value", 5,
                                      &test_err));
        assert_ok(hl_call_http_body(test_sb, 1000, &room, &test_err));
        memset(room, 0, 1000);          /* a list without records */
        assert_ok(hl_sandbox_finish(test_sb, TEST_LONG, &test_err));
        test_restore();
    }

    assert_cost(100);
}


static void
error_of_the_guest_and_restore_are_two_ioctls(void **state)
{
    int  i;

    (void) state;

    touch_and_restore(0, 0);
    ioctls = runs = logs = 0;

    for (i = 0; i < 100; i++) {
        assert_status(test_call(test_sb, "Touch", HL_TYPE_INT, NULL, 0),
                      HL_ERR_GUEST);
        test_restore();
    }

    assert_cost(100);
}


static void
large_hot_set_costs_no_more_ioctls(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 3; i++) {
        touch_and_restore(0, 500);
    }

    ioctls = runs = logs = 0;

    for (i = 0; i < 100; i++) {
        touch_and_restore(0, 500);
    }

    assert_cost(100);
}


static void
call_that_was_not_run_costs_no_run(void **state)
{
    (void) state;

    touch_and_restore(0, 0);
    ioctls = runs = logs = 0;

    test_start(test_sb, "Touched", HL_TYPE_INT, NULL, 0);
    test_restore();

    assert_int_equal(runs, 0);
    assert_int_equal(ioctls, 1);
}


#define test_restores(f)                                                      \
    cmocka_unit_test_setup_teardown(f, restore_begin, restore_end)
#define test_costs(f)                                                         \
    cmocka_unit_test_setup_teardown(f, cost_begin, restore_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_restores(memory_is_exact_after_any_number_of_pages),
        test_restores(memory_is_exact_when_calls_repeat),
        test_restores(memory_is_exact_when_calls_differ),
        test_restores(memory_is_exact_after_failed_calls),
        test_restores(memory_is_exact_after_several_calls),
        test_restores(
            memory_is_exact_when_the_log_names_what_only_the_host_wrote),
        test_restores(memory_is_exact_when_the_log_names_every_page),
        test_restores(snapshot_is_good_when_the_log_names_every_page),

        test_restores(small_set_is_copied_back_and_never_dropped),
        test_restores(small_set_stays_hot),
        test_restores(large_set_is_dropped_after_one_call),
        test_restores(large_call_does_not_tax_the_ones_after_it),
        test_restores(large_set_of_two_calls_in_a_row_is_kept),
        test_restores(pages_of_the_second_call_only_are_dropped),
        test_restores(hot_set_has_a_largest_size),
        test_restores(hot_set_is_learnt_anew),
        test_restores(another_snapshot_has_a_hot_set_of_its_own),

        test_costs(call_and_restore_are_two_ioctls),
        test_costs(http_call_and_restore_are_two_ioctls),
        test_costs(error_of_the_guest_and_restore_are_two_ioctls),
        test_costs(large_hot_set_costs_no_more_ioctls),
        test_costs(call_that_was_not_run_costs_no_run)
    };

    return cmocka_run_group_tests_name("restore", tests, test_group_raw,
                                       test_group_end);
}
