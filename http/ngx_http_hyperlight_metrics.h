/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_metrics.h: how calls ended and what they took: of one
 * call its record, of a guest its counters in shared memory.
 *
 *     zone of a guest      since, samples
 *       row of a worker    pid, gauges | counters
 *
 * A row belongs to a slot of the master's table of processes, and so to one
 * process at a time, which alone writes it: counting takes neither a lock
 * nor a locked instruction, and workers do not fight for cache lines.  The
 * gauges are of the process whose pid is in the row, and nobody's if that is
 * dead (killed, say); the counters are of all processes that had the row.  A
 * reader sums the rows up.
 *
 * nginx keeps a zone over a reload if its name, size and tag are the same,
 * and hands the same memory to old and new workers: so a guest that keeps its
 * name keeps its counters, with nothing to copy and nothing lost meanwhile.
 * Part of ngx_http_hyperlight.h.
 */

#ifndef _NGX_HTTP_HYPERLIGHT_METRICS_H_INCLUDED_
#define _NGX_HTTP_HYPERLIGHT_METRICS_H_INCLUDED_


/* How a call ended; last their number, and what it is until then. */
typedef enum {
    NGX_HTTP_HYPERLIGHT_OK = 0,
    NGX_HTTP_HYPERLIGHT_FAULT,
    NGX_HTTP_HYPERLIGHT_ERROR,
    NGX_HTTP_HYPERLIGHT_INVALID,
    NGX_HTTP_HYPERLIGHT_BUSY,
    NGX_HTTP_HYPERLIGHT_UNAVAILABLE,
    NGX_HTTP_HYPERLIGHT_TIMEOUT,
    NGX_HTTP_HYPERLIGHT_LIMIT,
    NGX_HTTP_HYPERLIGHT_ABORTED,
    NGX_HTTP_HYPERLIGHT_OUTCOMES
} ngx_http_hyperlight_outcome_e;


/* Of the histogram of wall time, the one without a bound included. */
#define NGX_HTTP_HYPERLIGHT_BUCKETS  19

/* What the status page computes rates from, and how far apart they are. */
#define NGX_HTTP_HYPERLIGHT_SAMPLES  16
#define NGX_HTTP_HYPERLIGHT_SAMPLE   1000


typedef struct {
    uint64_t                           ns;       /* 0: without a bound */
    const char                        *seconds;  /* for Prometheus */
    const char                        *label;    /* in HTML */
} ngx_http_hyperlight_bucket_t;


/* Of a guest's own metrics, the bucket without a bound included. */
#define NGX_HTTP_HYPERLIGHT_OWN_MAX      32
#define NGX_HTTP_HYPERLIGHT_OWN_BUCKETS  17

typedef struct {
    uint64_t                           bound;
    const char                        *text;
} ngx_http_hyperlight_own_bucket_t;


/* A metric of a guest's own, of all workers; it is made once. */
typedef struct {
    ngx_str_t                          name;
    ngx_uint_t                         kind;     /* hl_metric_kind_t */
    ngx_atomic_t                       sum;      /* a counter's number */
    ngx_atomic_t                       buckets[
                                           NGX_HTTP_HYPERLIGHT_OWN_BUCKETS];
    u_char                             text[HL_ABI_METRIC_NAME_MAX];
} ngx_http_hyperlight_own_t;


typedef struct {
    ngx_atomic_t                       pid;

    /* now */
    ngx_atomic_t                       sandboxes;
    ngx_atomic_t                       in_use;
    ngx_atomic_t                       waiting;

    /* ever; times in nanoseconds */
    ngx_atomic_t                       calls[NGX_HTTP_HYPERLIGHT_OUTCOMES];
    ngx_atomic_t                       buckets[NGX_HTTP_HYPERLIGHT_BUCKETS];
    ngx_atomic_t                       wall_time;
    ngx_atomic_t                       cpu_time;
    ngx_atomic_t                       waited;
    ngx_atomic_t                       queue_time;
    ngx_atomic_t                       exits;
    ngx_atomic_t                       restored_pages;
    ngx_atomic_t                       dropped_pages;
    ngx_atomic_t                       rebuilds;
    ngx_atomic_t                       refused[NGX_HTTP_HYPERLIGHT_GRANTS];
    ngx_atomic_t                       over[NGX_HTTP_HYPERLIGHT_LIMITS];
} ngx_http_hyperlight_row_t;


typedef struct {
    ngx_msec_t                         time;
    uint64_t                           calls;
    uint64_t                           failed;
    uint64_t                           cpu_time;
} ngx_http_hyperlight_sample_t;


typedef struct {
    time_t                             since;
    ngx_http_hyperlight_sample_t       first;    /* of nothing yet */

    ngx_atomic_t                       lock;     /* the pid of who has it */
    ngx_uint_t                         nsamples; /* ever taken */
    ngx_http_hyperlight_sample_t       samples[NGX_HTTP_HYPERLIGHT_SAMPLES];

    ngx_atomic_t                       own_lock; /* as "lock" */
    ngx_atomic_t                       nown;     /* used so far */
    ngx_http_hyperlight_own_t          own[NGX_HTTP_HYPERLIGHT_OWN_MAX];

    ngx_atomic_t                       nrows;    /* used so far */
    ngx_http_hyperlight_row_t          rows[NGX_MAX_PROCESSES];
} ngx_http_hyperlight_metrics_t;


/* All rows of a guest; the gauges only of processes that live. */
typedef struct {
    ngx_uint_t                         workers;
    ngx_http_hyperlight_row_t          sum;
    uint64_t                           calls;
    uint64_t                           timed;    /* calls in the histogram */
} ngx_http_hyperlight_totals_t;


/*
 * One call, for the log: in its context, and so in the pool of the request,
 * where it outlives internal redirects.
 */
typedef struct ngx_http_hyperlight_record_s  ngx_http_hyperlight_record_t;

struct ngx_http_hyperlight_record_s {
    ngx_http_hyperlight_record_t      *next;
    ngx_http_request_t                *request;
    ngx_str_t                         *guest;
    ngx_str_t                         *function;
    ngx_http_hyperlight_metrics_t     *metrics;

    ngx_http_hyperlight_outcome_e      outcome;
    unsigned                           listed:1; /* it is found by request */
    unsigned                           waited:1; /* in the queue */
    unsigned                           over:1;
    unsigned                           restored:1;

    ngx_http_hyperlight_pool_t        *pool;     /* that owes its pages */

    /* in nanoseconds; "taken" is 0 for a call that got no sandbox */
    uint64_t                           arrived;
    uint64_t                           taken;
    uint64_t                           queue_time;
    uint64_t                           wall_time;
    uint64_t                           cpu_time;
    uint64_t                           exits;
    uint64_t                           pages;
};


extern ngx_str_t  ngx_http_hyperlight_outcome_names[];

extern const ngx_http_hyperlight_bucket_t  ngx_http_hyperlight_buckets[];
extern const ngx_http_hyperlight_own_bucket_t
                                           ngx_http_hyperlight_own_buckets[];


/* counters */

/* The zone of a guest; *metrics is set before there are workers. */
ngx_int_t ngx_http_hyperlight_metrics_zone(ngx_conf_t *cf, ngx_str_t *guest,
    ngx_http_hyperlight_metrics_t **metrics);

/* Instead of it, where a reload takes the zone away from who still runs. */
ngx_int_t ngx_http_hyperlight_metrics_own(ngx_cycle_t *cycle,
    ngx_http_hyperlight_metrics_t **metrics);

/* Of this process. */
ngx_http_hyperlight_row_t *ngx_http_hyperlight_row(
    ngx_http_hyperlight_metrics_t *metrics);

/* The pool's numbers have changed. */
void ngx_http_hyperlight_metrics_pool(ngx_http_hyperlight_pool_t *pool);

void ngx_http_hyperlight_metrics_sum(ngx_http_hyperlight_metrics_t *metrics,
    ngx_http_hyperlight_totals_t *totals);

/*
 * What there was some time ago, half a minute at most if possible; what there
 * is now is remembered for those who ask later.
 */
void ngx_http_hyperlight_metrics_sample(
    ngx_http_hyperlight_metrics_t *metrics,
    ngx_http_hyperlight_totals_t *totals, ngx_http_hyperlight_sample_t *then,
    ngx_http_hyperlight_sample_t *now);


/* Whether this process has it now: until it sets it to 0, or dies. */
ngx_uint_t ngx_http_hyperlight_metrics_lock(ngx_atomic_t *lock);

/* A member of the sink: metrics of the guest's own. */
hl_status_t ngx_http_hyperlight_put_metric(void *data, hl_metric_kind_t kind,
    const char *name, size_t name_len, uint64_t value, hl_error_t *err);


/* the record of a call */

/* A call has come: it is found by its request from now on. */
void ngx_http_hyperlight_record_begin(ngx_http_hyperlight_ctx_t *ctx);

/* It has got its sandbox. */
void ngx_http_hyperlight_record_taken(ngx_http_hyperlight_ctx_t *ctx);

/*
 * It is over, and still has its sandbox: counts it, once.  "rc" tells the
 * outcome, if none has been set: NGX_OK, NGX_ERROR or a status.
 */
void ngx_http_hyperlight_record_end(ngx_http_hyperlight_ctx_t *ctx,
    ngx_int_t rc);

/* Its sandbox awaits the restore; it has been restored. */
void ngx_http_hyperlight_record_owed(ngx_http_hyperlight_ctx_t *ctx);
void ngx_http_hyperlight_record_restored(ngx_http_hyperlight_pool_t *pool,
    ngx_http_hyperlight_sandbox_t *sandbox);

/* The first record of the request or of its tree; NULL: there is none. */
ngx_http_hyperlight_record_t *ngx_http_hyperlight_records(
    ngx_http_request_t *r);


/* variables, status */

ngx_int_t ngx_http_hyperlight_add_variables(ngx_conf_t *cf);
char *ngx_http_hyperlight_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_HYPERLIGHT_METRICS_H_INCLUDED_ */
