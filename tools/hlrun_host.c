/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_host.c: what the guest sees of its host: the sink, GetHeader as in
 * nginx, and on demand the host functions of Hyperlight's own tests.
 *
 * What the guest prints goes to standard output as it is, as that of any
 * program; logs go to standard error, a line each.
 */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "hlrun.h"


/* The first that every guest has; the rest is for --test-functions. */
#define HLRUN_FUNCTIONS  1

/* HostBool, as Hyperlight's tests define it. */
#define HLRUN_BOOL_LIMIT  10


static hl_status_t hlrun_sink_log(void *data, hl_log_level_t level,
    const char *source, size_t source_len, uint32_t line,
    const char *message, size_t message_len, hl_error_t *err);
static hl_status_t hlrun_sink_print(void *data, const char *text, size_t len,
    hl_error_t *err);
static hl_status_t hlrun_sink_status(void *data, uint32_t status,
    hl_error_t *err);
static hl_status_t hlrun_sink_header(void *data, const char *name,
    size_t name_len, const char *value, size_t value_len, hl_error_t *err);
static hl_status_t hlrun_sink_remove_header(void *data, const char *name,
    size_t name_len, hl_error_t *err);
static hl_status_t hlrun_sink_body(void *data, const void *bytes, size_t len,
    hl_error_t *err);
static hl_status_t hlrun_sleep(void *data, uint64_t ns, hl_error_t *err);

static hl_status_t hlrun_get_header(void *data, const hl_value_t *args,
    size_t n, hl_value_t *result, hl_error_t *err);
static hl_status_t hlrun_add_float(void *data, const hl_value_t *args,
    size_t n, hl_value_t *result, hl_error_t *err);
static hl_status_t hlrun_add_double(void *data, const hl_value_t *args,
    size_t n, hl_value_t *result, hl_error_t *err);
static hl_status_t hlrun_add_strings(void *data, const hl_value_t *args,
    size_t n, hl_value_t *result, hl_error_t *err);
static hl_status_t hlrun_bool(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err);
static hl_status_t hlrun_method1(void *data, const hl_value_t *args,
    size_t n, hl_value_t *result, hl_error_t *err);


static const hl_sink_t  hlrun_sink = {
    .log = hlrun_sink_log,
    .print = hlrun_sink_print,
    .status = hlrun_sink_status,
    .header = hlrun_sink_header,
    .body = hlrun_sink_body,
    .remove_header = hlrun_sink_remove_header
};

/* A response is written when it is whole, a body is whole before the call. */
static const hl_services_t  hlrun_services = {
    .sleep = hlrun_sleep
};

static const hl_host_function_t  hlrun_functions[] = {

    { "GetHeader", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, hlrun_get_header },

    { "HostAddFloat", HL_TYPE_FLOAT, 2, { HL_TYPE_FLOAT, HL_TYPE_FLOAT },
      hlrun_add_float },
    { "HostAddDouble", HL_TYPE_DOUBLE, 2, { HL_TYPE_DOUBLE, HL_TYPE_DOUBLE },
      hlrun_add_double },
    { "HostAddStrings", HL_TYPE_STRING, 1, { HL_TYPE_STRING },
      hlrun_add_strings },
    { "HostBool", HL_TYPE_BOOL, 2, { HL_TYPE_INT, HL_TYPE_INT },
      hlrun_bool },
    { "HostMethod1", HL_TYPE_INT, 1, { HL_TYPE_STRING }, hlrun_method1 }
};


void
hlrun_host_config(hl_config_t *config, bool test_functions)
{
    config->services = &hlrun_services;
    config->sink = &hlrun_sink;
    config->functions = hlrun_functions;
    config->function_count = test_functions
                             ? sizeof(hlrun_functions)
                               / sizeof(hlrun_functions[0])
                             : HLRUN_FUNCTIONS;
}


/* ---- sink -------------------------------------------------------------- */

static hl_status_t
hlrun_sink_log(void *data, hl_log_level_t level, const char *source,
    size_t source_len, uint32_t line, const char *message,
    size_t message_len, hl_error_t *err)
{
    const hlrun_t *run = data;

    (void) err;

    if (run->quiet) {
        return HL_OK;
    }

    (void) fflush(stdout);

    (void) fprintf(stderr, "%s: ", hlrun_levels[level]);
    hlrun_put_text(stderr, source, source_len);
    (void) fprintf(stderr, ":%u: ", line);
    hlrun_put_text(stderr, message, message_len);
    (void) fputc('\n', stderr);

    return HL_OK;
}


static hl_status_t
hlrun_sink_print(void *data, const char *text, size_t len, hl_error_t *err)
{
    const hlrun_t *run = data;

    (void) err;

    if (!run->quiet && len > 0) {
        (void) fwrite(text, 1, len, stdout);
    }

    return HL_OK;
}


static hl_status_t
hlrun_sink_status(void *data, uint32_t status, hl_error_t *err)
{
    hlrun_t *run = data;

    return hlrun_response_status(&run->response, status, err);
}


static hl_status_t
hlrun_sink_header(void *data, const char *name, size_t name_len,
    const char *value, size_t value_len, hl_error_t *err)
{
    hlrun_t *run = data;

    return hlrun_response_header(&run->response, name, name_len, value,
                                 value_len, err);
}


static hl_status_t
hlrun_sink_remove_header(void *data, const char *name, size_t name_len,
    hl_error_t *err)
{
    hlrun_t *run = data;

    return hlrun_response_remove_header(&run->response, name, name_len, err);
}


static hl_status_t
hlrun_sink_body(void *data, const void *bytes, size_t len, hl_error_t *err)
{
    hlrun_t *run = data;

    return hlrun_response_body(&run->response, bytes, len,
                               run->options.config.output, err);
}


/* Not beyond the call's own limit, which ends it afterwards. */
static hl_status_t
hlrun_sleep(void *data, uint64_t ns, hl_error_t *err)
{
    hlrun_t *run = data;

    struct timespec  ts;

    (void) err;

    if (ns > run->options.timeout) {
        ns = run->options.timeout;
    }

    ts.tv_sec = (time_t) (ns / HLRUN_NS_PER_S);
    ts.tv_nsec = (long) (ns % HLRUN_NS_PER_S);

    while (nanosleep(&ts, &ts) == -1 && errno == EINTR) { /* void */ }

    return HL_OK;
}


/* ---- host functions ---------------------------------------------------- */

static hl_status_t
hlrun_get_header(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    hlrun_t *run = data;

    (void) n;

    if (run->options.http == NULL) {
        return hl_error_set(err, HL_ERR_GUEST, "there is no request");
    }

    hlrun_request_header(&run->request, args[0].v.bytes.data,
                         args[0].v.bytes.len, &run->scratch);

    if (hl_check_string(run->scratch.data, run->scratch.len, err) != HL_OK) {
        return hl_error_set(err, HL_ERR_GUEST,
                            "the header's value is not UTF-8");
    }

    result->type = HL_TYPE_STRING;
    result->v.bytes.data = run->scratch.data;
    result->v.bytes.len = run->scratch.len;

    return HL_OK;
}


static hl_status_t
hlrun_add_float(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    (void) data;
    (void) n;
    (void) err;

    result->type = HL_TYPE_FLOAT;
    result->v.f32 = args[0].v.f32 + args[1].v.f32;

    return HL_OK;
}


static hl_status_t
hlrun_add_double(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    (void) data;
    (void) n;
    (void) err;

    result->type = HL_TYPE_DOUBLE;
    result->v.f64 = args[0].v.f64 + args[1].v.f64;

    return HL_OK;
}


static hl_status_t
hlrun_add_strings(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    hlrun_t *run = data;

    static const char  added[] = ", string added by Host Function";

    (void) n;
    (void) err;

    run->scratch.len = 0;
    hlrun_append(&run->scratch, args[0].v.bytes.data, args[0].v.bytes.len);
    hlrun_append(&run->scratch, added, sizeof(added) - 1);

    result->type = HL_TYPE_STRING;
    result->v.bytes.data = run->scratch.data;
    result->v.bytes.len = run->scratch.len;

    return HL_OK;
}


static hl_status_t
hlrun_bool(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) n;
    (void) err;

    result->type = HL_TYPE_BOOL;
    result->v.boolean = (int64_t) args[0].v.i32 + args[1].v.i32
                        > HLRUN_BOOL_LIMIT;

    return HL_OK;
}


/* The length of the string. */

static hl_status_t
hlrun_method1(void *data, const hl_value_t *args, size_t n,
    hl_value_t *result, hl_error_t *err)
{
    (void) data;
    (void) n;
    (void) err;

    result->type = HL_TYPE_INT;
    result->v.i32 = (int32_t) args[0].v.bytes.len;

    return HL_OK;
}
