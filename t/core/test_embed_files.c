/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_embed_files.c: files of the host that are mapped into a guest.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl_memory.h"
#include "test.h"


#define MAP_AT     0x700000000000ull
#define MAP_TEXT   "a file of the host"

/* mov $42, %eax; ret */
#define MAP_CODE   "\xb8\x2a\x00\x00\x00\xc3"


static void
write_file(char *path, const void *data, size_t len)
{
    int  fd;

    (void) strcpy(path, "/tmp/hl-test-XXXXXX");
    fd = mkstemp(path);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, data, len), len);
    (void) close(fd);
}


/* A sandbox, or the status why there is none. */
static hl_status_t
create_with_file(hl_sandbox_t **sb, const hl_file_map_t *file)
{
    hl_guest_t   *guest;
    hl_config_t   config;
    hl_status_t   status;

    hl_config_init(&config);
    config.check_restore = true;
    config.files = file;
    config.file_count = 1;

    guest = test_guest(TEST_PEEK);
    status = hl_sandbox_create(sb, test_host, guest, &config, &test_err);
    hl_guest_destroy(guest);

    return status;
}


static void
file_is_readable_and_stays_what_it_was(void **state)
{
    char            path[32];
    hl_value_t      args[2];
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, MAP_AT, false };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    assert_ok(create_with_file(&sb, &file));
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(unlink(path), 0);
    assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));

    args[0] = test_ulong(MAP_AT);
    args[1] = test_int(sizeof(MAP_TEXT));
    assert_ok(test_call(sb, "Peek", HL_TYPE_VECBYTES, args, 2));
    assert_memory_equal(hl_call_result(sb)->v.bytes.data, MAP_TEXT,
                        sizeof(MAP_TEXT));

    hl_sandbox_destroy(sb);
}


static void
file_can_be_run_only_if_it_may(void **state)
{
    char            path[32];
    hl_value_t      at = test_ulong(MAP_AT);
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, MAP_AT, true };

    (void) state;

    write_file(path, MAP_CODE, sizeof(MAP_CODE) - 1);

    assert_ok(create_with_file(&sb, &file));
    assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));
    assert_ok(test_call(sb, "Run", HL_TYPE_INT, &at, 1));
    assert_int_equal(hl_call_result(sb)->v.i32, 42);
    assert_status(test_call(sb, "Poke", HL_TYPE_INT, &at, 1), HL_ERR_FAULT);
    hl_sandbox_destroy(sb);

    file.executable = false;

    assert_ok(create_with_file(&sb, &file));
    assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));
    assert_status(test_call(sb, "Run", HL_TYPE_INT, &at, 1), HL_ERR_FAULT);
    hl_sandbox_destroy(sb);

    assert_int_equal(unlink(path), 0);
}


static void
file_has_to_fit(void **state)
{
    size_t          i;
    char            path[32];
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, 0, false };

    static const uint64_t  taken[] = {
        0, 0x1000, 0x400000, 0x401000, HL_GVA_SYSTEM, HL_GVA_PARAMS,
        HL_GVA_DYNAMIC - 0x1000, HL_GVA_DYNAMIC, HL_GVA_END,
        HL_GVA_END - 0x1000, UINT64_MAX - 0xfff
    };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    assert_int_equal(truncate(path, HL_PAGE_SIZE + 1), 0);

    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        file.address = taken[i];
        assert_status(create_with_file(&sb, &file), HL_ERR_ARGUMENT);
        assert_non_null(strstr(test_err.text, "is taken or out of range"));
    }

    file.address = MAP_AT + 8;
    assert_status(create_with_file(&sb, &file), HL_ERR_ARGUMENT);
    assert_non_null(strstr(test_err.text, "is no multiple of 4096"));

    file.address = MAP_AT;
    assert_int_equal(truncate(path, 0), 0);
    assert_status(create_with_file(&sb, &file), HL_ERR_GUEST_FILE);
    assert_non_null(strstr(test_err.text, "is empty"));

    assert_int_equal(unlink(path), 0);
    assert_status(create_with_file(&sb, &file), HL_ERR_GUEST_FILE);
    assert_non_null(strstr(test_err.text, "File not found: '/tmp/hl-test-"));
}


static size_t
count_mappings(void)
{
    int      c;
    FILE    *maps;
    size_t   n;

    maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);

    for (n = 0; (c = fgetc(maps)) != EOF; n += c == '\n') {
        /* void */
    }

    (void) fclose(maps);

    return n;
}


static void
file_goes_with_its_sandbox(void **state)
{
    int             i;
    char            path[32];
    size_t          mappings;
    hl_sandbox_t   *sb;
    hl_file_map_t   file = { path, MAP_AT, false };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    mappings = 0;

    for (i = 0; i < 10; i++) {
        assert_ok(create_with_file(&sb, &file));
        assert_ok(hl_sandbox_evolve(sb, TEST_SECOND, &test_err));
        hl_sandbox_destroy(sb);

        /* the first time, libc may take what it keeps */

        mappings = i == 0 ? count_mappings() : mappings;
    }

    assert_int_equal(count_mappings(), mappings);
    assert_int_equal(unlink(path), 0);
}


static void
files_must_not_overlap(void **state)
{
    char            path[32];
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_file_map_t   files[2] = {
        { path, MAP_AT, false }, { path, MAP_AT + HL_PAGE_SIZE, false }
    };

    (void) state;

    write_file(path, MAP_TEXT, sizeof(MAP_TEXT));
    assert_int_equal(truncate(path, HL_PAGE_SIZE + 1), 0);

    hl_config_init(&config);
    config.check_restore = true;
    config.files = files;
    config.file_count = 2;

    guest = test_guest(TEST_PEEK);
    assert_status(hl_sandbox_create(&sb, test_host, guest, &config,
                                    &test_err), HL_ERR_ARGUMENT);
    assert_non_null(strstr(test_err.text, " is mapped at 0x700000001000, "
                                          "which is taken or out of range"));

    hl_guest_destroy(guest);
    assert_int_equal(unlink(path), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(file_is_readable_and_stays_what_it_was),
        test_plain(file_can_be_run_only_if_it_may),
        test_plain(file_has_to_fit),
        test_plain(file_goes_with_its_sandbox),
        test_plain(files_must_not_overlap)
    };

    return cmocka_run_group_tests_name("embed_files", tests, test_group_host,
                                       test_group_end);
}
