/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_http.h: what is behind a handler's request and response.
 */

#ifndef _HL_HTTP_H_INCLUDED_
#define _HL_HTTP_H_INCLUDED_


#include "hl_guest.h"
#include "hyperlight_http.h"


/* How far a body has been read; a handler's request itself is const. */
typedef struct {
    size_t                taken;        /* of what came with the call */
    bool                  more;         /* the host may have more */
} hl_http_stream_t;


struct hl_http_request_s {
    const char           *input;        /* offsets are from here */
    const hl_abi_http_t  *http;
    hl_http_stream_t     *stream;
};


struct hl_http_response_s {
    bool                  failed;       /* something could not be sent */
    bool                  begun;        /* status and headers are on the way */
};


/* Headers as the ABI has them, one after the other. */
typedef struct {
    const char           *first;
    uint32_t              count;
} hl_http_list_t;

/* http_list.c */
hl_http_view_t hl_http_list_find(const hl_http_list_t *list,
    const char *name);
bool hl_http_list_next(const hl_http_list_t *list, hl_http_header_t *h);


#endif /* _HL_HTTP_H_INCLUDED_ */
