/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_module.c: directives, configuration and its merging,
 * process life cycle.
 *
 * The configuration is read in the master, on "nginx -t" and by the client
 * of "nginx -s" as well: nothing here runs a guest or has a lasting effect,
 * and all that it opens is closed with the cycle's pool.  What can be wrong
 * in it is found here, with file and line, and never in a worker.
 */

#include "ngx_http_hyperlight.h"


static ngx_int_t ngx_http_hyperlight_init(ngx_conf_t *cf);
static void *ngx_http_hyperlight_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_hyperlight_init_main_conf(ngx_conf_t *cf, void *conf);
static char *ngx_http_hyperlight_open_kvm(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf);
static void *ngx_http_hyperlight_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_hyperlight_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_hyperlight_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_hyperlight_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_hyperlight_init_process(ngx_cycle_t *cycle);
static void ngx_http_hyperlight_own_metrics(
    ngx_http_hyperlight_main_conf_t *hmcf, ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_hyperlight_commands[] = {

    { ngx_string("hyperlight_guest"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_hyperlight_guest_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("hyperlight_required"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_main_conf_t, required),
      NULL },

    { ngx_string("hyperlight_check_restore"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_main_conf_t, check_restore),
      NULL },

    { ngx_string("hyperlight_pass"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_TAKE2,
      ngx_http_hyperlight_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("hyperlight_access"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_TAKE12,
      ngx_http_hyperlight_target_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, access),
      NULL },

    { ngx_string("hyperlight_set"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_hyperlight_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("hyperlight_cpu_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, cpu_limit),
      &ngx_http_hyperlight_time_post },

    { ngx_string("hyperlight_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, timeout),
      &ngx_http_hyperlight_time_post },

    { ngx_string("hyperlight_header_filter"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE12,
      ngx_http_hyperlight_filter_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, header_filter),
      NULL },

    { ngx_string("hyperlight_body_filter"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE12,
      ngx_http_hyperlight_filter_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, body_filter),
      NULL },

    { ngx_string("hyperlight_header_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, limits.headers),
      &ngx_http_hyperlight_headers_bounds },

    { ngx_string("hyperlight_header_size_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, limits.header_size),
      &ngx_http_hyperlight_header_size_post },

    { ngx_string("hyperlight_log_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, limits.log_lines),
      &ngx_http_hyperlight_log_bounds },

    { ngx_string("hyperlight_host_call_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, limits.host_calls),
      &ngx_http_hyperlight_host_call_bounds },

    { ngx_string("hyperlight_subrequest_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, limits.subrequests),
      &ngx_http_hyperlight_subrequest_bounds },

    { ngx_string("hyperlight_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_hyperlight_memory,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("hyperlight_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_hyperlight_status,
      0,
      0,
      NULL },

    { ngx_string("hyperlight_request_buffering"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_hyperlight_loc_conf_t, request_buffering),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_hyperlight_module_ctx = {
    ngx_http_hyperlight_add_variables,     /* preconfiguration */
    ngx_http_hyperlight_init,              /* postconfiguration */

    ngx_http_hyperlight_create_main_conf,  /* create main configuration */
    ngx_http_hyperlight_init_main_conf,    /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_hyperlight_create_loc_conf,   /* create location configuration */
    ngx_http_hyperlight_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_http_hyperlight_module = {
    NGX_MODULE_V1,
    &ngx_http_hyperlight_module_ctx,       /* module context */
    ngx_http_hyperlight_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_hyperlight_init_module,       /* init module */
    ngx_http_hyperlight_init_process,      /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_hyperlight_init(ngx_conf_t *cf)
{
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_hyperlight_module);

    if (ngx_http_hyperlight_access_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (hmcf->filters && ngx_http_hyperlight_filter_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    /* after the others: what is a guest's alone comes by here first */

    return ngx_http_hyperlight_sub_filter_init(cf);
}


static void *
ngx_http_hyperlight_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_hyperlight_main_conf_t));
    if (hmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     hmcf->first = NULL;
     *     hmcf->filters = 0;
     *     hmcf->unstarted = NULL;
     *     hmcf->worker = NULL;
     */

    if (ngx_array_init(&hmcf->guests, cf->pool, 4,
                       sizeof(ngx_http_hyperlight_guest_t *))
        != NGX_OK)
    {
        return NULL;
    }

    hmcf->required = NGX_CONF_UNSET;
    hmcf->check_restore = NGX_CONF_UNSET;
    hmcf->kvm_fd = NGX_INVALID_FILE;

    return hmcf;
}


static char *
ngx_http_hyperlight_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_hyperlight_main_conf_t *hmcf = conf;

    ngx_uint_t                     i;
    ngx_http_hyperlight_guest_t  **guest;

    ngx_conf_init_value(hmcf->required, 0);
    ngx_conf_init_value(hmcf->check_restore, 0);

    guest = hmcf->guests.elts;

    for (i = 0; i < hmcf->guests.nelts; i++) {

        if (!guest[i]->defined) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown hyperlight_guest \"%V\" in %s:%ui",
                          &guest[i]->name, guest[i]->file_name,
                          guest[i]->line);
            return NGX_CONF_ERROR;
        }

        guest[i]->config.check_restore = hmcf->check_restore;
    }

    if (hmcf->guests.nelts == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_http_hyperlight_check_memory(cf, hmcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_hyperlight_open_kvm(cf, hmcf);
}


/*
 * Here, because the workers may have no permission to; they inherit it.  KVM
 * that is not there is no reason to refuse what else is configured, nor to
 * leave a machine without nginx after a reboot, unless the user says so.
 */

static char *
ngx_http_hyperlight_open_kvm(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf)
{
    int                       fd;
    hl_error_t                err;
    ngx_pool_cleanup_t       *cln;
    ngx_pool_cleanup_file_t  *clnf;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_pool_cleanup_file_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    if (hl_kvm_open(&fd, HL_KVM_DEVICE, &err) != HL_OK) {

        if (hmcf->required) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "hyperlight: %s in %s:%ui",
                          err.text, hmcf->first->file_name, hmcf->first->line);
            return NGX_CONF_ERROR;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "hyperlight: %s, its locations will answer 503 "
                      "in %s:%ui",
                      err.text, hmcf->first->file_name, hmcf->first->line);
        return NGX_CONF_OK;
    }

    cln->handler = ngx_pool_cleanup_file;

    /* cf->log is the old cycle's, and gone by then */

    clnf = cln->data;
    clnf->fd = fd;
    clnf->name = (u_char *) HL_KVM_DEVICE;
    clnf->log = &cf->cycle->new_log;

    hmcf->kvm_fd = fd;

    return ngx_http_hyperlight_worker_create(cf, hmcf);
}


static void *
ngx_http_hyperlight_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_hyperlight_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_hyperlight_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->pass = NULL;
     *     conf->sets = NULL;
     */

    conf->header_filter = NGX_CONF_UNSET_PTR;
    conf->body_filter = NGX_CONF_UNSET_PTR;
    conf->access = NGX_CONF_UNSET_PTR;
    conf->cpu_limit = NGX_CONF_UNSET_MSEC;
    conf->timeout = NGX_CONF_UNSET_MSEC;
    conf->request_buffering = NGX_CONF_UNSET;
    ngx_http_hyperlight_limits_unset(&conf->limits);

    return conf;
}


static char *
ngx_http_hyperlight_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_hyperlight_loc_conf_t *prev = parent;
    ngx_http_hyperlight_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_ptr_value(conf->header_filter, prev->header_filter, NULL);
    ngx_conf_merge_ptr_value(conf->body_filter, prev->body_filter, NULL);
    ngx_conf_merge_ptr_value(conf->access, prev->access, NULL);

    if (ngx_http_hyperlight_set_merge(conf, prev) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    /* a location only lowers the limits of its guest: these lower nothing */

    ngx_conf_merge_msec_value(conf->cpu_limit, prev->cpu_limit,
                              NGX_HTTP_HYPERLIGHT_TIME_MAX);

    ngx_conf_merge_msec_value(conf->timeout, prev->timeout,
                              NGX_HTTP_HYPERLIGHT_TIME_MAX);

    ngx_http_hyperlight_limits_merge(&conf->limits, &prev->limits);

    ngx_conf_merge_value(conf->request_buffering, prev->request_buffering, 1);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" blocks, as in proxy_pass */

    if (clcf->noname && conf->pass == NULL) {
        conf->pass = prev->pass;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL && conf->pass) {
        clcf->handler = ngx_http_hyperlight_handler;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_hyperlight_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_hyperlight_loc_conf_t *hlcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (hlcf->pass) {
        return "is duplicate";
    }

    value = cf->args->elts;

    hlcf->pass = ngx_pcalloc(cf->pool, sizeof(ngx_http_hyperlight_target_t));
    if (hlcf->pass == NULL
        || ngx_http_hyperlight_target(cf, &value[1], hlcf->pass)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = ngx_http_hyperlight_handler;

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    return NGX_CONF_OK;
}


/* What it warns of is known when all of the configuration has been read. */

static ngx_int_t
ngx_http_hyperlight_init_module(ngx_cycle_t *cycle)
{
    ngx_http_hyperlight_main_conf_t  *hmcf;

    hmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_hyperlight_module);

    if (hmcf && hmcf->guests.nelts) {
        ngx_http_hyperlight_check_system(hmcf, cycle);
    }

    return NGX_OK;
}


/*
 * Sandboxes are made where requests are served, before the first of them is
 * accepted.  A worker that fails here is not started again by the master, so
 * this does not fail: the worker tries again later.
 */

static ngx_int_t
ngx_http_hyperlight_init_process(ngx_cycle_t *cycle)
{
    ngx_http_hyperlight_main_conf_t  *hmcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    hmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_hyperlight_module);

    if (hmcf == NULL || hmcf->guests.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_process == NGX_PROCESS_SINGLE) {
        ngx_http_hyperlight_own_metrics(hmcf, cycle);
    }

    ngx_http_hyperlight_worker_start(hmcf, cycle);

    return NGX_OK;
}


/*
 * A process that is its own master unmaps the zones that a new configuration
 * lacks, while calls of the old one go on.
 */

static void
ngx_http_hyperlight_own_metrics(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_http_hyperlight_guest_t  **guest;

    guest = hmcf->guests.elts;

    for (i = 0; i < hmcf->guests.nelts; i++) {
        (void) ngx_http_hyperlight_metrics_own(cycle, &guest[i]->metrics);
    }
}
