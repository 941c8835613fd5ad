/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_http.c: a raw request for an HTTP handler.
 *
 *     POST /path%20name?args HTTP/1.1
 *     Name: value
 *
 *     body
 *
 * Lines end in LF or CRLF.  The body is the rest of the file, or as much of
 * it as Content-Length says, since editors like to end it with a newline.
 * The guest sees what it would with nginx, but that the path is only decoded:
 * "//", "." and ".." in it stay.
 */

#include <stdlib.h>
#include <string.h>

#include "hlrun.h"


#define HLRUN_REMOTE_ADDR  "127.0.0.1"
#define HLRUN_BLANKS       " \t"

/* RFC 9110, 5.6.2 */
#define HLRUN_TOKEN                                                           \
    "!#$%&'*+-.^_`|~0123456789"                                               \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


/* What is left of the file. */
typedef struct {
    const char  *path;
    const char  *p;
    const char  *end;
    unsigned     line;                  /* that was taken last */
} hlrun_reader_t;


static bool hlrun_take_line(hlrun_reader_t *reader, hlrun_text_t *line);
static bool hlrun_take_word(hlrun_text_t *line, hlrun_text_t *word);
static void hlrun_request_line(hlrun_request_t *request,
    hlrun_reader_t *reader);
static void hlrun_request_target(hlrun_request_t *request,
    hlrun_reader_t *reader, const hlrun_text_t *target);
static void hlrun_request_field(hlrun_request_t *request,
    hlrun_reader_t *reader, hlrun_text_t line);
static void hlrun_request_body(hlrun_request_t *request,
    hlrun_reader_t *reader);
static void hlrun_request_fail(const hlrun_reader_t *reader,
    const char *what) __attribute__((noreturn));
static int hlrun_percent(const char *p, const char *end);


void
hlrun_request_read(hlrun_request_t *request, const char *path)
{
    hlrun_text_t    line;
    hlrun_buffer_t  file = { NULL, 0, 0 };
    hlrun_reader_t  reader;

    memset(request, 0, sizeof(hlrun_request_t));
    hlrun_read_file(&file, path);
    hlrun_append(&file, "", 1);         /* ends what is searched as text */

    reader.path = strcmp(path, "-") == 0 ? "standard input" : path;
    reader.p = file.data;
    reader.end = file.data + file.len - 1;
    reader.line = 0;

    hlrun_request_line(request, &reader);

    while (hlrun_take_line(&reader, &line) && line.len > 0) {
        hlrun_request_field(request, &reader, line);
    }

    hlrun_request_body(request, &reader);
}


/* False at the end of the file. */

static bool
hlrun_take_line(hlrun_reader_t *reader, hlrun_text_t *line)
{
    const char  *lf;

    if (reader->p == reader->end) {
        return false;
    }

    reader->line++;

    lf = memchr(reader->p, '\n', (size_t) (reader->end - reader->p));

    line->data = reader->p;
    line->len = (size_t) ((lf != NULL ? lf : reader->end) - reader->p);
    reader->p = lf != NULL ? lf + 1 : reader->end;

    if (line->len > 0 && line->data[line->len - 1] == '\r') {
        line->len--;
    }

    if (memchr(line->data, '\0', line->len) != NULL
        || memchr(line->data, '\r', line->len) != NULL)
    {
        hlrun_request_fail(reader, "a NUL or a CR inside of the line");
    }

    return true;
}


/* The line's next word; one space ends it. */

static bool
hlrun_take_word(hlrun_text_t *line, hlrun_text_t *word)
{
    const char  *space;

    space = line->len > 0 ? memchr(line->data, ' ', line->len) : NULL;

    word->data = line->data;
    word->len = space != NULL ? (size_t) (space - line->data) : line->len;

    line->data += word->len + (space != NULL ? 1 : 0);
    line->len -= word->len + (space != NULL ? 1 : 0);

    return word->len > 0;
}


static void
hlrun_request_line(hlrun_request_t *request, hlrun_reader_t *reader)
{
    hlrun_text_t  line = { NULL, 0 }, target = { NULL, 0 };

    if (!hlrun_take_line(reader, &line)) {
        reader->line = 1;
        hlrun_request_fail(reader, "the request is empty");
    }

    if (!hlrun_take_word(&line, &request->method)
        || !hlrun_take_word(&line, &target)
        || line.len != sizeof("HTTP/1.1") - 1
        || (memcmp(line.data, "HTTP/1.0", line.len) != 0
            && memcmp(line.data, "HTTP/1.1", line.len) != 0))
    {
        hlrun_request_fail(reader, "expected a request line, such as "
                           "GET /path HTTP/1.1");
    }

    request->protocol = line;

    if (!hlrun_is_token(request->method.data, request->method.len)) {
        hlrun_request_fail(reader, "the method is not a token");
    }

    if (target.data[0] != '/') {
        hlrun_request_fail(reader, "the path must begin with a slash");
    }

    hlrun_request_target(request, reader, &target);
}


static void
hlrun_request_target(hlrun_request_t *request, hlrun_reader_t *reader,
    const hlrun_text_t *target)
{
    int          byte;
    char        *uri, *to;
    const char  *p, *end;

    p = target->data;
    end = p + target->len;
    uri = hlrun_alloc(target->len, 1);

    for (to = uri; p < end && *p != '?'; to++) {

        if (*p != '%') {
            *to = *p++;
            continue;
        }

        byte = hlrun_percent(p, end);

        if (byte <= 0) {
            hlrun_request_fail(reader, "in the path, % is followed by two "
                               "hexadecimal digits, not 00");
        }

        *to = (char) byte;
        p += 3;
    }

    request->uri.data = uri;
    request->uri.len = (size_t) (to - uri);

    if (p < end) {
        request->args.data = p + 1;
        request->args.len = (size_t) (end - (p + 1));
    }
}


/* The byte that %XX stands for, -1 if there is none. */

static int
hlrun_percent(const char *p, const char *end)
{
    char  digits[3];

    if (end - p < 3) {
        return -1;
    }

    digits[0] = p[1];
    digits[1] = p[2];
    digits[2] = '\0';

    if (strspn(digits, "0123456789abcdefABCDEF") != 2) {
        return -1;
    }

    return (int) strtol(digits, NULL, 16);
}


static void
hlrun_request_field(hlrun_request_t *request, hlrun_reader_t *reader,
    hlrun_text_t line)
{
    size_t           n;
    const char      *colon;
    hlrun_header_t  *header;

    n = request->header_count;
    colon = memchr(line.data, ':', line.len);

    if (colon == NULL) {
        hlrun_request_fail(reader, "expected a header, such as Name: value, "
                           "or an empty line before the body");
    }

    request->headers = realloc(request->headers,
                               (n + 1) * sizeof(hlrun_header_t));

    if (request->headers == NULL) {
        hlrun_fail(HLRUN_USAGE, "out of memory");
    }

    header = &request->headers[n];
    header->name.data = line.data;
    header->name.len = (size_t) (colon - line.data);
    header->value.data = colon + 1;
    header->value.len = line.len - header->name.len - 1;

    if (!hlrun_is_token(header->name.data, header->name.len)) {
        hlrun_request_fail(reader, "the name of the header is not a token");
    }

    while (header->value.len > 0
           && strchr(HLRUN_BLANKS, *header->value.data) != NULL)
    {
        header->value.data++;
        header->value.len--;
    }

    while (header->value.len > 0
           && strchr(HLRUN_BLANKS, header->value.data[header->value.len - 1])
              != NULL)
    {
        header->value.len--;
    }

    request->header_count++;
}


static void
hlrun_request_body(hlrun_request_t *request, hlrun_reader_t *reader)
{
    size_t                 i, n;
    const hlrun_header_t  *h;

    request->body.data = reader->p;
    request->body.len = (size_t) (reader->end - reader->p);

    for (i = 0; i < request->header_count; i++) {
        h = &request->headers[i];

        if (hlrun_same_name(h->name.data, h->name.len, "Transfer-Encoding",
                            sizeof("Transfer-Encoding") - 1))
        {
            hlrun_fail(HLRUN_USAGE, "%s: Transfer-Encoding: give the body as "
                       "it is", reader->path);
        }

        if (!hlrun_same_name(h->name.data, h->name.len, "Content-Length",
                             sizeof("Content-Length") - 1))
        {
            continue;
        }

        /* a line's end follows the digits, and stops strtoull() */

        n = strtoull(h->value.data, NULL, 10);

        if (h->value.len == 0 || h->value.len > 18
            || strspn(h->value.data, "0123456789") < h->value.len
            || n > request->body.len)
        {
            hlrun_fail(HLRUN_USAGE, "%s: Content-Length is %.*s, the body "
                       "has %zu bytes", reader->path, (int) h->value.len,
                       h->value.data, request->body.len);
        }

        request->body.len = n;
    }
}


static void
hlrun_request_fail(const hlrun_reader_t *reader, const char *what)
{
    hlrun_fail(HLRUN_USAGE, "%s:%u: %s", reader->path, reader->line, what);
}


hl_status_t
hlrun_request_begin(const hlrun_request_t *request, hl_sandbox_t *sb,
    const hl_function_t *function, hl_error_t *err)
{
    void                  *room;
    size_t                 i;
    const hlrun_header_t  *h;

    const struct {
        hl_http_field_t  field;
        hlrun_text_t     text;
    } fields[] = {
        { HL_HTTP_METHOD, request->method },
        { HL_HTTP_URI, request->uri },
        { HL_HTTP_ARGS, request->args },
        { HL_HTTP_PROTOCOL, request->protocol },
        { HL_HTTP_REMOTE_ADDR,
          { HLRUN_REMOTE_ADDR, sizeof(HLRUN_REMOTE_ADDR) - 1 } }
    };

    if (hl_call_http(sb, function, err) != HL_OK) {
        return err->status;
    }

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {

        if (hl_call_http_field(sb, fields[i].field, fields[i].text.data,
                               fields[i].text.len, err)
            != HL_OK)
        {
            return err->status;
        }
    }

    for (i = 0; i < request->header_count; i++) {
        h = &request->headers[i];

        if (hl_call_http_header(sb, h->name.data, h->name.len,
                                h->value.data, h->value.len, err)
            != HL_OK)
        {
            return err->status;
        }
    }

    if (request->body.len > 0) {

        if (hl_call_http_body(sb, request->body.len, &room, err) != HL_OK) {
            return err->status;
        }

        memcpy(room, request->body.data, request->body.len);
    }

    return HL_OK;
}


void
hlrun_request_header(const hlrun_request_t *request, const char *name,
    size_t len, hlrun_buffer_t *value)
{
    size_t                 i;
    const char            *separator;
    const hlrun_header_t  *h;

    value->len = 0;

    separator = hlrun_same_name(name, len, "Cookie", 6) ? "; " : ", ";

    for (i = 0; i < request->header_count; i++) {
        h = &request->headers[i];

        if (!hlrun_same_name(h->name.data, h->name.len, name, len)) {
            continue;
        }

        if (value->len > 0) {
            hlrun_append(value, separator, 2);
        }

        hlrun_append(value, h->value.data, h->value.len);
    }
}


bool
hlrun_is_token(const char *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (data[i] == '\0' || strchr(HLRUN_TOKEN, data[i]) == NULL) {
            return false;
        }
    }

    return len > 0;
}
