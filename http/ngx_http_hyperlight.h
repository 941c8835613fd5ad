/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight.h: what the files of the module share.
 *
 *     configuration    main conf -> guests;  location conf -> targets: guests
 *                      and their functions
 *     worker process   main conf -> worker -> host, a pool for each guest
 *     call             context -> the request, and the sandbox that serves it
 *
 * Configuration belongs to the cycle and is read by the master; the worker
 * hangs on it, and is made in the process that runs the guests.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "hyperlight.h"


/* Of a streamed response, what is gathered before it is sent unasked. */
#define NGX_HTTP_HYPERLIGHT_STREAM_PIECE  (32 * 1024)

/*
 * Of a guest's text in one line of error_log, escaped: half of what nginx
 * writes (NGX_MAX_ERROR_STR), to leave room for whose request it was.
 */
#define NGX_HTTP_HYPERLIGHT_LOG_TEXT      1024

/* Of a name in it that may be a client's. */
#define NGX_HTTP_HYPERLIGHT_NAME_TEXT     256


typedef struct ngx_http_hyperlight_worker_s  ngx_http_hyperlight_worker_t;
typedef struct ngx_http_hyperlight_pool_s    ngx_http_hyperlight_pool_t;
typedef struct ngx_http_hyperlight_header_s  ngx_http_hyperlight_header_t;
typedef struct ngx_http_hyperlight_ctx_s     ngx_http_hyperlight_ctx_t;
typedef struct ngx_http_hyperlight_sub_s     ngx_http_hyperlight_sub_t;
typedef struct ngx_http_hyperlight_filter_s  ngx_http_hyperlight_filter_t;
typedef struct ngx_http_hyperlight_sandbox_s
                                            ngx_http_hyperlight_sandbox_t;


#include "ngx_http_hyperlight_limits.h"
#include "ngx_http_hyperlight_metrics.h"
#include "ngx_http_hyperlight_conf.h"
#include "ngx_http_hyperlight_pool.h"


/* Response headers that are nginx's, or have places of their own there. */

typedef struct ngx_http_hyperlight_field_s  ngx_http_hyperlight_field_t;

typedef ngx_int_t (*ngx_http_hyperlight_header_pt)(ngx_http_request_t *r,
    ngx_http_hyperlight_field_t *field);

struct ngx_http_hyperlight_header_s {
    ngx_str_t                         name;
    ngx_http_hyperlight_header_pt     handler;    /* NULL: refused */
    ngx_uint_t                        offset;     /* in headers_out */
    ngx_uint_t                        multi;      /* of several headers */
};


/* A response header of a guest, checked, with what is special about it. */
struct ngx_http_hyperlight_field_s {
    ngx_str_t                         name;
    ngx_str_t                         value;
    ngx_http_hyperlight_header_t     *special;    /* NULL: nothing */
};


/* Where a call is: see ngx_http_hyperlight_run.c. */
typedef enum {
    ngx_http_hyperlight_is_running = 0,    /* in its slice, or not begun */
    ngx_http_hyperlight_is_waiting,
    ngx_http_hyperlight_is_runnable,
    ngx_http_hyperlight_is_suspended,
    ngx_http_hyperlight_is_done
} ngx_http_hyperlight_state_e;


/*
 * What a suspended guest waits for: looks if it is there, and answers then.
 * NGX_OK: the guest can go on; NGX_AGAIN: an event will tell; NGX_DONE: the
 * client wants no more of the response; else the status of an error.
 */
typedef ngx_int_t (*ngx_http_hyperlight_await_pt)(
    ngx_http_hyperlight_ctx_t *ctx);

/*
 * How a call is begun, if not as ngx_http_hyperlight_begin() does it, and
 * whether what the guest has put out by its end is what it was called for: an
 * error ends it as one of the call.
 */
typedef ngx_int_t (*ngx_http_hyperlight_begin_pt)(
    ngx_http_hyperlight_ctx_t *ctx, const hl_function_t *function);
typedef hl_status_t (*ngx_http_hyperlight_accept_pt)(
    ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err);

/*
 * What becomes of a call that is over, by whom it was made for.  NGX_OK: the
 * guest has answered; else the status of an error, or NGX_ERROR.
 */
typedef void (*ngx_http_hyperlight_finish_pt)(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc);


/*
 * One call, or the initialization of a guest, when there is no request.
 * Sink, services and host functions get it as their data.
 */
struct ngx_http_hyperlight_ctx_s {
    ngx_http_request_t               *request;
    ngx_log_t                        *log;
    ngx_http_hyperlight_guest_t      *guest;
    ngx_str_t                        *function;
    ngx_http_hyperlight_pool_t       *pool;
    ngx_http_hyperlight_begin_pt      begin;      /* NULL: as usual */
    ngx_http_hyperlight_accept_pt     accept;     /* NULL: anything */
    ngx_http_hyperlight_finish_pt     finish;

    ngx_http_hyperlight_state_e       state;
    ngx_queue_t                       queue;      /* waiting, or in turns */
    ngx_event_t                       timer;
    ngx_http_cleanup_t               *cleanup;

    ngx_http_hyperlight_await_pt      await;      /* suspended: for this */
    size_t                            await_max;  /* bytes of a piece */
    ngx_event_t                       wake;       /* of a sleep */
    ngx_msec_t                        sleep;
    ngx_http_hyperlight_sub_t        *sub;        /* that can be read */
    ngx_uint_t                        subs;       /* made */
    ngx_http_hyperlight_filter_t     *filter;     /* NULL: it is none */

    ngx_http_hyperlight_sandbox_t    *taken;
    hl_sandbox_t                     *sandbox;    /* the same, to core */
    const hl_function_t              *call;       /* NULL: not begun */
    unsigned                          named:1;    /* by variables */
    unsigned                          no_body:1;  /* the request's is not
                                                     there yet */
    unsigned                          whole:1;    /* cannot stream */
    unsigned                          at_once:1;  /* nginx cannot wait */
    unsigned                          asked:1;    /* the guest is owed an
                                                     answer */
    unsigned                          unbuffered:1;
                                                  /* the body comes in
                                                     pieces */
    unsigned                          streaming:1;
                                                  /* pieces are sent */
    uint64_t                          start;      /* ns */
    ngx_msec_t                        cpu_limit;
    ngx_msec_t                        timeout;
    ngx_http_hyperlight_limits_t      limits;
    ngx_uint_t                        refused;    /* bits of grants */
    ngx_uint_t                        host_calls;
    ngx_uint_t                        metrics;    /* additions to them */

    /* of a variable */
    ngx_http_variable_value_t        *variable;
    ngx_str_t                        *args;
    ngx_uint_t                        nargs;

    /* the response, kept apart until the call is over, or streams */
    ngx_uint_t                        status;     /* 0: not set */
    ngx_array_t                       headers;
                                     /* of ngx_http_hyperlight_field_t */
    size_t                            headers_size;
    ngx_array_t                       removals;
                                     /* of ngx_http_hyperlight_field_t, with
                                        a name only */
    ngx_chain_t                      *body;
    ngx_chain_t                      *last;
    size_t                            body_size;  /* of it */
    ngx_chain_t                      *busy;       /* not yet sent whole */
    ngx_chain_t                      *free;

    /* the line that the guest has begun to print */
    u_char                           *line;
    size_t                            line_len;
    ngx_uint_t                        lines;      /* logged */

    /* what was joined for the guest: request headers, a variable */
    u_char                           *joined;
    size_t                            joined_size;

    ngx_http_hyperlight_record_t      record;
};


/* The calls of a request, in the order of its phases: nginx's context. */
typedef struct {
    ngx_http_hyperlight_ctx_t        *access;
    ngx_int_t                         verdict;    /* its rc; NGX_AGAIN: not
                                                     over */
    unsigned                          asking:1;   /* it is being started */
    ngx_http_hyperlight_ctx_t        *content;
    ngx_http_hyperlight_ctx_t        *lingers;    /* has the events of the
                                                     request */
    ngx_http_hyperlight_filter_t     *filter;     /* of the body */
} ngx_http_hyperlight_calls_t;


extern ngx_module_t  ngx_http_hyperlight_module;


/* a call, slice by slice */

void ngx_http_hyperlight_start(ngx_http_hyperlight_ctx_t *ctx);
void ngx_http_hyperlight_slice_handler(ngx_event_t *ev);

/* In nanoseconds: nginx's own clock stands still while a guest runs. */
uint64_t ngx_http_hyperlight_now(void);

/* Out of every queue, without a sandbox; "end": also what it has begun. */
void ngx_http_hyperlight_leave(ngx_http_hyperlight_ctx_t *ctx,
    ngx_uint_t end);

/* The last that is done for a call: ctx may be gone after it.  "rc" is for
 * ctx->finish(). */
void ngx_http_hyperlight_done(ngx_http_hyperlight_ctx_t *ctx, ngx_int_t rc);

/* The same, and nobody is told. */
void ngx_http_hyperlight_abandon(ngx_http_hyperlight_ctx_t *ctx);


/* a call that outlasts its event, and what it waits for */

ngx_int_t ngx_http_hyperlight_linger(ngx_http_hyperlight_ctx_t *ctx,
    ngx_msec_t timeout);
void ngx_http_hyperlight_unlinger(ngx_http_hyperlight_ctx_t *ctx);

/* A read event handler: what the client's leaving ends. */
void ngx_http_hyperlight_test_reading(ngx_http_request_t *r);

/* Has the client left?  An event that will find out, if it may have. */
void ngx_http_hyperlight_look(ngx_http_request_t *r);

/* The guest stays stopped, until ctx->await() has what it waits for. */
void ngx_http_hyperlight_suspend(ngx_http_hyperlight_ctx_t *ctx);

/*
 * For a host function: its answer, of "max" bytes at most, comes later.  What
 * it returns, HL_AGAIN.
 */
hl_status_t ngx_http_hyperlight_await(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_await_pt await, size_t max);

/* An event: does the guest wait for it, and can it go on? */
void ngx_http_hyperlight_attempt(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_await_pt await);

/* HL_ERR_GUEST: it has to end at once. */
hl_status_t ngx_http_hyperlight_may_wait(ngx_http_hyperlight_ctx_t *ctx,
    hl_error_t *err);

/*
 * Answers the host function that said HL_AGAIN: a piece, an empty one at the
 * end of what is read; or an error that the guest sees.
 */
void ngx_http_hyperlight_answer(ngx_http_hyperlight_ctx_t *ctx,
    const u_char *data, size_t len);
void ngx_http_hyperlight_answer_error(ngx_http_hyperlight_ctx_t *ctx,
    const char *text);

/* Members of the services. */
hl_status_t ngx_http_hyperlight_sleep(void *data, uint64_t ns,
    hl_error_t *err);
hl_status_t ngx_http_hyperlight_flush(void *data, hl_error_t *err);
hl_status_t ngx_http_hyperlight_read_body(void *data, size_t max,
    hl_value_t *piece, hl_error_t *err);
hl_status_t ngx_http_hyperlight_subrequest(void *data,
    const hl_subrequest_t *sub, size_t max, hl_value_t *head,
    hl_error_t *err);
hl_status_t ngx_http_hyperlight_subrequest_read(void *data, size_t max,
    hl_value_t *piece, hl_error_t *err);
hl_status_t ngx_http_hyperlight_subrequest_close(void *data,
    hl_error_t *err);


/* a request's body, as it arrives */

/* Of those that are read piece by piece: what has arrived, up to "max". */
size_t ngx_http_hyperlight_take_body(ngx_http_request_t *r, u_char *dst,
    size_t max);

void ngx_http_hyperlight_leave_body(ngx_http_hyperlight_ctx_t *ctx);
void ngx_http_hyperlight_read_handler(ngx_http_request_t *r);


/* a response, piece by piece */

#define ngx_http_hyperlight_stream_due(ctx)                                   \
    ((ctx)->streaming                                                         \
     && (ctx)->body_size >= NGX_HTTP_HYPERLIGHT_STREAM_PIECE)

ngx_int_t ngx_http_hyperlight_await_drain(ngx_http_hyperlight_ctx_t *ctx);

/* What a guest waits for that has put out enough. */
#define ngx_http_hyperlight_drain(ctx)                                        \
    ((ctx)->filter ? ngx_http_hyperlight_filter_drain                         \
                   : ngx_http_hyperlight_await_drain)

void ngx_http_hyperlight_write_handler(ngx_http_request_t *r);

/* A delay of the client's socket (limit_rate) has an end, in any case. */
void ngx_http_hyperlight_stream_rate(ngx_http_hyperlight_ctx_t *ctx);

/* What was put out goes to "output"; what that does not pass on at once is in
 * ctx->busy. */
ngx_int_t ngx_http_hyperlight_stream_send(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_output_body_filter_pt output);

/* Has begun, and cannot go on: the client sees that something is missing. */
ngx_int_t ngx_http_hyperlight_stream_break(ngx_http_hyperlight_ctx_t *ctx);


/* the sub-requests of a guest */

ngx_int_t ngx_http_hyperlight_sub_filter_init(ngx_conf_t *cf);

/* What the sub-request may have waited for, is there. */
void ngx_http_hyperlight_sub_go_on(ngx_http_hyperlight_ctx_t *ctx);

/* "end": the sub-request is not to go on for nobody. */
void ngx_http_hyperlight_sub_leave(ngx_http_hyperlight_ctx_t *ctx,
    ngx_uint_t end);


/* filters of responses */

/* Only if there are any: who has none does not pay for them. */
ngx_int_t ngx_http_hyperlight_filter_init(ngx_conf_t *cf);
char *ngx_http_hyperlight_filter_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* For ctx->filter: what others do for a content handler. */
ngx_int_t ngx_http_hyperlight_filter_begin(ngx_http_hyperlight_ctx_t *ctx);
hl_status_t ngx_http_hyperlight_filter_read(ngx_http_hyperlight_ctx_t *ctx,
    size_t max, hl_value_t *piece);
ngx_int_t ngx_http_hyperlight_filter_drain(ngx_http_hyperlight_ctx_t *ctx);

/* It waits, and not for the client. */
void ngx_http_hyperlight_filter_quiet(ngx_http_hyperlight_filter_t *f);
void ngx_http_hyperlight_filter_unwatch(ngx_http_hyperlight_filter_t *f);

/* Calls the handler for each header that the response has, wherever nginx
 * keeps it, until it does not say NGX_OK: what it said. */
typedef ngx_int_t (*ngx_http_hyperlight_walk_pt)(void *data,
    const char *name, size_t len, ngx_str_t *value);
ngx_int_t ngx_http_hyperlight_walk_headers_out(ngx_http_request_t *r,
    ngx_http_hyperlight_walk_pt handler, void *data);


/* access */

ngx_int_t ngx_http_hyperlight_access_init(ngx_conf_t *cf);

/* The headers that were put out, as the request's. */
hl_status_t ngx_http_hyperlight_check_headers_in(
    ngx_http_hyperlight_ctx_t *ctx, hl_error_t *err);
ngx_int_t ngx_http_hyperlight_set_headers_in(ngx_http_hyperlight_ctx_t *ctx);


/* variables that guests compute */

char *ngx_http_hyperlight_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_hyperlight_set_merge(ngx_http_hyperlight_loc_conf_t *conf,
    ngx_http_hyperlight_loc_conf_t *prev);

/* A number or a Bool, as text. */
hl_status_t ngx_http_hyperlight_put_scalar(ngx_http_hyperlight_ctx_t *ctx,
    const hl_value_t *value, hl_error_t *err);


/* a request, and its response */

ngx_int_t ngx_http_hyperlight_handler(ngx_http_request_t *r);

/* NULL: no memory. */
ngx_http_hyperlight_calls_t *ngx_http_hyperlight_calls(
    ngx_http_request_t *r);
ngx_http_hyperlight_ctx_t *ngx_http_hyperlight_create_ctx(
    ngx_http_request_t *r, ngx_http_hyperlight_guest_t *guest,
    ngx_str_t *function, ngx_http_hyperlight_finish_pt finish);

/* NGX_OK: *ctx is there; else a status: nobody has that name, no memory. */
ngx_int_t ngx_http_hyperlight_create_call(ngx_http_request_t *r,
    ngx_http_hyperlight_target_t *target, ngx_http_hyperlight_finish_pt finish,
    ngx_http_hyperlight_ctx_t **ctx);

/* Logs the error, and returns the status of the response to it. */
ngx_int_t ngx_http_hyperlight_fail(ngx_http_hyperlight_ctx_t *ctx,
    hl_error_t *err);

/* No sandbox was to be had: 503, with Retry-After. */
ngx_int_t ngx_http_hyperlight_unavailable(ngx_http_hyperlight_ctx_t *ctx);

/* The guest's brake is on: 503, with Retry-After. */
ngx_int_t ngx_http_hyperlight_braked(ngx_http_hyperlight_ctx_t *ctx,
    uint64_t seconds);

/* Request headers one by one, all or those of a name, NULL at the end:
 * "search" is zeroes at first. */
typedef struct {
    ngx_list_part_t                  *part;
    ngx_uint_t                        i;
} ngx_http_hyperlight_search_t;
ngx_table_elt_t *ngx_http_hyperlight_next_header(ngx_http_request_t *r,
    ngx_http_hyperlight_search_t *search);
ngx_table_elt_t *ngx_http_hyperlight_find_header(ngx_http_request_t *r,
    ngx_http_hyperlight_search_t *search, const ngx_str_t *name);

/* Begins the call with all that the request has: NGX_OK, or a status. */
ngx_int_t ngx_http_hyperlight_begin(ngx_http_hyperlight_ctx_t *ctx,
    const hl_function_t *function);

/* Members of the sink: HL_ERR_OUTPUT refuses what no response may have. */
hl_status_t ngx_http_hyperlight_put_status(void *data, uint32_t status,
    hl_error_t *err);
hl_status_t ngx_http_hyperlight_put_header(void *data, const char *name,
    size_t name_len, const char *value, size_t value_len, hl_error_t *err);
hl_status_t ngx_http_hyperlight_put_body(void *data, const void *bytes,
    size_t len, hl_error_t *err);
hl_status_t ngx_http_hyperlight_put_removal(void *data, const char *name,
    size_t name_len, hl_error_t *err);

/* Checks what a guest says of a header, and finds what is special about it. */
hl_status_t ngx_http_hyperlight_check_header(ngx_http_hyperlight_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *value, ngx_http_hyperlight_header_t **special,
    hl_error_t *err);

/* From the original response, what the guest does not want in it. */
void ngx_http_hyperlight_clear_headers(ngx_http_hyperlight_ctx_t *ctx);

/* By its status, whatever the guest has written. */
#define ngx_http_hyperlight_bodiless(ctx)                                     \
    ((ctx)->status == NGX_HTTP_NO_CONTENT                                     \
     || (ctx)->status == NGX_HTTP_NOT_MODIFIED)

/* Whether two ngx_str_t name the same header, or variable. */
#define ngx_http_hyperlight_same(a, b)                                        \
    ((a)->len == (b)->len                                                     \
     && ngx_strncasecmp((a)->data, (b)->data, (a)->len) == 0)

/* What no value of a header or variable has in it. */
#define ngx_http_hyperlight_is_control(ch)                                    \
    (((ch) < 0x20 && (ch) != '\t') || (ch) == 0x7f)

/* Whether it is a token, as names of headers are. */
ngx_uint_t ngx_http_hyperlight_is_name(ngx_str_t *name);

ngx_int_t ngx_http_hyperlight_set_headers(ngx_http_hyperlight_ctx_t *ctx);

/* Status and headers; the body will have "length" bytes, -1: as many as
 * come.  What ngx_http_send_header() returns. */
ngx_int_t ngx_http_hyperlight_send_header(ngx_http_hyperlight_ctx_t *ctx,
    off_t length);

/* The body that is there, as the last of it. */
ngx_int_t ngx_http_hyperlight_send_last(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_output_body_filter_pt output);

/* As ngx_http_send_special(). */
ngx_int_t ngx_http_hyperlight_send_special(ngx_http_request_t *r,
    ngx_uint_t flags, ngx_http_output_body_filter_pt output);

/* What of the response was not sent yet, to its end: the rc of the request. */
ngx_int_t ngx_http_hyperlight_send(ngx_http_hyperlight_ctx_t *ctx);


/* what a guest may call, and what it says */

extern const hl_sink_t           ngx_http_hyperlight_sink;
extern const hl_services_t       ngx_http_hyperlight_services;
extern const hl_host_function_t  ngx_http_hyperlight_functions[];
extern const size_t              ngx_http_hyperlight_nfunctions;

/* Whose line it is goes first; "fmt" goes on from there. */
void ngx_http_hyperlight_log(ngx_http_hyperlight_ctx_t *ctx, ngx_uint_t level,
    const char *fmt, ...);

/* Room for what a guest is answered, until it asks again; NULL: no memory. */
u_char *ngx_http_hyperlight_join_room(ngx_http_hyperlight_ctx_t *ctx,
    size_t size);

/* Logs the line that the guest has begun, and not ended. */
void ngx_http_hyperlight_log_rest(ngx_http_hyperlight_ctx_t *ctx);


#endif /* _NGX_HTTP_HYPERLIGHT_H_INCLUDED_ */
