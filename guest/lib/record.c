/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * record.c: the list of records in the output area, filled from its start.
 *
 * hl_abi_output_t.size is how far it is filled, always a multiple of 8.  The
 * area is whole pages, so that what fits fits with its padding.  A record
 * is in the list before its bytes are copied: if a bad pointer of the
 * guest's ends that in an exception handler, records of the handler follow.
 */

#include <string.h>

#include "hl_guest.h"


typedef void (*hl_leave_pt)(uint32_t kind, const void *argument);


static size_t hl_record_room(void);
static size_t hl_record_grow(hl_abi_record_type_t type, const void *data,
    size_t len);


static hl_abi_output_t *
hl_output(void)
{
    return hl_ptr(hl_abi_output_t, hl_guest.params->output);
}


/* Bytes for records, heads included. */

static size_t
hl_record_room(void)
{
    return hl_guest.params->output_size - sizeof(hl_abi_output_t);
}


size_t
hl_record_max(void)
{
    return hl_record_room() - sizeof(hl_abi_record_t);
}


void *
hl_record_add(hl_abi_record_type_t type, size_t size)
{
    size_t            need;
    hl_abi_output_t  *output;
    hl_abi_record_t  *record;

    if (size > hl_record_max()) {
        return NULL;
    }

    output = hl_output();
    need = hl_abi_padded(sizeof(hl_abi_record_t) + size);

    if (need > hl_record_room() - output->size) {
        hl_leave(HL_HYPERCALL_FLUSH);
    }

    record = hl_ptr(hl_abi_record_t, (uintptr_t) (output + 1) + output->size);
    record->type = type;
    record->size = (uint32_t) (sizeof(hl_abi_record_t) + size);

    output->size += need;
    hl_guest.last = record;

    return record + 1;
}


void
hl_record_stream(hl_abi_record_type_t type, const void *data, size_t len)
{
    size_t          n, left;
    const uint8_t  *p;

    for (p = data; len > 0; p += n, len -= n) {

        n = hl_record_grow(type, p, len);

        if (n > 0) {
            continue;
        }

        left = hl_record_room() - hl_output()->size;

        if (left <= sizeof(hl_abi_record_t)) {
            hl_leave(HL_HYPERCALL_FLUSH);
            left = hl_record_room();
        }

        left -= sizeof(hl_abi_record_t);
        n = len < left ? len : left;

        memcpy(hl_record_add(type, n), p, n);
    }
}


/*
 * Takes what it can into the last record, if that is of the same stream:
 * stderr, for one, writes byte by byte.
 */

static size_t
hl_record_grow(hl_abi_record_type_t type, const void *data, size_t len)
{
    size_t            used, left, n;
    uint8_t          *to;
    hl_abi_output_t  *output;
    hl_abi_record_t  *last;

    last = hl_guest.last;

    if (last == NULL || last->type != type) {
        return 0;
    }

    output = hl_output();
    used = (uintptr_t) last + last->size - (uintptr_t) (output + 1);
    left = hl_record_room() - used;
    n = len < left ? len : left;

    to = (uint8_t *) last + last->size;

    last->size += (uint32_t) n;
    output->size = hl_abi_padded(used + n);

    memcpy(to, data, n);

    return n;
}


void
hl_record_error(hl_abi_record_type_t type, uint32_t code,
    const char *message)
{
    size_t           len, max;
    hl_abi_error_t  *error;

    len = strlen(message);
    max = hl_record_max() - sizeof(hl_abi_error_t);

    if (len > max) {
        len = max;
    }

    error = hl_record_add(type, sizeof(hl_abi_error_t) + len);
    error->code = code;
    error->message_len = (uint32_t) len;

    memcpy(error + 1, message, len);
}


void
hl_leave(hl_abi_hypercall_t kind)
{
    ((hl_leave_pt) (uintptr_t) hl_guest.params->leave)(kind, NULL);

    hl_guest.last = NULL;
}
