/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_cursor.h: the one way to parse what a guest wrote.
 *
 * A cursor is what is left of an area.  Taking from it either succeeds and
 * shortens it, or fails and changes nothing; lengths are compared with what
 * is left, so no sum of guest values is ever formed.
 */

#ifndef _HL_CURSOR_H_INCLUDED_
#define _HL_CURSOR_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>


typedef struct {
    const uint8_t  *pos;
    size_t          left;
} hl_cursor_t;


/* *data points to the next "len" bytes. */
static inline bool
hl_cursor_take(hl_cursor_t *c, uint64_t len, const void **data)
{
    if (len > c->left) {
        return false;
    }

    *data = c->pos;
    c->pos += len;
    c->left -= (size_t) len;

    return true;
}


/* Copies the next "len" bytes, once: what is checked is what is used. */
static inline bool
hl_cursor_copy(hl_cursor_t *c, void *dst, size_t len)
{
    const void  *data;

    if (!hl_cursor_take(c, len, &data)) {
        return false;
    }

    memcpy(dst, data, len);

    return true;
}


/* A cursor of its own over the next "len" bytes. */
static inline bool
hl_cursor_split(hl_cursor_t *c, uint64_t len, hl_cursor_t *part)
{
    const void  *data;

    if (!hl_cursor_take(c, len, &data)) {
        return false;
    }

    part->pos = data;
    part->left = (size_t) len;

    return true;
}


/* Skips padding; the one that ends an area may be missing. */
static inline void
hl_cursor_skip(hl_cursor_t *c, size_t pad)
{
    if (pad > c->left) {
        pad = c->left;
    }

    c->pos += pad;
    c->left -= pad;
}


#endif /* _HL_CURSOR_H_INCLUDED_ */
