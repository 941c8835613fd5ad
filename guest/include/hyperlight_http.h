/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hyperlight_http.h: the API of a guest function that answers an HTTP
 * request.
 *
 *     static void
 *     hello(const hl_http_request_t *req, hl_http_response_t *resp)
 *     {
 *         hl_http_printf(resp, "Hello from %s\n", hl_http_uri(req).data);
 *     }
 *
 *     void
 *     hyperlight_main(void)
 *     {
 *         hl_http_register("hello", hello);
 *     }
 *
 * The request is in the guest's memory when the function starts: to read it
 * costs no more than any memory access.  The response goes out when the
 * function returns, whole, and hl_set_error() in a handler discards it; or
 * piece by piece from the first hl_http_flush() on.  What waits for a client
 * or an upstream, waits outside of the guest, and costs no CPU time.
 */

#ifndef _HYPERLIGHT_HTTP_H_INCLUDED_
#define _HYPERLIGHT_HTTP_H_INCLUDED_


#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hyperlight_guest.h"


#ifdef __cplusplus
extern "C" {
#endif


/*
 * "len" bytes, in memory that cannot be written to, until the function
 * returns.  A NUL follows them, not counted; a body may have others inside.
 */
typedef struct {
    const char  *data;
    size_t       len;
} hl_http_view_t;


typedef struct hl_http_request_s   hl_http_request_t;
typedef struct hl_http_response_s  hl_http_response_t;

/* Answers a request.  Both pointers are valid until it returns. */
typedef void (*hl_http_handler_pt)(const hl_http_request_t *req,
    hl_http_response_t *resp);


/*
 * Registers a handler, or replaces the function of this name; the name is
 * copied.  For use in hyperlight_main(); limits as those of
 * hl_register_function_definition().
 */
void hl_http_register(const char *name, hl_http_handler_pt handler);


/* ---- request ----------------------------------------------------------- */

/* "GET" and so on. */
hl_http_view_t hl_http_method(const hl_http_request_t *req);

/* Decoded and normalised by the host, without arguments. */
hl_http_view_t hl_http_uri(const hl_http_request_t *req);

/* As sent, still encoded, without the question mark; may be empty. */
hl_http_view_t hl_http_args(const hl_http_request_t *req);

/* "HTTP/1.1" and so on. */
hl_http_view_t hl_http_protocol(const hl_http_request_t *req);

/* The client's address as text. */
hl_http_view_t hl_http_remote_addr(const hl_http_request_t *req);

/*
 * The whole body, empty if there is none; or its beginning, where the server
 * passes bodies on as they arrive (hyperlight_request_buffering off).
 */
hl_http_view_t hl_http_body(const hl_http_request_t *req);

/*
 * Reads on in the body, whole or not: up to "size" bytes, as soon as there
 * are some.  Returns how many, 0 at the end of the body; or -1, errno EIO.
 */
ssize_t hl_http_read_body(const hl_http_request_t *req, void *buf,
    size_t size);

/*
 * The value of the first header of this name, in whatever case; data is NULL
 * if there is none.
 */
hl_http_view_t hl_http_header(const hl_http_request_t *req, const char *name);


/*
 * A variable of the server, "host" for $host, of those that it lets the guest
 * read.  Works in typed functions too.  The value is a copy that lives as
 * long as the call; data is NULL, errno ENOENT: it is not set; EPERM: the
 * guest may not read it, and hl_host_error() says so; EMSGSIZE: the name does
 * not fit into the host's "output".  Costs an exit.
 */
hl_http_view_t hl_http_variable(const char *name);


/* A place in the list of headers; starts as { 0 }. */
typedef struct {
    hl_http_view_t   name;
    hl_http_view_t   value;
    uint32_t         index;             /* of the next one */
    size_t           offset;            /* of the next one, from the first */
} hl_http_header_t;

/*
 * Steps to the next header, in the order of the request:
 *
 *     hl_http_header_t  h = { 0 };
 *
 *     while (hl_http_next_header(req, &h)) { ... h.name ... h.value ... }
 */
bool hl_http_next_header(const hl_http_request_t *req, hl_http_header_t *h);


/* ---- original response ------------------------------------------------- */

/*
 * A function that is called as a filter (hyperlight_header_filter,
 * hyperlight_body_filter) has the request as ever, but for the body: that is
 * the body of the response as it stands, the original, and is read piece by
 * piece as it comes.  What the function puts out changes the original: status
 * and headers stay what they are until it says otherwise, and the body is
 * what it writes.  For a header filter there is no body, in or out.
 */

/* 0 in a call that is no filter's. */
unsigned hl_http_original_status(const hl_http_request_t *req);

/* As those of a request. */
hl_http_view_t hl_http_original_header(const hl_http_request_t *req,
    const char *name);
bool hl_http_original_next_header(const hl_http_request_t *req,
    hl_http_header_t *h);


/* ---- response ---------------------------------------------------------- */

/*
 * These return 0, or -1 if what was given cannot be sent; the whole response
 * is an error then (GuestError), and the caller need not look.  Data is
 * copied.  The host bounds the response and checks its headers.
 */

/* From 200 to 599; if never set, 200, or in a filter that of the original.
 * The last one counts. */
int hl_http_set_status(hl_http_response_t *resp, unsigned status);

/*
 * Neither may contain CR, LF or NUL, nor is the name one of the connection's,
 * such as Transfer-Encoding: the host refuses the response then.  -1 with
 * errno EPERM: the host lets this guest set none, and the response goes on
 * without it.
 */
int hl_http_add_header(hl_http_response_t *resp, const char *name,
    const char *value);

/*
 * Removes all headers of this name, in whatever case, that were added before,
 * in a filter also those of the original.  Sets one in their place.  -1 with
 * errno EPERM: as above, and they are still there.
 */
int hl_http_remove_header(hl_http_response_t *resp, const char *name);
int hl_http_set_header(hl_http_response_t *resp, const char *name,
    const char *value);

/* Appends to the body, any bytes, any number of times. */
int hl_http_write(hl_http_response_t *resp, const void *data, size_t len);

/* Appends text to the body, as printf() does. */
int hl_http_printf(hl_http_response_t *resp, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int hl_http_vprintf(hl_http_response_t *resp, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/*
 * Sends what there is, and waits until the client takes more.  From now on
 * the response has no length but what is written, status and headers cannot
 * be changed, and a guest that fails leaves the client with a part of it.
 * Without it, the whole body has to fit into the host's "output".
 *
 * Returns 0; or -1, errno ENOSYS, if the host sends whole responses only, or
 * does not allow it.
 */
int hl_http_flush(hl_http_response_t *resp);


/* ---- sub-requests ------------------------------------------------------ */

typedef struct hl_http_subrequest_s  hl_http_subrequest_t;

/*
 * Asks a location of the same server, as "/path?arguments", encoded, without
 * "//" or "/./" or "/../" in the path, and waits for the headers of its
 * response.  "method" is of A to Z, 32 characters at most.  The client's
 * headers go along, but for those of its body, Accept-Encoding, ranges and
 * conditions; "content_type" is that of the body, or NULL.  With proxy_pass
 * in that location, this is how a guest talks to others.  Internal locations
 * can be asked, and whoever may use the guest's may use them all: nginx
 * checks access for the client's request only.
 *
 * The response is as the location gives it, before nginx's response filters.
 * One at a time can be read: a new one ends the one before.
 *
 * NULL: errno EMSGSIZE, if it does not fit into the host's "output"; EIO,
 * if the host refuses, and hl_host_error() tells why.  The object is the
 * caller's, see hl_http_subrequest_close().
 */
hl_http_subrequest_t *hl_http_subrequest(const char *method,
    const char *uri, const char *content_type, const void *body, size_t len);

/* As the location gives it. */
unsigned hl_http_subrequest_status(const hl_http_subrequest_t *sub);

/* As those of a request; valid until it is closed. */
hl_http_view_t hl_http_subrequest_header(const hl_http_subrequest_t *sub,
    const char *name);
bool hl_http_subrequest_next_header(const hl_http_subrequest_t *sub,
    hl_http_header_t *h);

/*
 * Reads on in the body: up to "size" bytes, as soon as there are some.
 * Returns how many, 0 at the end; or -1: EIO, if the response broke off,
 * EBADF, if there is a newer sub-request.
 */
ssize_t hl_http_subrequest_read(hl_http_subrequest_t *sub, void *buf,
    size_t size);

/* What was not read is dropped.  NULL is ignored. */
void hl_http_subrequest_close(hl_http_subrequest_t *sub);


#ifdef __cplusplus
}
#endif


#endif /* _HYPERLIGHT_HTTP_H_INCLUDED_ */
