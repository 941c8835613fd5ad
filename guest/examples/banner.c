/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * banner.c: puts a banner into the pages of an upstream, which it reaches
 * through another location of the same server.  The page passes through
 * piece by piece, whatever its size; the client sees its beginning before
 * the upstream has sent its end.
 *
 *     hyperlight_guest banner {
 *         binary     banner.elf;
 *         allow      response_headers stream subrequest;
 *         init_data  banner.html;
 *     }
 *
 *     location / {
 *         hyperlight_pass banner banner;
 *     }
 *
 *     location /origin/ {
 *         internal;
 *         proxy_pass http://127.0.0.1:8081/;
 *     }
 *
 * The banner goes behind the first "<body>"; without a file there is one of
 * its own.  What is not HTML passes as it is.
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <hyperlight_http.h>


#define ORIGIN  "/origin"
#define MARK    "<body>"
#define BANNER  "<p>This page came through a guest.</p>"
#define URI     2048
#define PIECE   4096


/* How much of the mark the last bytes were. */
typedef struct {
    hl_http_response_t  *resp;
    size_t               matched;
    bool                 done;
} scan_t;


static void
scan(scan_t *s, const char *data, size_t len)
{
    size_t  i;
    hl_Vec  file;

    for (i = 0; i < len && !s->done; i++) {

        if (data[i] != MARK[s->matched]) {
            s->matched = (data[i] == MARK[0]);
            continue;
        }

        if (MARK[++s->matched] == '\0') {
            hl_http_write(s->resp, data, i + 1);

            file = hl_user_data();

            if (file.len > 0) {
                hl_http_write(s->resp, file.data, file.len);

            } else {
                hl_http_printf(s->resp, "%s", BANNER);
            }

            data += i + 1;
            len -= i + 1;
            s->done = true;
        }
    }

    hl_http_write(s->resp, data, len);
}


static bool
is_html(const hl_http_subrequest_t *page)
{
    hl_http_view_t  type;

    type = hl_http_subrequest_header(page, "Content-Type");

    return type.len >= 9 && strncmp(type.data, "text/html", 9) == 0;
}


/* The path is decoded, and is not to be another one when it is decoded again.
 * False: it is too long. */

static bool
page_uri(const hl_http_request_t *req, char *uri, size_t size)
{
    int             n;
    size_t          i, used;
    hl_http_view_t  path, args;

    path = hl_http_uri(req);
    args = hl_http_args(req);

    used = strlen(ORIGIN);
    memcpy(uri, ORIGIN, used);

    for (i = 0; i < path.len; i++) {
        if (size - used < sizeof("%00")) {
            return false;
        }

        if (isalnum((unsigned char) path.data[i])
            || strchr("/-._~", path.data[i]) != NULL)
        {
            uri[used++] = path.data[i];

        } else {
            used += (size_t) sprintf(uri + used, "%%%02X",
                                     (unsigned char) path.data[i]);
        }
    }

    n = snprintf(uri + used, size - used, "%s%s", args.len > 0 ? "?" : "",
                 args.data);

    return n >= 0 && (size_t) n < size - used;
}


/* What of the page's headers is the client's business, too. */

static void
copy_headers(const hl_http_subrequest_t *page, hl_http_response_t *resp)
{
    size_t             i;
    hl_http_view_t     value;
    const char *const  names[] = {
        "Content-Type", "Location", "Last-Modified", "Cache-Control"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = hl_http_subrequest_header(page, names[i]);

        if (value.data != NULL) {
            hl_http_add_header(resp, names[i], value.data);
        }
    }
}


static void
banner(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char                   uri[URI], piece[PIECE];
    scan_t                 s = { resp, 0, false };
    ssize_t                n;
    hl_http_subrequest_t  *page;

    if (!page_uri(req, uri, sizeof(uri))) {
        hl_http_set_status(resp, 414);
        return;
    }

    page = hl_http_subrequest("GET", uri, NULL, NULL, 0);

    if (page == NULL) {
        hl_http_set_status(resp, 502);
        hl_http_printf(resp, "%s\n", hl_host_error());
        return;
    }

    hl_http_set_status(resp, hl_http_subrequest_status(page));
    copy_headers(page, resp);

    s.done = !is_html(page);

    while ((n = hl_http_subrequest_read(page, piece, sizeof(piece))) > 0) {
        scan(&s, piece, (size_t) n);
        hl_http_flush(resp);
    }

    if (n < 0) {
        hl_set_error(hl_ErrorCode_GuestError, hl_host_error());
    }
}


void
hyperlight_main(void)
{
    hl_http_register("banner", banner);
}
