/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test.h: what the unit tests of core share: a host, sandboxes of a test
 * guest, calls, and the comparison of a sandbox's memory with a snapshot.
 *
 * A binary is one group of cmocka.  The group's setup makes the host, and a
 * snapshot of the guest that it is about; each test that wants a sandbox has
 * its own, new from that snapshot.
 */

#ifndef _TEST_H_INCLUDED_
#define _TEST_H_INCLUDED_


#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hl_check.h"


#define TEST_PROBE    "testguests/probe.elf"        /* guest/testguests/ */
#define TEST_RAW      "t/core/guests/raw.elf"       /* t/core/guests/ */
#define TEST_PEEK     "t/core/guests/peek.elf"

#define TEST_SECOND   1000000000ull
#define TEST_MS       1000000ull

/* For calls that end by themselves: no test waits for it to go by. */
#define TEST_LONG     (600 * TEST_SECOND)


extern hl_host_t      *test_host;
extern hl_snapshot_t  *test_snapshot;   /* of the group's guest */
extern hl_sandbox_t   *test_sb;         /* the test's own */
extern hl_error_t      test_err;        /* of the last call below */


/* ---- set-up and teardown of groups, then of tests ---------------------- */

int test_group_host(void **state);
int test_group_probe(void **state);
int test_group_raw(void **state);       /* with a heap of 32 MiB */
int test_group_end(void **state);

/* For a set-up of the file's own.  "config" may be NULL; returns 0. */
int test_group(const char *name, const hl_config_t *config);

int test_begin(void **state);
int test_end(void **state);

#define test_plain(f)    cmocka_unit_test(f)
#define test_sandbox(f)                                                       \
    cmocka_unit_test_setup_teardown(f, test_begin, test_end)

/*
 * For a group without a guest: the test's sandbox is of a guest of its own,
 * and test_snapshot of that one.  "config" may be NULL.
 */
void test_open(const char *name, const hl_config_t *config);
int test_close(void **state);

/* How many there are: what leaks one has more of them in the end.  Under
 * valgrind mappings are not counted: 0. */
size_t test_descriptors(void);
size_t test_mappings(void);


/* ---- guests and sandboxes ---------------------------------------------- */

/* A file of the build folder, which HL_TEST_BUILD names. */
void test_path(char *path, size_t size, const char *name);

hl_guest_t *test_guest(const char *name);

/* Ready for its first call, with check_restore.  "config" may be NULL. */
hl_sandbox_t *test_evolved(const char *name, const hl_config_t *config);

hl_snapshot_t *test_freeze(hl_sandbox_t *sb);
hl_sandbox_t *test_thaw(hl_snapshot_t *snapshot);

/* Of the test's sandbox, which must have it. */
const hl_function_t *test_function(const char *name);


/* ---- what a guest put out ---------------------------------------------- */

typedef struct {
    unsigned  logs;
    unsigned  log_level;                /* of the last one */
    char      log[256];
    char      print[256];
    unsigned  status;
    unsigned  headers;
    char      name[64];                 /* of the last one */
    char      value[64];
    unsigned  removed;                  /* headers */
    char      removed_name[64];         /* of the last one */
    size_t    body_len;
    char      body[256];                /* the start of it */
} test_seen_t;

extern test_seen_t      test_seen;      /* empty when a test begins */
extern const hl_sink_t  test_sink;


/* ---- calls ------------------------------------------------------------- */

hl_value_t test_int(int32_t n);
hl_value_t test_uint(uint32_t n);
hl_value_t test_ulong(uint64_t n);
hl_value_t test_string(const char *s);
hl_value_t test_bytes(const void *data, size_t len);

/* To its end, whatever that is; the error is in test_err. */
hl_status_t test_call(hl_sandbox_t *sb, const char *name, hl_type_t result,
    const hl_value_t *args, size_t n);

/* Only begins it. */
void test_start(hl_sandbox_t *sb, const char *name, hl_type_t result,
    const hl_value_t *args, size_t n);

/* Of functions that must succeed. */
int32_t test_call_int(hl_sandbox_t *sb, const char *name);
int32_t test_call_int_1(hl_sandbox_t *sb, const char *name, int32_t arg);
uint32_t test_call_uint(hl_sandbox_t *sb, const char *name);

/* Of the test's sandbox, with this String alone. */
hl_status_t test_call_string(const char *name, const char *arg,
    hl_type_t result);

/* Fault(how) of the probe. */
hl_status_t test_fault(hl_sandbox_t *sb, const char *how);

/* Restores the test's sandbox to the group's snapshot. */
void test_restore(void);


/* ---- assertions -------------------------------------------------------- */

#define assert_ok(status)                                                     \
    test_assert_status(status, HL_OK, #status, __FILE__, __LINE__)

#define assert_status(status, expected)                                       \
    test_assert_status(status, expected, #status, __FILE__, __LINE__)

#define assert_state(sb, expected)                                            \
    assert_int_equal(hl_sandbox_state(sb), expected)

/* All of the writable slot is as at the snapshot. */
#define assert_pristine(sb, snapshot)                                         \
    test_assert_pristine(sb, snapshot, __FILE__, __LINE__)

void test_assert_status(hl_status_t status, hl_status_t expected,
    const char *what, const char *file, int line);
void test_assert_pristine(const hl_sandbox_t *sb,
    const hl_snapshot_t *snapshot, const char *file, int line);

/* All functions that a call needs, once begun, fail so in the test's
 * sandbox. */
void test_assert_no_call(hl_status_t expected);

/* The result of the test's sandbox; a String's. */
void test_assert_bytes(hl_type_t type, const void *data, size_t len);
void test_assert_string(const char *s);

/* The text of test_err begins so. */
void test_assert_begins(const char *text);

/* test_err has these, and the text somewhere in its own. */
void test_assert_error(hl_status_t status, uint32_t code, const char *text);


#endif /* _TEST_H_INCLUDED_ */
