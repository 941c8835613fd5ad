/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * http_list.c: headers, of a request or of what a sub-request brought.
 */

#include <string.h>
#include <strings.h>

#include "hl_http.h"


hl_http_view_t
hl_http_list_find(const hl_http_list_t *list, const char *name)
{
    size_t            len;
    hl_http_view_t    none = { NULL, 0 };
    hl_http_header_t  h = { 0 };

    len = strlen(name);

    while (hl_http_list_next(list, &h)) {

        if (h.name.len == len && strncasecmp(h.name.data, name, len) == 0) {
            return h.value;
        }
    }

    return none;
}


bool
hl_http_list_next(const hl_http_list_t *list, hl_http_header_t *h)
{
    const hl_abi_header_t  *header;

    if (h->index >= list->count) {
        return false;
    }

    header = hl_ptr(const hl_abi_header_t,
                    (uintptr_t) list->first + h->offset);

    h->name.data = (const char *) (header + 1);
    h->name.len = header->name_len;

    h->value.data = h->name.data + header->name_len + 1;
    h->value.len = header->value_len;

    h->index++;
    h->offset += hl_abi_header_size(header->name_len, header->value_len);

    return true;
}
