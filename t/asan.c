/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * asan.c: linked into the module when it is built with sanitizers.
 *
 * A worker that exits frees the pool of its cycle, but not the connections
 * and their events, which only the cycle knew: LeakSanitizer takes them for
 * leaks, and all that they point to for reachable.  Here they are freed, last
 * of all, so that what it reports is what requests have lost; not if the
 * worker was told to leave its connections as they are.  It looks in
 * workers alone, and at what they have allocated themselves: nginx frees
 * nothing when it refuses a configuration, and loses the compile context of
 * regular expressions when it takes one.
 */

#include <stdlib.h>

#include <sanitizer/lsan_interface.h>

#include <ngx_config.h>
#include <ngx_core.h>


/* weak: nginx's configure links this into its probes, too */

extern ngx_module_t  ngx_http_hyperlight_module __attribute__((weak));
extern sig_atomic_t  ngx_terminate __attribute__((weak));

static void  *left[3];

static ngx_int_t  (*init_process)(ngx_cycle_t *cycle);


static void
look_for_leaks(void)
{
    size_t  i;

    if (!ngx_terminate) {
        for (i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
            free(left[i]);
        }
    }

    __lsan_do_leak_check();
}


static ngx_int_t
begin_process(ngx_cycle_t *cycle)
{
    __lsan_enable();

    return init_process(cycle);
}


static void
exit_process(ngx_cycle_t *cycle)
{
    left[0] = cycle->connections;
    left[1] = cycle->read_events;
    left[2] = cycle->write_events;

    (void) atexit(look_for_leaks);
}


__attribute__((constructor))
static void
hook(void)
{
    if (&ngx_http_hyperlight_module) {
        init_process = ngx_http_hyperlight_module.init_process;

        ngx_http_hyperlight_module.init_process = begin_process;
        ngx_http_hyperlight_module.exit_process = exit_process;

        __lsan_disable();
    }
}
