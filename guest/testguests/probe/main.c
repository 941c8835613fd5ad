/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * main.c: start of the test guest.
 */

#include "probe.h"


void
hyperlight_main(void)
{
    probe_echo_register();
    probe_host_register();
    probe_state_register();
    probe_secret_register();
    probe_fault_register();
    probe_exit_register();
    probe_output_register();
    probe_http_register();
}
