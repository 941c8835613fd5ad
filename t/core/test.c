/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test.c: the fixtures that test.h describes, but for the sink: seen.c.
 */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"


#define TEST_RAW_HEAP  (32u << 20)


hl_host_t      *test_host;
hl_snapshot_t  *test_snapshot;
hl_sandbox_t   *test_sb;
hl_error_t      test_err;

static int      test_kvm_fd = -1;


/* ---- set-up and teardown ----------------------------------------------- */

int
test_group_host(void **state)
{
    (void) state;

    assert_ok(hl_kvm_open(&test_kvm_fd, HL_KVM_DEVICE, &test_err));
    assert_ok(hl_host_create(&test_host, test_kvm_fd, SIGRTMIN, &test_err));

    return 0;
}


int
test_group_probe(void **state)
{
    (void) state;

    return test_group(TEST_PROBE, NULL);
}


int
test_group_raw(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.heap = TEST_RAW_HEAP;
    config.sink = &test_sink;

    return test_group(TEST_RAW, &config);
}


int
test_group(const char *name, const hl_config_t *config)
{
    hl_sandbox_t  *sb;

    (void) test_group_host(NULL);

    sb = test_evolved(name, config);
    test_snapshot = test_freeze(sb);
    hl_sandbox_destroy(sb);

    return 0;
}


int
test_group_end(void **state)
{
    (void) state;

    hl_snapshot_release(test_snapshot);
    hl_host_destroy(test_host);
    (void) close(test_kvm_fd);

    return 0;
}


int
test_begin(void **state)
{
    (void) state;

    memset(&test_seen, 0, sizeof(test_seen));
    test_sb = test_thaw(test_snapshot);

    return 0;
}


int
test_end(void **state)
{
    (void) state;

    hl_sandbox_destroy(test_sb);
    test_sb = NULL;

    return 0;
}


void
test_open(const char *name, const hl_config_t *config)
{
    memset(&test_seen, 0, sizeof(test_seen));

    test_sb = test_evolved(name, config);
    test_snapshot = test_freeze(test_sb);
}


int
test_close(void **state)
{
    (void) state;

    hl_sandbox_destroy(test_sb);
    hl_snapshot_release(test_snapshot);

    test_sb = NULL;
    test_snapshot = NULL;

    return 0;
}


size_t
test_descriptors(void)
{
    DIR     *dir;
    size_t   n;

    dir = opendir("/proc/self/fd");
    assert_non_null(dir);

    for (n = 0; readdir(dir) != NULL; n++) {
        /* void */
    }

    (void) closedir(dir);

    return n;
}


size_t
test_mappings(void)
{
    int      c;
    FILE    *maps;
    size_t   n;

    if (getenv("HL_TEST_VALGRIND") != NULL) {
        return 0;                       /* it maps what it needs itself */
    }

    maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);

    for (n = 0; (c = fgetc(maps)) != EOF; n += c == '\n') {
        /* void */
    }

    (void) fclose(maps);

    return n;
}


/* ---- guests and sandboxes ---------------------------------------------- */

void
test_path(char *path, size_t size, const char *name)
{
    const char  *build;

    build = getenv("HL_TEST_BUILD");

    (void) snprintf(path, size, "%s/%s", build != NULL ? build : "build",
                    name);
}


hl_guest_t *
test_guest(const char *name)
{
    char         path[4096];
    hl_guest_t  *guest;

    test_path(path, sizeof(path), name);
    assert_ok(hl_guest_open(&guest, path, &test_err));

    return guest;
}


hl_sandbox_t *
test_evolved(const char *name, const hl_config_t *config)
{
    hl_guest_t    *guest;
    hl_config_t    usual;
    hl_sandbox_t  *sb;

    if (config == NULL) {
        hl_config_init(&usual);
        usual.sink = &test_sink;

    } else {
        usual = *config;
    }

    usual.check_restore = true;

    guest = test_guest(name);

    assert_ok(hl_sandbox_create(&sb, test_host, guest, &usual, &test_err));
    assert_ok(hl_sandbox_evolve(sb, TEST_LONG, &test_err));

    hl_guest_destroy(guest);

    return sb;
}


hl_snapshot_t *
test_freeze(hl_sandbox_t *sb)
{
    hl_snapshot_t  *snapshot;

    assert_ok(hl_snapshot_create(&snapshot, sb, &test_err));

    return snapshot;
}


hl_sandbox_t *
test_thaw(hl_snapshot_t *snapshot)
{
    hl_sandbox_t  *sb;

    assert_ok(hl_sandbox_from_snapshot(&sb, test_host, snapshot, &test_err));

    return sb;
}


const hl_function_t *
test_function(const char *name)
{
    const hl_function_t  *function;

    function = hl_sandbox_function(test_sb, name);
    assert_non_null(function);

    return function;
}


/* ---- calls ------------------------------------------------------------- */

hl_value_t
test_int(int32_t n)
{
    hl_value_t  value;

    memset(&value, 0, sizeof(value));
    value.type = HL_TYPE_INT;
    value.v.i32 = n;

    return value;
}


hl_value_t
test_uint(uint32_t n)
{
    hl_value_t  value;

    memset(&value, 0, sizeof(value));
    value.type = HL_TYPE_UINT;
    value.v.u32 = n;

    return value;
}


hl_value_t
test_ulong(uint64_t n)
{
    hl_value_t  value;

    memset(&value, 0, sizeof(value));
    value.type = HL_TYPE_ULONG;
    value.v.u64 = n;

    return value;
}


hl_value_t
test_string(const char *s)
{
    hl_value_t  value;

    value = test_bytes(s, strlen(s));
    value.type = HL_TYPE_STRING;

    return value;
}


hl_value_t
test_bytes(const void *data, size_t len)
{
    hl_value_t  value;

    memset(&value, 0, sizeof(value));
    value.type = HL_TYPE_VECBYTES;
    value.v.bytes.data = data;
    value.v.bytes.len = len;

    return value;
}


hl_status_t
test_call(hl_sandbox_t *sb, const char *name, hl_type_t result,
    const hl_value_t *args, size_t n)
{
    if (hl_call_typed(sb, hl_sandbox_function(sb, name), name, result, args,
                      n, NULL, &test_err)
        != HL_OK)
    {
        return test_err.status;
    }

    return hl_sandbox_finish(sb, TEST_LONG, &test_err);
}


void
test_start(hl_sandbox_t *sb, const char *name, hl_type_t result,
    const hl_value_t *args, size_t n)
{
    assert_ok(hl_call_typed(sb, hl_sandbox_function(sb, name), name, result,
                            args, n, NULL, &test_err));
}


int32_t
test_call_int(hl_sandbox_t *sb, const char *name)
{
    assert_ok(test_call(sb, name, HL_TYPE_INT, NULL, 0));

    return hl_call_result(sb)->v.i32;
}


int32_t
test_call_int_1(hl_sandbox_t *sb, const char *name, int32_t arg)
{
    hl_value_t  value;

    value = test_int(arg);
    assert_ok(test_call(sb, name, HL_TYPE_INT, &value, 1));

    return hl_call_result(sb)->v.i32;
}


uint32_t
test_call_uint(hl_sandbox_t *sb, const char *name)
{
    assert_ok(test_call(sb, name, HL_TYPE_UINT, NULL, 0));

    return hl_call_result(sb)->v.u32;
}


hl_status_t
test_call_string(const char *name, const char *arg, hl_type_t result)
{
    hl_value_t  value;

    value = test_string(arg);

    return test_call(test_sb, name, result, &value, 1);
}


hl_status_t
test_fault(hl_sandbox_t *sb, const char *how)
{
    hl_value_t  value;

    value = test_string(how);

    return test_call(sb, "Fault", HL_TYPE_INT, &value, 1);
}


void
test_restore(void)
{
    assert_ok(hl_sandbox_restore(test_sb, test_snapshot, &test_err));
}


/* ---- assertions -------------------------------------------------------- */

void
test_assert_status(hl_status_t status, hl_status_t expected,
    const char *what, const char *file, int line)
{
    if (status == expected) {
        return;
    }

    print_error("%s is %d and not %d: %s\n", what, (int) status,
                (int) expected, status == HL_OK ? "OK" : test_err.text);
    _fail(file, line);
}


void
test_assert_no_call(hl_status_t expected)
{
    void        *room;
    hl_value_t   value = test_int(0);

    assert_status(hl_call_http_field(test_sb, HL_HTTP_URI, "/", 1, &test_err),
                  expected);
    assert_status(hl_call_http_header(test_sb, "a", 1, "b", 1, &test_err),
                  expected);
    assert_status(hl_call_http_original(test_sb, 200, &test_err), expected);
    assert_status(hl_call_http_original_header(test_sb, "a", 1, "b", 1,
                                               &test_err), expected);
    assert_status(hl_call_http_body(test_sb, 1, &room, &test_err), expected);
    assert_status(hl_call_http_more(test_sb, &test_err), expected);
    assert_status(hl_call_answer(test_sb, HL_OK, &value, NULL, &test_err),
                  expected);
    assert_status(hl_sandbox_finish(test_sb, TEST_LONG, &test_err), expected);
}


void
test_assert_bytes(hl_type_t type, const void *data, size_t len)
{
    const hl_value_t  *r;

    r = hl_call_result(test_sb);

    assert_non_null(r);
    assert_int_equal(r->type, type);
    assert_int_equal(r->v.bytes.len, len);
    assert_memory_equal(r->v.bytes.data, data, len);
}


void
test_assert_string(const char *s)
{
    test_assert_bytes(HL_TYPE_STRING, s, strlen(s));
}


void
test_assert_begins(const char *text)
{
    if (strncmp(test_err.text, text, strlen(text)) != 0) {
        fail_msg("\"%s\" does not begin with \"%s\"", test_err.text, text);
    }
}


void
test_assert_error(hl_status_t status, uint32_t code, const char *text)
{
    assert_int_equal(test_err.status, status);
    assert_int_equal(test_err.guest_code, code);

    if (strstr(test_err.text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, test_err.text);
    }
}


void
test_assert_pristine(const hl_sandbox_t *sb, const hl_snapshot_t *snapshot,
    const char *file, int line)
{
    size_t  n, offset;

    offset = 0;
    n = hl_check_differences(sb, snapshot, &offset);

    if (n > 0) {
        print_error("%zu bytes differ from the snapshot, the first at "
                    "0x%zx of the writable slot\n", n, offset);
        _fail(file, line);
    }
}
