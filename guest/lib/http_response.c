/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_response.c: a response, as records in the output area.
 */

#include <errno.h>
#include <string.h>

#include "hl_http.h"


#define HL_HTTP_STATUS_MIN  200
#define HL_HTTP_STATUS_MAX  599


static int hl_http_headers_allowed(void);


int
hl_http_set_status(hl_http_response_t *resp, unsigned status)
{
    uint32_t  value;

    if (resp->begun || status < HL_HTTP_STATUS_MIN
        || status > HL_HTTP_STATUS_MAX)
    {
        resp->failed = true;
        return -1;
    }

    value = status;
    memcpy(hl_record_add(HL_REC_STATUS, sizeof(value)), &value,
           sizeof(value));

    return 0;
}


int
hl_http_add_header(hl_http_response_t *resp, const char *name,
    const char *value)
{
    char             *text;
    size_t            name_len, value_len;
    hl_abi_header_t  *header;

    if (resp->begun) {
        resp->failed = true;
        return -1;
    }

    name_len = strlen(name);
    value_len = strlen(value);

    header = hl_record_add(HL_REC_HEADER, sizeof(hl_abi_header_t)
                                          + name_len + value_len + 2);

    if (header == NULL) {
        resp->failed = true;
        return -1;
    }

    header->name_len = (uint32_t) name_len;
    header->value_len = (uint32_t) value_len;

    text = (char *) (header + 1);
    memcpy(text, name, name_len + 1);
    memcpy(text + name_len + 1, value, value_len + 1);

    return hl_http_headers_allowed();
}


int
hl_http_remove_header(hl_http_response_t *resp, const char *name)
{
    void    *record;
    size_t   len;

    len = strlen(name);
    record = resp->begun ? NULL : hl_record_add(HL_REC_REMOVE_HEADER, len);

    if (record == NULL) {
        resp->failed = true;
        return -1;
    }

    memcpy(record, name, len);

    return hl_http_headers_allowed();
}


/* Of a record that is there: the host drops it, and counts that. */

static int
hl_http_headers_allowed(void)
{
    if (hl_guest.params->denied & HL_ABI_DENY_HEADER) {
        hl_set_host_error("the guest may not use \"response_headers\"");
        errno = EPERM;
        return -1;
    }

    return 0;
}


int
hl_http_set_header(hl_http_response_t *resp, const char *name,
    const char *value)
{
    if (hl_http_remove_header(resp, name) != 0) {
        return -1;
    }

    return hl_http_add_header(resp, name, value);
}


int
hl_http_write(hl_http_response_t *resp, const void *data, size_t len)
{
    (void) resp;

    hl_record_stream(HL_REC_BODY, data, len);

    return 0;
}


int
hl_http_flush(hl_http_response_t *resp)
{
    if (hl_service_begin(HL_RAW_FLUSH, 0) == NULL
        || hl_service_call() == NULL)
    {
        errno = ENOSYS;
        return -1;
    }

    resp->begun = true;

    return 0;
}
