/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_http.h: what is behind a handler's request and response.
 */

#ifndef _HL_HTTP_H_INCLUDED_
#define _HL_HTTP_H_INCLUDED_


#include "hl_guest.h"
#include "hyperlight_http.h"


struct hl_http_request_s {
    const char           *input;        /* offsets are from here */
    const hl_abi_http_t  *http;
};


struct hl_http_response_s {
    bool                  failed;       /* something could not be sent */
};


#endif /* _HL_HTTP_H_INCLUDED_ */
