/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_elf_open.c: the file itself, before anything in it is read: what can
 * be opened as a guest.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_file.h"


static char  folder[64];
static char  path[128];


/* "path" is a name in a folder of the test's own; nothing is there yet. */
static int
files_begin(void **state)
{
    (void) strcpy(folder, "/tmp/hl-test-XXXXXX");
    assert_non_null(mkdtemp(folder));

    (void) snprintf(path, sizeof(path), "%s/g.elf", folder);

    return elf_file_begin(state);
}


static int
files_end(void **state)
{
    (void) unlink(path);
    (void) rmdir(folder);

    return elf_file_end(state);
}


static void
files_write(size_t size)
{
    int  fd;

    fd = open(path, O_WRONLY|O_CREAT|O_TRUNC, 0600);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, file.bytes, size), size);
    (void) close(fd);
}


static void
files_refused(const char *why)
{
    char         sentence[256];
    hl_guest_t  *guest;

    (void) snprintf(sentence, sizeof(sentence), "\"%s\" %s", path, why);

    assert_status(hl_guest_open(&guest, path, &test_err), HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, sentence);
}


static void
missing_file_is_named(void **state)
{
    char         sentence[256];
    hl_guest_t  *guest;

    (void) state;

    (void) snprintf(sentence, sizeof(sentence), "GuestBinary not found: "
                    "'%s': No such file or directory", path);

    assert_status(hl_guest_open(&guest, path, &test_err), HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, sentence);
}


static void
folder_is_refused(void **state)
{
    (void) state;

    assert_int_equal(mkdir(path, 0700), 0);
    files_refused("is not a regular file");
    assert_int_equal(rmdir(path), 0);
}


static void
fifo_is_refused_without_waiting(void **state)
{
    (void) state;

    assert_int_equal(mkfifo(path, 0600), 0);
    files_refused("is not a regular file");
}


static void
empty_file_is_refused(void **state)
{
    (void) state;

    files_write(0);
    files_refused("is empty");
}


static void
oversized_file_is_refused(void **state)
{
    (void) state;

    files_write(16);
    assert_int_equal(truncate(path, (256L << 20) + 1), 0);
    files_refused("is over 256 MiB");
}


static void
empty_buffer_is_refused(void **state)
{
    hl_guest_t  *guest;

    (void) state;

    assert_status(hl_guest_from_buffer(&guest, "", 0, "none", &test_err),
                  HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, "\"none\" is empty");
}


/* What was validated is what runs. */
static void
file_may_change_after_it_was_opened(void **state)
{
    hl_guest_t     *guest;
    hl_config_t     config;
    hl_sandbox_t   *sb;
    const uint8_t  *code;

    (void) state;

    memset(file.bytes + ELF_CODE, 0x90, 16);
    files_write(file.size);
    assert_ok(hl_guest_open(&guest, path, &test_err));

    memset(file.bytes + ELF_CODE, 0xcc, 16);
    files_write(file.size);
    assert_int_equal(truncate(path, 1), 0);

    hl_config_init(&config);
    assert_ok(hl_sandbox_create(&sb, test_host, guest, &config, &test_err));

    code = sb->image->ro
           + sb->image->layout.regions[HL_REGION_SEGMENT].offset;
    assert_int_equal(code[0], 0x90);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


#define test_file(f)                                                          \
    cmocka_unit_test_setup_teardown(f, files_begin, files_end)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_file(missing_file_is_named),
        test_file(folder_is_refused),
        test_file(fifo_is_refused_without_waiting),
        test_file(empty_file_is_refused),
        test_file(oversized_file_is_refused),
        test_plain(empty_buffer_is_refused),
        test_file(file_may_change_after_it_was_opened)
    };

    return cmocka_run_group_tests_name("elf_open", tests, test_group_host,
                                       test_group_end);
}
