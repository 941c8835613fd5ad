/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_limits.h: what a guest may do, and how much of it.
 *
 * Grants are of a guest; a call that is not granted is refused, and the call
 * of the guest goes on.  Limits are of a guest, and each location can lower
 * them.  Part of ngx_http_hyperlight.h.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_LIMITS_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_LIMITS_H_INCLUDED_


/* The words of "allow", in the order of their names. */
typedef enum {
    NGX_HTTP_HYPERLIGHT_MAY_HEADERS = 0,
    NGX_HTTP_HYPERLIGHT_MAY_LOG,
    NGX_HTTP_HYPERLIGHT_MAY_RESPONSE_HEADERS,
    NGX_HTTP_HYPERLIGHT_MAY_SLEEP,
    NGX_HTTP_HYPERLIGHT_MAY_STREAM,
    NGX_HTTP_HYPERLIGHT_MAY_SUBREQUEST,
    NGX_HTTP_HYPERLIGHT_MAY_VARIABLES,
    NGX_HTTP_HYPERLIGHT_MAY_METRICS,
    NGX_HTTP_HYPERLIGHT_GRANTS
} ngx_http_hyperlight_grant_e;

#define ngx_http_hyperlight_grant(word)                                       \
    ((ngx_uint_t) 1 << NGX_HTTP_HYPERLIGHT_MAY_##word)

#define NGX_HTTP_HYPERLIGHT_MAY_ALL                                           \
    (((ngx_uint_t) 1 << NGX_HTTP_HYPERLIGHT_GRANTS) - 1)

/* What stays between a guest and its own client. */
#define NGX_HTTP_HYPERLIGHT_MAY_DEFAULT                                       \
    (ngx_http_hyperlight_grant(HEADERS) | ngx_http_hyperlight_grant(LOG)      \
     | ngx_http_hyperlight_grant(RESPONSE_HEADERS)                            \
     | ngx_http_hyperlight_grant(SLEEP) | ngx_http_hyperlight_grant(STREAM))


/* What was exceeded, for the counters. */
typedef enum {
    NGX_HTTP_HYPERLIGHT_OVER_CPU = 0,
    NGX_HTTP_HYPERLIGHT_OVER_TIMEOUT,
    NGX_HTTP_HYPERLIGHT_OVER_SLICE,
    NGX_HTTP_HYPERLIGHT_OVER_HEADERS,
    NGX_HTTP_HYPERLIGHT_OVER_HEADER_SIZE,
    NGX_HTTP_HYPERLIGHT_OVER_LOG,
    NGX_HTTP_HYPERLIGHT_OVER_HOST_CALLS,
    NGX_HTTP_HYPERLIGHT_OVER_SUBREQUESTS,
    NGX_HTTP_HYPERLIGHT_OVER_METRICS,
    NGX_HTTP_HYPERLIGHT_LIMITS
} ngx_http_hyperlight_limit_e;


/* Of one call, besides those of time. */
typedef struct {
    ngx_int_t                         headers;    /* of the response */
    size_t                            header_size;
    ngx_int_t                         log_lines;
    ngx_int_t                         host_calls;
    ngx_int_t                         subrequests;
} ngx_http_hyperlight_limits_t;


/* The most that may be configured. */
#define NGX_HTTP_HYPERLIGHT_HEADERS_MAX      1000
#define NGX_HTTP_HYPERLIGHT_HEADER_SIZE_MAX  (1024 * 1024)
#define NGX_HTTP_HYPERLIGHT_LOG_MAX          65536
#define NGX_HTTP_HYPERLIGHT_HOST_CALLS_MAX   1000000
#define NGX_HTTP_HYPERLIGHT_SUBREQUESTS_MAX  10000
#define NGX_HTTP_HYPERLIGHT_FAILURES_MAX     100


/* The brake of a guest in a worker: see ngx_http_hyperlight_brake.c. */
typedef struct {
    uint64_t                          times[NGX_HTTP_HYPERLIGHT_FAILURES_MAX];
    ngx_uint_t                        failures;   /* ever; times is a ring */
    uint64_t                          until;      /* 0: it is off */
    void                             *trial;      /* the call that is one */
} ngx_http_hyperlight_brake_t;


extern ngx_str_t  ngx_http_hyperlight_grant_names[];
extern ngx_str_t  ngx_http_hyperlight_limit_names[];

/* For ngx_conf_set_num_slot() and ngx_conf_set_size_slot(). */
extern ngx_conf_num_bounds_t  ngx_http_hyperlight_headers_bounds;
extern ngx_conf_post_t        ngx_http_hyperlight_header_size_post;
extern ngx_conf_num_bounds_t  ngx_http_hyperlight_log_bounds;
extern ngx_conf_num_bounds_t  ngx_http_hyperlight_host_call_bounds;
extern ngx_conf_num_bounds_t  ngx_http_hyperlight_subrequest_bounds;

void ngx_http_hyperlight_limits_unset(ngx_http_hyperlight_limits_t *limits);

/* Those of a guest. */
void ngx_http_hyperlight_limits_init(ngx_http_hyperlight_limits_t *limits);

/* Those of a location: what is set nowhere lowers nothing. */
void ngx_http_hyperlight_limits_merge(ngx_http_hyperlight_limits_t *conf,
    ngx_http_hyperlight_limits_t *prev);

/* The lower ones of both. */
void ngx_http_hyperlight_limits_lower(ngx_http_hyperlight_limits_t *limits,
    ngx_http_hyperlight_limits_t *guest, ngx_http_hyperlight_limits_t *loc);

/* Counts that the call went over it. */
void ngx_http_hyperlight_over(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_limit_e limit);


/* Directives of a guest's block. */
char *ngx_http_hyperlight_guest_allow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_hyperlight_guest_hide_header(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_hyperlight_guest_variables(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_hyperlight_guest_fail_limit(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

/* Whether the guest may; if not, it is counted, and logged once in a call. */
ngx_uint_t ngx_http_hyperlight_may(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_grant_e grant);

/* A member of the sink: refuses what is not granted, and ends a call that
 * asks too often. */
hl_status_t ngx_http_hyperlight_admit(void *data, const char *name,
    uint32_t id, hl_error_t *err);

/* A member of the services, and the function GetVariable. */
hl_status_t ngx_http_hyperlight_guest_variable(void *data,
    const char *name, size_t name_len, hl_value_t *value, hl_error_t *err);
hl_status_t ngx_http_hyperlight_get_variable(void *data,
    const hl_value_t *args, size_t n, hl_value_t *result, hl_error_t *err);


/* Before a call: NGX_OK, or the status that it is answered with. */
ngx_int_t ngx_http_hyperlight_brake(ngx_http_hyperlight_ctx_t *ctx);

/* After it, with its outcome. */
void ngx_http_hyperlight_brake_end(ngx_http_hyperlight_ctx_t *ctx);


#endif /* _NGX_HTTP_HYPERLIGHT_LIMITS_H_INCLUDED_ */
