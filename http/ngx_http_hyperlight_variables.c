/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_variables.c: what a log can say about the calls of a
 * request, from their records.
 *
 * As with $upstream_status, a request that was passed to several guests, by
 * error_page for one, has several values, in order, separated by commas; "-"
 * is what a call has not got, or not yet.  Subrequests have their own.
 */

#include "ngx_http_hyperlight.h"


/* Of a number or an outcome, and of what separates two. */
#define NGX_HTTP_HYPERLIGHT_VALUE_LEN  (NGX_INT64_LEN + sizeof(".000000, "))


/* Writes a value; NULL: there is none. */
typedef u_char *(*ngx_http_hyperlight_value_pt)(u_char *p,
    ngx_http_hyperlight_record_t *record);

typedef struct {
    ngx_str_t                      name;
    ngx_http_hyperlight_value_pt   write;
} ngx_http_hyperlight_variable_t;


static ngx_int_t ngx_http_hyperlight_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static u_char *ngx_http_hyperlight_write_guest(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_function(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_outcome(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_queue_time(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_wall_time(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_cpu_time(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_exits(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_pages(u_char *p,
    ngx_http_hyperlight_record_t *record);
static u_char *ngx_http_hyperlight_write_time(u_char *p, uint64_t ns);


static const ngx_http_hyperlight_variable_t
                                            ngx_http_hyperlight_variables[] = {

    { ngx_string("hyperlight_guest"), ngx_http_hyperlight_write_guest },

    { ngx_string("hyperlight_function"), ngx_http_hyperlight_write_function },

    { ngx_string("hyperlight_outcome"), ngx_http_hyperlight_write_outcome },

    { ngx_string("hyperlight_queue_time"),
      ngx_http_hyperlight_write_queue_time },

    { ngx_string("hyperlight_wall_time"),
      ngx_http_hyperlight_write_wall_time },

    { ngx_string("hyperlight_cpu_time"), ngx_http_hyperlight_write_cpu_time },

    { ngx_string("hyperlight_exits"), ngx_http_hyperlight_write_exits },

    { ngx_string("hyperlight_pages"), ngx_http_hyperlight_write_pages }
};

#define NGX_HTTP_HYPERLIGHT_VARIABLES                                         \
    (sizeof(ngx_http_hyperlight_variables)                                    \
     / sizeof(ngx_http_hyperlight_variable_t))


ngx_int_t
ngx_http_hyperlight_add_variables(ngx_conf_t *cf)
{
    ngx_str_t             name;
    ngx_uint_t            i;
    ngx_http_variable_t  *var;

    for (i = 0; i < NGX_HTTP_HYPERLIGHT_VARIABLES; i++) {
        name = ngx_http_hyperlight_variables[i].name;

        var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_hyperlight_variable;
        var->data = i;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_hyperlight_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                        *p, *last;
    size_t                         len;
    ngx_http_hyperlight_record_t  *record, *first;

    first = ngx_http_hyperlight_records(r);
    len = 0;

    for (record = first; record; record = record->next) {
        if (record->request == r) {
            len += NGX_HTTP_HYPERLIGHT_VALUE_LEN
                   + ngx_max(record->guest->len, record->function->len);
        }
    }

    if (len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    for (record = first; record; record = record->next) {

        if (record->request != r) {
            continue;
        }

        if (p != v->data) {
            *p++ = ',';
            *p++ = ' ';
        }

        last = ngx_http_hyperlight_variables[data].write(p, record);

        if (last == NULL) {
            last = p;
            *last++ = '-';
        }

        p = last;
    }

    v->len = (unsigned) (p - v->data) & 0x0fffffff;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static u_char *
ngx_http_hyperlight_write_guest(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    return ngx_cpymem(p, record->guest->data, record->guest->len);
}


static u_char *
ngx_http_hyperlight_write_function(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    return ngx_cpymem(p, record->function->data, record->function->len);
}


static u_char *
ngx_http_hyperlight_write_outcome(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    ngx_str_t  *name;

    if (!record->over) {
        return NULL;
    }

    name = &ngx_http_hyperlight_outcome_names[record->outcome];

    return ngx_cpymem(p, name->data, name->len);
}


static u_char *
ngx_http_hyperlight_write_queue_time(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    return record->over ? ngx_http_hyperlight_write_time(p, record->queue_time)
                        : NULL;
}


static u_char *
ngx_http_hyperlight_write_wall_time(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    return record->over && record->taken
           ? ngx_http_hyperlight_write_time(p, record->wall_time) : NULL;
}


static u_char *
ngx_http_hyperlight_write_cpu_time(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    return record->over && record->taken
           ? ngx_http_hyperlight_write_time(p, record->cpu_time) : NULL;
}


static u_char *
ngx_http_hyperlight_write_exits(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    return record->over && record->taken ? ngx_sprintf(p, "%uL", record->exits)
                                         : NULL;
}


/*
 * In the log phase the response has left, but the restore may be still to
 * come.  Then it is done now: nobody waits for it, and who does not log this
 * has it where it was.
 */

static u_char *
ngx_http_hyperlight_write_pages(u_char *p,
    ngx_http_hyperlight_record_t *record)
{
    if (record->pool && record->pool->owed == record
        && !record->pool->worker->evaluating)
    {
        ngx_http_hyperlight_settle(record->pool);
    }

    return record->restored ? ngx_sprintf(p, "%uL", record->pages) : NULL;
}


/* In seconds, as $request_time, but a guest's are microseconds. */

static u_char *
ngx_http_hyperlight_write_time(u_char *p, uint64_t ns)
{
    uint64_t  us;

    us = ns / 1000;

    return ngx_sprintf(p, "%uL.%06uL", us / 1000000, us % 1000000);
}
