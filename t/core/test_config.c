/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_config.c: the host and the configuration: signals, the device, and the
 * bounds of sizes.
 */

#include <signal.h>
#include <string.h>

#include "test.h"


/* ---- host and configuration -------------------------------------------- */

static void
signal_that_is_handled_already_is_refused(void **state)
{
    hl_host_t  *host;

    (void) state;

    /* by the group's own host */

    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGRTMIN,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    assert_non_null(strstr(test_err.text, "is handled already"));
}


static void
signal_that_is_ignored_is_refused(void **state)
{
    hl_host_t  *host;

    (void) state;

    (void) signal(SIGRTMIN + 1, SIG_IGN);
    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGRTMIN + 1,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    (void) signal(SIGRTMIN + 1, SIG_DFL);
}


static void
signal_that_is_not_real_time_is_refused(void **state)
{
    hl_host_t  *host;

    (void) state;

    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGUSR1,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    assert_status(hl_host_create(&host, test_host->kvm.fd, SIGRTMAX + 1,
                                 &test_err),
                  HL_ERR_ARGUMENT);
    assert_status(hl_host_create(&host, test_host->kvm.fd, 0, &test_err),
                  HL_ERR_ARGUMENT);
}


static void
signal_is_free_again_after_the_host(void **state)
{
    int         i;
    hl_host_t  *host;

    (void) state;

    for (i = 0; i < 3; i++) {
        assert_ok(hl_host_create(&host, test_host->kvm.fd, SIGRTMIN + 1,
                                 &test_err));
        hl_host_destroy(host);
    }
}


static void
missing_device_is_told_what_to_do(void **state)
{
    int  fd;

    (void) state;

    assert_status(hl_kvm_open(&fd, "/dev/no-kvm", &test_err), HL_ERR_NO_KVM);
    assert_string_equal(test_err.text, "\"/dev/no-kvm\" is missing (No such "
                        "file or directory): load the module kvm_intel or "
                        "kvm_amd, or let the container or virtual machine "
                        "have the device");
}


static void
other_device_is_not_kvm(void **state)
{
    int  fd;

    (void) state;

    assert_status(hl_kvm_open(&fd, "/dev/null", &test_err), HL_ERR_NO_KVM);
    assert_string_equal(test_err.text, "\"/dev/null\" is not KVM: "
                        "ioctl(KVM_GET_API_VERSION): Inappropriate ioctl for "
                        "device");
}


static void
sizes_have_bounds(void **state)
{
    size_t       i;
    hl_config_t  config;

    static const struct {
        const char  *name;
        size_t       offset;
        size_t       min;
        size_t       max;
    } sizes[] = {
        { "\"heap\"", offsetof(hl_config_t, heap), 4096, 16ul << 30 },
        { "\"stack\"", offsetof(hl_config_t, stack), 8192, 64 << 20 },
        { "\"output\"", offsetof(hl_config_t, output), 8192, 1 << 30 },
        { "\"headers\"", offsetof(hl_config_t, headers), 4096, 16 << 20 },
        { "\"input\"", offsetof(hl_config_t, input), 8192, 1 << 30 }
    };

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t  *size;

        hl_config_init(&config);
        config.input = 32 << 20;
        config.headers = 4096;
        size = (size_t *) (void *) ((char *) &config + sizes[i].offset);

        *size = sizes[i].min;
        assert_ok(hl_config_check(&config, &test_err));
        *size = sizes[i].max;
        assert_ok(hl_config_check(&config, &test_err));

        *size = sizes[i].min - 1;
        assert_status(hl_config_check(&config, &test_err),
                      HL_ERR_MEMORY_TOO_SMALL);
        assert_ptr_equal(strstr(test_err.text, sizes[i].name),
                         test_err.text);
        *size = sizes[i].max + 1;
        assert_status(hl_config_check(&config, &test_err),
                      HL_ERR_MEMORY_TOO_BIG);
        *size = SIZE_MAX;
        assert_status(hl_config_check(&config, &test_err),
                      HL_ERR_MEMORY_TOO_BIG);
    }
}


static void
headers_are_a_part_of_input(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.headers = config.input;
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
    assert_string_equal(test_err.text, "\"headers\" is a part of \"input\" "
                                       "and must be smaller");
}


/* Sizes are rounded up to pages: there must be room for a body then. */
static void
headers_that_round_up_to_input_are_refused(void **state)
{
    hl_config_t  config;

    (void) state;

    hl_config_init(&config);
    config.input = 8192;
    config.headers = 4097;
    assert_status(hl_config_check(&config, &test_err), HL_ERR_ARGUMENT);
}


static void
smallest_sandbox_works(void **state)
{
    hl_config_t     config;
    hl_sandbox_t   *sb;
    hl_snapshot_t  *snapshot;

    (void) state;

    hl_config_init(&config);
    config.heap = 32768;                /* what the probe's table needs */
    config.stack = 8192;
    config.input = 8192;
    config.headers = 4096;
    config.output = 8192;

    sb = test_evolved(TEST_PROBE, &config);
    snapshot = test_freeze(sb);
    assert_int_equal(test_call_int(sb, "Count"), 1);
    assert_ok(hl_sandbox_restore(sb, snapshot, &test_err));
    assert_pristine(sb, snapshot);

    hl_snapshot_release(snapshot);
    hl_sandbox_destroy(sb);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_plain(signal_that_is_handled_already_is_refused),
        test_plain(signal_that_is_ignored_is_refused),
        test_plain(signal_that_is_not_real_time_is_refused),
        test_plain(signal_is_free_again_after_the_host),
        test_plain(missing_device_is_told_what_to_do),
        test_plain(other_device_is_not_kvm),
        test_plain(sizes_have_bounds),
        test_plain(headers_are_a_part_of_input),
        test_plain(headers_that_round_up_to_input_are_refused),
        test_plain(smallest_sandbox_works)
    };

    return cmocka_run_group_tests_name("config", tests, test_group_probe,
                                       test_group_end);
}
