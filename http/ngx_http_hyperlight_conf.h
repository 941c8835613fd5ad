/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_conf.h: what is configured: guests, and where they are
 * called.  Part of ngx_http_hyperlight.h.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_CONF_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_CONF_H_INCLUDED_


/* The longest that any time limit may be, in milliseconds: a day. */
#define NGX_HTTP_HYPERLIGHT_TIME_MAX      86400000

#define NGX_HTTP_HYPERLIGHT_SANDBOXES_MAX  4096
#define NGX_HTTP_HYPERLIGHT_QUEUE_MAX      65536

/* Of the file that a guest gets as its init_data. */
#define NGX_HTTP_HYPERLIGHT_INIT_DATA_MAX  (1024 * 1024 * 1024)


/* A "hyperlight_guest" block, or a name that waits for its block. */
typedef struct {
    ngx_str_t                         name;
    ngx_uint_t                        index;      /* of its pool in a worker */

    hl_guest_t                       *binary;
    hl_config_t                       config;     /* sizes: whole pages */
    ngx_uint_t                        sandboxes_min;
    ngx_uint_t                        sandboxes_max;
    ngx_uint_t                        queue;      /* calls that may wait */
    ngx_msec_t                        queue_timeout;
    ngx_msec_t                        slice;
    ngx_msec_t                        cpu_limit;
    ngx_msec_t                        timeout;
    ngx_msec_t                        init_timeout;
    ngx_uint_t                        log_level;  /* hl_log_level_t */
    ngx_flag_t                        clock;
    ngx_uint_t                        grants;     /* bits */
    ngx_array_t                      *hidden;     /* request headers, or
                                                     NULL */
    ngx_array_t                      *variables;  /* that it may read, or
                                                     NULL */
    ngx_http_hyperlight_limits_t      limits;
    ngx_uint_t                        fail_limit; /* 0: there is no brake */
    ngx_msec_t                        fail_time;

    size_t                            memory;     /* of a sandbox */
    size_t                            shared;     /* of all in a worker */

    u_char                           *file_name;  /* where it is used, then */
    ngx_uint_t                        line;       /* where the block starts */
    unsigned                          defined:1;

    ngx_http_hyperlight_metrics_t    *metrics;
} ngx_http_hyperlight_guest_t;


typedef struct {
    ngx_array_t                       guests;
                                     /* of ngx_http_hyperlight_guest_t * */
    ngx_http_hyperlight_guest_t      *first;      /* block in the file */
    ngx_flag_t                        required;
    ngx_flag_t                        check_restore;
    ngx_uint_t                        filters;    /* there are directives */
    size_t                            memory;     /* 0: no limit */
    u_char                           *memory_file;
    ngx_uint_t                        memory_line;
    ngx_fd_t                          kvm_fd;
    ngx_http_hyperlight_worker_t     *unstarted;  /* the same, made in the
                                                     master; NULL: no KVM */
    ngx_http_hyperlight_worker_t     *worker;     /* NULL in the master */
} ngx_http_hyperlight_main_conf_t;


/* Whom a directive calls. */
typedef struct {
    ngx_http_hyperlight_guest_t      *guest;      /* NULL: by its name */
    ngx_http_complex_value_t          name;
    ngx_http_complex_value_t          function;
} ngx_http_hyperlight_target_t;


typedef struct {
    ngx_http_hyperlight_target_t     *pass;
    ngx_http_hyperlight_target_t     *header_filter;
    ngx_http_hyperlight_target_t     *body_filter;
    ngx_http_hyperlight_target_t     *access;
    ngx_array_t                      *sets;       /* variables */
    ngx_msec_t                        cpu_limit;
    ngx_msec_t                        timeout;
    ngx_http_hyperlight_limits_t      limits;
    ngx_flag_t                        request_buffering;
} ngx_http_hyperlight_loc_conf_t;


/* configuration: the block of a guest */

/* NULL: nobody has that name. */
ngx_http_hyperlight_guest_t *ngx_http_hyperlight_guest_find(
    ngx_http_hyperlight_main_conf_t *hmcf, ngx_str_t *name);

/* One that has no block yet, if need be; NULL: no memory. */
ngx_http_hyperlight_guest_t *ngx_http_hyperlight_guest_get(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf, ngx_str_t *name);
char *ngx_http_hyperlight_guest_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The arguments GUEST and FUNCTION of a directive, from "value" on. */
char *ngx_http_hyperlight_target(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_hyperlight_target_t *target);

/* A directive "GUEST FUNCTION | off": NULL is "off". */
char *ngx_http_hyperlight_target_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* One argument, which may have variables. */
char *ngx_http_hyperlight_target_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv);

extern ngx_command_t  ngx_http_hyperlight_guest_commands[];

/* For ngx_conf_set_msec_slot(): a limit, of at least one millisecond. */
extern ngx_conf_post_t  ngx_http_hyperlight_time_post;

#define ngx_http_hyperlight_body_room(guest)                                  \
    ((guest)->config.input - (guest)->config.headers)


/* Whether the request header is kept from the guest. */
ngx_uint_t ngx_http_hyperlight_hidden(ngx_http_hyperlight_guest_t *guest,
    ngx_str_t *header);


/* what the guests need of the system: ngx_http_hyperlight_resources.c */

char *ngx_http_hyperlight_memory(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The sandboxes that there have to be fit into the memory, or [emerg]. */
char *ngx_http_hyperlight_check_memory(ngx_conf_t *cf,
    ngx_http_hyperlight_main_conf_t *hmcf);

/* Warns of what the administrator should know of the system. */
void ngx_http_hyperlight_check_system(ngx_http_hyperlight_main_conf_t *hmcf,
    ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_HYPERLIGHT_CONF_H_INCLUDED_ */
