/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_variable.c: a variable of the host's request.
 */

#include <errno.h>
#include <string.h>

#include "hl_http.h"


hl_http_view_t
hl_http_variable(const char *name)
{
    void                  *room;
    size_t                 len;
    hl_http_view_t         view;
    const hl_abi_value_t  *value;

    view.data = NULL;
    view.len = 0;

    len = strlen(name);
    room = hl_service_begin(HL_RAW_VARIABLE, len);

    if (room == NULL) {
        errno = EMSGSIZE;
        return view;
    }

    memcpy(room, name, len);

    value = hl_service_call();

    if (value == NULL) {
        errno = EPERM;
        return view;
    }

    if (value->len == 0) {
        errno = ENOENT;
        return view;
    }

    /* the next host call writes where it lies */

    view.data = hl_value_copy(value);
    view.len = value->len - 1;

    return view;
}
