/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_resources.c: what the guests need of the system:
 * memory, which "hyperlight_memory" caps for a worker, and descriptors; and
 * what the system says of the CPU.
 *
 * The memory that counts is what sandboxes are configured to have, not what
 * they have touched: so the cap holds whatever guests do.
 */

#include "ngx_http_hyperlight.h"

#include <sys/resource.h>


/*
 * Of a sandbox: VM and vCPU.  Of a guest: its snapshot.  Of a worker: logs,
 * listening sockets, epoll, channels, KVM's device; a few are no matter.
 */
#define NGX_HTTP_HYPERLIGHT_SANDBOX_FILES  2
#define NGX_HTTP_HYPERLIGHT_GUEST_FILES    2
#define NGX_HTTP_HYPERLIGHT_WORKER_FILES   32


static void ngx_http_hyperlight_check_files(
    ngx_http_hyperlight_main_conf_t *hmcf, ngx_cycle_t *cycle);


/* hyperlight_memory SIZE */

char *
ngx_http_hyperlight_memory(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_hyperlight_main_conf_t *hmcf = conf;

    off_t       size;
    ngx_str_t  *value;

    if (hmcf->memory) {
        return "is duplicate";
    }

    value = cf->args->elts;

    size = ngx_parse_offset(&value[1]);

    if (size == NGX_ERROR || size == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    hmcf->memory = (size_t) size;
    hmcf->memory_file = cf->conf_file->file.name.data;
    hmcf->memory_line = cf->conf_file->line;

    return NGX_CONF_OK;
}


char *
ngx_http_hyperlight_check_memory(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf)
{
    size_t                         need;
    ngx_uint_t                     i;
    ngx_http_hyperlight_guest_t  **guest;

    if (hmcf->memory == 0) {
        return NGX_CONF_OK;
    }

    guest = hmcf->guests.elts;
    need = 0;

    for (i = 0; i < hmcf->guests.nelts; i++) {
        need += guest[i]->shared + guest[i]->sandboxes_min * guest[i]->memory;
    }

    if (need <= hmcf->memory) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"hyperlight_memory\" is %uz bytes, and the least number "
                  "of sandboxes of each guest takes %uz in %s:%ui",
                  hmcf->memory, need, hmcf->memory_file, hmcf->memory_line);

    return NGX_CONF_ERROR;
}


ngx_uint_t
ngx_http_hyperlight_has_memory(ngx_http_hyperlight_pool_t *pool)
{
    size_t                            need;
    ngx_uint_t                        i;
    ngx_http_hyperlight_pool_t       *p;
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = pool->worker->conf;

    if (hmcf->memory == 0) {
        return 1;
    }

    need = pool->guest->memory;

    for (i = 0; i < hmcf->guests.nelts; i++) {
        p = &pool->worker->pools[i];

        need += p->guest->shared
                + ngx_max(p->count, p->guest->sandboxes_min)
                  * p->guest->memory;
    }

    if (need <= hmcf->memory) {
        return 1;
    }

    if (!pool->capped) {
        pool->capped = 1;

        ngx_log_error(NGX_LOG_WARN, pool->worker->log, 0,
                      "hyperlight: guest \"%V\" has %ui sandboxes and gets "
                      "no more: with another, \"hyperlight_memory\" of %uz "
                      "bytes would be exceeded",
                      &pool->guest->name, pool->count, hmcf->memory);
    }

    return 0;
}


/*
 * Told where nginx tells of its configuration, which is not the log that this
 * configures: that has no warnings, unless they are asked for.
 */

void
ngx_http_hyperlight_check_system(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_cycle_t *cycle)
{
    char  text[128];

    ngx_http_hyperlight_check_files(hmcf, cycle);

    if (hmcf->kvm_fd != NGX_INVALID_FILE
        && hl_kvm_vmscape(HL_VMSCAPE_FILE, text, sizeof(text)))
    {
        ngx_log_error(NGX_LOG_WARN, cycle->old_cycle->log, 0,
                      "hyperlight: this system says \"%s\" of VMSCAPE "
                      "(CVE-2025-40300): guests may read memory of nginx "
                      "until the kernel mitigates it in %s:%ui",
                      text, hmcf->first->file_name, hmcf->first->line);
    }
}


static void
ngx_http_hyperlight_check_files(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_cycle_t *cycle)
{
    ngx_int_t                      limit;
    ngx_uint_t                     i, need;
    struct rlimit                  rlmt;
    ngx_core_conf_t               *ccf;
    ngx_http_hyperlight_guest_t  **guest;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    limit = ccf->rlimit_nofile;

    if (limit == NGX_CONF_UNSET) {
        if (getrlimit(RLIMIT_NOFILE, &rlmt) == -1) {
            return;
        }

        limit = (ngx_int_t) ngx_min(rlmt.rlim_cur, NGX_MAX_INT32_VALUE);
    }

    guest = hmcf->guests.elts;
    need = cycle->connection_n + NGX_HTTP_HYPERLIGHT_WORKER_FILES;

    for (i = 0; i < hmcf->guests.nelts; i++) {
        need += NGX_HTTP_HYPERLIGHT_GUEST_FILES
                + guest[i]->sandboxes_max * NGX_HTTP_HYPERLIGHT_SANDBOX_FILES;
    }

    if (need <= (ngx_uint_t) limit) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cycle->old_cycle->log, 0,
                  "hyperlight: a worker with all sandboxes and connections "
                  "has %ui open files, it may have %i: raise "
                  "\"worker_rlimit_nofile\" in %s:%ui",
                  need, limit, hmcf->first->file_name, hmcf->first->line);
}
