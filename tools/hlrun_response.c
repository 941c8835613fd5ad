/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_response.c: the response of an HTTP handler, checked as nginx checks
 * it, so that what hlrun prints is what a client would get.
 */

#include <string.h>

#include "hlrun.h"


#define HLRUN_STATUS_OK   200           /* if the guest sets none */
#define HLRUN_STATUS_MIN  200
#define HLRUN_STATUS_MAX  599


static hl_status_t hlrun_check_name(const char *name, size_t len,
    hl_error_t *err);
static bool hlrun_is_connection(const char *name, size_t len);
static void hlrun_put_bytes(FILE *out, const hlrun_buffer_t *buffer);
static const char *hlrun_reason(uint32_t status);


/* Of the connection and the transfer: never a guest's. */
static const char *const  hlrun_connection[] = {
    "Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "TE",
    "Trailer", "Transfer-Encoding", "Upgrade"
};

static const struct {
    uint32_t     status;
    const char  *reason;
} hlrun_reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 413, "Content Too Large" },
    { 415, "Unsupported Media Type" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" }
};


void
hlrun_response_clear(hlrun_response_t *response)
{
    response->status = 0;
    response->headers.len = 0;
    response->body.len = 0;
}


hl_status_t
hlrun_response_status(hlrun_response_t *response, uint32_t status,
    hl_error_t *err)
{
    if (status < HLRUN_STATUS_MIN || status > HLRUN_STATUS_MAX) {
        return hl_error_set(err, HL_ERR_OUTPUT,
                            "the guest put out the status %u", status);
    }

    response->status = status;

    return HL_OK;
}


hl_status_t
hlrun_response_header(hlrun_response_t *response, const char *name,
    size_t name_len, const char *value, size_t value_len, hl_error_t *err)
{
    if (hlrun_check_name(name, name_len, err) != HL_OK) {
        return err->status;
    }

    if (memchr(value, '\0', value_len) != NULL
        || memchr(value, '\n', value_len) != NULL
        || memchr(value, '\r', value_len) != NULL)
    {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out the "
                            "header %.*s with NUL, CR or LF in its value",
                            (int) name_len, name);
    }

    hlrun_append(&response->headers, name, name_len);
    hlrun_append(&response->headers, ": ", 2);
    hlrun_append(&response->headers, value, value_len);
    hlrun_append(&response->headers, "\r\n", 2);

    return HL_OK;
}


/* Of the lines that are there, those of other names are kept. */

hl_status_t
hlrun_response_remove_header(hlrun_response_t *response, const char *name,
    size_t name_len, hl_error_t *err)
{
    char    *kept, *line, *next, *end;
    size_t   len;

    if (hlrun_check_name(name, name_len, err) != HL_OK) {
        return err->status;
    }

    line = response->headers.data;
    end = line + response->headers.len;
    kept = line;

    for ( /* void */ ; line < end; line = next) {

        next = (char *) memchr(line, '\n', (size_t) (end - line)) + 1;
        len = (size_t) ((char *) memchr(line, ':', (size_t) (next - line))
                        - line);

        if (!hlrun_same_name(line, len, name, name_len)) {
            memmove(kept, line, (size_t) (next - line));
            kept += next - line;
        }
    }

    response->headers.len -= (size_t) (end - kept);

    return HL_OK;
}


static hl_status_t
hlrun_check_name(const char *name, size_t len, hl_error_t *err)
{
    if (!hlrun_is_token(name, len)) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out a header "
                            "without a valid name");
    }

    if (hlrun_is_connection(name, len)) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out the "
                            "header %.*s, which belongs to the connection",
                            (int) len, name);
    }

    return HL_OK;
}


hl_status_t
hlrun_response_body(hlrun_response_t *response, const void *bytes,
    size_t len, size_t max, hl_error_t *err)
{
    if (len > max - response->body.len) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the response body is over "
                            "the \"output\" of %zu bytes", max);
    }

    hlrun_append(&response->body, bytes, len);

    return HL_OK;
}


void
hlrun_response_print(FILE *out, const hlrun_response_t *response)
{
    uint32_t  status;

    status = response->status != 0 ? response->status : HLRUN_STATUS_OK;

    (void) fprintf(out, "HTTP/1.1 %u %s\r\n", status, hlrun_reason(status));
    hlrun_put_bytes(out, &response->headers);
    (void) fprintf(out, "Content-Length: %zu\r\n\r\n", response->body.len);
    hlrun_put_bytes(out, &response->body);
}


static void
hlrun_put_bytes(FILE *out, const hlrun_buffer_t *buffer)
{
    if (buffer->len > 0) {
        (void) fwrite(buffer->data, 1, buffer->len, out);
    }
}


static const char *
hlrun_reason(uint32_t status)
{
    size_t  i;

    for (i = 0; i < sizeof(hlrun_reasons) / sizeof(hlrun_reasons[0]); i++) {

        if (hlrun_reasons[i].status == status) {
            return hlrun_reasons[i].reason;
        }
    }

    return "";
}


static bool
hlrun_is_connection(const char *name, size_t len)
{
    size_t  i, n;

    n = sizeof(hlrun_connection) / sizeof(hlrun_connection[0]);

    for (i = 0; i < n; i++) {

        if (hlrun_same_name(name, len, hlrun_connection[i],
                            strlen(hlrun_connection[i])))
        {
            return true;
        }
    }

    return false;
}
