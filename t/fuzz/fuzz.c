/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz.c: checks, and the sandbox without a VM.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "hl_memory.h"


/* At least the error's text, as in any configuration that is accepted. */
#define FUZZ_REPLY_SIZE  (2 * HL_PAGE_SIZE)

#define FUZZ_LOG_LEVELS  7


static volatile uint8_t  fuzz_sum;


void
fuzz_fail(const char *what, const char *file, int line)
{
    (void) fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line,
                   what);
    abort();
}


void
fuzz_touch(const void *data, size_t len)
{
    size_t          i;
    uint8_t         sum;
    const uint8_t  *p;

    p = data;
    sum = 0;

    for (i = 0; i < len; i++) {
        sum ^= p[i];
    }

    fuzz_sum ^= sum;
}


void
fuzz_touch_error(const hl_error_t *err)
{
    size_t  i;

    fuzz_check(err->status > HL_OK && err->status <= HL_ERR_LIMIT);
    fuzz_check(memchr(err->text, '\0', sizeof(err->text)) != NULL);

    for (i = 0; err->text[i] != '\0'; i++) {
        fuzz_check(err->text[i] >= ' ' && err->text[i] <= '~');
    }
}


/* ---- what a guest reaches ---------------------------------------------- */

static void
fuzz_touch_value(const hl_value_t *value)
{
    fuzz_check(value->type <= HL_TYPE_LAST);

    if (value->type == HL_TYPE_STRING || value->type == HL_TYPE_VECBYTES) {
        fuzz_touch(value->v.bytes.data, value->v.bytes.len);
    }
}


static hl_status_t
fuzz_fails_at_times(size_t len, hl_error_t *err)
{
    return len % 64 == 63
           ? hl_error_set(err, HL_ERR_GUEST, "the sink does not want it")
           : HL_OK;
}


static hl_status_t
fuzz_log(void *data, hl_log_level_t level, const char *source,
    size_t source_len, uint32_t line, const char *message,
    size_t message_len, hl_error_t *err)
{
    (void) data;
    (void) line;

    fuzz_check(level <= HL_LOG_CRITICAL);
    fuzz_touch(source, source_len);
    fuzz_touch(message, message_len);

    return fuzz_fails_at_times(message_len, err);
}


static hl_status_t
fuzz_print(void *data, const char *text, size_t len, hl_error_t *err)
{
    (void) data;

    fuzz_touch(text, len);

    return fuzz_fails_at_times(len, err);
}


static hl_status_t
fuzz_status(void *data, uint32_t status, hl_error_t *err)
{
    (void) data;

    return fuzz_fails_at_times(status, err);
}


static hl_status_t
fuzz_header(void *data, const char *name, size_t name_len,
    const char *value, size_t value_len, hl_error_t *err)
{
    (void) data;

    fuzz_touch(name, name_len);
    fuzz_touch(value, value_len);

    return fuzz_fails_at_times(value_len, err);
}


static hl_status_t
fuzz_remove_header(void *data, const char *name, size_t name_len,
    hl_error_t *err)
{
    (void) data;

    fuzz_touch(name, name_len);

    return fuzz_fails_at_times(name_len, err);
}


static hl_status_t
fuzz_body(void *data, const void *bytes, size_t len, hl_error_t *err)
{
    (void) data;

    fuzz_touch(bytes, len);

    return len % 32 == 31 ? HL_AGAIN : fuzz_fails_at_times(len, err);
}


static hl_status_t
fuzz_sleep(void *data, uint64_t ns, hl_error_t *err)
{
    (void) data;

    return ns == 0 ? HL_AGAIN : fuzz_fails_at_times(ns, err);
}


static hl_status_t
fuzz_flush(void *data, hl_error_t *err)
{
    (void) data;
    (void) err;

    return HL_AGAIN;
}


/* As much as fits, to the byte; at times later. */
static hl_status_t
fuzz_read_body(void *data, size_t max, hl_value_t *piece, hl_error_t *err)
{
    static const uint8_t  large[FUZZ_REPLY_SIZE];

    (void) data;

    fuzz_check(max <= sizeof(large));

    piece->v.bytes.data = large;
    piece->v.bytes.len = max;

    return max % 16 == 0 ? HL_AGAIN : fuzz_fails_at_times(max, err);
}


static hl_status_t
fuzz_subrequest(void *data, const hl_subrequest_t *sub, size_t max,
    hl_value_t *head, hl_error_t *err)
{
    fuzz_touch(sub->method, sub->method_len);
    fuzz_touch(sub->uri, sub->uri_len);
    fuzz_touch(sub->type, sub->type_len);
    fuzz_touch(sub->body, sub->body_len);

    return fuzz_read_body(data, max, head, err);
}


static hl_status_t
fuzz_subrequest_close(void *data, hl_error_t *err)
{
    (void) data;
    (void) err;

    return HL_OK;
}


/* Answers with its first argument where that is of the result's type. */
static hl_status_t
fuzz_echo(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    size_t  i;

    (void) data;

    for (i = 0; i < n; i++) {
        fuzz_touch_value(&args[i]);
    }

    if (n > 0 && args[0].type == result->type) {
        *result = args[0];
    }

    return n > 0 && args[0].v.u64 == 0xff
           ? hl_error_set(err, HL_ERR_GUEST, "%.600s", "it failed")
           : HL_OK;
}


static hl_status_t
fuzz_later(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) fuzz_echo(data, args, n, result, err);

    return HL_AGAIN;
}


static hl_status_t
fuzz_raw(void *data, const void *in, size_t len, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;

    fuzz_touch(in, len);

    result->v.bytes.data = in;
    result->v.bytes.len = len;

    return fuzz_fails_at_times(len, err);
}


static hl_status_t
fuzz_raw_large(void *data, const void *in, size_t len, hl_value_t *result,
    hl_error_t *err)
{
    static const uint8_t  large[FUZZ_REPLY_SIZE + 1];

    (void) data;
    (void) in;
    (void) err;

    result->v.bytes.data = large;
    result->v.bytes.len = FUZZ_REPLY_SIZE - 64 + len;

    if (result->v.bytes.len > sizeof(large)) {
        result->v.bytes.len = sizeof(large);
    }

    return HL_OK;
}


static const hl_host_function_t  fuzz_functions[] = {
    { "v", HL_TYPE_VOID, 0, { 0 }, fuzz_echo },
    { "i", HL_TYPE_INT, 1, { HL_TYPE_INT }, fuzz_echo },
    { "u", HL_TYPE_UINT, 1, { HL_TYPE_UINT }, fuzz_echo },
    { "l", HL_TYPE_LONG, 1, { HL_TYPE_LONG }, fuzz_echo },
    { "ul", HL_TYPE_ULONG, 1, { HL_TYPE_ULONG }, fuzz_echo },
    { "f", HL_TYPE_FLOAT, 1, { HL_TYPE_FLOAT }, fuzz_echo },
    { "d", HL_TYPE_DOUBLE, 1, { HL_TYPE_DOUBLE }, fuzz_echo },
    { "b", HL_TYPE_BOOL, 1, { HL_TYPE_BOOL }, fuzz_echo },
    { "s", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, fuzz_echo },
    { "x", HL_TYPE_VECBYTES, 1, { HL_TYPE_VECBYTES }, fuzz_echo },
    { "sx", HL_TYPE_STRING, 2, { HL_TYPE_STRING, HL_TYPE_VECBYTES },
      fuzz_echo },
    { "all", HL_TYPE_INT, HL_ABI_PARAMS_MAX,
      { HL_TYPE_INT, HL_TYPE_UINT, HL_TYPE_LONG, HL_TYPE_ULONG,
        HL_TYPE_FLOAT, HL_TYPE_DOUBLE, HL_TYPE_STRING, HL_TYPE_BOOL,
        HL_TYPE_VECBYTES, HL_TYPE_STRING, HL_TYPE_INT }, fuzz_echo },
    { "w", HL_TYPE_STRING, 1, { HL_TYPE_STRING }, fuzz_later }
};

static const hl_raw_host_function_t  fuzz_raw_functions[] = {
    { HL_RAW_ID_MIN, fuzz_raw },
    { HL_RAW_ID_MIN + 1, fuzz_raw_large }
};


static hl_status_t
fuzz_metric(void *data, hl_metric_kind_t kind, const char *name,
    size_t name_len, uint64_t value, hl_error_t *err)
{
    (void) data;
    (void) kind;

    fuzz_touch(name, name_len);

    return fuzz_fails_at_times(value, err);
}


static hl_status_t
fuzz_admit(void *data, const char *name, uint32_t id, hl_error_t *err)
{
    (void) data;

    return fuzz_fails_at_times(name != NULL ? strlen(name) : id, err);
}


/* Set or not, as the name's length will have it. */
static hl_status_t
fuzz_variable(void *data, const char *name, size_t name_len,
    hl_value_t *value, hl_error_t *err)
{
    (void) data;

    fuzz_touch(name, name_len);

    value->v.bytes.data = "value";
    value->v.bytes.len = (name_len & 1) != 0 ? sizeof("value") : 0;

    return fuzz_fails_at_times(name_len, err);
}


static const hl_sink_t  fuzz_sink = {
    .log = fuzz_log,
    .print = fuzz_print,
    .status = fuzz_status,
    .header = fuzz_header,
    .body = fuzz_body,
    .metric = fuzz_metric,
    .admit = fuzz_admit,
    .remove_header = fuzz_remove_header
};

static const hl_services_t  fuzz_services = {
    .sleep = fuzz_sleep,
    .flush = fuzz_flush,
    .read_body = fuzz_read_body,
    .subrequest = fuzz_subrequest,
    .subrequest_read = fuzz_read_body,
    .subrequest_close = fuzz_subrequest_close,
    .variable = fuzz_variable
};


void
fuzz_config(hl_config_t *config)
{
    config->functions = fuzz_functions;
    config->function_count = sizeof(fuzz_functions)
                             / sizeof(fuzz_functions[0]);
    config->raw_functions = fuzz_raw_functions;
    config->raw_function_count = sizeof(fuzz_raw_functions)
                                 / sizeof(fuzz_raw_functions[0]);
    config->services = &fuzz_services;
    config->sink = &fuzz_sink;
    config->log_level = HL_LOG_TRACE;
}


/* ---- the sandbox ------------------------------------------------------- */

hl_sandbox_t *
fuzz_sandbox(const void *output, size_t len, hl_phase_t phase,
    unsigned flags)
{
    hl_image_t    *image;
    hl_config_t    config;
    hl_sandbox_t  *sb;

    static hl_sink_t  sink;

    sink = fuzz_sink;
    sink.log = flags & 1 ? NULL : sink.log;
    sink.print = flags & 2 ? NULL : sink.print;
    sink.status = flags & 4 ? NULL : sink.status;
    sink.header = flags & 4 ? NULL : sink.header;
    sink.body = flags & 8 ? NULL : sink.body;

    fuzz_config(&config);

    sb = calloc(1, sizeof(hl_sandbox_t));
    image = calloc(1, sizeof(hl_image_t));
    fuzz_check(sb != NULL && image != NULL);

    image->layout.regions[HL_REGION_REPLY].size = FUZZ_REPLY_SIZE;
    image->layout.regions[HL_REGION_OUTPUT].offset = FUZZ_REPLY_SIZE;
    image->layout.regions[HL_REGION_OUTPUT].size = len;

    sb->image = image;
    sb->state = HL_SANDBOX_CALLING;
    sb->phase = phase;
    sb->rw = malloc(FUZZ_REPLY_SIZE + len);
    fuzz_check(sb->rw != NULL);

    memset(sb->rw, 0, FUZZ_REPLY_SIZE);
    memcpy(sb->rw + FUZZ_REPLY_SIZE, output, len);

    sb->bindings.functions = config.functions;
    sb->bindings.function_count = config.function_count;
    sb->bindings.raw_functions = config.raw_functions;
    sb->bindings.raw_function_count = config.raw_function_count;
    sb->bindings.services = flags & 16 ? NULL : config.services;
    sb->bindings.sink = flags & 32 ? NULL : &sink;
    sb->bindings.log_level = (hl_log_level_t) ((flags >> 6)
                                               % FUZZ_LOG_LEVELS);

    return sb;
}


void
fuzz_sandbox_free(hl_sandbox_t *sb)
{
    hl_functions_release(sb->functions);
    free(sb->image);
    free(sb->rw);
    free(sb);
}


void
fuzz_check_reply(const hl_sandbox_t *sb)
{
    hl_value_t       value;
    hl_cursor_t      reply;
    hl_abi_reply_t   head;
    const uint8_t   *text;

    if (sb->reply_end == 0) {
        return;
    }

    reply.pos = hl_sandbox_region(sb, HL_REGION_REPLY);
    reply.left = sb->reply_end;

    fuzz_check(sb->reply_end <= FUZZ_REPLY_SIZE);
    fuzz_check(hl_cursor_copy(&reply, &head, sizeof(head)));
    fuzz_check(head.size == sb->reply_end);

    if (head.error == 0) {
        fuzz_check(hl_output_value(&reply, &value));
        fuzz_touch_value(&value);
        fuzz_check(reply.left == 0);
        return;
    }

    text = reply.pos;

    fuzz_check(head.message_len == reply.left);
    fuzz_check(memchr(text, '\0', head.message_len) == NULL);
    fuzz_check(text[head.message_len] == '\0');
}
