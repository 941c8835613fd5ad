/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * seen.c: the sink of test.h: it keeps what a guest put out, for tests to
 * look at.
 */

#include <string.h>

#include "test.h"


test_seen_t  test_seen;


static void test_copy(char *dst, size_t size, const void *src, size_t len);


static hl_status_t
test_sink_log(void *data, hl_log_level_t level, const char *source,
    size_t source_len, uint32_t line, const char *message,
    size_t message_len, hl_error_t *err)
{
    (void) data;
    (void) source;
    (void) source_len;
    (void) line;
    (void) err;

    test_seen.logs++;
    test_seen.log_level = level;
    test_copy(test_seen.log, sizeof(test_seen.log), message, message_len);

    return HL_OK;
}


static hl_status_t
test_sink_print(void *data, const char *text, size_t len, hl_error_t *err)
{
    (void) data;
    (void) err;

    test_copy(test_seen.print, sizeof(test_seen.print), text, len);

    return HL_OK;
}


static hl_status_t
test_sink_status(void *data, uint32_t status, hl_error_t *err)
{
    (void) data;
    (void) err;

    test_seen.status = status;

    return HL_OK;
}


static hl_status_t
test_sink_header(void *data, const char *name, size_t name_len,
    const char *value, size_t value_len, hl_error_t *err)
{
    (void) data;
    (void) err;

    test_seen.headers++;
    test_copy(test_seen.name, sizeof(test_seen.name), name, name_len);
    test_copy(test_seen.value, sizeof(test_seen.value), value, value_len);

    return HL_OK;
}


static hl_status_t
test_sink_body(void *data, const void *bytes, size_t len, hl_error_t *err)
{
    (void) data;
    (void) err;

    if (test_seen.body_len < sizeof(test_seen.body)) {
        test_copy(test_seen.body + test_seen.body_len,
                  sizeof(test_seen.body) - test_seen.body_len, bytes, len);
    }

    test_seen.body_len += len;

    return HL_OK;
}


static hl_status_t
test_sink_remove_header(void *data, const char *name, size_t name_len,
    hl_error_t *err)
{
    (void) data;
    (void) err;

    test_seen.removed++;
    test_copy(test_seen.removed_name, sizeof(test_seen.removed_name), name,
              name_len);

    return HL_OK;
}


const hl_sink_t  test_sink = {
    .log = test_sink_log,
    .print = test_sink_print,
    .status = test_sink_status,
    .header = test_sink_header,
    .body = test_sink_body,
    .remove_header = test_sink_remove_header
};


/* As a string, cut to the room there is. */
static void
test_copy(char *dst, size_t size, const void *src, size_t len)
{
    if (len > size - 1) {
        len = size - 1;
    }

    memcpy(dst, src, len);
    dst[len] = '\0';
}
